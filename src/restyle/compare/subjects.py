"""Subjects of a comparison: presets, saved styles, pictures and sounds, with their measurements.

One of them is the style vector: feature statistics and colors of a picture, weighted to tell artists apart.
It joins seven blocks, each standardized and of unit length:

- for each of five layers, correlations of its channels along the leading directions of the layer. Correlation
  is the Gram matrix (Gatys et al. 2016) of features standardized as by Huang and Belongie 2017;
- the logarithms of all means and deviations;
- the square roots of a color histogram (Hellinger 1909).

A linear map follows: principal components, then whitening by the covariance within artists (WCCN, Hatch et
al. 2006), so that differences between works of one artist count less. It was fitted by `python -m
benchmarks.retrieval --fit`; docs/lab/compare.md has its accuracy for other artists.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from restyle.errors import InputError, ModelError
from restyle.images import formats
from restyle.images import picture as images
from restyle.images.color import rgb_to_oklab
from restyle.images.resize import fit_size, resize
from restyle.images.statistics import mean_covariance, quantiles, random_directions
from restyle.models import catalog, session
from restyle.models.arbitrary import Arbitrary
from restyle.models.session import EMBEDDED, LAYERS
from restyle.models.style_files import SUFFIX, is_style_file, preset_files, slug
from restyle.sounds.features import Texture, at_rate, mfcc, texture
from restyle.sounds.read import load_sound
from restyle.sounds.sources import PRESETS as SOUND_PRESETS
from restyle.sounds.sources import preset_path
from restyle.style import Style, resolve
from restyle.types import FloatArray, PathLike, from_unit

Vector = npt.NDArray[np.float64]
FORMAT = "restyle-metric/1"
DIRECTIONS = (16, 32, 32, 32, 24)  # of each layer
SMALL_MEAN = 1e-2  # so that channels that are always 0 have a logarithm
SMALL_VARIANCE = 1e-5


@dataclass(frozen=True)
class LayerMoments:
    """First and second moments of one layer over the positions of a picture."""

    mean: Vector  # [C]
    covariance: Vector  # [C, C]

    @property
    def std(self) -> Vector:
        """Deviation of each channel, [C]."""
        return np.asarray(np.sqrt(np.diagonal(self.covariance) + SMALL_VARIANCE), np.float64)

    @property
    def gram(self) -> Vector:
        """Gram matrix over the number of positions, [C, C]."""
        return np.asarray(self.covariance + np.outer(self.mean, self.mean), np.float64)

    @property
    def correlation(self) -> Vector:
        """Covariance of the standardized channels, [C, C]."""
        return np.asarray(self.covariance / np.outer(self.std, self.std), np.float64)


def blocks_of(
    layers: Mapping[str, LayerMoments], histogram: Vector, bases: Mapping[str, Vector]
) -> list[Vector]:
    """Arrange moments by layer, a histogram [512] and directions by layer [C, D] in the module's blocks."""
    blocks, logarithms = [], []
    for layer in LAYERS:
        projected = bases[layer].T @ layers[layer].correlation @ bases[layer]
        blocks.append(projected[np.triu_indices(len(projected))])
        logarithms += [np.log(layers[layer].mean + SMALL_MEAN), np.log(layers[layer].std)]
    return [*blocks, np.concatenate(logarithms), np.sqrt(histogram)]


