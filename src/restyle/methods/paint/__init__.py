"""The method `paint`: nearest-neighbor painting without torch (`painter` explains how).

The picture is painted at about 1,024 px on the longest side, whatever the size of the photo, so that strokes
can be seen; a larger photo gets the painting enlarged with its own fine detail.
"""

from __future__ import annotations

import time

import numpy as np

from restyle.errors import InputError
from restyle.images.detail import enlarge_with_detail
from restyle.images.resize import fit_size, resize
from restyle.methods.observer import Observer
from restyle.methods.paint import network, painter
from restyle.methods.paint.painter import Artwork
from restyle.methods.protocol import Settings, Step, Stopped
from restyle.options import EFFORTS
from restyle.style import Style
from restyle.types import FloatArray


def stylize(content: FloatArray, style: Style, settings: Settings) -> FloatArray:
    """Paint [H, W, 3] float32 pixels in 0..1.

    Raises
    ------
    StyleError
        The style is a code without its picture.
    InputError
        There is not enough memory.
    Stopped
        By Ctrl-C; holds the picture so far.
    """
    artworks = [Artwork(each.pixels, each.weight, each.scale) for each in style.exemplars()]
    options = settings.image
    size = (content.shape[0], content.shape[1])
    side = options.painted_side(size)
    observer, began = Observer(settings), time.monotonic()
    stopped: list[painter.State] = []

    def progress(state: painter.State) -> bool:
        step = Step(
            number=state.number,
            total=state.total,
            height=state.size[0],
            width=state.size[1],
            terms={"loss": state.loss},
            seconds_left=(time.monotonic() - began) * (1 / state.done - 1),
            _picture=lambda: enlarge(state.picture(), content),
        )
        stopped[:] = [state]
        return bool(observer(step))

    try:
        painted = painter.paint(
            content,
            artworks,
            network.load(settings.device, settings.network.threads),
            side=side,
            likeness=settings.method.likeness,
            effort=EFFORTS[settings.method.effort],
            progress=progress,
        )
    except KeyboardInterrupt:
        if not stopped:
            raise
        raise Stopped(enlarge(stopped[0].picture(), content)) from None
    except MemoryError:
        raise InputError(f"not enough memory to paint at {side} px; use a smaller --paint-size") from None
    return enlarge(painted, content)


def enlarge(painted: FloatArray, content: FloatArray) -> FloatArray:
    """Resize a painting to the content's size, [H, W, 3]; a larger content adds its fine detail."""
    size = (content.shape[0], content.shape[1])
    if max(painted.shape[:2]) >= max(size) - 8:  # painted sides are multiples of 8
        return np.clip(resize(painted, size, "lanczos"), 0, 1)
    seen = resize(content, fit_size(size, long=max(painted.shape[:2])), "area")
    seen = resize(seen, (painted.shape[0], painted.shape[1]), "bicubic")
    return enlarge_with_detail(painted, seen, content)
