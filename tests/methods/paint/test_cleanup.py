"""Clean-up of paintings: light and color follow objects and people, strokes and noise-free areas stay."""

from typing import Any

import numpy as np

from restyle.methods.paint import cleanup
from restyle.methods.paint.cleanup import RGB_FROM_YCC, YCC_FROM_RGB, Objects, convert
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


def picture(luma: Any, blue: Any, red: Any) -> FloatArray:
    planes = np.broadcast_arrays(np.asarray(luma, np.float32), blue, red)
    return np.clip(convert(np.stack(planes), RGB_FROM_YCC), 0, 1)


def face(brightness: float) -> FloatArray:
    """A disk of skin with dark eyes and mouth on a blue ground."""
    rows, columns = np.mgrid[:160, :160]
    skin = np.hypot(rows - 80, columns - 80) < 50
    eyes = (np.hypot(rows - 70, columns - 62) < 8) | (np.hypot(rows - 70, columns - 98) < 8)
    eyes |= np.hypot(2 * (rows - 105), columns - 80) < 16
    chroma = np.where(skin & ~eyes, 0.2 * brightness, 0.0)
    return picture(
        np.where(eyes, 0.1, np.where(skin, brightness, 0.5)),
        np.where(skin, -0.5 * chroma, 0.12),
        np.where(skin, 0.6 * chroma, -0.06),
    )


def test_people_of_any_skin_are_found_with_their_eyes() -> None:
    for brightness in (0.25, 0.7):
        people = Objects(face(brightness)).people
        assert people[60:100, 55:105].min() > 0.6  # the eyes are in it
        assert people[:20].max() < 0.1


def test_neither_gray_nor_saturated_nor_rough_areas_are_people() -> None:
    rough = np.random.default_rng(0).normal(0.5, 0.15, (96, 96))
    for luma, blue, red in ((0.5, 0.0, 0.0), (0.4, -0.15, 0.35), (0.5, 0.1, -0.1), (rough, -0.06, 0.08)):
        assert Objects(picture(np.full((96, 96), luma), blue, red)).people.mean() < 0.2


def test_wood_of_the_hue_of_skin_is_not_people() -> None:
    rows, columns = np.mgrid[:160, :160]
    knots = np.hypot(rows % 40 - 20, columns % 40 - 20) < 5  # dark and as colorful as the rest, unlike eyes
    luma = np.where(knots, 0.2, 0.6)
    chroma = 0.2 * (luma + 0.1)
    assert Objects(picture(luma, -0.5 * chroma, 0.6 * chroma)).people.mean() < 0.05


def test_patches_fade_more_where_the_photo_is_flat() -> None:
    rough = np.random.default_rng(0).normal(0, 0.1, (120, 160)) * (np.arange(160) >= 80)
    photo = picture(0.5 + rough, 0.02, -0.02)
    painting = picture(np.full((120, 160), 0.5), 0.02, -0.02)
    painting[:, 50:70, 30:50] -= 0.15
    painting[:, 50:70, 110:130] -= 0.15
    after = convert(Objects(photo).hold(painting), YCC_FROM_RGB)[0, 50:70]
    assert after[:, 35:45].mean() > after[:, 115:125].mean() + 0.01


def test_a_patch_across_an_object_fades_and_fine_strokes_stay() -> None:
    columns = np.arange(160)
    photo = picture(np.where(columns < 80, 0.3, 0.7) + np.zeros((120, 1)), 0.02, -0.02)
    stripes = 0.08 * (-1.0) ** columns
    painting = picture(convert(photo, YCC_FROM_RGB)[0] + stripes, 0.02, -0.02)
    painting[0, 40:70, 40:110] = np.clip(painting[0, 40:70, 40:110] + 0.5, 0, 1)  # a red patch over the edge
    before, after = convert(painting, YCC_FROM_RGB), convert(Objects(photo).hold(painting), YCC_FROM_RGB)
    patch = np.s_[2, 45:65, 45:105]
    assert after[patch].mean() + 0.02 < 0.65 * (before[patch].mean() + 0.02)
    calm = np.s_[0, 90:110, 10:70]
    assert np.diff(after[calm]).std() > 0.9 * np.diff(before[calm]).std()


def test_each_object_keeps_the_color_that_the_painting_gives_it() -> None:
    columns = np.arange(160)
    photo = picture(np.where(columns < 80, 0.3, 0.7) + np.zeros((120, 1)), 0.02, -0.02)
    painting = picture(0.5 + np.zeros((120, 160)), np.where(columns < 80, -0.2, 0.2), 0.0)
    np.testing.assert_allclose(Objects(photo).hold(painting)[:, :, :70], painting[:, :, :70], atol=0.02)


def test_people_move_toward_the_photo_and_others_do_not() -> None:
    photo = face(0.6)
    green = picture(np.full((160, 160), 0.5), -0.05, -0.08)
    after = convert(Objects(photo).keep_people(green, 1.0), YCC_FROM_RGB)
    assert after[2, 90:110, 70:90].mean() > -0.05  # less green than -.08
    assert after[0, 66:74, 58:66].mean() < after[0, 90:110, 70:90].mean() - 0.05  # eyes are dark
    np.testing.assert_allclose(after[:, :20], convert(green, YCC_FROM_RGB)[:, :20], atol=0.01)


def test_conversion_has_an_inverse() -> None:
    picture = np.random.default_rng(0).random((3, 8, 8), np.float32)
    there = convert(picture, YCC_FROM_RGB)
    np.testing.assert_allclose(convert(there, RGB_FROM_YCC), picture, atol=1e-5)


def test_a_gray_picture_has_no_chroma() -> None:
    gray = np.full((3, 8, 8), 0.3, np.float32)
    np.testing.assert_allclose(convert(gray, YCC_FROM_RGB)[1:], 0, atol=1e-6)
