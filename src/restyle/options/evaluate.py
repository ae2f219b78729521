"""Options of `restyle evaluate`."""

from __future__ import annotations

from dataclasses import dataclass

from restyle.options.base import OptionSet, opt


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(OptionSet):
    """How results are measured."""

    size: int | None = opt(
        None,
        "Short side at which pictures are stylized and compared. Default: 512. Smaller pictures keep their"
        " size.",
        (64, 8192),
        metavar="N",
        panel="Measuring",
    )
    frames: int = opt(
        16, "Number of frames of each video, from its start.", (2, 1000), metavar="N", panel="Measuring"
    )
    encoder: str = opt(
        "encoder-1",
        "Network for the figures: encoder-1; vgg19 (after `restyle models pull vgg19`) or a .safetensors file"
        " (extra torch).",
        metavar="NAME|FILE",
        panel="Measuring",
    )
    fresh: bool = opt(False, "Ignore cached measurements.", panel="Measuring")
    overwrite: bool = opt(False, "Replace an earlier report. Pictures are never replaced.", panel="Writing")
