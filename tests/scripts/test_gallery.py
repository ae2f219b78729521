"""The gallery goes on where it was stopped, and its pages name every preset in both languages."""

import re
from pathlib import Path

import pytest

from scripts import gallery, presets


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery, "METHODS", {"fast": gallery.METHODS["fast"]})


def times(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*.png")}


@pytest.mark.usefixtures("quick")
def test_finished_pictures_are_not_painted_again(tmp_path: Path) -> None:
    gallery.paint(tmp_path, ["scream"], 64)
    before = times(tmp_path)
    assert len(before) == len(gallery.PHOTOS)
    lost = next(tmp_path.rglob("rocket-*.png"))
    lost.unlink()
    gallery.paint(tmp_path, ["scream"], 64)
    after = times(tmp_path)
    assert [name for name in after if after[name] != before[name]] == [str(lost.relative_to(tmp_path))]


@pytest.mark.usefixtures("quick")
def test_other_code_or_size_gives_other_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def names(size: int) -> set[Path]:
        return {each.path for each in gallery.pictures(tmp_path, ["scream"], size)}

    before = names(64)
    assert names(64) == before
    assert not names(72) & before
    changed = tmp_path / "fast.py"
    changed.write_text("# another method\n")
    monkeypatch.setattr(gallery, "METHODS", {"fast": (gallery.METHODS["fast"][0], [changed])})
    assert not names(64) & before


@pytest.mark.usefixtures("quick")
def test_pages_need_every_picture_and_show_it(tmp_path: Path) -> None:
    names, out = ["scream", "great-wave"], tmp_path / "docs"
    gallery.paint(tmp_path, names[:1], 64)
    with pytest.raises(SystemExit, match="4 pictures are missing"):
        gallery.pages(tmp_path, names, 64, out)
    assert not out.exists()
    gallery.paint(tmp_path, names, 64)
    gallery.pages(tmp_path, names, 64, out)
    english, chinese = ((out / name).read_text(encoding="utf-8") for name in ("gallery.md", "gallery.zh.md"))
    for text in (english, chinese):
        assert {*re.findall(r"\(gallery/(.*?)\.jpg\)", text)} == {"photos", *names}
        assert all((out / "gallery" / f"{name}.jpg").is_file() for name in ("photos", *names))
    assert "**The Scream**: Edvard Munch, 1893, National Museum, Oslo. `--style scream`" in english
    assert "**呐喊**：爱德华·蒙克，1893，奥斯陆国家博物馆。`--style scream`" in chinese


def test_every_preset_has_a_group_and_chinese_names() -> None:
    listed = presets.read()
    groups = list(gallery.grouped(listed))
    assert sorted(each.name for _, _, members in groups for each in members) == sorted(listed)
    names = gallery.chinese_names()
    assert not [each.name for each in listed.values() if each.name not in names or each.artist not in names]
    assert {each.collection for each in listed.values()} - {""} == set(gallery.COLLECTIONS)
