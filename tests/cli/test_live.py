"""`restyle live` as people run it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from restyle.cli import main
from tests.made_clips import make_clip, moving, stamps_of

Run = Callable[..., tuple[int, list[str], list[str]]]


@pytest.fixture
def run(tiny_model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: object) -> tuple[int, list[str], list[str]]:
        given = [
            "live",
            *map(str, arguments),
            "-s",
            "great-wave",
            "--model",
            str(tiny_model),
            "--threads",
            "1",
        ]
        with pytest.raises(SystemExit) as leaving:
            main(given)
        said = capsys.readouterr()
        return int(leaving.value.code or 0), said.out.splitlines(), said.err.splitlines()

    return call


def test_a_file_played_as_a_camera(run: Run, tmp_path: Path, in_folder: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", moving(20))
    code, out, err = run(clip, "-o", "live.mp4", "--seconds", "30", "--mirror")
    assert (code, out, len(err)) == (0, ["live.mp4"], 1)
    assert re.match(r"restyle: \d+ frames shown in .* painted at 64x48; delay \d+ ms", err[0])
    assert stamps_of(Path("live.mp4"))


@pytest.mark.skipif(not Path("/proc").exists(), reason="elsewhere there may be a screen or a camera")
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["77"], 1, "camera '77': there is no /dev/video77"),
        (["clip.mp4"], 1, "give --output FILE"),
        (["clip.mp4", "-o", "a.gif"], 1, "cannot write a GIF"),
        (["clip.mp4", "-o", "clip.mp4", "--overwrite"], 1, "it is the input"),
        (["clip.mp4", "-o", "a.mp4", "--delay", "1"], 2, "delay 1 is outside 20..5000"),
    ],
)
def test_one_line_says_what_is_wrong(
    run: Run, in_folder: Path, arguments: list[str], code: int, said: str
) -> None:
    make_clip(Path("clip.mp4"), moving(3))
    left, out, err = run(*arguments)
    assert (left, out, len(err)) == (code, [], 1)
    assert said in err[0]
