"""Names of results, and what is said where they do not fit."""

import json
from pathlib import Path

import pytest

from restyle.errors import InputError
from restyle.evaluate.pairs import Pair, combined, listed, matched, read_pairs


def files(folder: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    return listed([str(folder / "photos")], "contents"), listed([str(folder / "art")], "styles")


def test_folders_and_files_are_listed(folders: Path) -> None:
    contents, styles = files(folders)
    assert list(contents) == ["cat", "dog"]
    assert list(listed([str(folders / "photos" / "dog.png")], "contents")) == ["dog"]
    (folders / "art" / "notes.txt").write_text("no picture")
    (folders / "art" / ".hidden.png").write_bytes(b"")
    assert list(listed([str(folders / "art")], "styles")) == ["red_night", "wave"]
    assert [pair.name for pair in combined(contents, styles)][:2] == ["cat__red_night", "cat__wave"]


def test_videos_are_told_by_their_suffix(tmp_path: Path) -> None:
    assert Pair(tmp_path / "clip.MP4", tmp_path / "wave.jpg").is_video
    assert not Pair(tmp_path / "photo.gif", tmp_path / "wave.jpg").is_video


def test_bad_lists_are_refused(folders: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        listed([str(folders / "absent")], "contents")
    with pytest.raises(InputError, match="presets ship without theirs"):
        listed(["starry-night"], "styles")
    (folders / "empty").mkdir()
    with pytest.raises(InputError, match="contains no pictures"):
        listed([str(folders / "empty")], "contents")
    (folders / "photos" / "cat.jpg").write_bytes(b"")
    with pytest.raises(InputError, match="two contents are called 'cat'"):
        listed([str(folders / "photos")], "contents")


def test_results_find_their_pair_by_either_way_of_naming(folders: Path) -> None:
    contents, styles = files(folders)
    found, strangers = matched(listed([str(folders / "out")], "results").values(), contents, styles)
    assert {pair.name: path.stem for pair, path in found.items()} == {
        "cat__wave": "cat__wave",
        "dog__wave": "dog__wave",
        "cat__red_night": "cat__red_night",
        "dog__red_night": "dog-red-night",
    }
    assert strangers == []


def test_of_one_style_results_may_have_the_contents_names(folders: Path) -> None:
    contents, styles = files(folders)
    one = {"wave": styles["wave"]}
    found, _ = matched([folders / "x" / "CAT.jpg"], contents, one)
    assert [pair.name for pair in found] == ["cat__wave"]
    with pytest.raises(InputError, match="matches no content and style"):
        matched([folders / "x" / "cat.jpg"], contents, styles)


def test_a_stranger_among_results_is_one_line(folders: Path) -> None:
    contents, styles = files(folders)
    results = [folders / "out" / "cat__wave.png", folders / "out" / "horse__wave.png"]
    found, lines = matched(results, contents, styles)
    assert len(found) == 1
    (line,) = lines
    assert "horse__wave.png" in line
    assert "'cat__red_night.png'" in line
    assert "\n" not in line


def test_two_results_of_one_pair_are_refused(folders: Path) -> None:
    contents, styles = files(folders)
    with pytest.raises(InputError, match="both results of cat__wave"):
        matched([Path("cat__wave.png"), Path("cat-wave.jpg")], contents, styles)


def test_a_list_of_pairs(folders: Path) -> None:
    contents, styles = files(folders)
    path = folders / "pairs.json"
    path.write_text(json.dumps([["dog", "wave"], ["cat", "wave"]]))
    assert [pair.name for pair in read_pairs(path, contents, styles)] == ["dog__wave", "cat__wave"]
    path.write_text(json.dumps([["horse", "wave"]]))
    with pytest.raises(InputError, match="content 'horse'"):
        read_pairs(path, contents, styles)
    for text in ("{", '{"a": 1}', "[1, 2]"):
        path.write_text(text)
        with pytest.raises(InputError, match="JSON list"):
            read_pairs(path, contents, styles)
    with pytest.raises(InputError, match="no such file"):
        read_pairs(folders / "absent.json", contents, styles)
