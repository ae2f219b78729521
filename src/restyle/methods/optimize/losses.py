"""Style losses, content losses and regularization, on features. `methods.table` has a row for each.

Style is the distribution of the feature vectors of a layer, wherever in the picture they are. Style losses
compare two such distributions:

- `gram_loss`: which channels are active together (Gatys et al. 2016);
- `gaussian_loss`: mean and covariance, by the Wasserstein distance of two normal distributions;
- `sliced_loss`: the full distribution, along random directions (Heitz et al. 2021);
- `patch_loss`: each vector with its nearest neighbor in the style (NNST, Kolkin et al. 2022).

All losses are relative to the magnitude of what they compare: 0 for equal, about 1 for nothing in common, so
that one weight serves every layer and every pair of pictures. Differs from the papers, which weight by layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from restyle.images.statistics import EPSILON, relative_gap

DIRECTIONS = 64  # of the sliced loss
_FLOOR = 1e-6  # of eigenvalues, relative to the largest: below it directions are noise


# Sums over positions, which add up over tiles


class Moments(NamedTuple):
    """First and second moments of sets of feature vectors."""

    mean: Tensor  # [..., C]
    second: Tensor  # [..., C, C], mean of the outer products f f^T: the Gram matrix over the positions

    @property
    def covariance(self) -> Tensor:
        """Second moments about the mean [..., C, C]."""
        return self.second - self.mean[..., :, None] * self.mean[..., None, :]


def moment_sums(feature: Tensor, shares: Tensor) -> Tensor:
    """Sum the outer products of the vectors of a layer, and in the last row the vectors, over each region.

    A layer [1, C, H, W] and the weight of each position in each region [R, H, W] -> [R, C + 1, C].
    """
    sums: Tensor = _MomentSums.apply(feature, shares)  # type: ignore[no-untyped-call]
    return sums


def moments_of(sums: Tensor, mass: Tensor) -> Moments:
    """Return means from the sums [R, C + 1, C] of `moment_sums` and the sum of each region's shares [R]."""
    means = sums / mass.clamp(min=1e-6)[:, None, None]
    return Moments(means[:, -1], means[:, :-1])


class _MomentSums(torch.autograd.Function):
    """The sums with a hand-written gradient: half the work, and only the features are stored."""

    @staticmethod
    def forward(ctx: Any, feature: Tensor, shares: Tensor) -> Tensor:
        ctx.save_for_backward(feature, shares)
        flat, sums = _rows(feature), []
        for share in shares.flatten(1):
            weighted = flat if bool((share == 1).all()) else flat * share[:, None]
            sums.append(torch.cat([weighted.T @ flat, weighted.sum(0, keepdim=True)]))
        return torch.stack(sums)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        feature, shares = ctx.saved_tensors
        flat, total = _rows(feature), None
        for share, slope in zip(shares.flatten(1), gradients[0], strict=True):
            part = flat @ (slope[:-1] + slope[:-1].T)
            if bool(slope[-1].any()):  # 0 for Gram matrices, which ignore the mean
                part += slope[-1]
            if not bool((share == 1).all()):
                part *= share[:, None]
            total = part if total is None else total.add_(part)
        assert total is not None
        return total.unflatten(0, feature.shape[2:]).permute(2, 0, 1)[None], None


def _rows(feature: Tensor) -> Tensor:
    """[1, C, H, W] -> [positions, C]: a view if channels come last in memory."""
    return feature[0].permute(1, 2, 0).flatten(0, 1)


def feature_sums(feature: Tensor, content: Tensor) -> Tensor:
    """``[sum of |F - F_c|^2, sum of |F|^2]`` over features [1, C, H, W]. -> Tensor [2]."""
    sums: Tensor = _FeatureSums.apply(feature, content)  # type: ignore[no-untyped-call]
    return sums


