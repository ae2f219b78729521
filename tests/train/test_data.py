from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restyle.errors import InputError
from restyle.images.figures import GAP
from restyle.images.picture import load_image
from restyle.train.augmentation import CONTENT, PLAIN, STYLE, Augmentation, augment
from restyle.train.data import COLUMNS, TILE, Pictures, preview_sheet
from tests.images.made_profiles import rgb_profile
from tests.train.made_pictures import photos, picture


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def test_crops_of_any_picture_have_the_given_size() -> None:
    rng = np.random.default_rng(1)
    for width, height in ((40, 300), (300, 40), (64, 64), (17, 19)):
        for how in (CONTENT, STYLE, PLAIN):
            assert augment(noise(width, height), how, 64, rng).size == (64, 64)


def test_without_variation_a_square_comes_back() -> None:
    picture = noise(64, 64)
    same = augment(picture, PLAIN, 64, np.random.default_rng(0))
    assert np.array_equal(np.asarray(same), np.asarray(picture))


def test_enlargement_is_limited() -> None:
    """Stripes 2 px wide must not become wider than 2 x 1.5."""
    stripes = np.zeros((100, 100, 3), np.uint8)
    stripes[:, ::4] = stripes[:, 1::4] = 255
    how = Augmentation(scale=(4.0, 4.0), flip=0.0, enlarge=1.5)
    crop = np.asarray(augment(Image.fromarray(stripes), how, 64, np.random.default_rng(0)))[0, :, 0] > 127
    changes = int((crop[1:] != crop[:-1]).sum())
    assert 64 / (2 * 1.5) - 2 <= changes <= 64 / (2 * 1.5) + 2


def test_colors_change_only_if_requested() -> None:
    grey = Image.new("RGB", (64, 64), (120, 60, 30))
    rng = np.random.default_rng(0)
    plain = np.asarray(augment(grey, PLAIN, 32, rng))
    assert (plain == (120, 60, 30)).all()
    turned = np.asarray(augment(grey, Augmentation(flip=0.0, hue=0.5, color=1.0), 32, rng))
    assert abs(int(turned[0, 0, 0]) - 120) + abs(int(turned[0, 0, 2]) - 30) > 10


def test_batches_depend_on_the_generator_alone(tmp_path: Path) -> None:
    for index in range(3):
        noise(80, 60, index).save(tmp_path / f"{index}.png")
    pictures = Pictures(tmp_path, CONTENT)
    first, again, other = (pictures.batch(4, 32, np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert first.shape == (4, 3, 32, 32)
    assert first.equal(again)
    assert not first.equal(other)
    assert float(first.min()) >= 0
    assert float(first.max()) <= 1


def test_unreadable_pictures_are_named_and_left_out(tmp_path: Path) -> None:
    noise(40, 40).save(tmp_path / "good.png")
    (tmp_path / "bad.jpg").write_bytes(b"not a picture")
    pictures = Pictures(tmp_path, PLAIN)
    assert len(pictures) == 1
    assert [path.name for path, _ in pictures.skipped] == ["bad.jpg"]


def test_folders_without_pictures_are_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a folder"):
        Pictures(tmp_path / "none", PLAIN)
    with pytest.raises(InputError, match="no readable picture"):
        Pictures(tmp_path, PLAIN)


def test_profiles_are_applied_as_when_stylizing(tmp_path: Path) -> None:
    """A wide-gamut photo looks the same in training and at inference."""
    noise(40, 40).save(tmp_path / "wide.png", icc_profile=rgb_profile())
    noise(40, 40).save(tmp_path / "wide.avif", quality=100)
    pictures = Pictures(tmp_path, PLAIN)
    assert [path.name for path in pictures.paths] == ["wide.avif", "wide.png"]
    expected = load_image(tmp_path / "wide.png").pixels * 255
    np.testing.assert_allclose(np.asarray(pictures.pictures[1]), expected, atol=0.5001)


def test_the_preview_has_all_rows_and_depends_on_the_seed(tmp_path: Path) -> None:
    content = Pictures(photos(tmp_path / "photos", 4), CONTENT)
    picture(90, 80, 5, (40, 90, 200)).save(tmp_path / "style.png")
    styles = Pictures([tmp_path / "style.png"], Augmentation())
    sheet = preview_sheet(content, styles, 64, 64, 1)
    assert sheet.width == COLUMNS * (TILE + GAP) + GAP
    assert sheet.height > 4 * TILE
    assert sheet.tobytes() == preview_sheet(content, styles, 64, 64, 1).tobytes()
    assert sheet.tobytes() != preview_sheet(content, styles, 64, 64, 2).tobytes()
