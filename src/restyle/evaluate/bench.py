"""Measure one result against its content and style, with a cache of measurements.

A stopped or repeated evaluation does not measure twice. The key is a hash of the measured pixels and of the
code: of every module of restyle that the measuring modules import, directly or through others. The folder may
be deleted at any time.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path

import numpy as np

from restyle.errors import InputError, OutputError
from restyle.evaluate import metrics
from restyle.evaluate.metrics import (
    Features,
    StyleStatistics,
    parts,
    perceptual_distance,
    structural_similarity,
)
from restyle.evaluate.networks import Encoder, Standard
from restyle.files import parse_json, writing
from restyle.images import picture as images
from restyle.images.geometry import aspect_box, crop
from restyle.images.resize import fit_size, resize
from restyle.models.catalog import home
from restyle.types import FloatArray, from_unit, to_unit

PACKAGE = Path(__file__).parent.parent
MEASURING = ("restyle.evaluate.bench", "restyle.evaluate.videos")  # they import all that figures depend on


@dataclass(frozen=True)
class Measurement:
    """Figures of one result."""

    figures: dict[str, float]  # those of `summary.FIGURES` of scope "pair"
    cloud: FloatArray  # features of its parts, for the Frechet distance [parts, C]
    inception: FloatArray  # [2048]; empty if FID was not asked for

    @classmethod
    def mean_of(cls, several: list[Measurement]) -> Measurement:
        """One measurement for the frames of a video: mean figures, all features."""
        return cls(
            {name: float(np.mean([each.figures[name] for each in several])) for name in several[0].figures},
            np.concatenate([each.cloud for each in several]),
            np.asarray(np.mean([each.inception for each in several], axis=0), np.float32),
        )


class Cache:
    """A folder of measurements; None: `measurements` in restyle's folder for the user."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or home() / "measurements"

    def load(self, key: str) -> Measurement | None:
        """Return the measurement of a key; None if it is missing or damaged."""
        try:
            entry = parse_json((self.folder / f"{key}.json").read_bytes())
            cloud, inception = _array(entry["cloud"]), _array(entry["inception"])
            return Measurement({str(k): float(v) for k, v in entry["figures"].items()}, cloud, inception)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
            return None

    def save(self, key: str, measurement: Measurement) -> None:
        """Save a measurement; a folder that cannot be written is ignored."""
        cloud, inception = _text(measurement.cloud), _text(measurement.inception)
        entry = {"figures": measurement.figures, "cloud": cloud, "inception": inception}
        with contextlib.suppress(OSError, OutputError):
            self.folder.mkdir(parents=True, exist_ok=True)
            with writing(self.folder / f"{key}.json", overwrite=True) as temporary:
                temporary.write_text(json.dumps(entry), encoding="utf-8")


def key_of(*parts: str | FloatArray) -> str:
    """Hash texts, pixels and the code that measures. [64 hexadecimal digits]."""
    digest = hashlib.sha256(code_version().encode())
    for part in parts:
        content = part.encode() if isinstance(part, str) else np.ascontiguousarray(part).tobytes()
        shape = "" if isinstance(part, str) else str(part.shape)
        digest.update(f"{len(content)} {shape} ".encode())
        digest.update(content)
    return digest.hexdigest()


@cache
def code_version() -> str:
    """Hash of all modules that figures depend on."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in dependencies())).hexdigest()


@cache
def dependencies() -> tuple[Path, ...]:
    """Modules that `MEASURING` import from restyle, directly or through others, without running them."""
    found: set[Path] = set()
    waiting = list(MEASURING)
    while waiting:
        path = _path_of(waiting.pop())
        if path is not None and path not in found:
            found.add(path)
            waiting += _imports(path)
    return tuple(sorted(found))


def _imports(path: Path) -> Iterator[str]:
    """Names of restyle that a file imports anywhere; a name may be a module or something in it."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _path_of(module: str) -> Path | None:
    """File of a module of the package; None for other names."""
    first, *rest = module.split(".")
    place = PACKAGE.joinpath(*rest)
    candidates = (place.with_suffix(".py"), place / "__init__.py") if first == "restyle" and rest else ()
    return next((path for path in candidates if path.is_file()), None)


def _text(array: FloatArray) -> dict[str, object]:
    encoded = base64.b64encode(np.asarray(array, "<f4").tobytes()).decode()
    return {"shape": list(array.shape), "float32": encoded}


def _array(entry: dict[str, object]) -> FloatArray:
    shape = [int(side) for side in entry["shape"]]  # type: ignore[attr-defined]
    return np.frombuffer(base64.b64decode(str(entry["float32"])), "<f4").reshape(shape).astype(np.float32)


ASPECT_TOLERANCE = 0.02
SMALLEST = metrics.BLOCK  # px, short side


