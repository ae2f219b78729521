"""The method `optimize`: match the photo's deep features and the style's statistics, pixel by pixel.

Gatys et al. 2016, "Image Style Transfer Using Convolutional Neural Networks". Differs from the paper:

- coarse to fine (`plan_levels` of `problem`), starting from the result of the fast method;
- every loss is relative to the magnitude of what it compares, so that one weight serves any pair;
- Adam, where a loss is stochastic, with a decaying rate and an average of the iterates;
- by default a compact encoder of our own instead of VGG-19, plus grain layers (`features`);
- pictures of any size within a memory limit (`objective`).
"""

from __future__ import annotations

from collections.abc import Sequence

from restyle.images import picture as images
from restyle.images.masks import blend
from restyle.images.resize import resize
from restyle.methods.optimize.problem import Part
from restyle.methods.optimize.run import optimize
from restyle.methods.protocol import Observer, Previous, Settings, state_path
from restyle.models.style_codes import Exemplar
from restyle.options import OptimizeOptions
from restyle.options.image import STARTS
from restyle.options.video import VideoMethodOptions
from restyle.style import Style
from restyle.types import FloatArray

_NEXT = 3  # a frame that starts from the previous one takes a third of the steps


def stylize(content: FloatArray, style: Style, settings: Settings) -> FloatArray:
    """Optimize [H, W, 3] float32 pixels in 0..1 for one style, which must be a picture."""
    return stylize_regions(content, [(None, style)], settings)


def stylize_regions(
    content: FloatArray, regions: Sequence[tuple[FloatArray | None, Style]], settings: Settings
) -> FloatArray:
    """Optimize pixels for several styles, each with its share ([H, W], 0..1; None: 1) of every pixel."""
    return optimize(
        content,
        [Part(share, style.exemplars()) for share, style in regions],
        settings.method,
        start=lambda: initial_picture(content, regions, settings),
        strength=settings.image.strength,
        device=settings.device,
        threads=settings.network.threads,
        state=None if settings.files is None else state_path(settings.files.output),
        callback=Observer(settings),
    )


def stylize_frame(
    content: FloatArray,
    start: FloatArray,
    styles: Sequence[Exemplar],
    options: VideoMethodOptions,
    *,
    strength: float,
    device: str,
    threads: int | None,
    previous: Previous | None,
) -> FloatArray:
    """Optimize a video frame from `start`; with `previous`, a third of the steps is enough."""
    steps = options.steps if previous is None else -(-options.steps // _NEXT)
    return optimize(
        content,
        [Part(None, styles)],
        OptimizeOptions(method=options.method, steps=steps, encoder=options.encoder),
        start=lambda: start,
        strength=strength,
        device=device,
        threads=threads,
        previous=previous,
    )


def initial_picture(
    content: FloatArray, regions: Sequence[tuple[FloatArray | None, Style]], settings: Settings
) -> FloatArray:
    """The picture that `--init` names, at the content's size [shape=(H, W, 3), float32]."""
    init, strength, network = settings.method.init, settings.image.strength, settings.network
    if init not in STARTS:
        pixels = images.load_image(init, max_pixels=settings.image.max_pixels).pixels
        return resize(pixels, (content.shape[0], content.shape[1]))
    if init != "fast":
        return content
    painted = [(share, network.stylize(content, style.code, strength)) for share, style in regions]
    if painted[0][0] is None:
        return painted[0][1]
    return blend(((share, pixels) for share, pixels in painted if share is not None), content)
