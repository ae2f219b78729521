"""What can be set of a network with styles of its own; flags and keywords derive from here. No PyTorch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypedDict

from restyle.errors import OptionError
from restyle.options import OptionSet, about
from restyle.options.train import RUN, TrainOptions

Normalisation = Literal["blocks", "all", "none"]
ENCODERS = "encoder-1,encoder-2"  # take turns at judging: what deceives one of them, the other sees
ENCODER = "encoder-2"  # that judges: encoder-1 is nearly blind from relu3_1 on to what tells textures apart
ADDED_RATE = 0.03  # of an added style: its scale and shift alone learn, and have further to go than weights
LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
NETWORK, RECIPE = "Network", "Recipe"


@dataclass(frozen=True, kw_only=True)
class NetworkOptions(OptionSet):
    """The shape of the network.

    Parameters
    ----------
    kernel_size, width, blocks, normalisation
        As their help below says.
    """

    kernel_size: int = field(
        default=3,
        metadata=about("Side of every convolution's kernel, odd.", low=3, high=15, panel=NETWORK),
    )
    width: int = field(
        default=32,
        metadata=about(
            "Channels at half the size; twice as many at a quarter, half as many at full size.",
            low=4,
            high=512,
            panel=NETWORK,
        ),
    )
    blocks: int = field(
        default=5,
        metadata=about("Residual blocks, at a quarter of the size.", low=0, high=64, panel=NETWORK),
    )
    normalisation: Normalisation = field(
        default="all",
        metadata=about(
            "Where features are normalised over the picture: after all convolutions, in the residual blocks"
            " only, or nowhere.",
            panel=NETWORK,
        ),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kernel_size % 2 == 0:
            raise OptionError(f"kernel-size {self.kernel_size} is even; a kernel needs a middle: 3, 5, 7, 9")
        if self.width % 2:
            raise OptionError(f"width {self.width} is odd; at full size there are half as many channels")


@dataclass(frozen=True, kw_only=True)
class StyleOptions(OptionSet):
    """The recipe of a network with styles of its own.

    Parameters
    ----------
    crop, style_size, style_weight, colour_weight, content_weight, moments, structure, style_layers, \
variation_weight, range_weight, held_out
        As their help below says.
    """

    crop: int = field(
        default=160, metadata=about("Side of a photo's crop in pixels.", low=64, high=4096, panel=RECIPE)
    )
    style_size: int = field(
        default=288,
        metadata=about(
            "Short side in pixels that a style picture is looked at with: larger gives larger strokes.",
            low=64,
            high=4096,
            panel=RECIPE,
        ),
    )
    style_weight: float = field(
        default=1.0, metadata=about("Weight of style.", low=0.0, high=1e6, panel=RECIPE)
    )
    colour_weight: float = field(
        default=0.2,
        metadata=about("Weight of the style's mean colour and covariance.", low=0.0, high=1e6, panel=RECIPE),
    )
    content_weight: float = field(
        default=1.0, metadata=about("Weight of content.", low=0.0, high=1e6, panel=RECIPE)
    )
    moments: float = field(
        default=0.2,
        metadata=about("Weight of means and deviations beside covariances.", low=0.0, high=1e6, panel=RECIPE),
    )
    structure: float = field(
        default=1.0,
        metadata=about(
            "Share of content taken on normalised features, which see the drawing alone.",
            low=0.0,
            high=1.0,
            panel=RECIPE,
        ),
    )
    style_layers: str = field(
        default=",".join(LAYERS),
        metadata=about(
            "Layers of the perceptual encoder that style is judged at.", metavar="LAYERS", panel=RECIPE
        ),
    )
    variation_weight: float = field(
        default=0.01, metadata=about("Weight of total variation.", low=0.0, high=1e6, panel=RECIPE)
    )
    range_weight: float = field(
        default=3.0, metadata=about("Weight against values outside 0..1.", low=0.0, high=1e6, panel=RECIPE)
    )
    held_out: int = field(
        default=8,
        metadata=about(
            "Photos that are not trained on, to measure on; at most a fifth of all.",
            low=0,
            high=10**6,
            panel=RECIPE,
        ),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self.layer_indices()

    def layer_indices(self) -> list[int]:
        """Places in `LAYERS` of those that style is judged at.

        Raises OptionError when one of them is none.
        """
        names = [name.strip() for name in self.style_layers.split(",") if name.strip()]
        unknown = [name for name in names if name not in LAYERS]
        if unknown or not names:
            raise OptionError(
                f"style-layers '{self.style_layers}': {unknown[0] if unknown else 'nothing'!r} is none of"
                f" {', '.join(LAYERS)}"
            )
        return [LAYERS.index(name) for name in names]


def _again(name: str, default: Any) -> Any:
    """A field of `TrainOptions` with another default."""
    return field(default=default, metadata=TrainOptions.__dataclass_fields__[name].metadata)


@dataclass(frozen=True, kw_only=True)
class StyleTrainOptions(TrainOptions):
    """`TrainOptions` with the defaults of a small network that is watched for minutes, not days.

    Parameters
    ----------
    steps, rate, warmup, average, save_every, preview_every, log_every
        As their help says there.
    minutes
        As its help below says.
    """

    falls_by_time: ClassVar[bool] = True

    steps: int = _again("steps", 2000)
    minutes: float = field(
        default=0.0,
        metadata=about(
            "Minutes of the run in all, those before --resume as well: by their end the learning rate falls"
            " to zero, and it stops with a checkpoint; 0 goes by steps alone.",
            low=0.0,
            high=1e6,
            panel=RUN,
        ),
    )
    rate: float = _again("rate", 2e-3)
    warmup: int = _again("warmup", 50)
    average: float = _again("average", 0.99)
    save_every: int = _again("save_every", 100)
    preview_every: int = _again("preview_every", 200)
    log_every: int = _again("log_every", 10)


class NetworkKeywords(TypedDict, total=False):
    """The fields of `NetworkOptions` as keywords, for type checkers."""

    kernel_size: int
    width: int
    blocks: int
    normalisation: Normalisation
