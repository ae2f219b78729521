"""The gallery goes on where it was stopped, and its pages name every preset in both languages."""

import re
from pathlib import Path

import pytest

import restyle
from restyle.evaluate.bench import Bench, Subject
from restyle.evaluate.networks import load_encoder
from scripts import gallery, presets


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paint with the fast network only."""
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


@pytest.mark.slow
def test_pages_need_every_picture_and_show_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # the fast network stands for paint, too, which takes minutes; measurements get a folder of their own
    monkeypatch.setattr(gallery, "METHODS", dict.fromkeys(("paint", "fast"), gallery.METHODS["fast"]))
    stylizer = restyle.Stylizer(threads=1)
    monkeypatch.setattr(
        restyle,
        "Stylizer",
        lambda threads: lambda photo, name, method: stylizer(photo, name, method="fast"),
    )
    monkeypatch.setenv("RESTYLE_HOME", str(tmp_path / "home"))
    names, out = ["scream", "great-wave"], tmp_path / "docs"
    gallery.paint(tmp_path, names[:1], 96)
    with pytest.raises(SystemExit, match="8 pictures are missing"):
        gallery.pages(tmp_path, names, 96, out)
    assert not out.exists()
    gallery.paint(tmp_path, names, 96)
    gallery.pages(tmp_path, names, 96, out)
    english, chinese = ((out / name).read_text(encoding="utf-8") for name in ("gallery.md", "gallery.zh.md"))
    shown = {"photos", *names, *(f"{name}-{method}" for name in names for method in ("paint", "fast"))}
    for text in (english, chinese):
        assert {*re.findall(r"\(gallery/(.*?)\.jpg\)", text)} == shown
        assert all((out / "gallery" / f"{name}.jpg").is_file() for name in shown)
    assert "### The Scream\n\nEdvard Munch, 1893, National Museum, Oslo. `--style scream`" in english
    assert "### 呐喊\n\n爱德华·蒙克，1893，奥斯陆国家博物馆。`--style scream`" in chinese


@pytest.mark.slow
def test_distances_are_those_of_evaluate(tmp_path: Path) -> None:
    # the photos themselves as results: as far from the artwork as the photo, and not at all from the photo
    photos = {name: tmp_path / f"{name}.png" for name in gallery.PHOTOS}
    for name, path in photos.items():
        gallery.photo(name, 96).save(path)
    painted = {(name, method): path for name, path in photos.items() for method in gallery.METHODS}
    bench = Bench(load_encoder(threads=1), 512)
    found = gallery.measure(painted, "scream", 96, bench)
    assert found["paint", "style"] == found["fast", "style"] == found["copy", "style"] > 0
    assert abs(found["paint", "content"]) < 1e-6
    style, content = bench.picture(gallery.artwork("scream")), bench.picture(photos["coffee"])
    one = Subject(bench, content, style).measure(content).figures["style"]
    others = [
        Subject(bench, each, style).measure(each).figures["style"]
        for each in (bench.picture(path) for name, path in photos.items() if name != "coffee")
    ]
    assert found["copy", "style"] == pytest.approx((one + sum(others)) / 4)


def test_the_smaller_distance_is_bold() -> None:
    distances = {("copy", "style"): 0.4, ("copy", "content"): 0.0}
    distances |= {("paint", "style"): 0.1, ("fast", "style"): 0.2}
    distances |= {("paint", "content"): 0.3, ("fast", "content"): 0.25}
    line = gallery.numbers(distances, chinese=False)
    assert line == (
        "Distance to the artwork: `paint` **0.100**, `fast` 0.200, photo 0.400. "
        "Distance to the photo: `paint` 0.300, `fast` **0.250**."
    )
    facts = gallery.summary({"scream": distances})
    assert (facts["paint_wins"], facts["paint_keeps"], facts["presets"]) == (1, 0, 1)


def test_every_preset_has_a_group_and_chinese_names() -> None:
    listed = presets.read()
    groups = list(gallery.grouped(listed))
    assert sorted(each.name for _, _, members in groups for each in members) == sorted(listed)
    names = gallery.chinese_names()
    assert not [each.name for each in listed.values() if each.name not in names or each.artist not in names]
    assert {each.collection for each in listed.values()} - {""} == set(gallery.COLLECTIONS)
