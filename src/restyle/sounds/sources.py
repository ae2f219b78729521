"""What is given: content that is read several times, and styles (presets, files, arrays) mixed by weight."""

from __future__ import annotations

import contextlib
import difflib
import itertools
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restyle.errors import InputError, StyleError
from restyle.files import check_is_path, result_name
from restyle.sounds.effects import remove_rumble
from restyle.sounds.files import MAX_CHANNELS, SUFFIXES
from restyle.sounds.read import LARGEST, SoundReader
from restyle.sounds.stft import Float, resample
from restyle.types import PathLike, SoundLike, SoundStylesLike

log = logging.getLogger("restyle.sounds")


class Content:
    """A sound that can be read from its start any number of times.

    Takes a path, or an array [shape=(n,) or (n, channels), float -1..1 or int16] and its sample rate.
    """

    def __init__(self, source: SoundLike, sr: int | None = None) -> None:
        self.path: PathLike | None = None
        self.start = 0.0  # time of the first sample in its container; known once blocks were read
        self._samples: Float | None = None
        self._told = False  # what is missing or left out, when the content was first read to its end
        if isinstance(source, str | os.PathLike):
            self.path = source
            with SoundReader(source) as reader:
                self.sr, self.channels = reader.info.sr, reader.info.channels
                self.depth, self.frames = reader.info.depth, reader.info.frames
            return
        if isinstance(source, (bytes, bytearray)) or hasattr(source, "read"):
            check_is_path(source, "content")
        if sr is None:
            raise InputError("an array has no sample rate; pass sr, for example sr=44100")
        self._samples = to_samples(source)
        self.sr, self.depth = sr, "PCM_16"
        self.frames, self.channels = self._samples.shape

    def blocks(self, frames: int) -> Iterator[Float]:
        """Yield blocks [shape=(n, channels), float32]."""
        if self._samples is not None:
            for start in range(0, len(self._samples), frames):
                yield self._samples[start : start + frames]
            return
        assert self.path is not None
        tell = (lambda line: None) if self._told else log.warning
        with SoundReader(self.path, tell) as reader:
            for block in reader.blocks(frames):
                self.start = reader.start
                yield block
        self._told = True


def to_samples(array: Any) -> Float:
    """Check and convert a caller's array [shape=(n, channels), float32]."""
    y = _as_array(array)
    if y.ndim == 1:
        y = y[:, None]
    if y.ndim != 2 or not y.size:
        raise InputError(f"sound of shape {np.shape(array)}; pass (samples,) or (samples, channels)")
    if y.shape[1] > MAX_CHANNELS:
        raise InputError(
            f"sound of shape {np.shape(array)} has {y.shape[1]} channels; pass (samples, channels)"
        )
    if _is_16_bit(y):
        return (y / np.float32(32768)).astype(np.float32)
    if y.dtype.kind != "f":
        raise InputError(f"sound of type {y.dtype}; pass float in -1..1, or int16")
    if not (np.abs(y) <= LARGEST).all():
        raise InputError("sound contains NaN, infinity or values far beyond -1 to 1; replace them first")
    return y.astype(np.float32)


def from_samples(y: Float, array: Any) -> NDArray[Any]:
    """Convert a result [shape=(n, channels), float32] to the shape and type of a caller's array."""
    original = _as_array(array)
    result: NDArray[Any] = y.reshape(original.shape)
    if _is_16_bit(original):
        result = np.clip(np.round(result * 32768), -32768, 32767)
    return result.astype(original.dtype)


def _as_array(array: Any) -> NDArray[Any]:
    return np.asarray(array.detach().cpu() if hasattr(array, "detach") else array)


def _is_16_bit(y: NDArray[Any]) -> bool:
    """Tell whether an array holds int16, in any byte order."""
    return y.dtype.kind == "i" and y.dtype.itemsize == 2


FOLDER = Path(__file__).parent / "recordings"  # written by `scripts/sounds.py`
PRESETS = {
    "rain": "steady rain with drops",
    "bees": "a swarm that comes near and goes",
    "brass": "horns and trumpets over two and a half octaves",
    "choir": "voices on ah, oh, oo and eh",
    "eight-bit": "a game console: pulses, triangle, noise",
    "vinyl": "crackle and rumble of an old record",
    "bells": "struck bells with their inharmonic partials",
    "strings": "a bowed string orchestra",
    "wind": "gusts through bands that wander",
    "fire": "roar, hiss and wood that snaps",
    "organ": "pipes at four stops, with their chiff",
    "harp": "plucked strings over four octaves",
}

STYLE_SAMPLES = 3_000_000  # of all styles together; longer ones are sampled in excerpts
EXCERPT = 5.0  # seconds
FADE = 0.02  # seconds at both ends of an excerpt
EDGE = 0.1  # seconds at both ends of a style that are not used: there rumble is not removed completely
SILENT = 1e-5  # peak
LONGEST_NAME = 24  # letters of a style in the name of a result


