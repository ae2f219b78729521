"""The style vector: feature statistics and colors of a picture, weighted to tell artists apart.

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
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from restyle.errors import ModelError
from restyle.models import catalog
from restyle.models.features import LAYERS, MODEL

Vector = npt.NDArray[np.float64]
FORMAT = "restyle-metric/1"
DIRECTIONS = (16, 32, 32, 32, 24)  # of each layer
SMALL_MEAN = 1e-2  # so that channels that are always 0 have a logarithm
SMALL_VARIANCE = 1e-5


@dataclass(frozen=True)
class LayerMoments:
    """First and second moments of one layer over the positions of a picture.

    Parameters
    ----------
    mean : np.ndarray [shape=(C,), float64]
    covariance : np.ndarray [shape=(C, C), float64]
    """

    mean: Vector
    covariance: Vector

    @property
    def std(self) -> Vector:
        """Deviation of each channel, [C]."""
        deviation: Vector = np.sqrt(np.diagonal(self.covariance) + SMALL_VARIANCE)
        return deviation

    @property
    def gram(self) -> Vector:
        """Gram matrix over the number of positions, [C, C]."""
        matrix: Vector = self.covariance + np.outer(self.mean, self.mean)
        return matrix

    @property
    def correlation(self) -> Vector:
        """Covariance of the standardized channels, [C, C]."""
        std = self.std
        matrix: Vector = self.covariance / np.outer(std, std)
        return matrix


def blocks_of(
    layers: Mapping[str, LayerMoments], histogram: Vector, bases: Mapping[str, Vector]
) -> list[Vector]:
    """Arrange the statistics of one picture in the blocks that the module describes.

    Parameters
    ----------
    layers : mapping of layer name to LayerMoments
    histogram : np.ndarray [shape=(512,), float64]
        Sums to 1.
    bases : mapping of layer name to np.ndarray [shape=(C, D)]
        Directions of each layer.
    """
    blocks = []
    for layer in LAYERS:
        projected = bases[layer].T @ layers[layer].correlation @ bases[layer]
        blocks.append(projected[np.triu_indices(len(projected))])
    moments = [
        part
        for layer in LAYERS
        for part in (np.log(layers[layer].mean + SMALL_MEAN), np.log(layers[layer].std))
    ]
    return [*blocks, np.concatenate(moments), np.sqrt(histogram)]


@dataclass(frozen=True)
class StyleMetric:
    """The fitted map from statistics to the style vector.

    Parameters
    ----------
    bases : mapping of layer name to np.ndarray [shape=(C, D)]
    center, spread : np.ndarray [shape=(n,)]
        Mean and deviation of each statistic over the pictures of the fit.
    matrix : np.ndarray [shape=(n, E)]
    offset : np.ndarray [shape=(E,)]
        Output for the mean picture.
    encoder : str
        SHA-256 of the graph of the encoder.
    """

    bases: Mapping[str, Vector]
    center: Vector
    spread: Vector
    matrix: Vector
    offset: Vector
    encoder: str = ""

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
        result: Vector = found / max(float(np.linalg.norm(found)), 1e-9)
        return result

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
        """Read the archive of `to_bytes`; nothing in it is executed.

        Raises
        ------
        ModelError
            It is damaged or has another format.
        """
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
def load() -> StyleMetric:
    """Return the shipped metric, verified.

    Raises
    ------
    ModelError
        It is missing or damaged, or was fitted with another encoder than the shipped one.
    """
    record = catalog.find(MODEL)
    metric = StyleMetric.from_bytes(record.file("metric").read())
    if metric.encoder != record.file("features").sha256:
        raise ModelError(
            f"the style metric was fitted with another encoder than '{MODEL}'; "
            "run `python -m benchmarks.retrieval --fit`"
        )
    return metric
