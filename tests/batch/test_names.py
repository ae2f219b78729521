"""Names from lists stay in the output folder, and no two results share one."""

from __future__ import annotations

from pathlib import Path

import pytest

from restyle.batch.names import FreeNames, check_inside, check_name
from restyle.errors import OutputError


@pytest.mark.parametrize("name", ["a.png", "sub/a b.png", "Meeting: notes.png", "日本.png", "s\udce9.png"])
def test_good_names(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "", "/etc/a.png", "../a.png", "a/../../b.png", "a/..", "C:\\a.png", "C:a.png", "\\\\host\\a.png",
        "a\\..\\b.png", "./a.png", "a//b.png", "a/", ".restyle-batch/work/a.png", "a/.hidden.png",
        "a\x1b[31m.png", "a\n.png", "a\0.png", "..",
    ],
)  # fmt: skip
def test_names_that_leave_the_folder_or_hide(name: str) -> None:
    with pytest.raises(OutputError, match=r"^output "):
        check_name(name)


def test_a_link_does_not_lead_out(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / "sub").symlink_to(tmp_path / "elsewhere")
    check_inside(tmp_path / "out", tmp_path / "out" / "new" / "a.png")
    with pytest.raises(OutputError, match="a link in its path"):
        check_inside(tmp_path / "out", tmp_path / "out" / "sub" / "a.png")


@pytest.mark.parametrize("name", ["Screenshot 3.15\u202fPM.png", "👩\u200d🚀.png", "漢\u3000字.png"])
def test_spaces_and_emoji_are_names(name: str) -> None:
    assert check_name(name) == name


def test_taken_names_get_a_number() -> None:
    names = FreeNames()
    assert names.take(Path("out/A.png"))
    assert not names.take(Path("out/a.png"))
    found = [names.near(Path("out/a.png"), "x.gif").name for _ in range(3)]
    assert found == ["a-gif.png", "a-gif-2.png", "a-gif-3.png"]


def test_equal_names_cost_linear_time() -> None:
    class Counted(FreeNames):
        calls = 0

        def take(self, path: Path) -> bool:
            self.calls += 1
            return super().take(path)

    names = Counted()
    assert len({names.near(Path("a.png"), "a.png") for _ in range(1000)}) == 1000
    assert 1000 <= names.calls < 3000
