"""Every option once: type, default, range and help. Command-line flags and keywords derive from here."""

from restyle.options.audio import AudioKeywords, AudioMethod, AudioOptions, DubOptions
from restyle.options.base import DeviceName, EngineOptions, OptionSet, SaveOptions, opt
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
from restyle.options.optimize import OptimizeKeywords, OptimizeOptions
from restyle.options.video import Steady, VideoCodec, VideoKeywords, VideoOptions

__all__ = [
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
    "opt",
    "parse_crop",
    "parse_size",
]
