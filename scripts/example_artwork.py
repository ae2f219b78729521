"""Draw docs/pictures/strokes.jpg, the style image of the docs, so that they need no foreign artwork.

An evening at the sea in short strokes. Each stroke is a curve with bristles that follows a field of
directions and takes its color from the scene below it.

    python -m scripts.example_artwork docs/pictures/strokes.jpg
"""

import colorsys
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

SIDE = 512  # px
OVERSAMPLING = 2  # drawn larger and reduced, for smooth edges
SUN = (0.66, 0.34)  # x, y relative to the side

Floats = NDArray[np.float64]


def scene(x: float, y: float) -> tuple[float, float, float]:
    """Return the color at a point, RGB 0..1; x and y are relative to the side, y points down."""
    to_sun = float(np.hypot(x - SUN[0], y - SUN[1]))
    hills = 0.56 + 0.05 * np.sin(7 * x + 1) + 0.03 * np.sin(17 * x)
    if to_sun < 0.085:
        return 0.99, 0.93, 0.62
    if y < hills:
        ring = 0.5 + 0.5 * np.cos(42 * to_sun)
        stops = np.array([[1.0, 0.66, 0.18], [0.90, 0.27, 0.26], [0.30, 0.14, 0.50], [0.07, 0.18, 0.52]])
        place = np.array([0.08, 0.26, 0.44, 0.62])
        mixed = np.array([np.interp(to_sun, place, stop) for stop in stops.T])
        mixed = mixed + (ring - 0.5) * np.array([0.10, 0.22, 0.16])
    elif y < hills + 0.09:
        mixed = np.array([0.14, 0.07, 0.26]) + 0.10 * np.sin(60 * x) * np.array([1.0, 0.3, 0.8])
    else:
        wave = 0.5 + 0.5 * np.sin(70 * y + 9 * np.sin(8 * x))
        mixed = np.array([0.04, 0.26, 0.36]) + wave * np.array([0.08, 0.32, 0.30])
        path = np.exp(-(((x - SUN[0]) / (0.03 + 0.30 * (y - hills))) ** 2)) * wave
        mixed = (1 - path) * mixed + path * np.array([1.0, 0.68, 0.25])
    red, green, blue = np.clip(mixed, 0, 1).tolist()
    return red, green, blue


def direction(x: float, y: float) -> float:
    """Return the angle of a stroke at a point in radians: rings around the sun, waves on the water."""
    dx, dy = x - SUN[0], y - SUN[1]
    if y < 0.56:
        return float(np.arctan2(dx, -dy) + 0.4 * np.sin(9 * x + 5 * y))
    return float(0.35 * np.sin(14 * x + 22 * y))


def stroke_path(x: float, y: float, length: float, steps: int = 9) -> list[tuple[float, float]]:
    """Return points along the field, from (x, y) over `length`, all relative to the side."""
    points = [(x, y)]
    for _ in range(steps):
        angle = direction(x, y)
        x, y = x + np.cos(angle) * length / steps, y + np.sin(angle) * length / steps
        points.append((x, y))
    return points


def draw(seed: int = 0) -> Image.Image:
    """Draw the artwork, from large strokes to small ones."""
    random = np.random.default_rng(seed)
    size = SIDE * OVERSAMPLING
    canvas = Image.new("RGB", (size, size), (58, 40, 60))
    pen = ImageDraw.Draw(canvas)
    for width, length, count in ((22.0, 0.16, 900), (13.0, 0.11, 2200), (7.0, 0.07, 3800)):
        for _ in range(count):
            x, y = random.uniform(-0.05, 1.05, 2)
            hue, light, strength = colorsys.rgb_to_hls(*scene(x, y))
            hue += random.normal(0, 0.018)
            light = float(np.clip(light + random.normal(0, 0.06), 0.03, 0.97))
            path = np.array(stroke_path(x, y, length * random.uniform(0.6, 1.2))) * size
            _bristles(pen, path, width * OVERSAMPLING / 2, (hue % 1, light, strength), random)
    return canvas.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def _bristles(
    pen: ImageDraw.ImageDraw,
    path: Floats,
    width: float,
    tone: tuple[float, float, float],
    random: np.random.Generator,
) -> None:
    """Draw one stroke: parallel lines of slightly different lightness, ragged at both ends."""
    along = np.gradient(path, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    across /= np.linalg.norm(across, axis=1, keepdims=True) + 1e-9
    hue, light, strength = tone
    for offset in np.linspace(-0.5, 0.5, max(3, int(width / 2.5))):
        start, end = random.integers(0, 3), len(path) - random.integers(0, 3)
        shade = float(np.clip(light + random.normal(0, 0.035), 0, 1))
        color = tuple(round(255 * value) for value in colorsys.hls_to_rgb(hue, shade, strength))
        line = [tuple(point) for point in (path + across * offset * width)[start:end]]
        pen.line(line, fill=color, width=max(2, round(width / 4)), joint="curve")


if __name__ == "__main__":
    target = Path(sys.argv[1])
    draw().save(target, quality=90)
