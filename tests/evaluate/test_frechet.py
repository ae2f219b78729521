"""The Frechet distance against torchmetrics' FID, against SciPy, and in closed form."""

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torch import nn
from torchmetrics.image.fid import FrechetInceptionDistance

from restyle.errors import InputError
from restyle.evaluate.frechet import art_aggregate, frechet_distance, parts, relative_frechet

RNG = np.random.default_rng(0)
MIX = RNG.normal(size=(6, 6))
ONE = RNG.normal(size=(200, 6)) @ MIX
TWO = RNG.normal(size=(150, 6)) @ np.diag(np.arange(1, 7) / 3.0) + 0.5


class FirstPixel(nn.Module):
    """A network in place of Inception, whose features are the six values of a picture [N, 3, 1, 2]."""

    num_features = 6

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1)


def test_as_fid_of_torchmetrics() -> None:
    fid = FrechetInceptionDistance(FirstPixel(), normalize=True, input_img_size=(3, 1, 2)).set_dtype(
        torch.float64
    )
    for cloud, real in ((ONE, False), (TWO, True)):
        fid.update(torch.from_numpy(cloud).view(-1, 3, 1, 2), real=real)
    assert frechet_distance(ONE, TWO) == pytest.approx(float(fid.compute()), rel=1e-6)


def test_as_the_formula_with_scipy() -> None:
    cov_a, cov_b = np.cov(ONE, rowvar=False), np.cov(TWO, rowvar=False)
    difference = ONE.mean(0) - TWO.mean(0)
    expected = difference @ difference + np.trace(cov_a + cov_b - 2 * sqrtm(cov_a @ cov_b).real)
    assert frechet_distance(ONE, TWO) == pytest.approx(expected, rel=1e-6)


def test_zero_for_itself_and_symmetric() -> None:
    assert frechet_distance(ONE, ONE) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(ONE, TWO) == pytest.approx(frechet_distance(TWO, ONE), rel=1e-9)


def test_a_shift_costs_its_square() -> None:
    assert frechet_distance(ONE, ONE + 3.0) == pytest.approx(9 * 6, rel=1e-6)


def test_in_one_dimension_deviations_subtract() -> None:
    line = RNG.normal(size=(1000, 1))
    expected = (2 * line.std(ddof=1)) ** 2 + (2 * line.mean()) ** 2
    assert frechet_distance(line, 3 * line) == pytest.approx(expected, rel=1e-9)


def test_fewer_points_than_channels_are_possible() -> None:
    wide, other = RNG.normal(size=(10, 64)), RNG.normal(size=(7, 64)) + 0.3
    assert frechet_distance(wide, wide) == pytest.approx(0, abs=1e-9)
    cov_a, cov_b = (np.cov(each, rowvar=False) for each in (wide, other))
    root = np.sqrt(np.linalg.eigvals(cov_a @ cov_b).astype(complex)).real.sum()
    expected = ((wide.mean(0) - other.mean(0)) ** 2).sum() + np.trace(cov_a + cov_b) - 2 * root
    assert frechet_distance(wide, other) == pytest.approx(expected, rel=1e-5)
    with pytest.raises(InputError, match="two points"):
        frechet_distance(wide[:1], wide)


def test_relative_to_the_spread_of_the_styles() -> None:
    assert relative_frechet(7 * ONE, 7 * TWO) == pytest.approx(relative_frechet(ONE, TWO), rel=1e-6)
    shifted = ONE + np.sqrt(ONE.var(0, ddof=1))
    assert relative_frechet(shifted, ONE) == pytest.approx(1, rel=1e-6)


def test_parts_are_means_of_a_4_by_4_grid() -> None:
    feature = np.zeros((2, 8, 12), np.float32)
    feature[0, :2, :3] = 5  # the first part
    feature[1, 6:, 9:] = 7  # the last
    cloud = parts({"relu4_1": feature})
    assert cloud.shape == (16, 2)
    assert cloud[0].tolist() == [5, 0]
    assert cloud[15].tolist() == [0, 7]
    assert cloud[1:15].sum() == 0


def test_aggregate() -> None:
    assert art_aggregate(0, 0) == 1
    assert art_aggregate(0.5, 3) == 6
