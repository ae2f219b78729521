"""The clips and pairs that are scored, fixed before the methods were tuned."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from restyle.sounds.features import RATE, at_rate
from restyle.sounds.read import load_sound

Float = NDArray[np.float32]

SECONDS = 8.0
# short name: (file in ../shared/data/audio, second at which the excerpt starts)
CLIPS = {
    "sense": ("audio__198-209-0000.ogg", 0),  # a woman reads
    "ashiel": ("audio__5703-47212-0000.ogg", 0),  # a man reads
    "robin": ("audio__456440__inspectorj__bird-whistling-robin-single-13.ogg", 0),  # birdsong, 2.7 s
    "fishin": ("audio__Karissa_Hobbs_-_Lets_Go_Fishin.ogg", 30),  # voice and guitar
    "plum": (
        "audio__Kevin_MacLeod_-_P_I_Tchaikovsky_Dance_of_the_Sugar_Plum_Fairy.ogg",
        30,
    ),  # celesta, orchestra
    "howl": ("audio__pibble.ogg", 10),  # a dog howls in her sleep, mostly silence
}
# Other moments of the same recordings, on which nothing was ever tuned; of the robin there is only one.
LATER = {
    "sense-2": ("audio__198-209-0000.ogg", 5.9),
    "ashiel-2": ("audio__5703-47212-0000.ogg", 6.8),
    "fishin-2": ("audio__Karissa_Hobbs_-_Lets_Go_Fishin.ogg", 90),
    "plum-2": ("audio__Kevin_MacLeod_-_P_I_Tchaikovsky_Dance_of_the_Sugar_Plum_Fairy.ogg", 80),
    "howl-2": ("audio__pibble.ogg", 30),
}
# (content, style)
PAIRS = (
    ("sense", "plum"),
    ("ashiel", "robin"),
    ("fishin", "plum"),
    ("plum", "fishin"),
    ("fishin", "howl"),
    ("ashiel", "fishin"),
    ("plum", "ashiel"),
    ("howl", "plum"),
)
HELD_OUT = tuple((f"{content}-2", style if style == "robin" else f"{style}-2") for content, style in PAIRS)
ALL_PAIRS = tuple((content, style) for content in CLIPS for style in CLIPS if content != style)


def folder() -> Path:
    """Where the clips are: ``../shared/data/audio``, or under RESTYLE_SHARED."""
    shared = os.environ.get("RESTYLE_SHARED") or Path(__file__).parents[2] / ".." / "shared"
    return Path(shared) / "data" / "audio"


def clip(name: str) -> Float:
    """An excerpt, mono at `RATE` [shape=(n,), float32]."""
    file, start = {**CLIPS, **LATER}[name]
    y, sr = load_sound(folder() / file)
    part = y[round(start * sr) : round((start + SECONDS) * sr)]
    return at_rate(part, sr) if sr != RATE else part.mean(axis=1)
