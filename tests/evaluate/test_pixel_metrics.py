"""SSIM and blur against scikit-image and torchmetrics; grids and clipping by construction."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from skimage import data, measure, metrics
from torchmetrics.functional.image import structural_similarity_index_measure as of_torchmetrics

from restyle.errors import InputError
from restyle.evaluate import pixel_metrics
from restyle.evaluate.pixel_metrics import luma, structural_similarity

_chelsea: Any = data.chelsea  # scikit-image has no types
_of_scikit_image: Any = metrics.structural_similarity
CAT = (_chelsea()[:200, :280] / 255).astype(np.float32)
NOISE = np.random.default_rng(0).normal(0, 0.1, CAT.shape).astype(np.float32)
CHANGES = {
    "noise": np.clip(CAT + NOISE, 0, 1),
    "darker": CAT * np.float32(0.6),
    "negative": 1 - CAT,
    "moved": np.roll(CAT, 3, axis=1),
}


@pytest.mark.parametrize("change", CHANGES)
def test_ssim_as_scikit_image(change: str) -> None:
    other = CHANGES[change]
    expected = _of_scikit_image(
        luma(CAT),
        luma(other),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1.0,
    )
    assert structural_similarity(other, CAT) == pytest.approx(expected, abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_ssim_as_torchmetrics(change: str) -> None:
    planes = [torch.from_numpy(luma(each))[None, None] for each in (CHANGES[change], CAT)]
    _, everywhere = of_torchmetrics(planes[0], planes[1], data_range=1.0, return_full_image=True)
    inside = everywhere[..., 5:-5, 5:-5]  # it mirrors the border, which the paper leaves out
    assert structural_similarity(CHANGES[change], CAT) == pytest.approx(float(inside.mean()), abs=1e-9)


def test_ssim_is_one_for_itself_and_symmetric() -> None:
    assert structural_similarity(CAT, CAT) == pytest.approx(1, abs=1e-12)
    other = CHANGES["noise"]
    assert structural_similarity(other, CAT) == pytest.approx(structural_similarity(CAT, other), abs=1e-12)


def test_more_noise_is_less_alike() -> None:
    scores = [structural_similarity(np.clip(CAT + k * NOISE, 0, 1), CAT) for k in (0.2, 0.5, 1, 2)]
    assert scores == sorted(scores, reverse=True)


def test_ssim_refuses_unfit_pictures() -> None:
    with pytest.raises(InputError, match="same size"):
        structural_similarity(CAT, CAT[1:])
    with pytest.raises(InputError, match="11 px"):
        structural_similarity(CAT[:10], CAT[:10])


_astronaut: Any = data.astronaut  # scikit-image has no types
_blur_effect: Any = measure.blur_effect
PHOTO = (_astronaut()[:256, :320] / 255).astype(np.float32)
GREY = np.full((128, 192, 3), 0.5, np.float32)


def blurred(radius: float) -> np.ndarray:
    picture = Image.fromarray((PHOTO * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(radius))
    return np.asarray(picture, np.float32) / np.float32(255)


def checkerboard(picture: np.ndarray, period: int, height: float) -> np.ndarray:
    rows, columns = np.indices(picture.shape[:2])
    odd = (rows // (period // 2) + columns // (period // 2)) % 2
    signs = np.asarray(1 - 2 * odd, np.float32)[..., None]
    return np.asarray(np.clip(picture + height * signs, 0, 1), np.float32)


@pytest.mark.parametrize("radius", [0, 1, 3])
def test_blur_as_scikit_image(radius: float) -> None:
    picture = blurred(radius) if radius else PHOTO
    assert pixel_metrics.blur(picture) == pytest.approx(_blur_effect(luma(picture)), abs=1e-9)


def test_blur_grows_with_blur() -> None:
    scores = [pixel_metrics.blur(blurred(radius)) for radius in (0.5, 1, 2, 4)]
    assert scores == sorted(scores)
    assert scores[-1] < 1


@pytest.mark.parametrize("period", [2, 4, 8])
def test_a_faint_grid_is_seen(period: int) -> None:
    """One 8-bit level up and down in a photo; twice that stands 6 dB higher."""
    faint = pixel_metrics.grid(checkerboard(PHOTO, period, 1 / 255), PHOTO)
    stronger = pixel_metrics.grid(checkerboard(PHOTO, period, 2 / 255), PHOTO)
    assert faint > 3
    assert stronger > faint + 3


@pytest.mark.parametrize("seed", range(4))
def test_noise_is_no_grid(seed: int) -> None:
    noise = np.random.default_rng(seed).normal(0, 0.1, PHOTO.shape).astype(np.float32)
    assert pixel_metrics.grid(np.clip(PHOTO + noise, 0, 1), PHOTO) < 2


def test_the_contents_own_grid_does_not_count() -> None:
    woven = checkerboard(PHOTO, 4, 4 / 255)
    assert pixel_metrics.grid(woven, woven) == 0
    assert pixel_metrics.grid(woven, PHOTO) > 6


def test_flat_pictures_have_no_grid() -> None:
    assert pixel_metrics.grid(GREY, GREY) == 0


def test_lines_along_one_axis_are_found_there() -> None:
    columns = np.arange(GREY.shape[1])
    stripes = GREY + (0.02 * np.cos(np.pi * columns / 2))[None, :, None].astype(np.float32)
    noise = np.random.default_rng(0).normal(0, 0.01, GREY.shape).astype(np.float32)
    lines = pixel_metrics.grid_lines(stripes + noise)
    strongest = divmod(int(lines.argmax()), lines.shape[1])
    assert strongest in {(0, 2), (0, 6)}  # a period of 4 px is 2/8 cycle per px


def test_grid_of_a_tiny_picture_is_refused() -> None:
    with pytest.raises(InputError, match="64 px"):
        pixel_metrics.grid(PHOTO[:63], PHOTO[:63])


def test_clipping_beyond_that_of_the_inputs() -> None:
    result = GREY.copy()
    result[:32] = 1  # a quarter
    result[32:64, :, 0] = 1  # a channel alone at its end is a pure colour, not a loss
    assert pixel_metrics.clipping(result, GREY, GREY) == pytest.approx(0.25)
    paper = GREY.copy()
    paper[:16] = 1
    assert pixel_metrics.clipping(result, GREY, paper) == pytest.approx(0.125)
    assert pixel_metrics.clipping(GREY, result, GREY) == 0
    black = np.zeros_like(GREY)
    assert pixel_metrics.clipping(black, GREY, GREY) == 1
