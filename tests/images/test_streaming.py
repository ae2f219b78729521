"""Pictures too large for memory: streamed, they are the same as in memory, and survive a kill."""

from __future__ import annotations

import hashlib
import json
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

import restyle
from restyle import pipeline
from restyle.errors import InputError, OptionError, OutputError
from restyle.images import geometry, resize, stream, streaming
from restyle.images.picture import Picture, load_image, save_image
from restyle.models import arbitrary
from restyle.options import ImageOptions

SIZE = (190, 300)  # (height, width)
RNG = np.random.default_rng(3)


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stream what has more than 1,000 pixels, in strips of some ten rows."""
    monkeypatch.setattr(stream, "STREAM_PIXELS", 1000)
    for module in (stream, geometry):
        monkeypatch.setattr(module, "STRIP_PIXELS", 3000)


@pytest.fixture(scope="module")
def stylizer() -> restyle.Stylizer:
    return restyle.Stylizer(threads=1)


@pytest.fixture(scope="module")
def artwork() -> npt.NDArray[np.uint8]:
    y, x = np.mgrid[:96, :128]
    waves = 127 + 100 * np.sin(x / 5 + np.cos(y / 7))
    return np.stack([waves, 255 - waves, 60 + waves / 3], -1).astype(np.uint8)


def picture(*, depth: int = 16, alpha: bool = False, size: tuple[int, int] = SIZE) -> Picture:
    """Soft shapes with fine lines, on the right half transparent if asked."""
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    plane = 0.5 + 0.3 * np.sin(x / 19) * np.cos(y / 13) + 0.08 * np.sin(x * 2.1)
    pixels = np.clip(plane[..., None] * np.array([1, 0.85, 0.6]) + RNG.normal(0, 0.01, (*size, 3)), 0, 1)
    share = np.clip((120 - x) / 9, 0, 1).astype(np.float32) if alpha else None
    return Picture(pixels.astype(np.float32), share, depth)


def both(
    monkeypatch: pytest.MonkeyPatch, stylizer: restyle.Stylizer, source: Path, style: Any, **options: Any
) -> tuple[Picture, Picture]:
    """Stylize a file in memory and in strips."""
    results = []
    for name, limit in (("whole", 10**9), ("streamed", 1000)):
        monkeypatch.setattr(stream, "STREAM_PIXELS", limit)
        output = source.with_name(f"{name}{source.suffix}")
        results.append(load_image(stylizer(source, style, output=output, **options)))
    return results[0], results[1]


def assert_same(whole: Picture, streamed: Picture) -> None:
    """Compare what is seen; half an 8-bit level may be between them."""
    assert whole.pixels.shape == streamed.pixels.shape
    assert (whole.depth, whole.icc, whole.exif) == (streamed.depth, streamed.icc, streamed.exif)
    seen = [
        each.pixels if each.alpha is None else each.pixels * each.alpha[..., None]
        for each in (whole, streamed)
    ]
    assert np.abs(seen[0] - seen[1]).max() < 0.5 / 255
    if whole.alpha is not None:
        assert streamed.alpha is not None
        np.testing.assert_array_equal(whole.alpha, streamed.alpha)


@pytest.mark.slow
@pytest.mark.parametrize(("options", "alpha", "blocks"), [
    ({"paint_size": 64}, True, 140),
    (
        {"paint_size": 64, "strength": 0.5, "contrast": 2, "brightness": 0.9, "crop": "80%", "look": "mist"},
        False, 4096,
    ),
    ({"paint_size": 1000}, True, 4096),
    ({"paint_size": 1000, "strength": 0.4}, False, 140),
])  # fmt: skip
def test_fast_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stylizer: restyle.Stylizer, artwork: Any,
    options: dict[str, Any], alpha: bool, blocks: int,
) -> None:  # fmt: skip
    monkeypatch.setattr(resize, "THUMBNAIL_SIDE", blocks)
    for name, value in (("ONE_PASS_PIXELS", 1000), ("TILE", 64), ("FEATHER", 16), ("HALO", 64)):
        monkeypatch.setattr(arbitrary, name, value)
    source = tmp_path / "photo.png"
    save_image(picture(alpha=alpha), source)
    assert_same(*both(monkeypatch, stylizer, source, artwork, method="fast", **options))


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_paint_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stylizer: restyle.Stylizer, artwork: Any, suffix: str
) -> None:
    source = tmp_path / f"photo{suffix}"
    save_image(picture(), source)
    options: dict[str, Any] = {"method": "paint", "effort": "draft", "paint_size": 64, "strength": 0.9}
    assert_same(*both(monkeypatch, stylizer, source, artwork, **options))


@pytest.mark.slow
def test_rows_are_read_by_several_threads(tmp_path: Path) -> None:
    """TIFF strips are compressed in threads, which read their rows from one file."""
    samples = np.repeat(np.arange(200, dtype=np.uint8), 9000).reshape(200, 3000, 3)
    wanted = 40 * list(range(200))
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with stream.RowFile(tmp_path / "rows", samples.shape, np.uint8, new=True) as file:
            file.write(samples, 0)
            with ThreadPoolExecutor(4) as pool:
                found = list(pool.map(lambda row: set(file.rows(slice(row, row + 1)).flat), wanted))
    finally:
        sys.setswitchinterval(before)
    assert found == [{row} for row in wanted]


def test_only_a_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stylizer: restyle.Stylizer) -> None:
    source = tmp_path / "photo.tif"
    save_image(picture(), source)
    assert_same(*both(monkeypatch, stylizer, source, None, look="golden-hour", strength=0.6))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_exif_and_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stylizer: restyle.Stylizer, orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "Maker"
    source = tmp_path / "photo.tif"
    samples = np.rint(picture(depth=8).pixels * 255).astype(np.uint8)
    Image.fromarray(samples).save(source, exif=exif, icc_profile=wide_profile())
    whole, streamed = both(monkeypatch, stylizer, source, None, look="silver")
    assert whole.pixels.shape[:2] == (SIZE if orientation < 5 else SIZE[::-1])
    assert b"Maker" in (streamed.exif or b"")
    assert streamed.icc == wide_profile()
    # 8 bits a channel: rounding may fall to either side
    assert np.abs(whole.pixels - streamed.pixels).max() < 1.5 / 255
    assert (whole.exif, whole.icc) == (streamed.exif, streamed.icc)


def test_jpeg_keeps_its_exif_byte_for_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stylizer: restyle.Stylizer
) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif.get_ifd(0x8769)[0x927C] = b"maker note \0\1\2" * 9
    source = tmp_path / "photo.jpg"
    samples = np.rint(picture(depth=8).pixels * 255).astype(np.uint8)
    Image.fromarray(samples).save(source, exif=exif, icc_profile=wide_profile(), quality=95)
    whole, streamed = both(monkeypatch, stylizer, source, None, look="silver")
    assert whole.exif == streamed.exif
    assert whole.icc == streamed.icc == wide_profile()
    assert np.abs(whole.pixels - streamed.pixels).mean() < 1 / 255


def wide_profile() -> bytes:
    from tests.images.made_profiles import rgb_profile

    return rgb_profile()


def kill_after(monkeypatch: pytest.MonkeyPatch, count: int) -> Callable[[], None]:
    """Let the run end after some strips, as by a kill; return a function that lets the next one go on."""
    true = streaming.Progress.note
    done: list[str] = []

    def note(self: streaming.Progress, what: str, top: int, bottom: int, content: Any) -> None:
        if len(done) == count:
            raise KeyboardInterrupt
        done.append(what)
        true(self, what, top, bottom, content)

    monkeypatch.setattr(streaming.Progress, "note", note)
    return lambda: monkeypatch.setattr(streaming.Progress, "note", true)


def strips_made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    made: list[int] = []
    true = streaming.Progress.note

    def note(self: streaming.Progress, what: str, top: int, bottom: int, content: Any) -> None:
        made.append(top)
        true(self, what, top, bottom, content)

    monkeypatch.setattr(streaming.Progress, "note", note)
    return made


@pytest.mark.slow
@pytest.mark.parametrize("paint_size", [64, 1000])
@pytest.mark.parametrize("damage", ["", "rows", "journal", "painting.npz"])
def test_resumes_by_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stylizer: restyle.Stylizer, artwork: Any,
    paint_size: int, damage: str,
) -> None:  # fmt: skip
    for name, value in (("ONE_PASS_PIXELS", 1000), ("TILE", 64), ("FEATHER", 16), ("HALO", 64)):
        monkeypatch.setattr(arbitrary, name, value)
    source, output, folder = tmp_path / "a.png", tmp_path / "b.tif", tmp_path / ".b.tif.parts"
    save_image(picture(), source)
    options: dict[str, Any] = {"method": "fast", "paint_size": paint_size}
    expected = load_image(stylizer(source, artwork, output=tmp_path / "c.tif", **options)).pixels
    go_on = kill_after(monkeypatch, 6)
    with pytest.raises(KeyboardInterrupt, match="not finished; resume=True continues"):
        stylizer(source, artwork, output=output, **options)
    assert not output.exists()
    assert sorted(path.name for path in folder.iterdir() if path.name != "painting.npz") == [
        "journal", "plan.json", "rows",
    ]  # fmt: skip
    go_on()
    if damage and (folder / damage).exists():
        content = bytearray((folder / damage).read_bytes())
        content[len(content) // 3] ^= 1
        (folder / damage).write_bytes(content)
    made = strips_made(monkeypatch)
    stylizer(source, artwork, output=output, resume=True, **options)
    np.testing.assert_array_equal(load_image(output).pixels, expected)
    assert not folder.exists()
    if not damage:
        assert made[0] > 0
    else:
        assert made


@pytest.mark.slow
def test_resume_with_other_options_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stylizer: restyle.Stylizer, artwork: Any
) -> None:
    source, output = tmp_path / "a.png", tmp_path / "b.tif"
    save_image(picture(), source)
    go_on = kill_after(monkeypatch, 3)
    with pytest.raises(KeyboardInterrupt):
        stylizer(source, artwork, output=output, method="fast", paint_size=64)
    go_on()
    with pytest.raises(OptionError, match=r"the earlier run had strength 1\.0, not 0\.5"):
        stylizer(source, artwork, output=output, method="fast", paint_size=64, strength=0.5, resume=True)
    plan = tmp_path / ".b.tif.parts" / "plan.json"
    plan.write_text(json.dumps({**json.loads(plan.read_text()), "format": "other/1"}))
    made = strips_made(monkeypatch)
    stylizer(source, artwork, output=output, method="fast", paint_size=64, resume=True)
    assert made[:2] == [0, 0]  # state of another format is not believed: painting and rows are new


def test_a_planted_link_is_refused(tmp_path: Path, stylizer: restyle.Stylizer, artwork: Any) -> None:
    source, victim = tmp_path / "a.png", tmp_path / "victim"
    save_image(picture(), source)
    victim.write_text("precious")
    (tmp_path / ".b.tif.parts").mkdir()
    (tmp_path / ".b.tif.parts" / "rows").symlink_to(victim)
    with pytest.raises(OutputError, match="is a link"):
        stylizer(source, artwork, output=tmp_path / "b.tif", method="fast", paint_size=64)
    assert victim.read_text() == "precious"


@pytest.mark.slow
def test_deep_zoom_opens_in_a_viewer(tmp_path: Path, stylizer: restyle.Stylizer, artwork: Any) -> None:
    """By the rules of the format: level by level from 1 px, tiles named column_row."""
    source, output = tmp_path / "a.png", tmp_path / "view.dzi"
    save_image(picture(depth=8, size=(700, 900)), source)
    stylizer(source, artwork, output=output, method="fast", paint_size=64)
    root = ET.parse(output).getroot()
    size = {name: int(value) for name, value in root[0].attrib.items()}
    assert size == {"Width": 900, "Height": 700}
    side, overlap = int(root.attrib["TileSize"]), int(root.attrib["Overlap"])
    levels = sorted(int(path.name) for path in (tmp_path / "view_files").iterdir())
    assert levels == list(range(11))
    columns, rows = -(-900 // side), -(-700 // side)
    tiles = {path.stem for path in (tmp_path / "view_files" / "10").iterdir()}
    assert tiles == {f"{column}_{row}" for column in range(columns) for row in range(rows)}
    with Image.open(tmp_path / "view_files" / "10" / f"1_0.{root.attrib['Format']}") as tile:
        assert tile.size == (side + 2 * overlap, side + overlap)
    with pytest.raises(OutputError, match="it exists"):
        stylizer(source, artwork, output=output, method="fast", paint_size=64)
    stylizer(source, artwork, output=output, method="fast", paint_size=64, overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "view.dzi", "view_files"]


def test_deep_zoom_of_a_small_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_image(picture(alpha=True), tmp_path / "a.dzi")
    assert (tmp_path / "a_files" / "8" / "0_0.png").exists()


def test_bigtiff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stylizer: restyle.Stylizer) -> None:
    from restyle.images import tiff

    monkeypatch.setattr(tiff, "BIG", 1000)
    source, output = tmp_path / "a.png", tmp_path / "b.tif"
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x829A] = (1, 50)
    photo = picture()
    save_image(Picture(photo.pixels, None, 16, exif.tobytes()), source)
    stylizer(source, output=output, look="silver")
    assert output.read_bytes()[:4] == b"II+\0"
    tifffile = pytest.importorskip("tifffile")
    with tifffile.TiffFile(output) as file:
        assert file.is_bigtiff
        assert file.pages[0].tags["ExifTag"].value["ExposureTime"] == (1, 50)
        levels = np.rint(load_image(output).pixels * 65535)
        np.testing.assert_array_equal(file.asarray(), levels)


def have_memory(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    for module in (pipeline, streaming):
        monkeypatch.setattr(module, "free_memory", lambda: free)


@pytest.mark.slow
@pytest.mark.parametrize(("options", "reason"), [
    ({"keep_colors": "luminance", "method": "fast"}, "keep-colors is only done in memory"),
    ({"colors_only": True}, "colors-only is only done"),
    ({"size": 100, "method": "fast"}, "size is only done"),
    ({"method": "photo"}, "method 'photo' is only done"),
    ({"method": "fast", "paint_size": 200}, r"paint-size 200 \(up to 150, or 300"),
    ({"method": "fast", "style_scale": 0.5, "paint_size": 1000}, "fine strokes"),
    ({"method": "fast", "regions": {"mask.png": "keep"}}, "regions are"),
    ({"method": "fast", "output": "b.webp"}, "WEBP is only done"),
])  # fmt: skip
def test_what_does_not_stream_is_done_in_memory_or_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stylizer: restyle.Stylizer, artwork: Any,
    options: dict[str, Any], reason: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    save_image(picture(), "a.png")
    save_image(Picture(np.ones((19, 30, 3), np.float32)), "mask.png")
    options = {"output": "b.png", **options}
    have_memory(monkeypatch, 1000)
    with pytest.raises(InputError, match=reason):
        stylizer("a.png", artwork, **options)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "mask.png"]
    if options.get("method") != "photo":
        have_memory(monkeypatch, 10**12)
        stylizer("a.png", artwork, **options)
        assert Path(options["output"]).exists()


@pytest.mark.parametrize(("options", "gigabytes"), [
    ({}, 3.7), ({"keep_colors": "luminance"}, 5.5), ({"keep_colors": "statistics"}, 3.7),
])  # fmt: skip
def test_100_megapixels_that_do_not_fit_are_refused_by_a_true_estimate(
    options: dict[str, Any], gigabytes: float
) -> None:
    def check(free: float, **more: Any) -> None:
        stream.check_memory(
            "a.tif", 100_000_000, ImageOptions(**options), int(free * 1e9), regions=False, **more
        )

    check(gigabytes + 0.1, why="it is")
    with pytest.raises(InputError, match=f"a.tif: it is only done in memory, about {gigabytes} GB"):
        check(gigabytes - 0.1, why="it is")
    check(gigabytes - 1.4, decoded=True)


def test_a_format_that_is_not_streamed_is_refused_if_it_does_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stylizer: restyle.Stylizer
) -> None:
    save_image(picture(depth=8), tmp_path / "a.webp")
    have_memory(monkeypatch, 1000)
    with pytest.raises(InputError, match=r"a\.webp: its format is only read in memory, about 0.4 GB more"):
        stylizer(tmp_path / "a.webp", look="mist", output=tmp_path / "b.png")
    assert [path.name for path in tmp_path.iterdir()] == ["a.webp"]


@pytest.mark.slow
def test_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stylizer: restyle.Stylizer, artwork: Any
) -> None:
    source, output = tmp_path / "a.png", tmp_path / "b.tif"
    save_image(picture(), source)
    with pytest.raises(InputError, match=r"over the limit of 20,000; .*--max-pixels 57000"):
        stylizer(source, artwork, output=output, method="fast", max_pixels=20_000)
    disk = type("Usage", (), {"free": 10_000})
    monkeypatch.setattr("shutil.disk_usage", lambda folder: disk)
    with pytest.raises(OutputError, match=r"needs 0.0 GB in .* and 0.0 GB are free"):
        stylizer(source, artwork, output=output, method="fast", paint_size=64)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_damaged_file_leaves_nothing(tmp_path: Path, stylizer: restyle.Stylizer, artwork: Any) -> None:
    source = tmp_path / "a.png"
    save_image(picture(), source)
    source.write_bytes(source.read_bytes()[:-40_000])
    with pytest.raises(InputError, match=r"a\.png: damaged or unsupported"):
        stylizer(source, artwork, output=tmp_path / "b.tif", method="fast", paint_size=64)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_checksums_are_those_of_the_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stylizer: restyle.Stylizer, artwork: Any
) -> None:
    source = tmp_path / "a.png"
    save_image(picture(), source)
    kill_after(monkeypatch, 4)
    with pytest.raises(KeyboardInterrupt):
        stylizer(source, artwork, output=tmp_path / "b.tif", method="fast", paint_size=64)
    folder = tmp_path / ".b.tif.parts"
    name, top, bottom, digest = (folder / "journal").read_text().splitlines()[1].split()
    row = SIZE[1] * 3 * 2
    content = (folder / "rows").read_bytes()[int(top) * row : int(bottom) * row]
    assert (name, top, digest) == ("rows", "0", hashlib.sha256(content).hexdigest())
