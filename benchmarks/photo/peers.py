"""Color transfers that `--method photo` is compared with, rebuilt from their papers.

- `reinhard`: Reinhard et al. 2001, "Color Transfer between Images": mean and deviation in l-alpha-beta.
- `mkl`: Pitie and Kokaram 2007, "The linear Monge-Kantorovitch linear colour mapping": mean and covariance
  of RGB.
- `linear`: whitening and coloring of encoder features (Li et al. 2018, "A Closed-form Solution to
  Photorealistic Image Stylization"). Differs: the first layer of this project's encoder, decoded by the
  linear map back to RGB that fits the photo best, because no decoder of its features exists; smoothed by a
  guided filter.
- `wavelet`: whitening and coloring of wavelet bands (Yoo et al. 2019, "Photorealistic Style Transfer via
  Wavelet Transforms"). Differs: the Haar bands are those of colors, three levels deep, instead of those of
  VGG features.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from restyle.images.statistics import transport_map
from restyle.methods.photo.field import Guide
from restyle.models import session
from restyle.types import FloatArray

Values = npt.NDArray[np.float64]

_LMS = np.array([[0.3811, 0.5783, 0.0402], [0.1967, 0.7244, 0.0782], [0.0241, 0.1288, 0.8444]])
_LAB = np.diag([3**-0.5, 6**-0.5, 2**-0.5]) @ np.array([[1, 1, 1], [1, 1, -2], [1, -1, 0]])
_LEVELS = 3


def reinhard(content: FloatArray, style: FloatArray) -> FloatArray:
    """Transfer mean and deviation in l-alpha-beta."""
    own, wanted = (np.log10(np.maximum(each @ _LMS.T, 1e-3)) @ _LAB.T for each in (content, style))
    moved = (own - own.mean((0, 1))) * (wanted.std((0, 1)) / np.maximum(own.std((0, 1)), 1e-6)) + wanted.mean(
        (0, 1)
    )
    return _clipped(10 ** (moved @ np.linalg.inv(_LAB).T) @ np.linalg.inv(_LMS).T)


def mkl(content: FloatArray, style: FloatArray) -> FloatArray:
    """Transfer mean and covariance of RGB by the linear Monge-Kantorovich map."""
    return _clipped(_match(content.reshape(-1, 3), style.reshape(-1, 3)).reshape(content.shape))


def linear(content: FloatArray, style: FloatArray) -> FloatArray:
    """Transfer mean and covariance of encoder features, and decode them linearly."""
    encoder = session.feature_encoder()
    own, wanted = (
        encoder.features(each)["relu1_1"][:, : each.shape[0], : each.shape[1]]
        .reshape(16, -1)
        .T.astype(np.float64)
        for each in (content, style)
    )
    inputs = np.column_stack([own, np.ones(len(own))])
    decoder = np.linalg.lstsq(inputs, content.reshape(-1, 3).astype(np.float64), rcond=1e-4)[0]
    moved = np.column_stack([_match(own, wanted), np.ones(len(own))]) @ decoder
    guide = Guide(content, 8)
    return _clipped(guide.smooth(moved.reshape(content.shape).astype(np.float32), 1e-4))


def wavelet(content: FloatArray, style: FloatArray) -> FloatArray:
    """Transfer mean and covariance of every Haar band of the colors."""
    size, step = content.shape[:2], 2**_LEVELS
    own, wanted = (
        np.pad(each, ((0, -each.shape[0] % step), (0, -each.shape[1] % step), (0, 0)), mode="reflect")
        for each in (content, style)
    )
    return _clipped(_band(own.astype(np.float64), wanted.astype(np.float64), _LEVELS)[: size[0], : size[1]])


def _band(own: Values, wanted: Values, level: int) -> Values:
    if level == 0:
        return _match(own.reshape(-1, 3), wanted.reshape(-1, 3)).reshape(own.shape)
    bands = [
        _band(mine, theirs, level - 1)
        if index == 0
        else _match(mine.reshape(-1, 3), theirs.reshape(-1, 3)).reshape(mine.shape)
        for index, (mine, theirs) in enumerate(zip(_haar(own), _haar(wanted), strict=True))
    ]
    mean, across, down, both = bands
    out = np.empty(own.shape)
    out[::2, ::2] = mean + across + down + both
    out[::2, 1::2] = mean - across + down - both
    out[1::2, ::2] = mean + across - down - both
    out[1::2, 1::2] = mean - across - down + both
    return out


def _haar(picture: Values) -> tuple[Values, Values, Values, Values]:
    a, b, c, d = picture[::2, ::2], picture[::2, 1::2], picture[1::2, ::2], picture[1::2, 1::2]
    return (a + b + c + d) / 4, (a - b + c - d) / 4, (a + b - c - d) / 4, (a - b - c + d) / 4


def _match(own: npt.NDArray[np.floating], wanted: npt.NDArray[np.floating]) -> Values:
    """Give points [N, C] the mean and covariance of others."""
    own, wanted = own.astype(np.float64), wanted.astype(np.float64)
    small = 1e-6 * np.eye(own.shape[1])
    matrix = transport_map(np.cov(own.T) + small, np.cov(wanted.T) + small)
    return np.asarray((own - own.mean(axis=0)) @ matrix.T + wanted.mean(axis=0))


def _clipped(colors: npt.NDArray[np.floating]) -> FloatArray:
    return np.asarray(np.clip(colors, 0, 1), np.float32)
