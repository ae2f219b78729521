"""Clean-up of paintings: broad light and color follow the photo, strokes and noise-free areas stay."""

from typing import Any

import numpy as np

from restyle.methods.paint import cleanup
from restyle.methods.paint.pyramid import YCC_FROM_RGB, convert
from restyle.types import FloatArray


def gray(plane: Any) -> FloatArray:
    return np.repeat(np.asarray(plane, np.float32)[None], 3, 0)


def halves(left: float, right: float, size: tuple[int, int] = (64, 96)) -> FloatArray:
    plane = np.full(size, left, np.float32)
    plane[:, size[1] // 2 :] = right
    return plane


def test_broad_light_follows_the_photo_and_strokes_stay() -> None:
    rows = np.arange(64, dtype=np.float32)[:, None]
    strokes = 0.05 * np.sin(rows * np.pi / 2) + np.zeros((64, 96), np.float32)
    photo, style = gray(halves(0.2, 0.8)), gray(halves(0.4, 0.6))
    painting = gray(halves(0.5, 0.5) + strokes)  # the forms of the photo are lost
    after = cleanup.luma(cleanup.light_by_object(painting, photo, style, 0.5, 6))
    left, right = after[16:48, 8:40], after[16:48, 56:88]
    assert right.mean() - left.mean() > 0.15
    np.testing.assert_allclose(left - left.mean(), strokes[16:48, 8:40], atol=0.02)
    same = cleanup.light_by_object(painting, photo, style, 0.0, 6)
    np.testing.assert_allclose(same, painting, atol=1e-5)


def test_hazy_styles_keep_most_of_the_photos_contrast() -> None:
    photo, haze = gray(halves(0.1, 0.9)), gray(halves(0.49, 0.51))
    after = cleanup.luma(cleanup.light_by_object(gray(halves(0.5, 0.5)), photo, haze, 1.0, 4))
    assert after.std() > 0.6 * cleanup.luma(photo).std()


def test_a_patch_of_color_across_objects_fades() -> None:
    photo = np.stack([halves(0.3, 0.7), halves(0.3, 0.7), halves(0.3, 0.7)])
    photo[2] += 0.1  # bluish everywhere
    painting = photo.copy()
    painting[0, 20:44, 30:66] = 0.95  # a red patch over the edge
    before, after = (
        convert(picture, YCC_FROM_RGB)[2, 20:44, 30:66]
        for picture in (painting, cleanup.color_by_object(painting, photo, 4))
    )
    assert after.mean() < 0.85 * before.mean()


def test_small_forms_take_one_color() -> None:
    rng = np.random.default_rng(0)
    photo = gray(halves(0.4, 0.6))
    specks = np.clip(photo + rng.normal(0, 0.2, photo.shape), 0, 1).astype(np.float32)
    chroma = [
        convert(picture, YCC_FROM_RGB)[1:].std()
        for picture in (specks, cleanup.color_by_object(specks, photo, 4))
    ]
    assert chroma[1] < 0.25 * chroma[0]


def test_calm_areas_lose_fine_luma_only() -> None:
    rng = np.random.default_rng(0)
    photo = gray(np.full((64, 96), 0.5))
    noisy = np.clip(photo + gray(rng.normal(0, 0.05, (64, 96))), 0, 1)
    after = cleanup.calm(noisy, photo)
    assert after.std() < 0.85 * noisy.std()
    assert abs(float(after.mean() - noisy.mean())) < 1e-3
