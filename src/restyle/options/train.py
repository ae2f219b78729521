"""Options of training, of studies and of evaluations. Imports no PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from restyle.errors import OptionError
from restyle.options.base import OptionSet, again, opt

Optimizer = Literal["adam", "adamw", "sgd"]
Normalization = Literal["blocks", "all", "none"]

NETWORK, RECIPE, RUN, WATCH = "Network", "Recipe", "Running", "Watching"
ENCODERS = "encoder-1,encoder-2"  # the loss alternates between them, which prevents overfitting to one
ENCODER = "encoder-2"  # for evaluation; from relu3_1 on encoder-1 hardly distinguishes textures
ADDED_RATE = 0.03  # learning rate for an added style: only its scale and shift are trained
LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


@dataclass(frozen=True, kw_only=True)
class TrainOptions(OptionSet):
    """How long and how fast to train, on what device, and what to write meanwhile."""

    falls_by_time: ClassVar[bool] = False  # whether the learning rate also decays with `minutes`

    steps: int = opt(20_000, "Training steps; the learning rate decays to zero over them.", (1, 10**9))
    minutes: float = opt(
        0.0, "Stop after this many minutes, with a checkpoint; 0: no limit.", (0, 1e6), panel=RUN
    )
    rate: float = opt(1e-3, "Peak learning rate (Adam with betas 0.9 and 0.99).", (1e-7, 1))
    optimizer: Optimizer = opt("adam", "Optimizer.")
    warmup: int = opt(200, "Warm-up steps of the learning rate.", (0, 10**9))
    average: float = opt(
        0.998, "Decay of the moving average of the weights; the average is the result.", (0, 0.99999)
    )
    clip: float = opt(1.0, "Maximum norm of the gradient.", (1e-6, 1e6))
    seed: int = opt(1, "Random seed of the initial weights and of the batches.", (0, 2**31))
    device: str = opt(
        "cpu", "cpu, cuda, cuda:N or mps. A missing device is an error.", metavar="DEVICE", panel=RUN
    )
    threads: int = opt(0, "CPU threads; 0: PyTorch's default.", (0, 1024), panel=RUN)
    deterministic: bool = opt(True, "Use deterministic kernels only.", panel=RUN)
    evaluate_every: int = opt(
        100,
        "Evaluate the loss on held-out pictures every N steps and at the end; 0: never.",
        (0, 10**9),
        panel=WATCH,
    )
    patience: int = opt(
        0, "Stop early after N evaluations without improvement; 0: never.", (0, 10**9), panel=WATCH
    )
    gap: float = opt(
        0.3,
        "Warn when the held-out loss exceeds the training loss by this fraction; 0: never.",
        (0, 1e6),
        panel=WATCH,
    )
    save_every: int = opt(500, "Save a checkpoint every N steps.", (1, 10**9), panel=WATCH)
    preview_every: int = opt(500, "Write a preview every N steps.", (1, 10**9), panel=WATCH)
    log_every: int = opt(24, "Log the losses every N steps.", (1, 10**9), panel=WATCH)
    tensorboard: bool = opt(False, "Write TensorBoard events as well as losses.csv.", panel=WATCH)


@dataclass(frozen=True, kw_only=True)
class StyleTrainOptions(TrainOptions):
    """`TrainOptions` with the defaults of a small network that trains for minutes, not days."""

    falls_by_time: ClassVar[bool] = True

    steps: int = again(TrainOptions, "steps", 2000)
    minutes: float = again(
        TrainOptions,
        "minutes",
        0.0,
        "Stop after this many minutes, with a checkpoint; the learning rate decays to zero by then. Time"
        " before --resume counts. 0: only --steps counts.",
    )
    rate: float = again(TrainOptions, "rate", 2e-3)
    warmup: int = again(TrainOptions, "warmup", 50)
    average: float = again(TrainOptions, "average", 0.99)
    save_every: int = again(TrainOptions, "save_every", 100)
    preview_every: int = again(TrainOptions, "preview_every", 200)
    log_every: int = again(TrainOptions, "log_every", 10)


@dataclass(frozen=True, kw_only=True)
class NetworkOptions(OptionSet, panel=NETWORK):
    """The architecture of a network with styles of its own."""

    kernel_size: int = opt(3, "Kernel size of all convolutions, odd.", (3, 15))
    width: int = opt(
        32,
        "Channels at half resolution; twice as many at a quarter, half as many at full resolution.",
        (4, 512),
    )
    blocks: int = opt(5, "Residual blocks, at a quarter of the resolution.", (0, 64))
    normalization: Normalization = opt(
        "all", "Instance normalization: after all convolutions, in the residual blocks only, or none."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kernel_size % 2 == 0:
            raise OptionError(f"kernel-size {self.kernel_size} is even; give an odd one: 3, 5, 7, 9")
        if self.width % 2:
            raise OptionError(
                f"width {self.width} is odd; give an even one, as full size has half as many channels"
            )


@dataclass(frozen=True, kw_only=True)
class StyleOptions(OptionSet, panel=RECIPE):
    """The training recipe of a network with styles of its own."""

    crop: int = opt(160, "Side of a content crop in pixels.", (64, 4096))
    style_size: int = opt(
        288,
        "Short side that style pictures are resized to, in pixels; larger gives larger strokes.",
        (64, 4096),
    )
    style_weight: float = opt(1.0, "Weight of the style loss.", (0, 1e6))
    color_weight: float = opt(0.2, "Weight of the mean and covariance of the style's colors.", (0, 1e6))
    content_weight: float = opt(1.0, "Weight of the content loss.", (0, 1e6))
    moments: float = opt(0.2, "Weight of feature means and deviations within the style loss.", (0, 1e6))
    structure: float = opt(
        1.0,
        "Share of the content loss on normalized features, which keep structure and ignore contrast.",
        (0, 1),
    )
    style_layers: str = opt(",".join(LAYERS), "Encoder layers of the style loss.", metavar="LAYERS")
    variation_weight: float = opt(0.01, "Weight of total variation.", (0, 1e6))
    range_weight: float = opt(3.0, "Weight of values outside 0..1.", (0, 1e6))
    held_out: int = opt(8, "Photos to hold out for evaluation; at most a fifth of all.", (0, 10**6))

    def __post_init__(self) -> None:
        super().__post_init__()
        self.layer_indices()

    def layer_indices(self) -> list[int]:
        """Indices into `LAYERS` of the layers of the style loss.

        Raises
        ------
        OptionError
            A layer is unknown, or there is none.
        """
        names = [name.strip() for name in self.style_layers.split(",") if name.strip()]
        unknown = [name for name in names if name not in LAYERS]
        if unknown or not names:
            raise OptionError(
                f"style-layers '{self.style_layers}': {unknown[0] if unknown else 'nothing'!r} is none of"
                f" {', '.join(LAYERS)}"
            )
        return [LAYERS.index(name) for name in names]


@dataclass(frozen=True, kw_only=True)
class PreviewOptions(OptionSet):
    """Which crops `restyle train preview-data` draws."""

    crop: int = again(StyleOptions, "crop", panel=None)
    style_size: int = again(StyleOptions, "style_size", panel=None)
    seed: int = again(TrainOptions, "seed", help="Random seed of the crops.")


@dataclass(frozen=True, kw_only=True)
class ArbitraryOptions(OptionSet, panel=RECIPE):
    """The training recipe of the arbitrary-style network; the style loss has weight 1."""

    crop: int = again(StyleOptions, "crop", 160)
    batch: int = opt(6, "Crops per step.", (1, 4096))
    late_from: int = opt(0, "First step with larger crops; 0: never.", (0, 10**9))
    late_crop: int = opt(256, "Side of the larger crops.", (64, 4096))
    late_batch: int = opt(3, "Larger crops per step.", (1, 4096))
    style_crop: float = opt(1.4, "Side of a style crop as a multiple of the content crop's.", (0.5, 4))
    bank: int = opt(64, "Style crops prepared at a time.", (1, 65_536))
    reuse: int = opt(4, "Steps that use each style crop, on average.", (1, 10_000))
    content_weight: float = again(StyleOptions, "content_weight", 0.25)
    texture_weight: float = opt(
        0.1, "Weight of the amount of texture in every part of the picture.", (0, 1e6)
    )
    covariances: float = opt(0.3, "Weight of feature covariances within the style loss.", (0, 1e6))
    weave_weight: float = opt(0.02, "Weight against patterns with a period of 8 px.", (0, 1e6))
    moments: float = again(StyleOptions, "moments", 0.2)
    structure: float = again(StyleOptions, "structure", 0.0)
    variation_weight: float = again(StyleOptions, "variation_weight", 0.004)
    range_weight: float = again(StyleOptions, "range_weight", 3.0)
    identity_every: int = opt(
        6,
        "Every N steps, train identity: with the photo itself as style the result should be the photo.",
        (0, 10**9),
    )
    identity_weight: float = opt(1.0, "Weight of the L1 loss in identity steps.", (0, 1e6))
    steady_every: int = opt(
        4, "Every N steps, train stability: shifted, noisy copies should give shifted results.", (0, 10**9)
    )
    steady_weight: float = opt(1.0, "Weight of the L1 loss in stability steps.", (0, 1e6))


@dataclass(frozen=True, kw_only=True)
class EncoderOptions(OptionSet, panel=RECIPE):
    """The training recipe of the perceptual encoder."""

    crop: int = opt(128, "Side of a crop in pixels.", (32, 4096))
    batch: int = again(ArbitraryOptions, "batch", 10)
    widths: str = opt("16,32,64,128,128", "Channels of the five blocks.", metavar="N,N,N,N,N")
    depths: str = opt("2,2,3,3,1", "3x3 convolutions per block.", metavar="N,N,N,N,N")
    sides: str = opt(
        "0,0,0,0,0",
        "Channels of an extra 3x3 convolution per block that predicts the teacher's first layer there."
        " Give as many as the teacher has; 0: predict it from the block's own first layer.",
        metavar="N,N,N,N,N",
    )
    gram_weight: float = opt(0.5, "Weight of Gram matrices relative to the features.", (0, 1e6))
    hint_weight: float = opt(
        0.0,
        "Weight of the features without the 1x1 head, if the last teacher is as narrow as the student.",
        (0, 1e6),
    )
    noise: float = opt(
        0.0,
        "Maximum deviation of noise added to a third of the crops; optimized pictures may contain noise.",
        (0, 1),
    )
    half_optimized: float = opt(
        0.0, "Share of the crops that are partly optimized pictures, made with the student itself.", (0, 1)
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("widths", "depths", "sides"):
            self.numbers(name)

    def numbers(self, name: str) -> tuple[int, ...]:
        """Return widths, depths or sides as numbers."""
        least, most, example = {
            "widths": (1, 4096, "16,32,64,128,128"),
            "depths": (1, 16, "2,2,3,3,1"),
            "sides": (0, 4096, "0,0,256,0,0"),
        }[name]
        text = getattr(self, name)
        found = [each.strip() for each in text.split(",")]
        if len(found) != 5 or not all(each.isdecimal() and least <= int(each) <= most for each in found):
            raise OptionError(f"{name} '{text}': give five numbers from {least} to {most}, as in {example}")
        return tuple(map(int, found))


@dataclass(frozen=True, kw_only=True)
class StudyOptions(OptionSet):
    """What all runs of `restyle study network` have in common."""

    budget: float = opt(180.0, "Processor time per run, in seconds.", (1, 1e9))
    seeds: int = opt(3, "Runs per setting, each with another seed.", (1, 1000))
    search: Literal["grid", "optuna"] = opt(
        "grid",
        "grid: the combinations; optuna: measured losses decide what is tried next (extra study). With"
        " optuna, --vary also takes spans: content-weight=0.2..2, width=16..64/8.",
    )
    sample: int = opt(0, "Try this many random combinations; 0: all.", (0, 10**9))
    trials: int = opt(
        20, "Number of settings that optuna tries in all; a larger number continues a search.", (1, 10**6)
    )
    photos: int = opt(200, "Maximum number of photos to train on.", (2, 10**9))
    held_out: int = opt(16, "Photos to measure on.", (1, 10**6))
    batch: int = again(ArbitraryOptions, "batch", 4, panel=None)
    crop: int = again(StyleOptions, "crop", panel=None)
    style_size: int = again(StyleOptions, "style_size", panel=None)
    encoder: str = opt(ENCODERS, "Perceptual encoder for the losses; several alternate.", metavar="NAME|FILE")
    jobs: int = opt(1, "Runs at the same time.", (1, 1024))
    threads: int = opt(1, "CPU threads per run.", (1, 1024))


@dataclass(frozen=True, kw_only=True)
class StyleCountOptions(OptionSet):
    """What all runs of `restyle study styles` have in common."""

    counts: str = opt("1,8,64,512", "Numbers of styles to train on.", metavar="N,N")
    steps: int = opt(600, "Steps per run.", (1, 10**9))
    seeds: int = again(StudyOptions, "seeds", 1)
    photos: int = again(StudyOptions, "photos", 400)
    held_out: int = again(StudyOptions, "held_out", 64, "Styles to measure on.")
    batch: int = again(StudyOptions, "batch", 4)
    crop: int = again(StudyOptions, "crop", 96)
    encoder: str = again(StudyOptions, "encoder", ENCODER, "Perceptual encoder for styles and losses.")
    jobs: int = again(StudyOptions, "jobs", 1)
    threads: int = again(StudyOptions, "threads", 1)


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(OptionSet, panel="Measuring"):
    """How results are measured."""

    size: int | None = opt(
        None,
        "Short side at which pictures are stylized and compared. Default: 512. Smaller pictures keep their"
        " size.",
        (64, 8192),
        metavar="N",
    )
    frames: int = opt(16, "Number of frames of each video, from its start.", (2, 1000), metavar="N")
    encoder: str = opt(
        "encoder-1",
        "Network for the figures: encoder-1; vgg19 (after `restyle models pull vgg19`) or a .safetensors file"
        " (extra torch).",
        metavar="NAME|FILE",
    )
    fresh: bool = opt(False, "Ignore cached measurements.")
    overwrite: bool = opt(False, "Replace an earlier report. Pictures are never replaced.", panel="Writing")