class _FeatureSums(torch.autograd.Function):
    """The sums with a hand-written gradient: fewer passes over the features."""

    @staticmethod
    def forward(ctx: Any, feature: Tensor, content: Tensor) -> Tensor:
        ctx.save_for_backward(feature, content)
        return torch.stack([each.square().sum() for each in (feature - content, feature)])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        feature, content = ctx.saved_tensors
        of_difference, of_feature = 2 * gradients[0]
        return (feature * (of_difference + of_feature)).sub_(content * of_difference), None


# Style


def gram_loss(ours: Moments, style: Moments) -> Tensor:
    """``|G - G_s|^2 / (|G|^2 + |G_s|^2)`` of the Gram matrices. [..., C, C] -> [...].

    Gatys et al. 2016, section 2.2; differs in the divisor: theirs is the size of the layer.
    """
    loss: Tensor = relative_gap(ours.second, style.second, (-2, -1))
    return loss


def gaussian_loss(ours: Moments, style: Moments) -> Tensor:
    """Squared 2-Wasserstein distance of two normal distributions, relative to their size. -> [...].

    ``|m - m_s|^2 + tr(S + S_s - 2 (S_s^1/2 S S_s^1/2)^1/2)``, over the sum of the mean squares of both
    (the loss of crowsonkb's style-transfer-pytorch; the distance is of Dowson and Landau 1982).
    """
    a, b = ours.covariance, style.covariance
    values, vectors = _eigen(b)
    root = (vectors * values.clamp(min=0).sqrt()[..., None, :]) @ vectors.transpose(-2, -1)
    inner = root @ a @ root
    cross = trace_of_root((inner + inner.transpose(-2, -1)) / 2)
    traces = [each.diagonal(dim1=-2, dim2=-1).sum(-1) for each in (a, b, ours.second, style.second)]
    distance = (ours.mean - style.mean).square().sum(-1) + traces[0] + traces[1] - 2 * cross
    return distance / (traces[2] + traces[3] + EPSILON)


def trace_of_root(matrix: Tensor) -> Tensor:
    """Trace of the square root of symmetric positive semidefinite matrices. [..., C, C] -> [...]."""
    return _TraceOfRoot.apply(matrix)  # type: ignore[no-any-return, no-untyped-call]


class _TraceOfRoot(torch.autograd.Function):
    """tr(M^1/2) with the gradient M^-1/2 / 2. That of eigenvectors would be infinite at equal eigenvalues."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor) -> Tensor:
        # After a step that was much too long the loss is nan; the optimizer then takes a shorter one.
        values, vectors = matrix[..., 0] * float("nan"), matrix
        if bool(torch.isfinite(matrix).all()):
            values, vectors = _eigen(matrix)
        floor = _FLOOR * values.amax(-1, keepdim=True).clamp(min=1e-12)
        ctx.save_for_backward(values, vectors, floor)
        total: Tensor = values.clamp(min=0).sqrt().sum(-1)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Tensor:
        values, vectors, floor = ctx.saved_tensors
        slopes = torch.where(values > floor, 0.5 / values.clamp(min=1e-30).sqrt(), 0.5 / floor.sqrt())
        inverse = (vectors * slopes[..., None, :]) @ vectors.transpose(-2, -1)
        return inverse * gradients[0][..., None, None]  # type: ignore[no-any-return]


def _eigen(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues and eigenvectors, computed in float64: float32 can fail for equal eigenvalues."""
    values, vectors = torch.linalg.eigh(matrix.double())
    return values.to(matrix.dtype), vectors.to(matrix.dtype)


def sliced_losses(ours: Sequence[Tensor], styles: Sequence[Tensor], generator: torch.Generator) -> Tensor:
    """`sliced_loss` of each region [n, C] and as many random vectors of its style [m, C]. -> [R]."""
    count, channels = ours[0].shape
    directions = unit_directions(channels, DIRECTIONS, generator).to(ours[0])
    pick = torch.randint(len(styles[0]), (count,), generator=generator).to(ours[0].device)
    return torch.stack([sliced_loss(a, b[pick], directions) for a, b in zip(ours, styles, strict=True)])


