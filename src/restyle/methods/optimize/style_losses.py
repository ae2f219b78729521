"""Four ways to say how far two pictures are apart in style, on the features of one layer.

Style is what the features of a layer are like, wherever in the picture they are: a cloud of vectors. The
losses differ in what they compare of two clouds:

- `gram_loss`: which channels are active together (Gatys et al. 2016);
- `gaussian_loss`: mean and covariance, as the Wasserstein distance of two normal distributions does;
- `sliced_loss`: the whole distribution, seen from random directions (Heitz et al. 2021);
- `patch_loss`: each vector and its nearest neighbour among those of the style (NNST, Kolkin et al. 2022).

All are relative to the magnitude of what is compared: 0 for equal, about 1 for nothing in common, so that
one weight serves every layer and every pair of pictures. Differs from the papers, which weigh by layer.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

_FLOOR = 1e-6  # of eigenvalues, relative to the largest: below it directions are noise


class Moments(NamedTuple):
    """First and second moments of clouds of feature vectors.

    Parameters
    ----------
    mean : Tensor [..., C]
    second : Tensor [..., C, C]
        Mean of the outer products ``f f^T``: the Gram matrix over the number of positions.
    """

    mean: Tensor
    second: Tensor

    @property
    def covariance(self) -> Tensor:
        """Second moments about the mean [..., C, C]."""
        return self.second - self.mean[..., :, None] * self.mean[..., None, :]


def moment_sums(feature: Tensor, shares: Tensor) -> Tensor:
    """Weighted sums of the vectors of a layer and of their outer products, for each region.

    Sums, and not means, because those of the tiles of a picture add up to those of the whole. `moments_of`
    turns them into means.

    Parameters
    ----------
    feature : Tensor [1, C, H, W]
    shares : Tensor [R, H, W]
        How much each position belongs to each region.

    Returns
    -------
    Tensor [R, C + 1, C]
        The outer products, and in the last row the vectors.
    """
    found: Tensor = _MomentSums.apply(feature, shares)  # type: ignore[no-untyped-call]
    return found


class _MomentSums(torch.autograd.Function):
    """The sums, with the gradient written out: half the work, and nothing kept but the features."""

    @staticmethod
    def forward(ctx: Any, feature: Tensor, shares: Tensor) -> Tensor:
        ctx.save_for_backward(feature, shares)
        flat, found = _rows(feature), []
        for share in shares.flatten(1):
            weighed = flat if bool((share == 1).all()) else flat * share[:, None]
            found.append(torch.cat([weighed.T @ flat, weighed.sum(0, keepdim=True)]))
        return torch.stack(found)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        feature, shares = ctx.saved_tensors
        flat, total = _rows(feature), None
        for share, slope in zip(shares.flatten(1), gradients[0], strict=True):
            pull = flat @ (slope[:-1] + slope[:-1].T)
            if bool(slope[-1].any()):  # not of Gram matrices, which know no mean
                pull += slope[-1]
            if not bool((share == 1).all()):
                pull *= share[:, None]
            total = pull if total is None else total.add_(pull)
        assert total is not None
        return total.unflatten(0, feature.shape[2:]).permute(2, 0, 1)[None], None


def _rows(feature: Tensor) -> Tensor:
    """[1, C, H, W] -> [positions, C]: a view when channels come last."""
    return feature[0].permute(1, 2, 0).flatten(0, 1)


def moments_of(sums: Tensor, mass: Tensor) -> Moments:
    """Means out of the sums [R, C + 1, C] of `moment_sums` and the sum of each region's shares [R]."""
    means = sums / mass.clamp(min=1e-6)[:, None, None]
    return Moments(means[:, -1], means[:, :-1])


def gram_loss(ours: Moments, style: Moments) -> Tensor:
    """``|G - G_s|^2 / (|G|^2 + |G_s|^2)`` of the Gram matrices. [..., C, C] -> [...].

    Gatys et al. 2016, section 2.2; differs in the divisor: theirs is the size of the layer.
    """
    a, b, over = ours.second, style.second, (-2, -1)
    return (a - b).square().sum(over) / (a.square().sum(over) + b.square().sum(over) + 1e-12)


