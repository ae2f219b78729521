"""SSIM against scikit-image and torchmetrics, two independent implementations."""

from typing import Any

import numpy as np
import pytest
import torch
from skimage import data, metrics
from torchmetrics.functional.image import structural_similarity_index_measure as of_torchmetrics

from restyle.errors import InputError
from restyle.evaluate.ssim import luma, structural_similarity

_chelsea: Any = data.chelsea  # scikit-image has no types
_of_scikit_image: Any = metrics.structural_similarity
PHOTO = (_chelsea()[:200, :280] / 255).astype(np.float32)
NOISE = np.random.default_rng(0).normal(0, 0.1, PHOTO.shape).astype(np.float32)
CHANGES = {
    "noise": np.clip(PHOTO + NOISE, 0, 1),
    "darker": PHOTO * np.float32(0.6),
    "negative": 1 - PHOTO,
    "moved": np.roll(PHOTO, 3, axis=1),
}


@pytest.mark.parametrize("change", CHANGES)
def test_as_scikit_image(change: str) -> None:
    other = CHANGES[change]
    expected = _of_scikit_image(
        luma(PHOTO),
        luma(other),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1.0,
    )
    assert structural_similarity(other, PHOTO) == pytest.approx(expected, abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("change", CHANGES)
def test_as_torchmetrics(change: str) -> None:
    planes = [torch.from_numpy(luma(each))[None, None] for each in (CHANGES[change], PHOTO)]
    _, everywhere = of_torchmetrics(planes[0], planes[1], data_range=1.0, return_full_image=True)
    inside = everywhere[..., 5:-5, 5:-5]  # it mirrors the border, which the paper leaves out
    assert structural_similarity(CHANGES[change], PHOTO) == pytest.approx(float(inside.mean()), abs=1e-9)


def test_one_for_itself_and_symmetric() -> None:
    assert structural_similarity(PHOTO, PHOTO) == pytest.approx(1, abs=1e-12)
    other = CHANGES["noise"]
    assert structural_similarity(other, PHOTO) == pytest.approx(
        structural_similarity(PHOTO, other), abs=1e-12
    )


def test_more_noise_is_less_alike() -> None:
    scores = [structural_similarity(np.clip(PHOTO + k * NOISE, 0, 1), PHOTO) for k in (0.2, 0.5, 1, 2)]
    assert scores == sorted(scores, reverse=True)


def test_unfit_pictures_are_refused() -> None:
    with pytest.raises(InputError, match="one size"):
        structural_similarity(PHOTO, PHOTO[1:])
    with pytest.raises(InputError, match="11 px"):
        structural_similarity(PHOTO[:10], PHOTO[:10])
