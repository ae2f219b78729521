"""The methods that stylize a picture, and the losses of the method `optimize`, one row each.

To add a method, write a module with a function `stylize(content, style, settings)` (see `protocol.Method`),
and add its row here. To add a loss, write a function in `optimize.losses`, and add its row here.

What a loss compares is its *measure*, which the objective collects for it, layer by layer:

- `moments`: mean and second moments of each region. `function(ours, style)`: two `Moments`; gives [R].
- `vectors`: feature vectors at random positions of each region. `function(ours, styles, generator)`: lists of
  [n, C] and [m, C]; gives [R].
- `calm vectors`: the same, at positions where the content is calm.
- `differences`: sums of squares. `function(sums, content)`: see `losses.feature_loss`; gives a scalar.
- `paired vectors`: vectors of picture and content at the same random positions. `function(ours, content)`:
  twice [n, C]; gives a scalar.

Style losses are averaged over layers and weighted by the area of each region.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, cast

from restyle.errors import MissingExtraError, OptionError

if TYPE_CHECKING:
    from restyle.methods.protocol import Method
    from restyle.models.session import Device

# The default is the first that can do what is asked; the last can do everything.
DEFAULTS = ("paint", "fast")


@dataclass(frozen=True, kw_only=True)
class MethodInfo:
    """Properties of a method, known before its module is imported."""

    name: str  # as `--method` takes it
    summary: str  # one clause for `--help`
    module: str  # imported when the method is first used
    extra: str | None = None  # optional dependencies it needs: `pip install 'restyle[EXTRA]'`
    # Which picture it resizes for `--style-scale`; "style" encodes the style at that scale.
    style_scale: Literal["content", "style"] = "style"
    paint_size: bool = False  # takes `--paint-size`
    pictures: bool = False  # needs the images of the style, not only its code
    network: bool = False  # its result is made by the network of `--model`
    regions: bool = False  # stylizes all regions at once, by `stylize_regions`; otherwise in turn
    strength: bool = False  # takes a strength below 1 itself; otherwise its result is mixed with the content
    max_strength: float = 1.0
    strokes: bool = True  # paints strokes, whose size `--style-scale` sets; otherwise structure is kept
    tables: bool = False  # its result can be one color map for a set or a scene, by `fit_tables`
    steps: bool = False  # calls `callback`, writes previews, and saves the picture so far at Ctrl-C
    resumes: bool = False  # keeps its state beside the result, so that an interrupted run can go on
    pace: float | None = None  # seconds for a megapixel on two cores, for estimates
    video: bool = False  # stylizes videos
    streams: bool = False  # stylizes pictures that do not fit into memory, by `plan_rows`
    previous_frame: bool = False  # starts a frame from the previous one, by `stylize_frame`
    key_frames: bool = False  # paints key frames, by `stylize_key`, between which the fast network helps


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
            module="restyle.methods.photo",
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
            module="restyle.methods.optimize",
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
    """Return the row of a method; OptionError if there is none."""
    if name not in METHODS:
        raise OptionError(f"method '{name}' is none of {', '.join(METHODS)}")
    return METHODS[name]


def network_device(device: str, method: str | None = None) -> Device:
    """Return the device of the ONNX networks for a `--device`: `mps` is PyTorch's, so they run on the CPU.

    OptionError if the device is mps, and the method, if given, does not use PyTorch.
    """
    if device == "mps" and method is not None and find(method).extra != "torch":
        raise OptionError(f"device 'mps' is not for method '{method}'; use coreml")
    return "cpu" if device == "mps" else cast("Device", device)


def load(name: str) -> Method:
    """Import the module of a method; MissingExtraError if it needs an extra that is not installed."""
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


Kind = Literal["style", "content"]
Measure = Literal["moments", "vectors", "calm vectors", "differences", "paired vectors"]

ENCODER_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
GRAIN_LAYERS = ("grain1", "grain2", "grain4")
_ENCODER = dict.fromkeys(ENCODER_LAYERS, 1.0)
# Weights of content layers. Of a large picture only the first layer is compared, to save memory.
_CONTENT = {"relu4_1": 1.0, "relu3_1": 0.1}


@dataclass(frozen=True)
class Loss:
    """One loss."""

    name: str  # as `--style-loss` or `--content-loss` takes it
    kind: Kind
    measure: Measure
    function: str  # in `methods.optimize.losses`, or `module:name`
    layers: Mapping[str, float]  # that are compared, with their weights
    both_ways: bool = True  # features of the transposed picture are compared too: twice the channels

    @property
    def random(self) -> bool:
        """Whether it compares other positions at every step."""
        return self.measure.endswith("vectors")

    def load(self) -> Callable[..., Any]:
        """Import the function, and torch with it."""
        module, _, name = self.function.rpartition(":")
        return getattr(import_module(module or "restyle.methods.optimize.losses"), name)  # type: ignore[no-any-return]


LOSSES: dict[str, Loss] = {
    row.name: row
    for row in (
        Loss("gram", "style", "moments", "gram_loss", _ENCODER),
        # The cost of gaussian grows with the cube of the channels.
        Loss("gaussian", "style", "moments", "gaussian_loss", _ENCODER, both_ways=False),
        Loss("sliced", "style", "vectors", "sliced_losses", _ENCODER),
        Loss("patches", "style", "vectors", "patch_losses", _ENCODER),
        Loss("strokes", "style", "calm vectors", "patch_losses", _ENCODER),
        Loss("grain", "style", "moments", "gram_loss", dict.fromkeys(GRAIN_LAYERS, 1.0)),
        Loss("features", "content", "differences", "feature_loss", _CONTENT),
        Loss("relu4_1", "content", "differences", "feature_loss", {"relu4_1": 1.0}),
        Loss("structure", "content", "paired vectors", "self_similarity_loss", _CONTENT),
    )
}


def losses(kind: Kind) -> tuple[str, ...]:
    """Names of the style losses, or of the content losses."""
    return tuple(row.name for row in LOSSES.values() if row.kind == kind)
