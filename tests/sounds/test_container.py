from __future__ import annotations

import os
from pathlib import Path

import pytest

from restyle.errors import InputError
from restyle.sounds.container import Reader, check_readable


def test_with_closes_at_the_end() -> None:
    class Once(Reader):
        closed = 0

        def close(self) -> None:
            self.closed += 1

    with Once() as reader:
        assert reader.closed == 0
    assert reader.closed == 1


def test_what_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "locked").write_text("x")
    (tmp_path / "locked").chmod(0)
    cases = {"none": "there is no such file", "empty": "is empty", "": "is not a file"}
    if os.geteuid():  # root reads everything
        cases["locked"] = "permission denied"
    for name, said in cases.items():
        with pytest.raises(InputError, match=said):
            check_readable(tmp_path / name)
    (tmp_path / "some").write_text("x")
    check_readable(tmp_path / "some")
