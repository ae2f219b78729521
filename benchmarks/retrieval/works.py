"""The labeled works and their statistics, stored on disk because computing them takes minutes."""

from __future__ import annotations

import csv
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from restyle.compare.subjects import LayerMoments, Vector, codes_of, color_histogram, moments_of, palette_of
from restyle.images import picture
from restyle.models.arbitrary import Arbitrary
from restyle.models.session import LAYERS, FeatureEncoder, comparable

Floats = npt.NDArray[np.float32]
ROOT = Path(__file__).resolve().parent.parent.parent
EVERY = 100  # works per line of progress
T = TypeVar("T")


def data_folder() -> Path:
    """Return the folder of the training data: ../shared/data/train, or in the folder RESTYLE_SHARED."""
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
        """Return a subset of the works."""
        return Labels(tuple(self.paths[row] for row in rows), self.artists[rows])

    @property
    def wikiart(self) -> npt.NDArray[np.bool_]:
        """Return which works are from the WikiArt set, scanned at 224 px square."""
        return np.array([path.name.startswith("wikiart") for path in self.paths])


def labels(folder: Path, limit: int | None = None) -> Labels:
    """Read `labels.tsv`; with a limit, only about so many works, evenly spread."""
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
        """Return the statistics of one work in the form of the package."""
        return {
            layer: LayerMoments(
                self.means[layer][index].astype(np.float64), self.covariances[layer][index].astype(np.float64)
            )
            for layer in LAYERS
        }

    def __len__(self) -> int:
        return len(self.histograms)


def measure(works: Labels, encoder: FeatureEncoder, cache: Path, workers: int = 1) -> Measured:
    """Compute the statistics of every work, or load those of this encoder."""
    path = cache / f"features-{key_of(works, encoder.file.read())}.npz"
    if not path.exists():
        found: dict[str, list[Floats]] = {}

        def statistics(work: Path) -> dict[str, Vector]:
            small = comparable(picture.load_image(work).pixels)
            layers = moments_of(small, encoder)
            return {
                **{f"mean_{layer}": each.mean for layer, each in layers.items()},
                **{f"covariance_{layer}": each.covariance for layer, each in layers.items()},
                "histogram": color_histogram(small),
                "palette": palette_of(small).ravel(),
            }

        for each in _all(works.paths, statistics, workers, "features"):
            for name, values in each.items():
                found.setdefault(name, []).append(values.astype(np.float32))
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(path, **{name: np.stack(rows) for name, rows in found.items()})  # type: ignore[arg-type]
    with np.load(path) as archive:
        return Measured(
            {layer: archive[f"mean_{layer}"] for layer in LAYERS},
            {layer: archive[f"covariance_{layer}"] for layer in LAYERS},
            archive["histogram"],
            archive["palette"],
        )


def encode(works: Labels, model: Arbitrary, cache: Path, workers: int = 1) -> Floats:
    """Return the style codes of every work [n, 3, K]; stored codes of this model are reused."""
    digest = hashlib.sha256(model.record.file("style_encoder").read()).hexdigest()[:12]
    path = cache / f"codes-{digest}.npz"
    known: dict[str, Floats] = {}
    if path.exists():
        with np.load(path) as archive:
            known = dict(zip(archive["names"].tolist(), archive["codes"], strict=True))
    missing = [work for work in works.paths if work.name not in known]
    cache.mkdir(parents=True, exist_ok=True)

    def keep() -> None:
        np.savez(path, names=np.array(list(known)), codes=np.stack(list(known.values())))

    codes = _all(missing, lambda work: codes_of(picture.load_image(work).pixels, model), workers, "codes")
    for done, (work, code) in enumerate(zip(missing, codes, strict=True), 1):
        known[work.name] = code
        if done % EVERY == 0 or done == len(missing):
            keep()
    return np.stack([known[work.name] for work in works.paths])


def key_of(works: Labels, weights: bytes) -> str:
    """Return the file name for statistics of these works with these weights."""
    names = "\n".join(path.name for path in works.paths).encode()
    return hashlib.sha256(weights + names).hexdigest()[:12]


def _all(paths: Sequence[Path], look: Callable[[Path], T], workers: int, what: str) -> Iterator[T]:
    """Process every work, several at a time, in order."""
    start = time.monotonic()
    with ThreadPoolExecutor(workers) as pool:
        for done, found in enumerate(pool.map(look, paths), 1):
            if done % EVERY == 0 or done == len(paths):
                print(f"{what}: {done} of {len(paths)}, {time.monotonic() - start:.0f} s", flush=True)
            yield found
