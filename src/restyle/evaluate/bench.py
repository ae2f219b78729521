"""Measure one result against its content and style."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from restyle.errors import InputError
from restyle.evaluate import feature_metrics, pixel_metrics
from restyle.evaluate.cache import Cache, Measurement, key_of
from restyle.evaluate.encoder import Encoder
from restyle.evaluate.feature_metrics import Features, StyleStatistics, parts, perceptual_distance
from restyle.evaluate.lpips_fid import Standard
from restyle.evaluate.pixel_metrics import structural_similarity
from restyle.images import picture as images
from restyle.images.geometry import aspect_box, crop
from restyle.images.resize import fit_size, resize
from restyle.types import FloatArray, from_unit, to_unit

ASPECT_TOLERANCE = 0.02
SMALLEST = pixel_metrics.BLOCK  # px, short side


class Bench:
    """Measures results at one size, with one encoder.

    Parameters
    ----------
    encoder : Encoder
    size : int
        Short side in px to which larger pictures are scaled.
    standard : Standard
        LPIPS and FID, if asked for.
    cache : Cache or None
    """

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
        """Scale a picture down to the size at which pictures are compared, and round it to 8 bits.

        Raises
        ------
        InputError
            It is smaller than 64 px.
        """
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
        inception = self.inception(style)
        return StyleStatistics.of(features), Measurement(
            {}, np.asarray(parts(features), np.float32), inception
        )

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
    """One content and one style, against which results are measured.

    Parameters
    ----------
    bench : Bench
    content, style : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
    """

    def __init__(self, bench: Bench, content: FloatArray, style: FloatArray) -> None:
        self.bench, self.content, self.style = bench, content, style
        self._key = key_of(bench.settings, content, style)

    def measure(self, result: FloatArray) -> Measurement:
        """Measure a result of the content's size.

        Parameters
        ----------
        result : np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
            From `fitted`.
        """
        return self.bench.cached(key_of(self._key, result), lambda: self._measure(result))

    def fitted(self, result: FloatArray, name: str = "result") -> FloatArray:
        """Scale a result to the content's size.

        Raises
        ------
        InputError
            Its aspect ratio differs from the content's.
        """
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
            "style": feature_metrics.style_gap(statistics, style),
            "content": feature_metrics.content_gap(features, content),
            "perceptual": perceptual_distance(features, content),
            "ssim": structural_similarity(result, self.content),
            "grid": pixel_metrics.grid(result, self.content),
            "blur": pixel_metrics.blur(result),
            "clipping": pixel_metrics.clipping(result, self.content, self.style),
            "gatys-style": feature_metrics.gatys_style(statistics, style),
            "gatys-content": feature_metrics.gatys_content(features, content),
            "adain-style": feature_metrics.adain_style(statistics, style),
            "adain-content": feature_metrics.adain_content(features, content, style),
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
