"""What can be set in training; the flags of `restyle train` derive from these. Imports no PyTorch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from restyle.errors import OptionError
from restyle.options import OptionSet, about

Optimizer = Literal["adam", "adamw", "sgd"]
RECIPE, RUN, WATCH = "Recipe", "Running", "Watching"


@dataclass(frozen=True, kw_only=True)
class TrainOptions(OptionSet):
    """How long and how fast to train, where, and what to write on the way.

    Parameters
    ----------
    steps, minutes, rate, optimizer, warmup, average, clip, evaluate_every, patience, gap, seed, device, \
threads, deterministic, save_every, \
preview_every, log_every, tensorboard
        As their help below says.
    """

    falls_by_time: ClassVar[bool] = False  # whether `minutes` brings the learning rate to zero as well

    steps: int = field(
        default=20_000,
        metadata=about(
            "Gradient steps in all; the learning rate falls to zero at the last.", low=1, high=10**9
        ),
    )
    minutes: float = field(
        default=0.0,
        metadata=about(
            "Stop, with a checkpoint, after so many minutes; 0 is no limit.", low=0.0, high=1e6, panel=RUN
        ),
    )
    rate: float = field(
        default=1e-3, metadata=about("Peak learning rate of Adam (betas .9, .99).", low=1e-7, high=1.0)
    )
    optimizer: Optimizer = field(default="adam", metadata=about("What descends the loss."))
    warmup: int = field(default=200, metadata=about("Steps over which the rate rises.", low=0, high=10**9))
    average: float = field(
        default=0.998,
        metadata=about("Decay of the average of the weights, which is the result.", low=0.0, high=0.99999),
    )
    clip: float = field(default=1.0, metadata=about("Largest norm of the gradient.", low=1e-6, high=1e6))
    seed: int = field(default=1, metadata=about("Decides first weights and every batch.", low=0, high=2**31))
    device: str = field(
        default="cpu",
        metadata=about(
            "cpu, cuda or cuda:N; one that is not there is an error.", metavar="DEVICE", panel=RUN
        ),
    )
    threads: int = field(
        default=0, metadata=about("CPU threads; 0 leaves it to PyTorch.", low=0, high=1024, panel=RUN)
    )
    deterministic: bool = field(
        default=True, metadata=about("Only kernels that give the same figures every time.", panel=RUN)
    )
    evaluate_every: int = field(
        default=100,
        metadata=about(
            "Where pictures are held out: measure their loss every N steps and at the end; 0 is never.",
            low=0,
            high=10**9,
            panel=WATCH,
        ),
    )
    patience: int = field(
        default=0,
        metadata=about(
            "Stop early when the held-out loss was not better N times in a row; 0 is never.",
            low=0,
            high=10**9,
            panel=WATCH,
        ),
    )
    gap: float = field(
        default=0.3,
        metadata=about(
            "Warn when the held-out loss is this share above that in training; 0 is never.",
            low=0.0,
            high=1e6,
            panel=WATCH,
        ),
    )
    save_every: int = field(
        default=500, metadata=about("Checkpoint every N steps.", low=1, high=10**9, panel=WATCH)
    )
    preview_every: int = field(
        default=500, metadata=about("Preview every N steps.", low=1, high=10**9, panel=WATCH)
    )
    log_every: int = field(default=24, metadata=about("Log every N steps.", low=1, high=10**9, panel=WATCH))
    tensorboard: bool = field(
        default=False, metadata=about("Write TensorBoard events beside losses.csv.", panel=WATCH)
    )


@dataclass(frozen=True, kw_only=True)
class EncoderOptions(OptionSet):
    """The recipe of the perceptual encoder.

    Parameters
    ----------
    crop, batch, widths, depths, sides, gram_weight, hint_weight, noise, half_optimised
        As their help below says.

    Raises
    ------
    OptionError
        A value outside its range; widths, depths or sides that are not five numbers.
    """

    crop: int = field(
        default=128, metadata=about("Side of a crop in pixels.", low=32, high=4096, panel=RECIPE)
    )
    batch: int = field(default=10, metadata=about("Crops a step.", low=1, high=4096, panel=RECIPE))
    widths: str = field(
        default="16,32,64,128,128",
        metadata=about("Channels of the five blocks.", metavar="N,N,N,N,N", panel=RECIPE),
    )
    depths: str = field(
        default="2,2,3,3,1",
        metadata=about("3x3 convolutions of each block.", metavar="N,N,N,N,N", panel=RECIPE),
    )
    sides: str = field(
        default="0,0,0,0,0",
        metadata=about(
            "Channels of a 3x3 convolution beside each block, as many as the teacher's first layer has there,"
            " that stands for that layer; 0: the block's own first layer and a 1x1 head do.",
            metavar="N,N,N,N,N",
            panel=RECIPE,
        ),
    )
    gram_weight: float = field(
        default=0.5,
        metadata=about("Weight of the Gram matrices beside the features.", low=0.0, high=1e6, panel=RECIPE),
    )
    hint_weight: float = field(
        default=0.0,
        metadata=about(
            "Weight of the features themselves, not widened, where the last teacher is as narrow as the"
            " student.",
            low=0.0,
            high=1e6,
            panel=RECIPE,
        ),
    )
    noise: float = field(
        default=0.0,
        metadata=about(
            "Most noise, as a deviation, that a third of the crops get: optimised pictures may hold some.",
            low=0.0,
            high=1.0,
            panel=RECIPE,
        ),
    )
    half_optimised: float = field(
        default=0.0,
        metadata=about(
            "Share of the crops that are pictures half optimised against the student itself.",
            low=0.0,
            high=1.0,
            panel=RECIPE,
        ),
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
    """The recipe of the arbitrary-style network; the loss of style has weight 1.

    Parameters
    ----------
    crop, batch, late_crop, late_batch, late_from, style_crop, bank, reuse, content_weight, texture_weight, \
