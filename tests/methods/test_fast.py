"""Stroke size with the embedded network."""

from __future__ import annotations

import numpy as np
import pytest

from restyle.images.resize import fit_size, resize
from restyle.methods.fast import apply_at_size, stylize_at_size
from restyle.models import arbitrary
from restyle.models.arbitrary import Arbitrary
from restyle.style import resolve_all
from restyle.types import FloatArray

LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@pytest.fixture(scope="module")
def method() -> Arbitrary:
    return Arbitrary(threads=2)


@pytest.fixture(scope="module")
def code(method: Arbitrary) -> FloatArray:
    return resolve_all("great-wave", model=method).code


@pytest.fixture(scope="module")
def photo() -> FloatArray:
    """Shapes of all sizes and, on one half, lines two pixels apart."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:500, :701].astype(np.float32)
    plane = sum(
        resize(rng.random((n, n)).astype(np.float32), (500, 701), "bilinear") * weight
        for n, weight in ((5, 0.5), (40, 0.3), (160, 0.2))
    )
    plane = plane + np.where(x > 350, 0.06 * np.sin(np.pi * (x + y) / 2), 0)
    tint = np.stack([plane, plane * 0.9, 1 - plane], -1)
    return np.clip(tint, 0, 1).astype(np.float32)


@pytest.fixture(scope="module")
def broad(method: Arbitrary, code: FloatArray, photo: FloatArray) -> FloatArray:
    return stylize_at_size(method, photo, code, 176)


def test_exact_size_and_range(broad: FloatArray, photo: FloatArray) -> None:
    assert broad.shape == photo.shape
    assert broad.dtype == np.float32
    assert broad.min() >= 0
    assert broad.max() <= 1


def test_result_downscaled_is_the_small_result(
    method: Arbitrary, code: FloatArray, photo: FloatArray, broad: FloatArray
) -> None:
    size = fit_size((500, 701), long=176)
    small = method.stylize(resize(photo, size, "area"), code)
    now = method.stylize(photo, code)
    from_broad, from_now = (np.abs(resize(each, size, "area") - small).mean() for each in (broad, now))
    assert from_broad < 0.03
    assert from_broad < 0.5 * from_now


def test_detail_of_the_photo_is_there(broad: FloatArray, photo: FloatArray) -> None:
    """The fine lines are in place, not inverted, and on their half only."""
    y, x = np.mgrid[:500, :701]
    wave = np.sin(np.pi * (x + y) / 2)

    def contrast(picture: FloatArray, columns: slice) -> float:
        return float(2 * np.mean((picture @ LUMA)[40:-40, columns] * wave[40:-40, columns]))

    there, elsewhere = slice(400, 660), slice(40, 300)
    assert 0.3 < contrast(broad, there) / contrast(photo, there) < 1.5
    assert abs(contrast(broad, elsewhere)) < 0.05 * contrast(broad, there)


@pytest.mark.slow
def test_strength_goes_steadily_from_the_photo(
    method: Arbitrary, code: FloatArray, photo: FloatArray, broad: FloatArray
) -> None:
    assert (stylize_at_size(method, photo, code, 176, 0.0) == photo).all()
    steps = [stylize_at_size(method, photo, code, 176, each) for each in (0.02, 0.3, 0.65)]
    changes = [float(np.sqrt(np.square(each - photo).mean())) for each in (*steps, broad)]
    assert changes == sorted(changes)
    assert changes[0] < 0.01  # PSNR over 40 dB


def test_small_photos_are_stylized_at_their_own_size(
    method: Arbitrary, code: FloatArray, photo: FloatArray
) -> None:
    small = np.ascontiguousarray(photo[:90, :120])
    assert (stylize_at_size(method, small, code, 120) == method.stylize(small, code)).all()


@pytest.mark.slow
@pytest.mark.parametrize("size", [(150, 100), (16, 300), (201, 65)])
def test_odd_sizes(method: Arbitrary, code: FloatArray, photo: FloatArray, size: tuple[int, int]) -> None:
    part = np.ascontiguousarray(photo[: size[0], : size[1]])
    told: list[float] = []
    out = stylize_at_size(method, part, code, 64, 0.8, told.append)
    assert out.shape == part.shape
    assert np.isfinite(out).all()
    assert told == sorted(told)
    assert told[-1] == 1


@pytest.mark.slow
def test_tiles_leave_no_seam(
    method: Arbitrary,
    code: FloatArray,
    photo: FloatArray,
    broad: FloatArray,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(arbitrary, "ONE_PASS_PIXELS", 5000)
    monkeypatch.setattr(arbitrary, "TILE", 64)
    assert np.abs(stylize_at_size(method, photo, code, 176) - broad).max() < 0.03


def test_hidden_colors_do_not_bleed(
    method: Arbitrary, code: FloatArray, photo: FloatArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """White or black under transparency: what is seen differs less than without alpha, in what is painted
    from and in what comes of it. (A network looks at hidden neighbors as well: here a negative is painted,
    which takes no detail of the photo.)
    """
    monkeypatch.setattr(Arbitrary, "stylize", lambda self, seen, *rest: 1 - seen)
    alpha = np.ones((500, 701), np.float32)
    alpha[:, :348] = 0
    results = []
    for given in (alpha, None):
        pair = []
        for hidden in (0.0, 1.0):
            content = photo.copy()
            content[:, :348] = hidden
            pair.append(stylize_at_size(method, content, code, 176, alpha=given)[:, 348:353])
        results.append(float(np.abs(pair[0] - pair[1]).mean()))
    assert results[0] < 0.7 * results[1]


def test_strokes_have_the_size_that_is_wanted(method: Arbitrary, code: FloatArray) -> None:
    """The finer the strokes, the higher the frequencies that painting adds to a soft, faintly noisy photo."""
    rng = np.random.default_rng(5)
    soft = resize(rng.random((6, 8, 3)).astype(np.float32), (192, 256), "bilinear")
    photo = np.clip(soft + rng.normal(0, 0.01, soft.shape), 0, 1).astype(np.float32)

    def pitch(painting: FloatArray) -> float:
        power = np.abs(np.fft.rfft2((painting - painting.mean((0, 1))) @ LUMA)) ** 2
        away = np.hypot(np.fft.fftfreq(192)[:, None], np.fft.rfftfreq(256)[None])
        return float((power * away)[1:, 1:].sum() / power[1:, 1:].sum())

    def paint(seen: FloatArray) -> FloatArray:
        return method.stylize(seen, code)

    fine, usual = apply_at_size(512, photo, paint), apply_at_size(256, photo, paint)
    broad = stylize_at_size(method, photo, code, 128)
    assert fine.shape == usual.shape == broad.shape
    assert pitch(fine) > 1.1 * pitch(usual) > 1.1 * 1.1 * pitch(broad)


def test_apply_at_smaller_size_restores_detail(photo: FloatArray) -> None:
    shown: list[tuple[int, ...]] = []
    grey = np.repeat(photo[..., :1], 3, -1)

    def same(seen: FloatArray) -> FloatArray:
        shown.append(seen.shape)
        return seen

    back = apply_at_size(176, grey, same)
    soft = resize(resize(grey, (126, 176), "area"), (500, 701))
    assert shown == [(126, 176, 3)]
    assert np.abs(back - grey).mean() < 0.25 * np.abs(soft - grey).mean()
    assert (apply_at_size(701, photo, same) == photo).all()
