"""Losses against loops and the losses of training; Frechet distance against torchmetrics and SciPy."""

# DOC """SSIM and blur against scikit-image and torchmetrics; grids and clipping by construction."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from scipy.linalg import sqrtm
from skimage import data, measure
from skimage.metrics import structural_similarity as structural_similarity_of_scikit_image
from torch import nn
from torchmetrics.functional.image import lpips
from torchmetrics.functional.image import structural_similarity_index_measure as of_torchmetrics
from torchmetrics.image.fid import FrechetInceptionDistance

from restyle.errors import InputError
from restyle.evaluate import metrics
from restyle.evaluate.metrics import (
    LAYERS,
    StyleStatistics,
    art_aggregate,
    frechet_distance,
    luma,
    parts,
    perceptual_distance,
    relative_frechet,
    structural_similarity,
)
from restyle.images.statistics import match_mean_std, mean_std
from restyle.nn import losses as of_training

WIDTHS = (4, 6, 8, 8, 8)


def made(seed: int, side: int = 16) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        layer: rng.random((width, max(2, side >> index), max(2, side >> index)), np.float32)
        for index, (layer, width) in enumerate(zip(LAYERS, WIDTHS, strict=True))
    }


ONE, TWO, WIDE = made(0), made(1), made(2, 24)


def test_nothing_differs_from_itself() -> None:
    own = StyleStatistics.of(ONE)
    assert metrics.style_gap(own, own) == 0
    assert metrics.content_gap(ONE, ONE) == 0
    assert metrics.gatys_style(own, own) == 0
    assert metrics.gatys_content(ONE, ONE) == 0
    assert metrics.adain_style(own, own) == 0
    assert metrics.adain_content(ONE, ONE, own) == pytest.approx(0, abs=1e-5)


def test_distances_are_symmetric() -> None:
    one, two = StyleStatistics.of(ONE), StyleStatistics.of(TWO)
    for distance in (metrics.style_gap, metrics.gatys_style, metrics.adain_style):
        assert distance(one, two) == pytest.approx(distance(two, one), rel=1e-6)
        assert distance(one, two) > 0
    assert metrics.content_gap(ONE, TWO) == pytest.approx(metrics.content_gap(TWO, ONE), rel=1e-6)


