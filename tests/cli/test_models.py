"""`restyle models`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from restyle.cli import main
from restyle.models import catalog


def test_it_lists_what_is_in_the_catalog(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(["models"])
    said = capsys.readouterr().out
    states = {file.state() for record in catalog.records().values() for file in record.files}
    assert leaving.value.code == (0 if states == {"ok"} else 1)
    for name, record in catalog.records().items():
        assert name in said
        assert record.licence in said
        assert all(str(file.sha256) in said for file in record.files)


def test_a_damaged_file_ends_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record = catalog.find(catalog.DEFAULT)
    wrong = tmp_path / "wrong.onnx"
    wrong.write_bytes(b"wrong")
    files = (replace(record.files[0], path=wrong), *record.files[1:])
    monkeypatch.setattr(catalog, "records", lambda: {record.name: replace(record, files=files)})
    with pytest.raises(SystemExit) as leaving:
        main(["models"])
    assert leaving.value.code == 1
    assert "wrong.onnx: damaged" in capsys.readouterr().out
