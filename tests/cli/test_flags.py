"""Flags are the fields of the option sets, and nothing else."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from restyle.cli.app import load_command
from restyle.cli.flags import fill_bare, flag_name, present_flags, with_flags
from restyle.errors import OptionError
from restyle.options import EngineOptions, ImageOptions, PhotoOptions, SaveOptions


@pytest.mark.parametrize(
    ("command", "sets"),
    [("image", (PhotoOptions, SaveOptions, EngineOptions)), ("styles", (SaveOptions, EngineOptions))],
)
def test_flags_and_fields_agree(command: str, sets: tuple[Any, ...]) -> None:
    flags = {flag: each for each in load_command(command).params for flag in each.opts}
    for kind in sets:
        for one in fields(kind):
            flag = flags[flag_name(one.name)]
            assert flag.default == one.default
            assert one.metadata["help"] in flag.help


def test_a_command_gets_the_sets(photo: Any) -> None:
    got: list[Any] = []

    @with_flags
    def command(options: ImageOptions, name: str, saving: SaveOptions) -> None:
        got.extend([options, name, saving])

    values = {one.name: one.default for kind in (ImageOptions, SaveOptions) for one in fields(kind)}
    command(**{**values, "strength": 0.3, "quality": 7, "name": "x"})
    assert got == [ImageOptions(strength=0.3), "x", SaveOptions(quality=7)]
    with pytest.raises(OptionError, match="strength 3"):
        command(**{**values, "strength": 3, "name": "x"})


BARE = {"--keep-colors": ("luminance", ("luminance", "statistics"))}


@pytest.mark.parametrize(
    ("args", "filled"),
    [
        (["--keep-colors"], ["--keep-colors=luminance"]),
        (["--keep-colors", "a.jpg"], ["--keep-colors=luminance", "a.jpg"]),
        (["--keep-colors", "--size", "9"], ["--keep-colors=luminance", "--size", "9"]),
        (["--keep-colors", "statistics", "a.jpg"], ["--keep-colors", "statistics", "a.jpg"]),
        (["--keep-colors=statistics"], ["--keep-colors=statistics"]),
        (["a.jpg", "--", "--keep-colors"], ["a.jpg", "--", "--keep-colors"]),
        (["--keep-colors", "stats", "a.jpg"], ["--keep-colors", "stats", "a.jpg"]),
        (["--keep-colors", "photos"], ["--keep-colors=luminance", "photos"]),
    ],
)
def test_flags_that_may_stand_alone(args: list[str], filled: list[str]) -> None:
    assert fill_bare(args, BARE) == filled


def test_a_file_of_nearly_the_name_of_a_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stats").mkdir()
    assert fill_bare(["--keep-colors", "stats"], BARE) == ["--keep-colors=luminance", "stats"]


@pytest.mark.parametrize(
    ("args", "present", "notes"),
    [
        (["image", "a.jpg", "--keep-colours=statistics"], ["image", "a.jpg", "--keep-colors=statistics"], 0),
        (["train", "style", "--normalisation", "all"], ["train", "style", "--normalization", "all"], 1),
        (["video", "a.mp4", "--steady", "statistics"], ["video", "a.mp4", "--steady", "none"], 1),
        (["video", "a.mp4", "--steady=statistics"], ["video", "a.mp4", "--steady=none"], 1),
        (["live", "--mirror"], ["live", "--mirror"], 0),
        (["image", "--", "--normalisation"], ["image", "--", "--normalisation"], 0),
        (["styles", "statistics"], ["styles", "statistics"], 0),
    ],
)
def test_former_flags_and_values(args: list[str], present: list[str], notes: int) -> None:
    now, said = present_flags(args)
    assert now == present
    assert len(said) == notes


def test_a_flag_that_is_gone_says_what_to_do() -> None:
    with pytest.raises(OptionError, match="--mirror is gone: download"):
        present_flags(["models", "pull", "vgg19", "--mirror=http://localhost"])
