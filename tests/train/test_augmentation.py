import math

import numpy as np
import pytest
from PIL import Image

from restyle.train.augmentation import (
    Brightness,
    Contrast,
    Flip,
    Hue,
    Pipeline,
    QuarterTurn,
    Rotate,
    Saturation,
    ScaledCrop,
    Sometimes,
    Step,
    inner_rectangle,
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8))


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture, np.float64)


def test_scaled_crop_cuts_a_square_of_the_wanted_scale() -> None:
    ramp = Image.fromarray(np.tile(np.arange(200, dtype=np.uint8)[None, :, None], (100, 1, 3)))
    crop = pixels(ScaledCrop(50, (2.0, 2.0))(ramp, rng()))[..., 0]
    assert crop.shape == (50, 50)
    assert np.diff(crop.mean(0)).mean() == pytest.approx(1.0, abs=0.05)  # short side 100: as it is
    assert np.diff(pixels(ScaledCrop(50, (1.0, 1.0))(ramp, rng()))[..., 0].mean(0)).mean() == pytest.approx(
        2.0, abs=0.1
    )


def test_flip_and_quarter_turn() -> None:
    picture = noise(8, 8)
    assert np.array_equal(pixels(Flip(1.0)(picture, rng())), pixels(picture)[:, ::-1])
    assert np.array_equal(pixels(Flip(0.0)(picture, rng())), pixels(picture))
    turned = pixels(QuarterTurn(1.0)(picture, rng()))
    assert any(np.array_equal(turned, np.rot90(pixels(picture), k)) for k in (1, 2, 3))
    assert QuarterTurn(0.0)(picture, rng()) is picture


def test_rotation_leaves_no_empty_corner() -> None:
    white = Image.new("RGB", (120, 80), "white")
    for seed in range(5):
        turned = Rotate(30)(white, rng(seed))
        assert pixels(turned)[2:-2, 2:-2].min() == 255
        assert turned.width < 120
    assert inner_rectangle(120, 80, 0.0) == (120, 80)
    side, _ = inner_rectangle(100, 100, math.pi / 4)
    assert side == pytest.approx(100 / math.sqrt(2), abs=1)


def test_colors_change_within_the_given_amount() -> None:
    grey = Image.new("RGB", (4, 4), (100, 100, 100))
    values = [pixels(Brightness(0.3)(grey, rng(seed))).mean() for seed in range(60)]
    assert 69 <= min(values) < 80 < 120 < max(values) <= 131
    contrasts = [pixels(Contrast(0.5)(noise(20, 20), rng(seed))).std() for seed in range(30)]
    assert min(contrasts) < 0.8 * pixels(noise(20, 20)).std() < max(contrasts)
    red = Image.new("RGB", (4, 4), (200, 100, 100))
    spreads = [np.ptp(pixels(Saturation(0.5)(red, rng(seed)))[0, 0]) for seed in range(30)]
    assert 49 <= min(spreads) < 70 < 130 < max(spreads) <= 151
    hues = [pixels(Hue(0.5)(red, rng(seed)))[0, 0].argmax() for seed in range(30)]
    assert set(hues) == {0, 1, 2}
    assert np.abs(pixels(Hue(0.0)(red, rng())) - pixels(red)).max() <= 2


def test_steps_compose_and_equal_generators_give_equal_pictures() -> None:
    steps: list[Step] = [ScaledCrop(32, (1.0, 2.0)), Flip(), Sometimes(0.5, [Brightness(0.5), Hue(0.2)])]
    pipeline = Pipeline(steps)
    one, same, other = (pixels(pipeline(noise(60, 50), rng(seed))) for seed in (3, 3, 4))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_sometimes_is_all_or_nothing() -> None:
    grey = Image.new("RGB", (2, 2), (100, 100, 100))
    changed = [Sometimes(0.5, [Brightness(0.9)])(grey, rng(seed)) is not grey for seed in range(200)]
    assert 60 < sum(changed) < 140


def test_only_enlarged_pictures_are_sharpened() -> None:
    picture = Image.fromarray(
        np.repeat(rng(1).integers(0, 256, (25, 25, 3), dtype=np.uint8), 4, 0).repeat(4, 1)
    )
    soft = pixels(ScaledCrop(100, (2.0, 2.0), enlarge=2.0)(picture, rng()))
    crisp = pixels(ScaledCrop(100, (2.0, 2.0), enlarge=2.0, sharpen=1.0)(picture, rng()))
    assert np.abs(np.diff(crisp, axis=0)).max() > 1.2 * np.abs(np.diff(soft, axis=0)).max()
    plain, sharpened = (
        pixels(ScaledCrop(50, (2.0, 2.0), sharpen=each)(picture, rng())) for each in (0.0, 1.0)
    )
    assert np.array_equal(plain, sharpened)