@dataclass(frozen=True)
class StyleMetric:
    """The fitted map from statistics to the style vector."""

    bases: Mapping[str, Vector]  # by layer, [C, D]
    center: Vector  # mean of each statistic over the pictures of the fit, [n]
    spread: Vector  # and its deviation
    matrix: Vector  # [n, E]
    offset: Vector  # output for the mean picture, [E]
    encoder: str = ""  # SHA-256 of its graph

    def standardize(self, blocks: list[Vector]) -> Vector:
        """Join blocks, each standardized and of unit length, [n]."""
        parts, start = [], 0
        for block in blocks:
            end = start + len(block)
            part = (block - self.center[start:end]) / self.spread[start:end]
            parts.append(part / max(float(np.linalg.norm(part)), 1e-9))
            start = end
        return np.concatenate(parts)

    def vector(self, layers: Mapping[str, LayerMoments], histogram: Vector) -> Vector:
        """Compute the style vector of a picture, of unit length [shape=(E,), float64]."""
        found = self.standardize(blocks_of(layers, histogram, self.bases)) @ self.matrix - self.offset
        return np.asarray(found / max(float(np.linalg.norm(found)), 1e-9), np.float64)

    def to_bytes(self) -> bytes:
        """Write a NumPy archive, with the matrix in float16 (about a megabyte)."""
        file = io.BytesIO()
        named = {f"basis_{layer}": self.bases[layer].astype(np.float32) for layer in LAYERS}
        np.savez_compressed(
            file,
            format=np.array(FORMAT),
            centre=self.center.astype(np.float32),
            spread=self.spread.astype(np.float32),
            matrix=self.matrix.astype(np.float16),
            offset=self.offset.astype(np.float32),
            encoder=np.array(self.encoder),
            **named,  # type: ignore[arg-type]
        )
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> StyleMetric:
        """Read the archive of `to_bytes`, without executing anything; ModelError if it is damaged."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as archive:
                if str(archive["format"]) != FORMAT:
                    raise ModelError(f"the style metric has format '{archive['format']}', not '{FORMAT}'")
                encoder = str(archive["encoder"])
                numbers = [name for name in archive.files if name not in ("format", "encoder")]
                read = {name: archive[name].astype(np.float64) for name in numbers}
            bases = {layer: read[f"basis_{layer}"] for layer in LAYERS}
            return cls(bases, read["centre"], read["spread"], read["matrix"], read["offset"], encoder)
        except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
            raise ModelError(f"the style metric is damaged ({error}); reinstall restyle") from error


@lru_cache(maxsize=1)
def load_metric() -> StyleMetric:
    """Return the shipped metric; ModelError if it is damaged or was fitted with another encoder."""
    record = catalog.find(EMBEDDED)
    metric = StyleMetric.from_bytes(record.file("metric").read())
    if metric.encoder != record.file("features").sha256:
        raise ModelError(
            f"the style metric was fitted with another encoder than '{EMBEDDED}'; "
            "run `python -m benchmarks.retrieval --fit`"
        )
    return metric


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
    """One thing to compare, with its measurements; those not asked for or not possible are None."""

    name: str
    kind: Kind  # a preset and a saved style are codes without pixels
    code: FloatArray | None = field(default=None, repr=False)  # [K]
    model: str = ""  # network of the code
    afar: FloatArray | None = field(default=None, repr=False)  # at .7 and .5 of the size: [2, K]
    layers: Mapping[str, LayerMoments] | None = field(default=None, repr=False)
    histogram: Vector | None = field(default=None, repr=False)  # share of each color, RGB in 8 steps: [512]
    palette: Vector | None = field(default=None, repr=False)  # see `palette_of`: [32, 64]
    vector: Vector | None = field(default=None, repr=False)  # the style vector: [E]
    cepstrum: Vector | None = field(default=None, repr=False)  # mean, deviation of MFCC 2 to 13, dB: [24]
    texture: Texture | None = field(default=None, repr=False)
    thumbnail: npt.NDArray[np.uint8] | None = field(default=None, repr=False)  # [h, w, 3]


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
    """Measure what the chosen metrics need; InputError or StyleError where the source cannot be used.

    Parameters
    ----------
    source : str, Path, Style, PIL.Image.Image or np.ndarray
        A preset's name, or the path of a picture, a saved style or a sound.
    model : Arbitrary
        Network of the codes.
    name : str or None
        None: name of the file or preset.
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
    small = session.comparable(pixels)
    layers = histogram = vector = codes = None
    if needs & {"features", "vector"}:
        layers = moments_of(small, session.feature_encoder(model.device, model.threads))
    if needs & {"colors", "vector"}:
        histogram = color_histogram(small)
    if "vector" in needs and layers and histogram is not None:
        vector = load_metric().vector(layers, histogram)
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
        thumbnail=from_unit(resize(pixels, fit_size(pixels.shape[:2], most=THUMBNAIL), "area"), np.uint8),
    )


def codes_of(picture: FloatArray, model: Arbitrary) -> FloatArray:
    """Codes of a picture [shape=(H, W, 3), float32, range 0..1, RGB] at full, .7 and half size, [3, K].

    A code depends on stroke size, and every picture is resized before it is encoded, so a detail has larger
    strokes than the whole work. At .7 of the size, a detail of .7 of the width has the same strokes.
    """
    return np.stack([model.encode(picture, scale) for scale in SCALES])


def moments_of(picture: FloatArray, encoder: session.FeatureEncoder) -> dict[str, LayerMoments]:
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
    return np.asarray(counts / counts.sum(), np.float64)


def palette_of(picture: FloatArray) -> Vector:
    """Quantiles of the OKLab colors along directions, [32, 64]: their distribution without positions."""
    pixels = picture.reshape(-1, 3)
    # An even sample has nearly the same quantiles.
    pixels = pixels[:: max(1, len(pixels) // PALETTE_PIXELS)]
    colors = rgb_to_oklab(pixels.astype(np.float64))
    axes = random_directions(3, PALETTE_DIRECTIONS)
    return np.asarray(quantiles(axes @ colors.T, PALETTE_QUANTILES), np.float64)


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
    moments = np.concatenate([cepstrum.mean(0), cepstrum.std(0)])
    return Subject(shown, "sound", cepstrum=moments, texture=texture(wave))


def members(folder: PathLike) -> list[Path]:
    """List pictures, saved styles and sounds below a folder, by suffix; InputError if there are none.

    Hidden files, links to folders and folders that cannot be listed: as in `images.formats.find_files`.
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
