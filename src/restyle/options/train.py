"""What can be set in training; the flags of `restyle train` derive from these. Imports no PyTorch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypedDict

from restyle.errors import OptionError
from restyle.options.base import OptionSet, opt

Optimizer = Literal["adam", "adamw", "sgd"]
NETWORK, RECIPE, RUN, WATCH = "Network", "Recipe", "Running", "Watching"


@dataclass(frozen=True, kw_only=True)
class TrainOptions(OptionSet):
    """How long and how fast to train, where, and what to write on the way."""

    falls_by_time: ClassVar[bool] = False  # whether `minutes` brings the learning rate to zero as well

    steps: int = opt(
        20_000, "Gradient steps in all; the learning rate falls to zero at the last.", (1, 10**9)
    )
    minutes: float = opt(
        0.0, "Stop, with a checkpoint, after so many minutes; 0 is no limit.", (0, 1e6), panel=RUN
    )
    rate: float = opt(1e-3, "Peak learning rate of Adam (betas .9, .99).", (1e-7, 1))
    optimizer: Optimizer = opt("adam", "Optimizer.")
    warmup: int = opt(200, "Steps over which the rate rises.", (0, 10**9))
    average: float = opt(0.998, "Decay of the average of the weights, which is the result.", (0, 0.99999))
    clip: float = opt(1.0, "Largest norm of the gradient.", (1e-6, 1e6))
    seed: int = opt(1, "Seed of the initial weights and of every batch.", (0, 2**31))
    device: str = opt(
        "cpu", "cpu, cuda or cuda:N; one that is not there is an error.", metavar="DEVICE", panel=RUN
    )
    threads: int = opt(0, "CPU threads; 0 leaves it to PyTorch.", (0, 1024), panel=RUN)
    deterministic: bool = opt(True, "Only kernels that give the same figures every time.", panel=RUN)
    evaluate_every: int = opt(
        100,
        "Where pictures are held out: measure their loss every N steps and at the end; 0 is never.",
        (0, 10**9),
        panel=WATCH,
    )
    patience: int = opt(
        0,
        "Stop early when the held-out loss was not better N times in a row; 0 is never.",
        (0, 10**9),
        panel=WATCH,
    )
    gap: float = opt(
        0.3,
        "Warn when the held-out loss is this share above that in training; 0 is never.",
        (0, 1e6),
        panel=WATCH,
    )
    save_every: int = opt(500, "Checkpoint every N steps.", (1, 10**9), panel=WATCH)
    preview_every: int = opt(500, "Preview every N steps.", (1, 10**9), panel=WATCH)
    log_every: int = opt(24, "Log every N steps.", (1, 10**9), panel=WATCH)
    tensorboard: bool = opt(False, "Write TensorBoard events beside losses.csv.", panel=WATCH)


@dataclass(frozen=True, kw_only=True)
class EncoderOptions(OptionSet):
    """The recipe of the perceptual encoder."""

    crop: int = opt(128, "Side of a crop in pixels.", (32, 4096), panel=RECIPE)
    batch: int = opt(10, "Crops a step.", (1, 4096), panel=RECIPE)
    widths: str = opt("16,32,64,128,128", "Channels of the five blocks.", metavar="N,N,N,N,N", panel=RECIPE)
    depths: str = opt("2,2,3,3,1", "3x3 convolutions of each block.", metavar="N,N,N,N,N", panel=RECIPE)
    sides: str = opt(
        "0,0,0,0,0",
        "Channels of a 3x3 convolution beside each block, as many as the teacher's first layer has there,"
        " that stands for that layer; 0: the block's own first layer and a 1x1 head do.",
        metavar="N,N,N,N,N",
        panel=RECIPE,
    )
    gram_weight: float = opt(0.5, "Weight of the Gram matrices beside the features.", (0, 1e6), panel=RECIPE)
    hint_weight: float = opt(
        0.0,
        "Weight of the features themselves, not widened, where the last teacher is as narrow as the student.",
        (0, 1e6),
        panel=RECIPE,
    )
    noise: float = opt(
        0.0,
        "Most noise, as a deviation, that a third of the crops get: optimised pictures may hold some.",
        (0, 1),
        panel=RECIPE,
    )
    half_optimised: float = opt(
        0.0,
        "Share of the crops that are pictures half optimised against the student itself.",
        (0, 1),
        panel=RECIPE,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("widths", "depths", "sides"):
            self.numbers(name)

    def numbers(self, name: str) -> tuple[int, ...]:
        """Widths, depths or sides as numbers."""
        least, most, example = {
            "widths": (1, 4096, "16,32,64,128,128"),
            "depths": (1, 16, "2,2,3,3,1"),
            "sides": (0, 4096, "0,0,256,0,0"),
        }[name]
        given = getattr(self, name)
        found = [each.strip() for each in given.split(",")]
        if len(found) != 5 or not all(each.isdecimal() and least <= int(each) <= most for each in found):
            raise OptionError(f"{name} '{given}': give five numbers from {least} to {most}, as in {example}")
        return tuple(map(int, found))


@dataclass(frozen=True, kw_only=True)
class ArbitraryOptions(OptionSet):
    """The recipe of the arbitrary-style network; the loss of style has weight 1."""

    crop: int = opt(160, "Side of a content crop in pixels.", (64, 4096), panel=RECIPE)
    batch: int = opt(6, "Crops a step.", (1, 4096), panel=RECIPE)
    late_from: int = opt(0, "Step from which on crops are larger; 0 is never.", (0, 10**9), panel=RECIPE)
    late_crop: int = opt(256, "Side of those crops.", (64, 4096), panel=RECIPE)
    late_batch: int = opt(3, "Crops a step then.", (1, 4096), panel=RECIPE)
    style_crop: float = opt(1.4, "Side of a style crop as a multiple of that.", (0.5, 4), panel=RECIPE)
    bank: int = opt(64, "Style crops prepared at a time.", (1, 65_536), panel=RECIPE)
    reuse: int = opt(4, "Steps that each of them serves, on average.", (1, 10_000), panel=RECIPE)
    content_weight: float = opt(0.25, "Weight of content.", (0, 1e6), panel=RECIPE)
    texture_weight: float = opt(
        0.1,
        "Weight of texture in every part of the picture, as much as the style has.",
        (0, 1e6),
        panel=RECIPE,
    )
    covariances: float = opt(
        0.3, "Weight of covariances of features beside Gram matrices.", (0, 1e6), panel=RECIPE
    )
    weave_weight: float = opt(0.02, "Weight against patterns that repeat every 8 px.", (0, 1e6), panel=RECIPE)
    moments: float = opt(0.2, "Weight of means and deviations beside Gram matrices.", (0, 1e6), panel=RECIPE)
    structure: float = opt(
        0.0,
        "Share of content taken on normalised features, which see the drawing alone.",
        (0, 1),
        panel=RECIPE,
    )
    variation_weight: float = opt(0.004, "Weight of total variation.", (0, 1e6), panel=RECIPE)
    range_weight: float = opt(3.0, "Weight against values outside 0..1.", (0, 1e6), panel=RECIPE)
    identity_every: int = opt(
        6, "Every N steps the style is the photo itself, which must come back.", (0, 10**9), panel=RECIPE
    )
    identity_weight: float = opt(1.0, "Weight of the L1 difference then.", (0, 1e6), panel=RECIPE)
    steady_every: int = opt(
        4, "Every N steps shifted, noisy copies must give shifted results.", (0, 10**9), panel=RECIPE
    )
    steady_weight: float = opt(1.0, "Weight of the L1 difference then.", (0, 1e6), panel=RECIPE)


Normalisation = Literal["blocks", "all", "none"]
ENCODERS = "encoder-1,encoder-2"  # the loss alternates between them, which prevents overfitting to one
ENCODER = "encoder-2"  # that judges: encoder-1 is nearly blind from relu3_1 on to what tells textures apart
ADDED_RATE = 0.03  # of an added style: its scale and shift alone learn, and have further to go than weights
LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


@dataclass(frozen=True, kw_only=True)
class NetworkOptions(OptionSet):
    """The shape of the network."""

    kernel_size: int = opt(3, "Side of every convolution's kernel, odd.", (3, 15), panel=NETWORK)
    width: int = opt(
        32,
        "Channels at half the size; twice as many at a quarter, half as many at full size.",
        (4, 512),
        panel=NETWORK,
    )
    blocks: int = opt(5, "Residual blocks, at a quarter of the size.", (0, 64), panel=NETWORK)
    normalisation: Normalisation = opt(
        "all",
        "Where features are normalised over the picture: after all convolutions, in the residual blocks"
        " only, or nowhere.",
        panel=NETWORK,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kernel_size % 2 == 0:
            raise OptionError(f"kernel-size {self.kernel_size} is even; a kernel needs a middle: 3, 5, 7, 9")
        if self.width % 2:
            raise OptionError(f"width {self.width} is odd; at full size there are half as many channels")


@dataclass(frozen=True, kw_only=True)
class StyleOptions(OptionSet):
    """The recipe of a network with styles of its own."""

    crop: int = opt(160, "Side of a photo's crop in pixels.", (64, 4096), panel=RECIPE)
    style_size: int = opt(
        288,
        "Short side in pixels that a style picture is looked at with: larger gives larger strokes.",
        (64, 4096),
        panel=RECIPE,
    )
    style_weight: float = opt(1.0, "Weight of style.", (0, 1e6), panel=RECIPE)
    colour_weight: float = opt(
        0.2, "Weight of the style's mean colour and covariance.", (0, 1e6), panel=RECIPE
    )
    content_weight: float = opt(1.0, "Weight of content.", (0, 1e6), panel=RECIPE)
    moments: float = opt(0.2, "Weight of means and deviations beside covariances.", (0, 1e6), panel=RECIPE)
    structure: float = opt(
        1.0,
        "Share of content taken on normalised features, which see the drawing alone.",
        (0, 1),
        panel=RECIPE,
    )
    style_layers: str = opt(
        ",".join(LAYERS),
        "Layers of the perceptual encoder that style is judged at.",
        metavar="LAYERS",
        panel=RECIPE,
    )
    variation_weight: float = opt(0.01, "Weight of total variation.", (0, 1e6), panel=RECIPE)
    range_weight: float = opt(3.0, "Weight against values outside 0..1.", (0, 1e6), panel=RECIPE)
    held_out: int = opt(
        8, "Photos that are not trained on, to measure on; at most a fifth of all.", (0, 10**6), panel=RECIPE
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
    """`TrainOptions` with the defaults of a small network that is watched for minutes, not days."""

    falls_by_time: ClassVar[bool] = True

    steps: int = _again("steps", 2000)
    minutes: float = opt(
        0.0,
        "Minutes of the run in all, those before --resume as well: by their end the learning rate falls"
        " to zero, and it stops with a checkpoint; 0 goes by steps alone.",
        (0, 1e6),
        panel=RUN,
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
