"""The method `paint`: nearest-neighbor painting without torch (`painter` explains how).

The picture is painted at about 1,024 px on the longest side, whatever the size of the photo, so that strokes
can be seen; a larger photo gets the painting enlarged with its own fine detail.
"""

from __future__ import annotations

import numpy as np

from restyle.images.detail import enlarge_with_detail
from restyle.images.resize import fit_size, resize
from restyle.methods.paint import network, painter
from restyle.methods.paint.painter import Artwork
from restyle.methods.protocol import Settings
from restyle.options import PhotoOptions
from restyle.style import Style
from restyle.types import FloatArray

PAINT_SIZE = 1024  # px, longest side of the painting where `paint_size` is not given
EFFORTS = {"draft": 0.5, "fine": 1.0, "finest": 2.0}


def stylize(content: FloatArray, style: Style, settings: Settings) -> FloatArray:
    """Paint [H, W, 3] float32 pixels in 0..1.

    Raises
    ------
    StyleError
        The style is a code without its picture.
    """
    artworks = [Artwork(each.pixels, each.weight, each.scale) for each in style.exemplars()]
    options = settings.image
    wanted = options.paint_size if isinstance(options, PhotoOptions) else None
    size = (content.shape[0], content.shape[1])
    side = min(max(size), wanted or PAINT_SIZE)

    def progress(done: float, _picture: object) -> bool:
        settings.report(done)
        return False

    painted = painter.paint(
        content,
        artworks,
        network.load("cpu", settings.network.threads),
        side=side,
        likeness=settings.method.likeness,
        effort=EFFORTS[settings.method.effort],
        progress=progress,
    )
    if side >= max(size):
        return np.clip(resize(painted, size, "lanczos"), 0, 1)
    seen = resize(content, fit_size(size, long=max(painted.shape[:2])), "area")
    seen = resize(seen, (painted.shape[0], painted.shape[1]), "bicubic")
    return enlarge_with_detail(painted, seen, content)
