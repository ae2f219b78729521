"""Subjects of a comparison: presets, saved styles, pictures and sounds, with their measurements."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from restyle.compare import style_vector
from restyle.compare.style_vector import LayerMoments, Vector
from restyle.errors import InputError
from restyle.images import formats
from restyle.images import picture as images
from restyle.images.color import rgb_to_oklab
from restyle.images.resize import fit_size, resize
from restyle.images.statistics import mean_covariance, quantiles, random_directions
from restyle.models import features
from restyle.models.arbitrary import Arbitrary
from restyle.models.style_files import SUFFIX, is_style_file, preset_files, slug
from restyle.sounds.features import Texture, at_rate, mfcc, texture
from restyle.sounds.read import load_sound
from restyle.sounds.styles import PRESETS as SOUND_PRESETS
from restyle.sounds.styles import preset_path
from restyle.style import Style, resolve
from restyle.types import FloatArray, PathLike, from_unit

Need = Literal["code", "features", "colors", "vector", "sound"]
Kind = Literal["preset", "style", "picture", "sound"]

THUMBNAIL = 240  # px, long side
SCALES = (1.0, 0.5**0.5, 0.5)  # of the strokes
BINS = 8  # of each color axis of the histogram
PALETTE_DIRECTIONS, PALETTE_QUANTILES = 32, 64
PALETTE_PIXELS = 8000
LONGEST_SOUND = 60.0  # seconds; statistics of a minute stand for the whole


@dataclass(frozen=True, eq=False)
class Subject:
    """One thing to compare, with its measurements; those not asked for or not possible are None.

    Parameters
    ----------
    name : str
        For tables.
    kind : "preset", "style", "picture" or "sound"
        A preset and a saved style are codes without pixels.
    code : np.ndarray [shape=(K,), float32] or None
    model : str
        Network of the code.
    afar : np.ndarray [shape=(2, K), float32] or None
        Codes of a picture at .7 and .5 of its size: see `codes_of`.
    layers : mapping of layer name to LayerMoments, or None
    histogram : np.ndarray [shape=(512,), float64] or None
        Share of each color, RGB in 8 steps.
    palette : np.ndarray [shape=(32, 64), float64] or None
        Quantiles of the OKLab colors along 32 directions.
    vector : np.ndarray [shape=(E,), float64] or None
        The style vector.
    cepstrum : np.ndarray [shape=(24,), float64] or None
        Means and deviations of MFCC 2 to 13, in dB.
    texture : Texture or None
        McDermott statistics.
    thumbnail : np.ndarray [shape=(h, w, 3), uint8] or None
    """

    name: str
    kind: Kind
    code: FloatArray | None = field(default=None, repr=False)
    model: str = ""
    afar: FloatArray | None = field(default=None, repr=False)
    layers: Mapping[str, LayerMoments] | None = field(default=None, repr=False)
    histogram: Vector | None = field(default=None, repr=False)
    palette: Vector | None = field(default=None, repr=False)
    vector: Vector | None = field(default=None, repr=False)
    cepstrum: Vector | None = field(default=None, repr=False)
    texture: Texture | None = field(default=None, repr=False)
    thumbnail: npt.NDArray[np.uint8] | None = field(default=None, repr=False)


def kind_of(source: Any, model: Arbitrary) -> Kind:
    """Return the kind of a source, without reading all of it."""
    if isinstance(source, Style):
        return "style"
    if not isinstance(source, (str, os.PathLike)):
        return "picture"
    text = os.fspath(source)
    if not os.path.lexists(text):
        presets = preset_files(model.record)
        if slug(text) in presets:
            return "preset"
        return "sound" if text in SOUND_PRESETS or formats.from_suffix(text).medium == "audio" else "picture"
    if is_style_file(text):
        return "style"
    return "sound" if "audio" in (formats.from_suffix(text).medium, _medium(text)) else "picture"


def measure(source: Any, needs: frozenset[Need], model: Arbitrary, name: str | None = None) -> Subject:
    """Measure the needs of the chosen metrics.

    Parameters
    ----------
    source : str, Path, Style, PIL.Image.Image or np.ndarray
        A preset's name, or the path of a picture, a saved style or a sound.
    needs : set of "code", "features", "colors", "vector", "sound"
    model : Arbitrary
        Network of the codes.
    name : str or None
        None: name of the file or preset.

    Raises
    ------
    InputError, StyleError
        The source cannot be used.
    """
    kind = kind_of(source, model)
    if kind == "sound":
        return _sound(source, needs, name)
    if kind in ("preset", "style"):
        style = resolve(source, model=model)
        return Subject(name or style.name, kind, code=style.read, model=style.model)
    if isinstance(source, (str, os.PathLike)) and not os.path.lexists(source):
        resolve(source, model=model)  # raises, with similar names
    pixels = images.load_image(source).pixels
    shown = name or (Path(source).name if isinstance(source, (str, os.PathLike)) else "picture")
    try:
        return of_pixels(pixels, needs, model, shown)
    except InputError as error:
        raise InputError(f"{shown}: {error}") from None


def of_pixels(pixels: FloatArray, needs: frozenset[Need], model: Arbitrary, name: str) -> Subject:
    """Measure a picture [shape=(H, W, 3), float32, range 0..1, RGB]."""
    small = features.comparable(pixels)
    size = fit_size(pixels.shape[:2], most=THUMBNAIL)
    layers = histogram = vector = codes = None
    if needs & {"features", "vector"}:
        layers = moments_of(small, features.load(model.device, model.threads))
    if needs & {"colors", "vector"}:
        histogram = color_histogram(small)
    if "vector" in needs:
        assert layers is not None
        assert histogram is not None
        vector = style_vector.load().vector(layers, histogram)
    if "code" in needs:
        codes = codes_of(pixels, model)
    return Subject(
        name,
        "picture",
        code=None if codes is None else codes[0],
        model="" if codes is None else model.name,
        afar=None if codes is None else codes[1:],
        layers=layers,
        histogram=histogram,
        palette=palette_of(small) if "colors" in needs else None,
        vector=vector,
        thumbnail=from_unit(resize(pixels, size, "area"), np.uint8),
    )


def codes_of(picture: FloatArray, model: Arbitrary) -> FloatArray:
    """Codes of a picture [shape=(H, W, 3), float32, range 0..1, RGB] at full, .7 and half size, [3, K].

    A code depends on stroke size, and every picture is resized before it is encoded, so a detail has larger
    strokes than the whole work. At .7 of the size, a detail of .7 of the width has the same strokes.
    """
    return np.stack([model.encode(picture, scale) for scale in SCALES])


def moments_of(picture: FloatArray, encoder: features.FeatureEncoder) -> dict[str, LayerMoments]:
    """Mean and covariance of every layer of a picture [shape=(H, W, 3), float32, range 0..1, RGB]."""
    found = {}
    for layer, values in encoder.features(picture).items():
        mean, covariance = mean_covariance(values.astype(np.float32))
        found[layer] = LayerMoments(mean.astype(np.float64), covariance.astype(np.float64))
    return found


def color_histogram(picture: FloatArray) -> Vector:
    """Share of the pixels in each of 512 boxes of RGB, [512]."""
    level = np.minimum((picture * BINS).astype(np.intp), BINS - 1).reshape(-1, 3)
    boxes = (level[:, 0] * BINS + level[:, 1]) * BINS + level[:, 2]
    counts: Vector = np.bincount(boxes, minlength=BINS**3).astype(np.float64)
    shares: Vector = counts / counts.sum()
    return shares


def palette_of(picture: FloatArray) -> Vector:
    """Quantiles of the OKLab colors along directions, [32, 64]: their distribution without positions."""
    pixels = picture.reshape(-1, 3)
    # An even sample has nearly the same quantiles.
    pixels = pixels[:: max(1, len(pixels) // PALETTE_PIXELS)]
    colors = rgb_to_oklab(pixels.astype(np.float64))
    axes = random_directions(3, PALETTE_DIRECTIONS)
    result: Vector = np.asarray(quantiles(axes @ colors.T, PALETTE_QUANTILES), np.float64)
    return result


def _sound(source: Any, needs: frozenset[Need], name: str | None) -> Subject:
    text = os.fspath(source)
    path = preset_path(text) if text in SOUND_PRESETS and not os.path.lexists(text) else Path(text)
    shown = name or (text if path != Path(text) else path.name)
    y, sr = load_sound(path, LONGEST_SOUND)
    if "sound" not in needs:
        return Subject(shown, "sound")
    wave = at_rate(y, sr)
    if not np.isfinite(wave).all() or not wave.any():
        raise InputError(f"{shown}: contains only silence or invalid samples")
    cepstrum = mfcc(wave)
    return Subject(
        shown,
        "sound",
        cepstrum=np.concatenate([cepstrum.mean(0), cepstrum.std(0)]),
        texture=texture(wave),
    )


def members(folder: PathLike) -> list[Path]:
    """List pictures, saved styles and sounds below a folder, by suffix.

    Hidden files, links to folders and folders that cannot be listed: as in `images.formats.find_files`.

    Raises
    ------
    InputError
        There are none, or the folder cannot be listed.
    """

    def known(file: str) -> bool:
        kind = formats.from_suffix(file)
        return kind.readable or kind.medium == "audio" or file.lower().endswith(SUFFIX)

    found = list(formats.find_files(folder, known))
    if not found:
        raise InputError(f"{os.fspath(folder)}: holds no pictures, saved styles or sounds")
    return found


def _medium(path: str) -> str:
    try:
        return formats.sniff_file(path).medium
    except InputError:
        return "other"
