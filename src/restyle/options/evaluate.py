"""Options of `restyle evaluate`."""

from __future__ import annotations

from dataclasses import dataclass

from restyle.options.base import OptionSet, opt


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(OptionSet):
    """How results are measured."""

    size: int | None = opt(
        None,
        "Short side at which pictures are painted and compared, 512 if not given; smaller ones stay as"
        " they are.",
        (64, 8192),
        metavar="N",
        panel="Measuring",
    )
    frames: int = opt(
        16, "Frames of each video, from its beginning.", (2, 1000), metavar="N", panel="Measuring"
    )
    encoder: str = opt(
        "encoder-1",
        "What the figures are measured on: encoder-1; vgg19 once it is pulled, or a teacher's"
        " .safetensors (extra torch).",
        metavar="NAME|FILE",
        panel="Measuring",
    )
    fresh: bool = opt(False, "Ignore cached measurements.", panel="Measuring")
    leaderboard: str = opt(
        "docs/leaderboard", "Folder of the committed rows, for --suite.", metavar="FOLDER", panel="Writing"
    )
    overwrite: bool = opt(False, "Replace an earlier report. Pictures are never replaced.", panel="Writing")