def _eigen(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues and eigenvectors, found in float64: in float32 the search can fail among equal ones."""
    values, vectors = torch.linalg.eigh(matrix.double())
    return values.to(matrix.dtype), vectors.to(matrix.dtype)


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
    apart = (ours.mean - style.mean).square().sum(-1) + traces[0] + traces[1] - 2 * cross
    return apart / (traces[2] + traces[3] + 1e-12)


class _TraceOfRoot(torch.autograd.Function):
    """tr(M^1/2) with the gradient M^-1/2 / 2, which needs no gradient of eigenvectors: that one is infinite
    where two eigenvalues are equal."""

    @staticmethod
    def forward(context: Any, matrix: Tensor) -> Tensor:
        # A step that was much too long: the loss is not a number, which whoever took it must mend.
        values, vectors = matrix[..., 0] * float("nan"), matrix
        if bool(torch.isfinite(matrix).all()):
            values, vectors = _eigen(matrix)
        floor = _FLOOR * values.amax(-1, keepdim=True).clamp(min=1e-12)
        context.save_for_backward(values, vectors, floor)
        total: Tensor = values.clamp(min=0).sqrt().sum(-1)
        return total

    @staticmethod
    def backward(context: Any, *gradients: Any) -> Tensor:
        values, vectors, floor = context.saved_tensors
        slopes = torch.where(values > floor, 0.5 / values.clamp(min=1e-30).sqrt(), 0.5 / floor.sqrt())
        inverse = (vectors * slopes[..., None, :]) @ vectors.transpose(-2, -1)
        return inverse * gradients[0][..., None, None]  # type: ignore[no-any-return]


def trace_of_root(matrix: Tensor) -> Tensor:
    """Trace of the square root of symmetric positive semidefinite matrices. [..., C, C] -> [...]."""
    return _TraceOfRoot.apply(matrix)  # type: ignore[no-any-return, no-untyped-call]


def sliced_loss(ours: Tensor, style: Tensor, directions: Tensor) -> Tensor:
    """Squared sliced 2-Wasserstein distance of two clouds, relative to their spread. -> scalar.

    Along each direction both clouds are sorted and compared value by value (Heitz et al. 2021, "A Sliced
    Wasserstein Loss for Neural Texture Synthesis"; the spread is that of the style about 0).

    Parameters
    ----------
    ours, style : Tensor [n, C]
        As many vectors of each.
    directions : Tensor [C, d]
        Unit vectors.
    """
    a, b = (ours @ directions).sort(0).values, (style @ directions).sort(0).values
    return (a - b).square().mean() / (b.square().mean() + 1e-12)


def patch_loss(ours: Tensor, style: Tensor, chunk: int = 4096) -> Tensor:
    """Mean of 1 - cosine of each vector and the one of the style nearest to it. -> scalar.

    Vectors are centred first, each cloud by its own mean, so that what differs decides who is near.
    (NNST, Kolkin et al. 2022, with cosines as in its equation 3; differs: on each layer by itself, the
    receptive field of whose vectors is the patch, rather than on all layers joined.)

    Parameters
    ----------
    ours : Tensor [n, C]
    style : Tensor [m, C]
    chunk : int
        Vectors that are compared at a time, which bounds memory.
    """
    a = F.normalize(ours - ours.mean(0), dim=1, eps=1e-6)
    b = F.normalize(style - style.mean(0), dim=1, eps=1e-6)
    with torch.no_grad():
        near = torch.cat([(part @ b.T).argmax(1) for part in torch.split(a, chunk)])
    return (1 - (a * b[near]).sum(1)).mean()


def unit_directions(channels: int, count: int, generator: torch.Generator) -> Tensor:
    """Random unit vectors [channels, count], evenly distributed over the sphere."""
    return F.normalize(torch.randn(channels, count, generator=generator), dim=0)