def test_gaps_do_not_see_magnitude() -> None:
    def ten(features: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {layer: 10 * each for layer, each in features.items()}

    plain = metrics.style_gap(StyleStatistics.of(ONE), StyleStatistics.of(TWO))
    large = metrics.style_gap(StyleStatistics.of(ten(ONE)), StyleStatistics.of(ten(TWO)))
    assert large == pytest.approx(plain, rel=1e-5)
    assert metrics.content_gap(ten(ONE), ten(TWO)) == pytest.approx(metrics.content_gap(ONE, TWO), rel=1e-5)


def test_style_gap_is_the_gram_term_of_training() -> None:
    ours = metrics.style_gap(StyleStatistics.of(ONE), StyleStatistics.of(WIDE))
    tensors = [[torch.from_numpy(f[layer])[None] for layer in LAYERS] for f in (ONE, WIDE)]
    theirs = of_training.style_loss(tensors[0], tensors[1], moments_weight=0.0)
    assert ours == pytest.approx(float(theirs), rel=1e-5)


def test_content_gap_is_that_of_training() -> None:
    relu4_1 = [torch.from_numpy(f["relu4_1"])[None] for f in (ONE, TWO)]
    assert metrics.content_gap(ONE, TWO) == pytest.approx(float(of_training.gap(*relu4_1)), rel=1e-5)


def test_gatys_style_is_eq_4_where_sizes_agree() -> None:
    """The paper's Gram matrix is a plain sum, and its divisor has the positions squared."""
    energies = []
    for layer in LAYERS:
        f, a = (each[layer].reshape(len(each[layer]), -1).astype(np.float64) for each in (ONE, TWO))
        n, m = f.shape
        energies.append(((f @ f.T - a @ a.T) ** 2).sum() / (4 * n**2 * m**2))
    expected = sum(energies) / 5
    found = metrics.gatys_style(StyleStatistics.of(ONE), StyleStatistics.of(TWO))
    assert found == pytest.approx(expected, rel=1e-4)


def test_gatys_content_is_eq_1_over_positions() -> None:
    f, p = ONE["relu4_1"], TWO["relu4_1"]
    assert metrics.gatys_content(ONE, TWO) == pytest.approx(((f - p) ** 2).sum() / 2 / f[0].size, rel=1e-5)


def test_adain_style_is_eq_13() -> None:
    expected = 0.0
    for layer in LAYERS[:4]:
        f, s = ONE[layer], TWO[layer]
        for moment in (np.mean, np.std):
            gap = moment(f, axis=(1, 2)) - moment(s, axis=(1, 2))
            expected += float(np.linalg.norm(gap))
    found = metrics.adain_style(StyleStatistics.of(ONE), StyleStatistics.of(TWO))
    assert found == pytest.approx(expected, rel=1e-3)


def test_adain_content_is_zero_for_its_target() -> None:
    style = StyleStatistics.of(TWO)
    target = match_mean_std(ONE["relu4_1"], *mean_std(TWO["relu4_1"]))
    result = {**ONE, "relu4_1": target}
    assert metrics.adain_content(result, ONE, style) == pytest.approx(0, abs=1e-6)
    assert metrics.adain_content(ONE, ONE, style) > 0.01


def layers(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {"relu1": rng.random((5, 8, 6), np.float32), "relu2": rng.random((7, 4, 3), np.float32)}


LEFT, RIGHT = layers(0), layers(1)


def test_zero_for_itself_and_symmetric() -> None:
    assert perceptual_distance(LEFT, LEFT) == 0
    assert perceptual_distance(LEFT, RIGHT) == pytest.approx(perceptual_distance(RIGHT, LEFT))


def test_brightness_of_features_does_not_count() -> None:
    dimmed = {layer: feature * np.float32(0.3) for layer, feature in RIGHT.items()}
    assert perceptual_distance(LEFT, dimmed) == pytest.approx(perceptual_distance(LEFT, RIGHT), rel=1e-5)


def test_two_a_layer_for_features_without_a_channel_in_common() -> None:
    left, right = np.zeros((4, 3, 3), np.float32), np.zeros((4, 3, 3), np.float32)
    left[0], right[1] = 5, 2
    assert perceptual_distance({"a": left, "b": left}, {"a": right, "b": right}) == pytest.approx(4)


def test_perceptual_distance_is_that_of_torchmetrics_without_weights() -> None:
    expected = 0.0
    for layer in LEFT:
        a, b = (lpips._normalize_tensor(torch.from_numpy(each[layer])[None]) for each in (LEFT, RIGHT))
        expected += float(lpips._spatial_average(((a - b) ** 2).sum(1, keepdim=True)))
    assert perceptual_distance(LEFT, RIGHT) == pytest.approx(expected, rel=1e-5)


RNG = np.random.default_rng(0)
MIX = RNG.normal(size=(6, 6))
CLOUD = RNG.normal(size=(200, 6)) @ MIX
OTHER = RNG.normal(size=(150, 6)) @ np.diag(np.arange(1, 7) / 3.0) + 0.5


class FirstPixel(nn.Module):
    """A network in place of Inception, whose features are the six values of a picture [N, 3, 1, 2]."""

    num_features = 6

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1)


def test_as_fid_of_torchmetrics() -> None:
    fid = FrechetInceptionDistance(FirstPixel(), normalize=True, input_img_size=(3, 1, 2)).set_dtype(
        torch.float64
    )
    for cloud, real in ((CLOUD, False), (OTHER, True)):
        fid.update(torch.from_numpy(cloud).view(-1, 3, 1, 2), real=real)
    assert frechet_distance(CLOUD, OTHER) == pytest.approx(float(fid.compute()), rel=1e-6)


def test_as_the_formula_with_scipy() -> None:
    cov_a, cov_b = np.cov(CLOUD, rowvar=False), np.cov(OTHER, rowvar=False)
    difference = CLOUD.mean(0) - OTHER.mean(0)
    expected = difference @ difference + np.trace(cov_a + cov_b - 2 * sqrtm(cov_a @ cov_b).real)
    assert frechet_distance(CLOUD, OTHER) == pytest.approx(expected, rel=1e-6)


def test_frechet_distance_is_zero_for_itself_and_symmetric() -> None:
    assert frechet_distance(CLOUD, CLOUD) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(CLOUD, OTHER) == pytest.approx(frechet_distance(OTHER, CLOUD), rel=1e-9)


def test_a_shift_costs_its_square() -> None:
    assert frechet_distance(CLOUD, CLOUD + 3.0) == pytest.approx(9 * 6, rel=1e-6)


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
    assert relative_frechet(7 * CLOUD, 7 * OTHER) == pytest.approx(relative_frechet(CLOUD, OTHER), rel=1e-6)
    shifted = CLOUD + np.sqrt(CLOUD.var(0, ddof=1))
    assert relative_frechet(shifted, CLOUD) == pytest.approx(1, rel=1e-6)


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


_chelsea: Any = data.chelsea  # scikit-image has no types
_of_scikit_image: Any = structural_similarity_of_scikit_image
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
    assert metrics.blur(picture) == pytest.approx(_blur_effect(luma(picture)), abs=1e-9)


def test_blur_grows_with_blur() -> None:
    scores = [metrics.blur(blurred(radius)) for radius in (0.5, 1, 2, 4)]
    assert scores == sorted(scores)
    assert scores[-1] < 1


@pytest.mark.parametrize("period", [2, 4, 8])
def test_a_faint_grid_is_seen(period: int) -> None:
    """One 8-bit level up and down in a photo; twice that stands 6 dB higher."""
    faint = metrics.grid(checkerboard(PHOTO, period, 1 / 255), PHOTO)
    stronger = metrics.grid(checkerboard(PHOTO, period, 2 / 255), PHOTO)
    assert faint > 3
    assert stronger > faint + 3


@pytest.mark.parametrize("seed", range(4))
def test_noise_is_no_grid(seed: int) -> None:
    noise = np.random.default_rng(seed).normal(0, 0.1, PHOTO.shape).astype(np.float32)
    assert metrics.grid(np.clip(PHOTO + noise, 0, 1), PHOTO) < 2


def test_the_contents_own_grid_does_not_count() -> None:
    woven = checkerboard(PHOTO, 4, 4 / 255)
    assert metrics.grid(woven, woven) == 0
    assert metrics.grid(woven, PHOTO) > 6


def test_flat_pictures_have_no_grid() -> None:
    assert metrics.grid(GREY, GREY) == 0


def test_lines_along_one_axis_are_found_there() -> None:
    columns = np.arange(GREY.shape[1])
    stripes = GREY + (0.02 * np.cos(np.pi * columns / 2))[None, :, None].astype(np.float32)
    noise = np.random.default_rng(0).normal(0, 0.01, GREY.shape).astype(np.float32)
    lines = metrics.grid_lines(stripes + noise)
    strongest = divmod(int(lines.argmax()), lines.shape[1])
    assert strongest in {(0, 2), (0, 6)}  # a period of 4 px is 2/8 cycle per px


def test_grid_of_a_tiny_picture_is_refused() -> None:
    with pytest.raises(InputError, match="64 px"):
        metrics.grid(PHOTO[:63], PHOTO[:63])


def test_clipping_beyond_that_of_the_inputs() -> None:
    result = GREY.copy()
    result[:32] = 1  # a quarter
    result[32:64, :, 0] = 1  # a channel alone at its end is a pure colour, not a loss
    assert metrics.clipping(result, GREY, GREY) == pytest.approx(0.25)
    paper = GREY.copy()
    paper[:16] = 1
    assert metrics.clipping(result, GREY, paper) == pytest.approx(0.125)
    assert metrics.clipping(GREY, result, GREY) == 0
    black = np.zeros_like(GREY)
    assert metrics.clipping(black, GREY, GREY) == 1