def sliced_loss(ours: Tensor, style: Tensor, directions: Tensor) -> Tensor:
    """Squared sliced 2-Wasserstein distance of two sets of vectors, relative to the style's. -> scalar.

    Along each direction, unit vectors [C, d], both sets [n, C] are sorted and compared value by value (Heitz
    et al. 2021, "A Sliced Wasserstein Loss for Neural Texture Synthesis").
    """
    a, b = (ours @ directions).sort(0).values, (style @ directions).sort(0).values
    return (a - b).square().mean() / (b.square().mean() + EPSILON)


def unit_directions(channels: int, count: int, generator: torch.Generator) -> Tensor:
    """Random unit vectors [channels, count], evenly distributed over the sphere."""
    return F.normalize(torch.randn(channels, count, generator=generator), dim=0)


def patch_losses(ours: Sequence[Tensor], styles: Sequence[Tensor], generator: torch.Generator) -> Tensor:
    """`patch_loss` of each region [n, C] and its style [m, C]. -> [R]."""
    return torch.stack([patch_loss(a, b) for a, b in zip(ours, styles, strict=True)])


def patch_loss(ours: Tensor, style: Tensor, chunk: int = 4096) -> Tensor:
    """Mean of 1 - cosine of each vector and its nearest neighbor in the style. [n, C], [m, C] -> scalar.

    Vectors are centered first, each set by its own mean, and compared `chunk` at a time, which bounds memory.
    (NNST, Kolkin et al. 2022, equation 3; differs: on each layer separately, whose receptive field is the
    patch, instead of on all layers concatenated.)
    """
    a = F.normalize(ours - ours.mean(0), dim=1, eps=1e-6)
    b = F.normalize(style - style.mean(0), dim=1, eps=1e-6)
    with torch.no_grad():
        near = torch.cat([(part @ b.T).argmax(1) for part in torch.split(a, chunk)])
    return (1 - (a * b[near]).sum(1)).mean()


# Content


def feature_loss(sums: Tensor, content_square: Tensor) -> Tensor:
    """``|F - F_c|^2 / (|F|^2 + |F_c|^2)`` from the sums of `feature_sums` and |F_c|^2. -> scalar.

    Gatys et al. 2016, equation 1; differs in the divisor.
    """
    return sums[0] / (sums[1] + content_square + EPSILON)


def self_similarity_loss(ours: Tensor, content: Tensor) -> Tensor:
    """Compare the self-similarity of two pictures at the same positions. Tensors [n, C] -> scalar, 0..2.

    The cosine distances of all pairs of positions, each column relative to its sum, are compared (STROTSS,
    Kolkin et al. 2019, equation 8). This keeps the layout but lets color and contrast change.
    """
    relative = []
    for rows in (ours, content):
        unit = F.normalize(rows, dim=1, eps=1e-6)
        distances = (1 - unit @ unit.T).clamp(min=0)
        relative.append(distances / (distances.sum(0, keepdim=True) + 1e-6))
    return (relative[0] - relative[1]).abs().sum(0).mean()


# Pixels


def variation_sum(x: Tensor, rows: slice, columns: slice) -> Tensor:
    """Total variation of these pixels of a picture [1, 3, H, W]: sum of squared differences. -> scalar.

    To the next row and column; the last ones have none. Differs from Rudin et al. 1992 in the square, as
    usual in style transfer.
    """
    down = (x[:, :, 1:] - x[:, :, :-1])[:, :, rows, columns].square().sum()
    right = (x[..., 1:] - x[..., :-1])[..., rows, columns].square().sum()
    return down + right


def range_sum(x: Tensor) -> Tensor:
    """Sum of squared excess outside 0..1; clipping instead would leave flat areas. [...] -> scalar."""
    return torch.square((x - 1).clamp(min=0)).sum() + torch.square((-x).clamp(min=0)).sum()
