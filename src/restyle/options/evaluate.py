"""Options of `restyle evaluate`."""

from __future__ import annotations

from dataclasses import dataclass, field

from restyle.options.base import OptionSet, about


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(OptionSet):
    """How results are measured.

    Parameters
    ----------
    size, frames, encoder, fresh, leaderboard, overwrite
        As their help below says.

    Raises
    ------
    OptionError
        A value outside its range.
    """

    size: int | None = field(
        default=None,
        metadata=about(
            "Short side at which pictures are painted and compared, 512 if not given; smaller ones stay as"
            " they are.",
            low=64,
            high=8192,
            metavar="N",
            panel="Measuring",
        ),
    )
    frames: int = field(
        default=16,
        metadata=about(
            "Frames of each video, from its beginning.", low=2, high=1000, metavar="N", panel="Measuring"
        ),
    )
    encoder: str = field(
        default="encoder-1",
        metadata=about(
            "What the figures are measured on: encoder-1; vgg19 once it is pulled, or a teacher's"
            " .safetensors (extra torch).",
            metavar="NAME|FILE",
            panel="Measuring",
        ),
    )
    fresh: bool = field(
        default=False,
        metadata=about("Measure everything anew, also what was measured before.", panel="Measuring"),
    )
    leaderboard: str = field(
        default="docs/leaderboard",
        metadata=about("Folder of the committed rows, for --suite.", metavar="FOLDER", panel="Writing"),
    )
    overwrite: bool = field(
        default=False,
        metadata=about("Replace an earlier report. Pictures are never replaced.", panel="Writing"),
    )
