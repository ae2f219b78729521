"""The labelled works and what is measured of them, kept on disk because measuring takes minutes."""

from __future__ import annotations

import csv
import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from restyle.comparison.style_vector import LayerMoments
from restyle.comparison.subjects import color_histogram, moments_of, palette_of
from restyle.media import images
from restyle.methods.arbitrary import Arbitrary
from restyle.models.features import LAYERS, FeatureEncoder, comparable

Floats = npt.NDArray[np.float32]
ROOT = Path(__file__).resolve().parent.parent.parent
EVERY = 250  # works between two lines of progress


def data_folder() -> Path:
    """Return the folder of the training data: ../shared/data/train, or where RESTYLE_SHARED points."""
    return Path(os.environ.get("RESTYLE_SHARED", ROOT.parent / "shared")) / "data" / "train"


@dataclass(frozen=True)
class Labels:
    """Works and their artists.

    Parameters
    ----------
    paths : tuple of Path
    artists : np.ndarray [shape=(n,), str]
    """

    paths: tuple[Path, ...]
    artists: npt.NDArray[np.str_]

    def only(self, rows: npt.NDArray[np.intp]) -> Labels:
        """Some of the works."""
        return Labels(tuple(self.paths[row] for row in rows), self.artists[rows])

    @property
    def wikiart(self) -> npt.NDArray[np.bool_]:
        """Which works come from the WikiArt set: all scanned alike, 224 px square."""
        return np.array([path.name.startswith("wikiart") for path in self.paths])


def labels(folder: Path, limit: int | None = None) -> Labels:
    """Read `labels.tsv`; with a limit, only every so manieth work, for a trial."""
    with (folder / "labels.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    if limit is not None:
        rows = rows[:: -(-len(rows) // limit)]
    return Labels(tuple(folder / row["file"] for row in rows), np.array([row["artist"] for row in rows]))


@dataclass(frozen=True)
class Measured:
    """Statistics of works, row by row.

    Parameters
    ----------
    means, covariances : dict of layer name to np.ndarray [shape=(n, C) and (n, C, C)]
    histograms : np.ndarray [shape=(n, 512)]
    palettes : np.ndarray [shape=(n, 32 * 64)]
    """

    means: dict[str, Floats]
    covariances: dict[str, Floats]
    histograms: Floats
    palettes: Floats

    def layers(self, index: int) -> dict[str, LayerMoments]:
        """Statistics of one work, as the package has them."""
        return {
            layer: LayerMoments(
                self.means[layer][index].astype(np.float64), self.covariances[layer][index].astype(np.float64)
            )
            for layer in LAYERS
        }

    def __len__(self) -> int:
        return len(self.histograms)


def measure(works: Labels, encoder: FeatureEncoder, cache: Path) -> Measured:
    """Measure every work, or read what was measured before with this encoder."""
    path = cache / f"features-{_key(works, encoder.file.read())}.npz"
    if not path.exists():
        found: dict[str, list[Floats]] = {}
        start = time.monotonic()
        for done, work in enumerate(works.paths, 1):
            small = comparable(images.load(work).pixels)
            for layer, moments in moments_of(small, encoder).items():
                found.setdefault(f"mean_{layer}", []).append(moments.mean.astype(np.float32))
                found.setdefault(f"covariance_{layer}", []).append(moments.covariance.astype(np.float32))
            found.setdefault("histogram", []).append(color_histogram(small).astype(np.float32))
            found.setdefault("palette", []).append(palette_of(small).ravel().astype(np.float32))
            _tell("features", done, len(works.paths), start)
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(path, **{name: np.stack(rows) for name, rows in found.items()})  # type: ignore[arg-type]
    with np.load(path) as archive:
        return Measured(
            {layer: archive[f"mean_{layer}"] for layer in LAYERS},
            {layer: archive[f"covariance_{layer}"] for layer in LAYERS},
            archive["histogram"],
            archive["palette"],
        )


def encode(works: Labels, model: Arbitrary, cache: Path) -> Floats:
    """Style codes of every work [n, K], or what was encoded before with this model."""
    path = cache / f"codes-{_key(works, model.record.file('style_encoder').read())}.npy"
    if not path.exists():
        start = time.monotonic()
        codes = []
        for done, work in enumerate(works.paths, 1):
            codes.append(model.encode(images.load(work).pixels))
            _tell("codes", done, len(works.paths), start)
        cache.mkdir(parents=True, exist_ok=True)
        np.save(path, np.stack(codes))
    read: Floats = np.load(path)
    return read


def _key(works: Labels, weights: bytes) -> str:
    names = "\n".join(path.name for path in works.paths).encode()
    return hashlib.sha256(weights + names).hexdigest()[:12]


def _tell(what: str, done: int, total: int, start: float) -> None:
    if done % EVERY == 0 or done == total:
        print(f"{what}: {done} of {total}, {time.monotonic() - start:.0f} s", flush=True)
