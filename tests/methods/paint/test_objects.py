"""What the photo shows: objects of one color, and people."""

from typing import Any

import numpy as np

from restyle.methods.paint.objects import Objects
from restyle.methods.paint.pyramid import RGB_FROM_YCC, YCC_FROM_RGB, convert
from restyle.types import FloatArray


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
