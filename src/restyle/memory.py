"""Memory of a picture that is stylized as a whole, and the refusal of one that does not fit."""

from __future__ import annotations

import os

from restyle.errors import InputError
from restyle.images import stream
from restyle.images.decoders import BYTES_PER_PIXEL
from restyle.models.session import free_memory
from restyle.options import ImageOptions

_PROGRAM = 400_000_000  # bytes, with the networks
_DECODED = 15  # bytes per pixel of a picture that is in memory already
# Bytes per pixel at the peak, measured at 16 and 60 megapixels; `BYTES_PER_PIXEL` for all else.
_PEAKS = {"luminance": 51, "regions": 64}


def check(
    source: object,
    pixels: int,
    options: ImageOptions,
    *,
    regions: bool,
    why: str = "",
    decoded: bool = False,
) -> None:
    """Raise InputError if a picture that would be streamed, if it could, takes more memory than is free.

    Parameters
    ----------
    source : object
        A path, for the message, or another kind of picture.
    pixels : int
    options : ImageOptions
    regions : bool
        Whether parts have styles of their own.
    why : str
        Why it is not streamed: "keep-colors is"; empty if its format is the reason.
    decoded : bool
        Whether it is in memory already.
    """
    free = free_memory()
    if pixels <= stream.STREAM_PIXELS or free is None:
        return
    kinds = (options.keep_colors, "regions" if regions else None)
    peak = max(_PEAKS.get(each or "", BYTES_PER_PIXEL) for each in kinds)
    needed = _PROGRAM + pixels * (peak - _DECODED if decoded else peak)
    if needed <= free:
        return
    name = os.fspath(source) if isinstance(source, (str, os.PathLike)) else "picture"
    reason = f"{why} only done" if why else "its format is only read"
    raise InputError(
        f"{name}: {reason} in memory, about {needed / 1e9:.1f} GB{' more' if decoded else ''} for"
        f" {pixels / 1e6:.0f} megapixels, and {free / 1e9:.1f} GB are free; "
        + ("leave it out, or resize the picture" if why else "resize the picture, or save it as PNG or TIFF")
    )
