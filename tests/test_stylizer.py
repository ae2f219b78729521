"""`Stylizer` and `restyle.image`: the kind that comes in goes out."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import restyle
from restyle.errors import InputError, OptionError, OutputError, StyleError
from restyle.images import picture
from restyle.stylizer import Stylizer
from restyle.types import ImageLike, StylesLike

Photo = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


@pytest.fixture
def stylizer(tiny_model: Path) -> Stylizer:
    return Stylizer(tiny_model, threads=1)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32, np.float64, np.float16])
def test_array_in_array_out(stylizer: Stylizer, photo: Photo, kind: Any) -> None:
    content = photo.astype(kind) / np.asarray(255, kind) if np.dtype(kind).kind == "f" else photo.astype(kind)
    before = content.copy()
    out = stylizer(content, "great-wave")
    assert out.shape == content.shape
    assert out.dtype == content.dtype
    assert (content == before).all()


def test_alpha_and_gray_arrays(stylizer: Stylizer, photo: Photo) -> None:
    alpha = np.dstack([photo, np.full(photo.shape[:2], 77, np.uint8)])
    out = stylizer(alpha, "great-wave")
    assert out.shape == alpha.shape
    assert (out[..., 3] == 77).all()
    assert stylizer(photo[..., 0], "great-wave").shape == photo.shape


def test_pil_in_pil_out(stylizer: Stylizer, photo: Photo) -> None:
    out = stylizer(Image.fromarray(photo), "great-wave")
    assert isinstance(out, Image.Image)
    assert out.size == (84, 60)
    assert (np.asarray(out) == stylizer(photo, "great-wave")).all()


def test_path_in_path_out(stylizer: Stylizer, photo: Photo, photo_file: Path, in_folder: Path) -> None:
    out = stylizer(photo_file, "great-wave")
    assert out == Path("photo-great-wave.png")
    written = picture.to_array(picture.load_image(in_folder / out), photo)
    assert (written == stylizer(photo, "great-wave")).all()
    with pytest.raises(OutputError, match="exists"):
        stylizer(str(photo_file), "great-wave")
    assert stylizer(str(photo_file), "great-wave", overwrite=True) == out


@pytest.mark.parametrize("as_kind", ["path", "pil", "array"])
def test_output_is_written_whatever_comes_in(
    stylizer: Stylizer, photo: Photo, photo_file: Path, tmp_path: Path, as_kind: str
) -> None:
    contents: dict[str, ImageLike] = {"path": photo_file, "pil": Image.fromarray(photo), "array": photo}
    out = stylizer(contents[as_kind], "great-wave", output=tmp_path / "out.webp", quality=40)
    assert out == tmp_path / "out.webp"
    assert picture.load_image(out).pixels.shape == (60, 84, 3)


def test_an_input_is_never_replaced(stylizer: Stylizer, photo_file: Path, style_file: Path) -> None:
    for source in (photo_file, style_file):
        before = source.read_bytes()
        spellings: list[StylesLike] = [
            style_file,
            str(style_file),
            [style_file, "great-wave"],
            [f"{style_file}:2", "great-wave"],
        ]
        for style in spellings:
            with pytest.raises(OutputError, match="is the input"):
                stylizer(photo_file, style, output=source, overwrite=True)
        assert source.read_bytes() == before


def test_it_fails_before_the_work(stylizer: Stylizer, photo: Photo, tmp_path: Path) -> None:
    told: list[float] = []
    with pytest.raises(OutputError, match="no folder"):
        stylizer(photo, "great-wave", output=tmp_path / "none" / "out.png", report=told.append)
    with pytest.raises(OutputError, match="use one of"):
        stylizer(photo, "great-wave", output=tmp_path / "out.xyz", report=told.append)
    assert told == []


@pytest.mark.parametrize("wrong", [{"quality": 50}, {"overwrite": True}])
def test_file_options_without_a_file(stylizer: Stylizer, photo: Photo, wrong: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="give output="):
        stylizer(photo, "great-wave", **wrong)


def test_every_option_arrives(stylizer: Stylizer, photo: Photo, style_file: Path) -> None:
    plain = stylizer(photo, style_file)
    changes: list[dict[str, Any]] = [
        {"strength": 0.4},
        {"style_scale": 0.5},
        {"keep_colors": "luminance"},
        {"keep_colors": "statistics"},
        {"colors_only": True},
        {"crop": "1:1"},
        {"size": 50},
    ]
    for change in changes:
        out = stylizer(photo, style_file, **change)
        assert out.shape != plain.shape or np.abs(out.astype(int) - plain).max() > 1, change
    photo_back = stylizer(photo, style_file, strength=0)
    assert (stylizer(photo, style_file, strength=0, brightness=0.5) < photo_back).mean() > 0.9
    assert stylizer(photo, style_file, strength=0, contrast=0.5).std() < photo_back.std() * 0.6
    with pytest.raises(InputError, match="pixels"):
        stylizer(Image.fromarray(photo), style_file, max_pixels=100)


def test_strength_0_is_the_photo(stylizer: Stylizer, photo: Photo) -> None:
    assert (stylizer(photo, "great-wave", strength=0) == photo).all()
    assert (stylizer(photo, "great-wave", strength=0, keep_colors="luminance") == photo).all()
    assert (stylizer(photo, "great-wave", strength=0, colors_only=True) == photo).all()


def test_report_counts_up_to_one(stylizer: Stylizer, photo: Photo) -> None:
    told: list[float] = []
    stylizer(photo, "great-wave", strength=0.5, report=told.append)
    assert told == sorted(told)
    assert told[-1] == 1


def test_styles_are_made_once_and_used_often(stylizer: Stylizer, photo: Photo, style_file: Path) -> None:
    style = stylizer.style([style_file, "great-wave:2"])
    assert (stylizer(photo, style) == stylizer(photo, [style_file, ("great-wave", 2)])).all()
    with pytest.raises(StyleError, match=r"weight, but has 2\b"):
        stylizer.style("great-wave:2")


def test_threads_share_a_stylizer(stylizer: Stylizer, photo: Photo) -> None:
    expected = stylizer(photo, "great-wave")
    results: list[Photo] = []
    threads = [
        threading.Thread(target=lambda: results.append(stylizer(photo, "great-wave"))) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 6
    assert all((each == expected).all() for each in results)


def test_image_is_a_stylizer_used_once(stylizer: Stylizer, tiny_model: Path, photo: Photo) -> None:
    out = restyle.image(photo, "great-wave", strength=0.7, model=tiny_model, threads=1)
    assert (out == stylizer(photo, "great-wave", strength=0.7)).all()


def test_wrong_engine(tiny_model: Path) -> None:
    with pytest.raises(OptionError, match="device 'tpu' is none of"):
        Stylizer(tiny_model, device="tpu")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="threads 0"):
        Stylizer(tiny_model, threads=0)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (np.full((20, 20, 3), np.nan), "NaN"),
        (np.zeros((20, 20, 5), np.uint8), "20 x 20 x 5"),
        (np.zeros((3, 20, 20), np.uint8), "channels come last"),
        (np.full((20, 20, 3), 200.0), "divide by 255"),
        (np.zeros((20, 20, 3), np.int64), "int64"),
        (np.zeros((0, 20, 3), np.uint8), "no pixels"),
        ("none.jpg", "none.jpg: there is no such file"),
    ],
)
def test_bad_content(stylizer: Stylizer, content: Any, said: str, in_folder: Path) -> None:
    with pytest.raises(InputError) as caught:
        stylizer(content, "great-wave")
    assert said in str(caught.value)
    assert not list(in_folder.iterdir())


@pytest.mark.slow
def test_with_the_shipped_model(photo: Photo) -> None:
    if not restyle.styles():
        pytest.skip("no presets are there yet")
    name = restyle.styles()[0].name
    out = restyle.image(photo, name, threads=2, method="fast")
    assert out.shape == photo.shape
    assert np.abs(out.astype(int) - photo).mean() > 2
    soft = restyle.image(photo, name, strength=0.02, threads=2, method="fast")
    assert np.abs(soft.astype(int) - photo).mean() < np.abs(out.astype(int) - photo).mean() / 4


def test_depth_16_stays_deep(stylizer: Stylizer, photo: Photo, tmp_path: Path) -> None:
    deep = photo.astype(np.uint16) * 257
    stylizer(deep, "great-wave", output=tmp_path / "deep.png")
    assert picture.load_image(tmp_path / "deep.png").depth == 16


def left_half(photo: Photo) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    mask = np.zeros(photo.shape[:2], bool)
    mask[:, : photo.shape[1] // 2] = True
    return mask


def test_regions_in_every_spelling(
    stylizer: Stylizer, photo: Photo, photo_file: Path, tmp_path: Path
) -> None:
    mask = left_half(photo)
    path = tmp_path / "left.png"
    Image.fromarray(mask).save(path)
    expected = stylizer(photo, "starry-night", regions=[(mask, "great-wave")], feather=3)
    alone = stylizer(photo, "great-wave")
    assert (expected[:, :30] == alone[:, :30]).all()
    assert (expected[:, 54:] == stylizer(photo, "starry-night")[:, 54:]).all()
    for spelling in (f"{path}=great-wave", {path: "great-wave"}, [(Image.open(path), "great-wave")]):
        assert (stylizer(photo, "starry-night", regions=spelling, feather=3) == expected).all()
    made = stylizer.regions({path: "great-wave"}, "starry-night")  # once, to be used many times
    assert (stylizer(photo, made, feather=3) == expected).all()
    out = stylizer(
        photo_file, "starry-night", regions={path: "great-wave"}, feather=3, output=tmp_path / "o.png"
    )
    assert (picture.to_array(picture.load_image(out), photo) == expected).all()


def test_feather_widens_the_passage(stylizer: Stylizer, photo: Photo) -> None:
    regions = [(left_half(photo), "great-wave")]
    hard, soft = (stylizer(photo, regions=regions, feather=width) for width in (0, 30))
    assert (hard[:, 42:] == photo[:, 42:]).all()
    changed = np.flatnonzero((soft != photo).any(axis=(0, 2)))
    assert 50 <= changed.max() <= 42 + 0.15 * 84 + 1


def test_masks_and_styles_of_regions_are_never_replaced(
    stylizer: Stylizer, photo_file: Path, photo: Photo, style_file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "left.png"
    Image.fromarray(left_half(photo)).save(path)
    for target in (path, style_file, photo_file):
        with pytest.raises(OutputError, match="it is the input"):
            stylizer(photo_file, regions=[(path, [style_file])], output=target, overwrite=True)


def test_alpha_as_region(stylizer: Stylizer, photo: Photo) -> None:
    alpha = (left_half(photo) * 255).astype(np.uint8)
    out = stylizer(np.dstack([photo, alpha]), regions={"alpha": "great-wave"}, feather=0)
    assert (out[..., 3] == alpha).all()
    assert (out[:, 42:, :3] == photo[:, 42:]).all()
    assert (out[:, :42, :3] != photo[:, :42]).any()
    with pytest.raises(InputError, match="the photo has no alpha"):
        stylizer(photo, regions={"alpha": "great-wave"})