class Bench:
    """Measures results at one size, the short side in px to which larger pictures are scaled."""

    def __init__(
        self, encoder: Encoder, size: int, standard: Standard | None = None, cache: Cache | None = None
    ) -> None:
        self.encoder, self.size, self.cache = encoder, size, cache
        self.standard = standard or Standard()
        self.settings = f"{encoder.identity} {size} {' '.join(self.standard.names)}"
        self.picture = lru_cache(maxsize=32)(self._picture)
        self._styles = lru_cache(maxsize=64)(lambda seen: self._style(seen.pixels))
        self._contents = lru_cache(maxsize=1)(lambda seen: encoder.features(seen.pixels))

    def cached(self, key: str, measure: Callable[[], Measurement]) -> Measurement:
        """Return the cached measurement of a key, or measure and cache it."""
        found = self.cache.load(key) if self.cache else None
        if found is None:
            found = measure()
            if self.cache:
                self.cache.save(key, found)
        return found

    def fitted(self, pixels: FloatArray, name: str = "picture") -> FloatArray:
        """Scale a picture down to the size of comparison, in 8 bits; InputError if it is below 64 px."""
        height, width = pixels.shape[:2]
        if min(height, width) < SMALLEST:
            raise InputError(
                f"{name}: {width} x {height} px is too small to measure; it needs {SMALLEST} px a side"
            )
        return eight_bits(shrunk(pixels, self.size))

    def content_features(self, content: FloatArray) -> Features:
        """Features of a content; the last one is cached, since its pairs follow each other."""
        return self._contents(_Seen(content))

    def style_statistics(self, style: FloatArray) -> tuple[StyleStatistics, Measurement]:
        """Statistics of a style, and its features for the Frechet distances; the last 64 are cached."""
        return self._styles(_Seen(style))

    def _picture(self, path: Path) -> FloatArray:
        return self.fitted(images.load_image(path).pixels, str(path))

    def _style(self, style: FloatArray) -> tuple[StyleStatistics, Measurement]:
        features = self.encoder.features(style)
        cloud = np.asarray(parts(features), np.float32)
        return StyleStatistics.of(features), Measurement({}, cloud, self.inception(style))

    def inception(self, picture: FloatArray) -> FloatArray:
        """Inception features of a picture; empty if FID was not asked for."""
        network = self.standard.inception
        return np.zeros(0, np.float32) if network is None else network(picture)


class _Seen:
    """Pixels as a dictionary key, equal if they are the same array."""

    def __init__(self, pixels: FloatArray) -> None:
        self.pixels = pixels

    def __hash__(self) -> int:
        return id(self.pixels)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Seen) and other.pixels is self.pixels


class Subject:
    """One content and one style [shape=(H, W, 3), float32, 0..1, RGB], against which results are measured."""

    def __init__(self, bench: Bench, content: FloatArray, style: FloatArray) -> None:
        self.bench, self.content, self.style = bench, content, style
        self._key = key_of(bench.settings, content, style)

    def measure(self, result: FloatArray) -> Measurement:
        """Measure a result from `fitted`."""
        return self.bench.cached(key_of(self._key, result), lambda: self._measure(result))

    def fitted(self, result: FloatArray, name: str = "result") -> FloatArray:
        """Scale a result to the content's size; InputError if its aspect ratio is another."""
        height, width = self.content.shape[:2]
        aspect, own = result.shape[1] / result.shape[0], width / height
        if abs(aspect / own - 1) > ASPECT_TOLERANCE:
            raise InputError(
                f"{name}: {result.shape[1]} x {result.shape[0]} px has another aspect ratio than its content"
            )
        return eight_bits(scaled(result, (height, width)))

    def style_copy(self) -> FloatArray:
        """The style itself as a result: its center, in the size of the content."""
        height, width = self.content.shape[:2]
        middle = crop(self.style, aspect_box(self.style.shape[:2], width / height))
        return eight_bits(scaled(middle, (height, width)))

    @cached_property
    def style_measurement(self) -> Measurement:
        """Features of the style for the Frechet distances."""
        key = key_of(self.bench.settings, "style", self.style)
        return self.bench.cached(key, lambda: self.bench.style_statistics(self.style)[1])

    def _measure(self, result: FloatArray) -> Measurement:
        features = self.bench.encoder.features(result)
        content, statistics = self.bench.content_features(self.content), StyleStatistics.of(features)
        style, _ = self.bench.style_statistics(self.style)
        figures = {
            "style": metrics.style_gap(statistics, style),
            "content": metrics.content_gap(features, content),
            "perceptual": perceptual_distance(features, content),
            "ssim": structural_similarity(result, self.content),
            "grid": metrics.grid(result, self.content),
            "blur": metrics.blur(result),
            "clipping": metrics.clipping(result, self.content, self.style),
            "gatys-style": metrics.gatys_style(statistics, style),
            "gatys-content": metrics.gatys_content(features, content),
            "adain-style": metrics.adain_style(statistics, style),
            "adain-content": metrics.adain_content(features, content, style),
        }
        if self.bench.standard.lpips is not None:
            figures["lpips-alex"] = self.bench.standard.lpips(result, self.content)
        return Measurement(figures, np.asarray(parts(features), np.float32), self.bench.inception(result))


def shrunk(pixels: FloatArray, short: int) -> FloatArray:
    """Scale the short side down to `short` px."""
    if min(pixels.shape[:2]) <= short:
        return pixels
    return scaled(pixels, fit_size(pixels.shape[:2], short=short))


def scaled(pixels: FloatArray, size: tuple[int, int]) -> FloatArray:
    """Resize: by area to less than half the size, which is fast and equal there, else by Lanczos."""
    if pixels.shape[:2] == size:
        return pixels
    return resize(pixels, size, "area" if size[0] < pixels.shape[0] / 2 else "lanczos")


def eight_bits(pixels: FloatArray) -> FloatArray:
    """Round to whole 8-bit levels, so that a picture in memory measures as its file does."""
    return to_unit(from_unit(pixels, np.uint8))
