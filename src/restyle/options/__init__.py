"""Options: type, default, range and help of each, declared once. Flags and keywords derive from them."""

from restyle.options.audio import AudioKeywords, AudioMethod, AudioOptions, DubOptions
from restyle.options.base import (
    DeviceName,
    EngineOptions,
    OptionSet,
    SaveOptions,
    again,
    choices_of,
    explain,
    from_keywords,
    from_text,
    hints_of,
    opt,
)
from restyle.options.image import (
    CallKeywords,
    EngineKeywords,
    ImageKeywords,
    ImageOptions,
    KeepColors,
    PaintKeywords,
    PhotoOptions,
    parse_crop,
    parse_size,
)
from restyle.options.optimize import EFFORTS, OptimizeKeywords, OptimizeOptions
from restyle.options.video import Steady, VideoCodec, VideoKeywords, VideoOptions

__all__ = [
    "EFFORTS",
    "AudioKeywords",
    "AudioMethod",
    "AudioOptions",
    "CallKeywords",
    "DeviceName",
    "DubOptions",
    "EngineKeywords",
    "EngineOptions",
    "ImageKeywords",
    "ImageOptions",
    "KeepColors",
    "OptimizeKeywords",
    "OptimizeOptions",
    "OptionSet",
    "PaintKeywords",
    "PhotoOptions",
    "SaveOptions",
    "Steady",
    "VideoCodec",
    "VideoKeywords",
    "VideoOptions",
    "again",
    "choices_of",
    "explain",
    "from_keywords",
    "from_text",
    "hints_of",
    "opt",
    "parse_crop",
    "parse_size",
]