covariances, weave_weight, moments, structure, variation_weight, range_weight, \
identity_every, identity_weight, steady_every, steady_weight
        As their help below says.
    """

    crop: int = field(
        default=160, metadata=about("Side of a content crop in pixels.", low=64, high=4096, panel=RECIPE)
    )
    batch: int = field(default=6, metadata=about("Crops a step.", low=1, high=4096, panel=RECIPE))
    late_from: int = field(
        default=0,
        metadata=about("Step from which on crops are larger; 0 is never.", low=0, high=10**9, panel=RECIPE),
    )
    late_crop: int = field(
        default=256, metadata=about("Side of those crops.", low=64, high=4096, panel=RECIPE)
    )
    late_batch: int = field(default=3, metadata=about("Crops a step then.", low=1, high=4096, panel=RECIPE))
    style_crop: float = field(
        default=1.4,
        metadata=about("Side of a style crop as a multiple of that.", low=0.5, high=4.0, panel=RECIPE),
    )
    bank: int = field(
        default=64, metadata=about("Style crops prepared at a time.", low=1, high=65_536, panel=RECIPE)
    )
    reuse: int = field(
        default=4,
        metadata=about("Steps that each of them serves, on average.", low=1, high=10_000, panel=RECIPE),
    )
    content_weight: float = field(
        default=0.25, metadata=about("Weight of content.", low=0.0, high=1e6, panel=RECIPE)
    )
    texture_weight: float = field(
        default=0.1,
        metadata=about(
            "Weight of texture in every part of the picture, as much as the style has.",
            low=0.0,
            high=1e6,
            panel=RECIPE,
        ),
    )
    covariances: float = field(
        default=0.3,
        metadata=about(
            "Weight of covariances of features beside Gram matrices.", low=0.0, high=1e6, panel=RECIPE
        ),
    )
    weave_weight: float = field(
        default=0.02,
        metadata=about("Weight against patterns that repeat every 8 px.", low=0.0, high=1e6, panel=RECIPE),
    )
    moments: float = field(
        default=0.2,
        metadata=about(
            "Weight of means and deviations beside Gram matrices.", low=0.0, high=1e6, panel=RECIPE
        ),
    )
    structure: float = field(
        default=0.0,
        metadata=about(
            "Share of content taken on normalised features, which see the drawing alone.",
            low=0.0,
            high=1.0,
            panel=RECIPE,
        ),
    )
    variation_weight: float = field(
        default=0.004, metadata=about("Weight of total variation.", low=0.0, high=1e6, panel=RECIPE)
    )
    range_weight: float = field(
        default=3.0, metadata=about("Weight against values outside 0..1.", low=0.0, high=1e6, panel=RECIPE)
    )
    identity_every: int = field(
        default=6,
        metadata=about(
            "Every N steps the style is the photo itself, which must come back.",
            low=0,
            high=10**9,
            panel=RECIPE,
        ),
    )
    identity_weight: float = field(
        default=1.0, metadata=about("Weight of the L1 difference then.", low=0.0, high=1e6, panel=RECIPE)
    )
    steady_every: int = field(
        default=4,
        metadata=about(
            "Every N steps shifted, noisy copies must give shifted results.", low=0, high=10**9, panel=RECIPE
        ),
    )
    steady_weight: float = field(
        default=1.0, metadata=about("Weight of the L1 difference then.", low=0.0, high=1e6, panel=RECIPE)
    )
