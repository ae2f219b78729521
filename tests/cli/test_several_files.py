"""Which result goes to which file, and what happens when one of several files fails."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import typer

from restyle.cli.several_files import SeveralFiles, output_folders, plan
from restyle.errors import InputError, OutputError


def test_all_well_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with SeveralFiles(2, "videos") as files:
        for name in ("a.mp4", "b.mp4"):
            with files.each(name):
                pass
    assert files.done == 2
    assert capsys.readouterr() == ("", "")


def test_failures_are_listed_by_name_and_exit_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    reached = []

    def work() -> None:
        with SeveralFiles(3, "videos") as files:
            for name, reason in (("a.mp4", "a.mp4: is empty"), ("b.mp4", ""), ("c.mp4", "disk full")):
                with files.each(name):
                    reached.append(name)
                    if reason:
                        raise InputError(reason)

    with pytest.raises(typer.Exit) as ended:
        work()
    assert reached == ["a.mp4", "b.mp4", "c.mp4"]
    assert ended.value.exit_code == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["restyle: 2 of 3 videos failed:", "  a.mp4: is empty", "  c.mp4: disk full"]


def test_one_file_fails_as_itself() -> None:
    with pytest.raises(InputError, match="is empty"), SeveralFiles(1, "videos") as files, files.each("a.mp4"):
        raise InputError("a.mp4: is empty")


@pytest.mark.parametrize(
    ("stop", "told"),
    [
        (KeyboardInterrupt(), "1 of 3 videos are done"),
        (KeyboardInterrupt("b is in parts"), "1 of 3 videos are done; b is in parts"),
    ],
)
def test_interrupted_it_says_what_is_done(stop: KeyboardInterrupt, told: str) -> None:
    def work() -> None:
        with SeveralFiles(3, "videos") as files:
            with files.each("a.mp4"):
                pass
            with files.each("b.mp4"):
                raise stop

    with pytest.raises(KeyboardInterrupt) as interrupted:
        work()
    assert str(interrupted.value) == told


def test_other_errors_end_the_run_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError), SeveralFiles(3, "videos") as files, files.each("a.mp4"):
        raise ZeroDivisionError
    assert capsys.readouterr().err == ""


def touch(*paths: str) -> None:
    for path in paths:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(b"")


def targets(*contents: str, output: str | None = None) -> list[str]:
    return [job.target.as_posix() for job in plan(contents, "wave", output)]


@pytest.mark.usefixtures("in_folder")
class TestNames:
    def test_one_picture(self) -> None:
        assert targets("x/photo.jpg") == ["photo-wave.jpg"]
        assert targets("x/photo.jpg", output="art.png") == ["art.png"]
        assert targets("x/photo.jpg", output="art/") == ["art/photo-wave.jpg"]
        Path("there").mkdir()
        assert targets("x/photo.jpg", output="there") == ["there/photo-wave.jpg"]

    def test_one_picture_needs_a_known_format(self) -> None:
        with pytest.raises(OutputError, match="'art'"):
            targets("photo.jpg", output="art")
        with pytest.raises(OutputError, match=r"cannot write '\.xyz'"):
            targets("photo.jpg", output="art.xyz")

    def test_several_pictures(self) -> None:
        assert targets("a.jpg", "x/b.png") == ["a-wave.jpg", "b-wave.png"]
        assert targets("a.jpg", "x/b.png", output="art") == ["art/a-wave.jpg", "art/b-wave.png"]

    def test_several_pictures_do_not_go_to_one_file(self) -> None:
        with pytest.raises(OutputError, match=r"several pictures to 'art.jpg'; give a folder"):
            targets("a.jpg", "b.jpg", output="art.jpg")
        touch("file")
        with pytest.raises(OutputError, match="'file': it is a file"):
            targets("a.jpg", "b.jpg", output="file")

    def test_a_folder_keeps_its_tree(self) -> None:
        touch("photos/a.jpg", "photos/sub/b.PNG", "photos/notes.txt", "photos/.hidden/c.jpg")
        assert targets("photos") == ["photos-wave/a.jpg", "photos-wave/sub/b.PNG"]
        assert targets("photos/", output="art") == ["art/a.jpg", "art/sub/b.PNG"]
        os.chdir("photos")
        assert targets(".") == ["photos-wave/a.jpg", "photos-wave/sub/b.PNG"]

    def test_several_folders_keep_apart(self) -> None:
        touch("x/a.jpg", "y/a.jpg", "a.jpg")
        assert targets("x", "y", "a.jpg", output="art") == ["art/x/a.jpg", "art/y/a.jpg", "art/a-wave.jpg"]

    def test_a_folder_without_pictures(self) -> None:
        touch("notes/a.txt")
        with pytest.raises(InputError, match=r"^notes: "):
            targets("notes")

    def test_names_do_not_collide(self) -> None:
        touch("p/a.gif", "p/a.jpg", "p/a.png", "q/a.png")
        assert targets("p", output="art") == ["art/a.png", "art/a.jpg", "art/a-png.png"]
        assert targets("p/a.png", "q/a.png", "p/a.gif") == [
            "a-wave.png",
            "a-wave-png.png",
            "a-wave-gif.png",
        ]
        touch("q/A.png", "r/a.png", "s/a.png")
        found = targets("p/a.png", "q/A.png", "r/a.png", "s/a.png")
        assert len({name.casefold() for name in found}) == 4

    def test_the_same_picture_twice_is_one_job(self) -> None:
        touch("p/a.jpg")
        assert targets("p/a.jpg", "p/../p/a.jpg") == ["a-wave.jpg"]

    def test_results_of_an_earlier_run_are_no_content(self) -> None:
        touch("p/a.jpg", "p/art/a.jpg")
        assert targets("p", output="p/art") == ["p/art/a.jpg"]
        assert targets("p", output="p") == ["p/a.jpg", "p/art/a.jpg"]


def test_folders_are_created_and_empty_ones_removed(in_folder: Path) -> None:
    touch("p/a.jpg", "p/s/b.jpg", "old/file")
    with output_folders(plan(["p"], "wave", "art/deep")):
        assert (in_folder / "art/deep/s").is_dir()
        touch("art/deep/a.jpg")
    assert not (in_folder / "art/deep/s").exists()
    with output_folders(plan(["p"], "wave", "old")):
        pass
    assert sorted(path.name for path in (in_folder / "old").iterdir()) == ["file"]
    assert (in_folder / "art/deep/a.jpg").exists()


def test_a_folder_that_cannot_be_created(in_folder: Path) -> None:
    touch("file", "p/a.jpg")
    with pytest.raises(OutputError, match="'file/art'"), output_folders(plan(["p"], "wave", "file/art")):
        pass