def preset_path(name: str) -> Path:
    """Return the file of a preset; raise `StyleError` with the nearest name where there is none."""
    if name not in PRESETS:
        near = difflib.get_close_matches(name, PRESETS, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"the presets are {', '.join(PRESETS)}"
        raise StyleError(f"sound style '{name}' is neither a file nor a preset; {hint}")
    return FOLDER / f"{name}.ogg"


def style_file(name: PathLike) -> PathLike:
    """Return the file of a style, which may be a preset's name."""
    return preset_path(name) if isinstance(name, str) and _is_preset(name) else name


def parse_styles(style: SoundStylesLike) -> list[tuple[Any, float]]:
    """Parse a style, or a list of styles, into pairs of style and weight; the weights sum to 1.

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
            with contextlib.suppress(ValueError):  # otherwise the colon is part of the name
                name, weight = front, float(back)
        if not np.isfinite(weight) or weight < 0:
            raise StyleError(f"weight {weight:g} of style '{name}' is not a positive number")
        pairs.append((name, float(weight)))
    total = sum(weight for _, weight in pairs)
    if total <= 0:
        raise StyleError("no style has a weight above 0; give at least one")
    return [(name, weight / total) for name, weight in pairs if weight > 0]


def load_styles(styles: Sequence[tuple[Any, float]], sr: int) -> list[tuple[Float, float]]:
    """Load styles in mono [shape=(n,), float32] at the content's rate; long ones are sampled in excerpts."""
    loaded = []
    seconds = max(STYLE_SAMPLES // len(styles) / sr, 2 * EXCERPT)
    for style, weight in styles:
        if isinstance(style, str | os.PathLike):
            y, rate = _load_excerpts(style_file(style), seconds)
        else:
            y, rate = to_samples(style).mean(axis=1), sr
        y = remove_rumble(resample(y, sr / rate), sr)
        edge = round(EDGE * sr)
        y = y[edge:-edge] if len(y) > 20 * edge else y
        if not len(y) or float(np.abs(y).max()) < SILENT:
            raise StyleError(f"style '{style_name(style)}' is silent; use a sound that can be heard")
        loaded.append((y, weight))
    return loaded


def style_paths(styles: Sequence[tuple[Any, float]]) -> list[PathLike]:
    """Return the files among the styles, without presets."""
    return [style for style, _ in styles if isinstance(style, str | os.PathLike) and os.path.exists(style)]


def default_output(content: PathLike, styles: Sequence[tuple[Any, float]]) -> Path:
    """Return `speech-rain.wav` in the current folder for `speech.wav` and `rain`."""
    path = Path(content)
    suffix = path.suffix if path.suffix.lower() in SUFFIXES and path.suffix.lower() != ".mp4" else ".wav"
    return Path(result_name(path, joined_names(styles, path.stem), suffix))


def joined_names(styles: Sequence[tuple[Any, float]], content: str = "") -> str:
    """Return the styles' names as a part of a file name: `choir-bells`.

    Words at the start that the content's name has as well are left out, and long names are cut.
    """
    return "-".join(_short(Path(style_name(style)).stem, content) for style, _ in styles)


def _short(name: str, content: str) -> str:
    same = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(name, content, strict=False))
    shared = sum(1 for _ in same)
    words = max(name.rfind(separator, 0, shared) for separator in "_- ") + 1
    rest = name[words:].strip("_- ") or name
    if len(rest) > LONGEST_NAME:
        ends = [place for place, letter in enumerate(rest[: LONGEST_NAME + 1]) if letter in "_- "]
        rest = rest[: ends[-1] if ends and ends[-1] else LONGEST_NAME]
    return rest.strip("_- ") or name


def style_name(style: Any) -> str:
    """Return the name of a style for messages and titles."""
    return os.fspath(style) if isinstance(style, str | os.PathLike) else "array"


def _is_preset(name: str) -> bool:
    # A name with a suffix or folder is a file, even if it is missing: the reader reports that.
    return not os.path.exists(name) and (name in PRESETS or not (os.sep in name or Path(name).suffix))


def _is_pair(item: Any) -> bool:
    return isinstance(item, tuple) and len(item) == 2 and isinstance(item[1], int | float)


def _load_excerpts(path: PathLike, seconds: float) -> tuple[Float, int]:
    """Load a sound in mono [shape=(n,), float32], a long one as excerpts from all over it; and its rate."""
    with SoundReader(path) as reader:
        sr, frames = reader.info.sr, reader.info.frames
        length = round(EXCERPT * sr)
        parts: list[Float] = [np.zeros(0, np.float32)]
        if frames is None or frames <= seconds * sr:
            for block in reader.blocks(length):
                parts.append(block.mean(axis=1))
                if sum(map(len, parts)) >= seconds * sr:
                    break
            return np.concatenate(parts), sr
        every = frames / (seconds * sr / length)
        next_start = 0.0
        for number, block in enumerate(reader.blocks(length)):
            if number * length >= next_start:
                place = np.arange(len(block))
                fade = np.clip(np.minimum(place, place[::-1]) / max(1, round(FADE * sr)), 0, 1)
                parts.append(block.mean(axis=1) * fade.astype(np.float32))
                next_start += every
        return np.concatenate(parts), sr
