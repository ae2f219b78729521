"""Every picture has a file of its own to go to, known before the work begins."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from restyle.cli.jobs import make_folders, plan
from restyle.errors import InputError, OutputError


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
        with pytest.raises(OutputError, match="'art' shall be: give it a suffix"):
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
        with pytest.raises(InputError, match=r"notes: holds no pictures \(.jpg"):
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


def test_folders_are_made_and_told(in_folder: Path) -> None:
    touch("p/a.jpg", "p/s/b.jpg")
    new = make_folders(plan(["p"], "wave", "art/deep"))
    assert [folder.as_posix() for folder in new] == ["art/deep/s", "art/deep", "art"]
    assert (in_folder / "art/deep/s").is_dir()
    assert make_folders(plan(["p"], "wave", "art/deep")) == []


def test_a_folder_that_cannot_be_made(in_folder: Path) -> None:
    touch("file", "p/a.jpg")
    with pytest.raises(OutputError, match="cannot create the folder 'file/art'"):
        make_folders(plan(["p"], "wave", "file/art"))
