"""What a video says of its picture: size, clock, colours, and which way is up."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8] | NDArray[np.uint16]

UNSPECIFIED = 2  # of colour matrix, transfer and primaries (ITU-T H.273)
RGB, BT709, BT601 = 0, 1, 6
LIMITED, FULL = 1, 2
_KNOWN_MATRICES = {1, 4, 5, 6, 7, 9}


@dataclass(frozen=True)
class ColorTags:
    """How YUV values stand for colours, as numbers of ITU-T H.273.

    range : 0 unspecified, 1 limited, 2 full
    matrix, transfer, primaries : 2 is unspecified
    """

    range: int = 0
    matrix: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    primaries: int = UNSPECIFIED

    def working_matrix(self, height: int) -> int:
        """The matrix to compute with: where none is told, BT.709 from 720 lines up and BT.601 below."""
        if self.matrix in _KNOWN_MATRICES:
            return self.matrix
        return BT709 if height >= 720 else BT601


@dataclass(frozen=True)
class Turn:
    """How stored frames are turned to stand upright: counter-clockwise, then mirrored left to right."""

    quarters: int = 0
    mirrored: bool = False

    def upright(self, pixels: Pixels) -> Pixels:
        """Turn a stored frame [H, W, 3] upright."""
        turned: Any = np.rot90(pixels, self.quarters)
        return np.ascontiguousarray(turned[:, ::-1] if self.mirrored else turned)

    def stored(self, pixels: Pixels) -> Pixels:
        """Turn an upright frame [H, W, 3] back to how it is stored."""
        flat: Any = pixels[:, ::-1] if self.mirrored else pixels
        return np.ascontiguousarray(np.rot90(flat, -self.quarters))


@dataclass(frozen=True)
class VideoInfo:
    """What a video file says of its picture.

    Parameters
    ----------
    size : (height, width)
        Upright.
    time_base : Fraction
        Seconds of one unit of `VideoFrame.pts`.
    rate : Fraction or None
        Frames a second, on average.
    frames : int or None
        As many as the file claims to hold; None if it does not say.
    depth : int
        Bits of a channel.
    chroma : "420", "422" or "444"
    aspect : Fraction
        Width of a pixel by its height, upright.
    """

    size: tuple[int, int]
    time_base: Fraction
    rate: Fraction | None
    frames: int | None
    depth: int = 8
    chroma: str = "420"
    aspect: Fraction = Fraction(1)
    colors: ColorTags = ColorTags()
    turn: Turn = Turn()
    metadata: dict[str, str] = field(default_factory=dict)
    stream_metadata: dict[str, str] = field(default_factory=dict)


@dataclass
class VideoFrame:
    """One frame.

    Parameters
    ----------
    pixels : np.ndarray [shape=(H, W, 3), uint8 or uint16, RGB] or None
        Upright. None where the file is damaged.
    pts, duration : int
        In units of `VideoInfo.time_base`; `pts` grows from frame to frame.
    skipped : bool
        Whether its pixels were not asked for.
    """

    pixels: Pixels | None
    pts: int
    duration: int
    skipped: bool = False


def turn_of(frame: Any) -> Turn:
    """How a decoded frame is to be turned, by the display matrix that came with it."""
    from av.sidedata.sidedata import Type

    data = frame.side_data.get(Type.DISPLAYMATRIX)
    if data is None:
        return Turn()
    matrix = np.frombuffer(bytes(data), np.int32)[:9].reshape(3, 3)
    # Rows of the matrix say where x and y of a stored pixel go: (x, y) -> (a x + c y, b x + d y).
    a, b, c, d = (int(np.sign(value)) for value in (*matrix[0, :2], *matrix[1, :2]))
    for quarters in range(4):
        for mirrored in (False, True):
            if (a, b, c, d) == _directions(quarters, mirrored):
                return Turn(quarters, mirrored)
    return Turn()  # not a multiple of a quarter turn: players leave such frames as they are


def _directions(quarters: int, mirrored: bool) -> tuple[int, int, int, int]:
    """Signs of a display matrix that means this turn."""
    a, b, c, d = ((1, 0, 0, 1), (0, -1, 1, 0), (-1, 0, 0, -1), (0, 1, -1, 0))[quarters]
    return (-a, b, -c, d) if mirrored else (a, b, c, d)


def scaling() -> Any:
    """Flags of swscale for conversions between YUV and RGB: every chroma sample counts."""
    from av.video.reformatter import Interpolation

    return Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
