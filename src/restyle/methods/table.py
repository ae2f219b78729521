"""The methods that stylize a picture, one row each. To add one, write a module and add its row here.

The module has a function `stylize(content, style, settings)`: see `methods.protocol.Method`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Literal, cast

from restyle.errors import MissingExtraError, OptionError

if TYPE_CHECKING:
    from restyle.methods.protocol import Method
    from restyle.models.session import Device

# The default is the first that can do what is asked; the last can do everything.
DEFAULTS = ("paint", "fast")


@dataclass(frozen=True, kw_only=True)
class MethodInfo:
    """Properties of a method, known before its module is imported.

    Parameters
    ----------
    name : str
        As `--method` takes it.
    summary : str
        One clause for `--help`.
    module : str
        Imported when the method is first used.
    extra : str or None
        Optional dependencies it needs: `pip install 'restyle[EXTRA]'`.
    style_scale : "content" or "style"
        Which picture it resizes for `--style-scale`; "style" encodes the style at that scale.
    paint_size : bool
        Whether it takes `--paint-size`.
    pictures : bool
        Whether it needs the images of the style, not only its code.
    network : bool
        Whether its result is made by the network of `--model`.
    regions : bool
        Whether it stylizes all regions at once, by `stylize_regions`; otherwise one after the other.
    strength : bool
        Whether it takes a strength below 1 itself; otherwise its result is mixed with the content.
    max_strength : float
        Largest strength it takes.
    strokes : bool
        Whether it paints strokes, whose size `--style-scale` sets; otherwise the photo keeps its structure.
    tables : bool
        Whether its result can be one color map for a set of photos or a scene of a video, by `fit_tables`.
    steps : bool
        Whether it works in steps: calls `callback`, writes previews, and saves the picture so far at Ctrl-C.
    resumes : bool
        Whether it keeps its state beside the result, so that an interrupted run can go on.
    pace : float or None
        Seconds for a megapixel on two cores, for estimates.
    video : bool
        Whether it stylizes videos.
    streams : bool
        Whether it stylizes pictures that do not fit into memory, by `plan_rows`.
    previous_frame : bool
        Whether it starts a frame from the previous one, by `stylize_frame`.
    key_frames : bool
        Whether it paints key frames of a video, by `stylize_key`, between which the fast network helps.
    """

    name: str
    summary: str
    module: str
    extra: str | None = None
    style_scale: Literal["content", "style"] = "style"
    paint_size: bool = False
    pictures: bool = False
    network: bool = False
    regions: bool = False
    strength: bool = False
    max_strength: float = 1.0
    strokes: bool = True
    tables: bool = False
    steps: bool = False
    resumes: bool = False
    pace: float | None = None
    video: bool = False
    streams: bool = False
    previous_frame: bool = False
    key_frames: bool = False


METHODS: dict[str, MethodInfo] = {
    row.name: row
    for row in (
        MethodInfo(
            name="fast",
            summary="one pass of a network, about a second",
            module="restyle.methods.fast",
            style_scale="content",
            paint_size=True,
            network=True,
            strength=True,
            pace=4.0,
            video=True,
            streams=True,
        ),
        MethodInfo(
            name="paint",
            summary="paints with strokes copied from the artwork, about half a minute",
            module="restyle.methods.paint",
            paint_size=True,
            pictures=True,
            steps=True,
            video=True,
            key_frames=True,
            pace=52.0,
            streams=True,
        ),
        MethodInfo(
            name="photo",
            summary="gives a photo the colors and light of another and keeps its structure, about a second",
            module="restyle.methods.photo.api",
            pictures=True,
            strength=True,
            max_strength=1.5,
            strokes=False,
            tables=True,
            video=True,
            pace=0.5,
        ),
        MethodInfo(
            name="optimize",
            summary="optimizes the pixels with a choice of losses, for experiments, minutes",
            module="restyle.methods.optimize.api",
            extra="torch",
            pictures=True,
            regions=True,
            strength=True,
            steps=True,
            resumes=True,
            video=True,
            previous_frame=True,
        ),
    )
}


def names(*, video: bool = False) -> tuple[str, ...]:
    """Names of the methods, in order; `video`: only of those that stylize videos."""
    return tuple(row.name for row in METHODS.values() if row.video or not video)


def find(name: str) -> MethodInfo:
    """Return the row of a method.

    Raises
    ------
    OptionError
        There is no such method.
    """
    if name not in METHODS:
        raise OptionError(f"method '{name}' is none of {', '.join(METHODS)}")
    return METHODS[name]


def network_device(device: str, method: str | None = None) -> Device:
    """Return the device of the ONNX networks for a `--device`: `mps` is PyTorch's, so they run on the CPU.

    Raises
    ------
    OptionError
        The device is mps, and the method, if given, does not use PyTorch.
    """
    if device == "mps" and method is not None and find(method).extra != "torch":
        raise OptionError(f"device 'mps' is not for method '{method}'; use coreml")
    return "cpu" if device == "mps" else cast("Device", device)


def load(name: str) -> Method:
    """Import the module of a method.

    Raises
    ------
    OptionError
        There is no such method.
    MissingExtraError
        It needs an extra that is not installed.
    """
    row = find(name)
    try:
        return cast("Method", import_module(row.module))
    except ModuleNotFoundError as error:
        if row.extra is None or (error.name or "").startswith("restyle"):
            raise
        raise MissingExtraError(f"--method {name}", row.extra) from error


def describe(*, video: bool = False) -> str:
    """Return a sentence on each method: `fast: one pass of a network. optimize: ... (extra torch).`"""
    rows = [METHODS[name] for name in names(video=video)]
    return " ".join(
        f"{row.name}: {row.summary}" + (f" (extra {row.extra})." if row.extra else ".") for row in rows
    )
