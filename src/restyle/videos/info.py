"""What is known about a video and its frames: size, time stamps, colors and orientation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restyle.errors import InputError

Pixels = NDArray[np.uint8] | NDArray[np.uint16]
Tell = Callable[[str], None]
"""Takes one line about something that was lost or repaired."""

MOST_PIXELS = 2**26  # of a frame: twice those of 8K; painting takes about 70 bytes for each

# Numbers of ITU-T H.273
UNSPECIFIED = 2
RGB, BT709, BT601 = 0, 1, 6
LIMITED, FULL = 1, 2
_KNOWN_MATRICES = {1, 4, 5, 6, 7, 9}


@dataclass(frozen=True)
class ColorTags:
    """How YUV values map to colors, as numbers of ITU-T H.273.

    range : 0 unspecified, 1 limited, 2 full
    matrix, transfer, primaries : 2 is unspecified
    """

    range: int = 0
    matrix: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    primaries: int = UNSPECIFIED

    def working_matrix(self, height: int) -> int:
        """Return the matrix to convert with; if unspecified, BT.709 from 720 rows up and BT.601 below."""
        if self.matrix in _KNOWN_MATRICES:
            return self.matrix
        return BT709 if height >= 720 else BT601


@dataclass(frozen=True)
class Turn:
    """How to turn stored frames upright: quarter turns counterclockwise, then mirrored left to right."""

    quarters: int = 0
    mirrored: bool = False

    def upright(self, pixels: Pixels) -> Pixels:
        """Turn a stored frame [H, W, 3] upright."""
        turned: Any = np.rot90(pixels, self.quarters)
        return np.ascontiguousarray(turned[:, ::-1] if self.mirrored else turned)

    def stored(self, pixels: Pixels) -> Pixels:
        """Turn an upright frame [H, W, 3] back to its stored orientation."""
        mirrored: Any = pixels[:, ::-1] if self.mirrored else pixels
        return np.ascontiguousarray(np.rot90(mirrored, -self.quarters))


@dataclass(frozen=True)
class VideoInfo:
    """Properties of the picture of a video.

    size : (height, width), upright
    time_base : unit of `VideoFrame.pts`, in seconds
    rate : average frames per second
    frames : number of frames that the file claims to hold
    depth : bits per channel
    chroma : "420", "422" or "444"
    alpha : whether frames have an alpha channel, which the result keeps
    aspect : width of an upright pixel divided by its height
    """

    size: tuple[int, int]
    time_base: Fraction
    rate: Fraction | None
    frames: int | None
    depth: int = 8
    chroma: str = "420"
    alpha: bool = False
    aspect: Fraction = Fraction(1)
    colors: ColorTags = ColorTags()
    turn: Turn = Turn()
    metadata: dict[str, str] = field(default_factory=dict)
    stream_metadata: dict[str, str] = field(default_factory=dict)


@dataclass
class VideoFrame:
    """One frame.

    pixels : [shape=(H, W, 3), or (H, W, 4) if `VideoInfo.alpha`, uint8 or uint16], RGB and straight alpha,
        upright; None if the frame is damaged or skipped
    pts, duration : in units of `VideoInfo.time_base`; `pts` increases from frame to frame
    skipped : whether its pixels were not requested
    """

    pixels: Pixels | None
    pts: int
    duration: int
    skipped: bool = False


def check_pixels(shown: str, size: tuple[int, int], max_pixels: int | None) -> None:
    """Raise InputError where frames of (height, width) have more than `max_pixels`, or `MOST_PIXELS`."""
    most = MOST_PIXELS if max_pixels is None else min(max_pixels, MOST_PIXELS)
    if size[0] * size[1] > most:
        cure = "make them smaller first" if most == MOST_PIXELS else "raise max-pixels if you trust the file"
        raise InputError(f"{shown}: its frames of {size[1]}x{size[0]} have more than {most:,} pixels; {cure}")


def turn_of(frame: Any) -> Turn:
    """Return how a decoded frame is turned, from its display matrix."""
    from av.sidedata.sidedata import Type

    data = frame.side_data.get(Type.DISPLAYMATRIX)
    if data is None:
        return Turn()
    matrix = np.frombuffer(bytes(data), np.int32)[:9].reshape(3, 3)
    # The matrix maps a stored pixel: (x, y) -> (a x + c y, b x + d y).
    signs = tuple(int(np.sign(value)) for value in (*matrix[0, :2], *matrix[1, :2]))
    for quarters, (a, b, c, d) in enumerate(((1, 0, 0, 1), (0, -1, 1, 0), (-1, 0, 0, -1), (0, 1, -1, 0))):
        if signs == (a, b, c, d):
            return Turn(quarters)
        if signs == (-a, b, -c, d):
            return Turn(quarters, mirrored=True)
    return Turn()  # not a quarter turn: players ignore it, too


def with_alpha(pixels: NDArray[Any]) -> NDArray[Any]:
    """Add an opaque alpha channel to [H, W, 3]; return [H, W, 4] unchanged."""
    if pixels.shape[-1] == 4:
        return pixels
    return np.concatenate([pixels, np.full_like(pixels[..., :1], np.iinfo(pixels.dtype).max)], axis=-1)


def over_black(pixels: NDArray[Any]) -> NDArray[Any]:
    """Composite [H, W, 4] over black; the colors of transparent pixels are arbitrary, and must not appear."""
    opacity, top = pixels[..., 3:], np.iinfo(pixels.dtype).max
    if opacity.min() == top:
        return pixels[..., :3]
    return (pixels[..., :3] * (opacity / np.float32(top)) + np.float32(0.5)).astype(pixels.dtype)


def scaling() -> Any:
    """Return flags of swscale for conversion between YUV and RGB that uses every chroma sample."""
    from av.video.reformatter import Interpolation

    return Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
