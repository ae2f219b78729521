"""The method `paint`: nearest-neighbor painting without torch (`painter` explains how).

The picture is painted at about 1,024 px on the longest side, whatever the size of the photo, so that strokes
can be seen; a larger photo gets the painting enlarged with its own fine detail.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import cast

from restyle.errors import InputError
from restyle.images.resize import Enlargement, fit_size, resize, thumbnail
from restyle.methods.paint import network, painter
from restyle.methods.paint.painter import Artwork, at_scales
from restyle.methods.protocol import Observer, Settings, Step, Stopped, Thumbnail
from restyle.models.session import Device, MemoryShortage
from restyle.models.style_codes import Exemplar
from restyle.options import EFFORTS, ImageOptions
from restyle.options.video import VideoMethodOptions
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
    size = (content.shape[0], content.shape[1])
    photo = thumbnail(content, settings.alpha)
    painting = _paint(lambda: photo, size, style, settings, lambda each: each.rows(content))
    return painting.rows(content)


def needs_whole(size: tuple[int, int], options: ImageOptions) -> str:
    """See `methods.protocol.Method`: it never does."""
    return ""


def plan_rows(read: Thumbnail, size: tuple[int, int], style: Style, settings: Settings) -> Enlargement:
    """Paint a large picture from its thumbnail; see `methods.protocol.Method`.

    Pictures of steps have the size of the thumbnail.
    """

    def show(painting: Enlargement) -> FloatArray:
        photo = read()[0]
        return enlarged(painting.painted, photo, (photo.shape[0], photo.shape[1])).rows(photo)

    return _paint(read, size, style, settings, show)


def _paint(
    read: Thumbnail,
    size: tuple[int, int],
    style: Style,
    settings: Settings,
    show: Callable[[Enlargement], FloatArray],
) -> Enlargement:
    """Paint a picture of (height, width) from its thumbnail; `show` makes pictures of steps."""
    artworks = [Artwork(each.pixels, each.weight, each.scale) for each in style.exemplars()]
    side = settings.image.painted_side(size)
    photo = read()[0]
    photos = at_scales(photo, side)
    small = _reduced(photo, (photos[-1].shape[1], photos[-1].shape[2]), size)
    del photo  # that of a huge picture takes 300 MB
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
            picture=lambda: show(enlarged(state.picture(), read()[0], size)),
        )
        stopped[:] = [state]
        return bool(observer(step))

    try:
        with _memory(side):
            painted = painter.paint(
                photos,
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
        raise Stopped(show(enlarged(stopped[0].picture(), read()[0], size))) from None
    return Enlargement(painted, small, size)


@contextmanager
def _memory(side: int) -> Iterator[None]:
    """Turn a shortage of memory into one line with its cure."""
    try:
        yield
    except (MemoryError, MemoryShortage):
        raise InputError(f"not enough memory to paint at {side} px; use a smaller --paint-size") from None


def stylize_key(
    content: FloatArray,
    start: FloatArray | None,
    styles: Sequence[Exemplar],
    options: VideoMethodOptions,
    *,
    device: str,
    threads: int | None,
) -> FloatArray:
    """Paint a video frame [H, W, 3], float32 in 0..1; from `start`, a painting like it, in fewer steps."""
    side = max(content.shape[:2])
    with _memory(side):
        return painter.paint(
            at_scales(content, side),
            [Artwork(each.pixels, each.weight, each.scale) for each in styles],
            network.load(cast("Device", device), threads),
            side=side,
            likeness=options.likeness,
            effort=EFFORTS[options.effort],
            start=start,
        )


def enlarged(painted: FloatArray, photo: FloatArray, size: tuple[int, int]) -> Enlargement:
    """Return a painting [h, w, 3] at the size of its content; a larger content adds its fine detail."""
    return Enlargement(painted, _reduced(photo, (painted.shape[0], painted.shape[1]), size), size)


def _reduced(photo: FloatArray, painted: tuple[int, int], size: tuple[int, int]) -> FloatArray | None:
    """Return a photo at the size of its painting; None if the content is no larger."""
    if max(painted) >= max(size) - 8:  # painted sides are multiples of 8
        return None
    return resize(resize(photo, fit_size(size, long=max(painted)), "area"), painted, "bicubic")
