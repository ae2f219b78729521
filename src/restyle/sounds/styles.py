"""Sound styles: presets, files or arrays, mixed by weight."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restyle.errors import StyleError
from restyle.sounds.content import samples_of
from restyle.sounds.presets import SOUNDS, sound_path
from restyle.sounds.read import SoundReader
from restyle.sounds.stft import resample
from restyle.sounds.write import SUFFIXES
from restyle.types import PathLike, SoundStylesLike

Float = NDArray[np.float32]

STYLE_SAMPLES = 3_000_000  # of all styles together; longer ones are sampled in excerpts
EXCERPT = 5.0  # seconds
FADE = 0.02  # seconds at the ends of an excerpt
SILENT = 1e-5  # peak


def parse_styles(style: SoundStylesLike) -> list[tuple[Any, float]]:
    """A style or a list of them, with weights that add up to one.

    Examples
    --------
    >>> parse_styles(["rain:3", "choir"])
    [('rain', 0.75), ('choir', 0.25)]
    """
    items: list[Any] = list(style) if isinstance(style, list | tuple) and not _is_pair(style) else [style]
    pairs: list[tuple[Any, float]] = []
    for item in items:
        name, weight = item if _is_pair(item) else (item, 1.0)
        if isinstance(name, str) and not os.path.exists(name) and ":" in name:
            front, _, back = name.rpartition(":")
            with contextlib.suppress(ValueError):  # otherwise a colon of the name itself
                name, weight = front, float(back)
        if not np.isfinite(weight) or weight < 0:
            raise StyleError(f"weight {weight:g} of style '{name}' is not a positive number")
        pairs.append((name, float(weight)))
    total = sum(weight for _, weight in pairs)
    if total <= 0:
        raise StyleError("no style has a weight above 0; give at least one")
    return [(name, weight / total) for name, weight in pairs if weight > 0]


def load_styles(styles: Sequence[tuple[Any, float]], sr: int) -> list[tuple[Float, float]]:
    """Read the styles, mixed to mono, at the content's rate; long ones as excerpts from all over."""
    loaded = []
    room = max(STYLE_SAMPLES // len(styles) / sr, 2 * EXCERPT)
    for name, weight in styles:
        if isinstance(name, str | os.PathLike):
            y, rate = _excerpts(style_file(name), room)
        else:
            y, rate = samples_of(name).mean(axis=1), sr
        y = resample(y, sr / rate)
        if not len(y) or float(np.abs(y).max()) < SILENT:
            raise StyleError(f"style '{shown(name)}' is silent; choose a sound that can be heard")
        loaded.append((y, weight))
    return loaded


def style_paths(styles: Sequence[tuple[Any, float]]) -> list[PathLike]:
    """The files among the styles, presets left out."""
    paths = [name for name, _ in styles if isinstance(name, str | os.PathLike)]
    return [path for path in paths if os.path.exists(path)]


def style_file(name: PathLike) -> PathLike:
    """Path of a style: of the preset when it is one's name."""
    return sound_path(name) if isinstance(name, str) and _is_preset(name) else name


def default_output(content: PathLike, styles: Sequence[tuple[Any, float]]) -> Path:
    """`speech.wav` and `rain.ogg` -> `speech-rain.wav` in the current folder."""
    path = Path(content)
    suffix = path.suffix if path.suffix.lower() in SUFFIXES and path.suffix.lower() != ".mp4" else ".wav"
    return Path(f"{path.stem}-{joined_names(styles)}{suffix}")


def joined_names(styles: Sequence[tuple[Any, float]]) -> str:
    """The styles' names as a part of a file name: `choir-bells`."""
    return "-".join(Path(shown(name)).stem for name, _ in styles)


def shown(name: Any) -> str:
    """A style as messages and titles call it."""
    return os.fspath(name) if isinstance(name, str | os.PathLike) else "array"


def _is_preset(name: str) -> bool:
    # An unknown name with a suffix or a folder is meant as a file: the reader says that it is missing.
    return not os.path.exists(name) and (name in SOUNDS or not (os.sep in name or Path(name).suffix))


def _is_pair(item: Any) -> bool:
    return isinstance(item, tuple) and len(item) == 2 and isinstance(item[1], int | float)


def _excerpts(path: PathLike, seconds: float) -> tuple[Float, int]:
    """A sound whole, or excerpts of `EXCERPT` seconds spread over it [shape=(n,), float32]; its rate."""
    with SoundReader(path) as reader:
        sr, frames = reader.info.sr, reader.info.frames
        length = round(EXCERPT * sr)
        if frames is None or frames <= seconds * sr:
            parts: list[Float] = []
            for block in reader.blocks(length):
                parts.append(block.mean(axis=1))
                if sum(map(len, parts)) >= seconds * sr:
                    break
            return np.concatenate([*parts, np.zeros(0, np.float32)]), sr
        every = frames / (seconds * sr / length)
        parts, next_start = [], 0.0
        for number, block in enumerate(reader.blocks(length)):
            if number * length >= next_start:
                parts.append(block.mean(axis=1) * _ends(len(block), round(FADE * sr)))
                next_start += every
        return np.concatenate(parts), sr


def _ends(samples: int, fade: int) -> Float:
    """Ones that rise from zero and fall to zero, so that excerpts join without a click."""
    ramp = np.minimum(np.arange(samples), np.arange(samples)[::-1]) / max(1, fade)
    return np.clip(ramp, 0, 1).astype(np.float32)
