"""The table of commands, and flags: the fields of the option sets, and nothing else."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import restyle
from restyle.cli import main
from restyle.cli.app import COMMANDS, fill_bare, flag_name, load_command, present_flags, with_flags
from restyle.errors import InputError, OptionError
from restyle.options import EngineOptions, ImageOptions, PhotoOptions, SaveOptions


def exit_code(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_help_lists_every_command_without_importing_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, entry in COMMANDS.items():
        monkeypatch.delitem(sys.modules, entry.target.partition(":")[0], raising=False)
        assert name.islower()
    assert exit_code(["--help"]) == 0
    said = capsys.readouterr().out
    for name, entry in COMMANDS.items():
        assert name in said
        assert entry.target.partition(":")[0] not in sys.modules


def test_no_arguments_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code([]) == 0
    assert "Usage: restyle" in capsys.readouterr().out


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_row_leads_to_a_command(name: str) -> None:
    assert load_command(name).name == name


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_of_a_command_imports_nothing_heavy(name: str) -> None:
    probe = (
        "import sys\nfrom restyle.cli import main\n"
        f"try: main([{name!r}, '--help'])\n"
        "except SystemExit as leaving: assert leaving.code == 0, leaving.code\n"
        "names = {'torch', 'onnxruntime', 'cv2', 'av', 'scipy', 'numpy', 'PIL', 'pyvips', 'safetensors'}\n"
        "heavy = names & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_prints_every_word_of_it(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rich takes `[word]` for markup and leaves it out."""
    monkeypatch.setenv("COLUMNS", "400")  # so that no word is broken
    paths, below = [[name]], load_command(name)
    paths += [[name, each] for each in getattr(below, "commands", {})]
    for path in paths:
        command = below if len(path) == 1 else below.commands[path[1]]
        assert exit_code([*path, "--help"]) == 0
        said = "".join(re.split(r"[\s│]+", capsys.readouterr().out))
        for words in (command.help or "", *(getattr(each, "help", "") or "" for each in command.params)):
            for word in words.partition("\f")[0].split():
                assert word in said


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["--version"]) == 0
    assert capsys.readouterr().out == f"restyle {restyle.__version__}\n"


def test_wrong_command_is_one_line_with_the_near_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["imag"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "'image'" in said
    assert "restyle --help" in said


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (InputError("no such file 'x'"), 1, "no such file 'x'"),
        (OptionError("strength 2"), 2, "strength 2"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (KeyboardInterrupt("all is kept"), 130, "interrupted; all is kept"),
    ],
)
def test_exit_codes(
    error: BaseException,
    code: int,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr("restyle.cli.measure.compare", fail)
    assert exit_code(["compare"]) == code
    assert capsys.readouterr().err == f"restyle: {told}\n"


def test_warnings_are_told_as_errors_are(
    tiny_model: Path, in_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody has set up logging, as on the command line: pytest's own handlers are put aside."""
    Image.new("RGBA", (40, 30), (200, 90, 20, 128)).save("clear.png")
    root = logging.getLogger()
    handlers, root.handlers = root.handlers, []
    try:
        given = ["image", "clear.png", "-s", "great-wave", "-o", "art.jpg", "--model", str(tiny_model)]
        assert exit_code([*given, "--threads", "1"]) == 0
    finally:
        root.handlers = handlers
    expected = "restyle: art.jpg: JPEG has no transparency; the image is placed on white\n"
    assert capsys.readouterr().err == expected


def test_verbose_tells_what_runs_where(tiny_model: Path, photo_file: Path, in_folder: Path) -> None:
    command = [sys.executable, "-m", "restyle", "--verbose", "image", str(photo_file), "-s", "great-wave"]
    command += ["--model", str(tiny_model), "--threads", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said = ["restyle: method fast", f"restyle: {tiny_model}/transformer runs on cpu with 1 threads"]
    assert sorted(done.stderr.splitlines()) == sorted(said)


def test_a_missing_value_names_the_help_of_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["image", "photo.jpg", "--style"]) == 2
    said = capsys.readouterr().err
    assert said == "restyle: Option '--style' requires an argument. See `restyle image --help`.\n"


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
