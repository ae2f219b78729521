"""The distances of a folder as pictures: a heat map beside its tree, and the tree by itself."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from restyle.compare.clustering import Matrix, Merge, cluster, families, leaf_order
from restyle.images.sheet import INK, PAPER, SOFT, fit_text

# Dark for near, light for far, evenly rising in lightness.
_STOPS = np.array(
    [(13, 22, 74), (38, 77, 134), (52, 135, 154), (121, 188, 150), (206, 226, 160), (252, 250, 220)]
)
FAMILIES = ("#1f5fa8", "#d1495b", "#2e8b57", "#e0912f", "#7b4fa3", "#0f9d9d", "#a8763e", "#5c6670")
_SCALE = 2  # drawn larger by this and reduced, so that lines are smooth
_TREE = 190  # px, width of the tree beside the heat map
_LABEL = 210  # px, longest label
_NAMED = 120  # subjects up to which the heat map has their names; the tree always has
_NUMBERED = 16  # cells a side up to which distances are written into them
Font = ImageFont.ImageFont | ImageFont.FreeTypeFont


def heat_map(names: Sequence[str], distances: Matrix, title: str, linkage: str = "average") -> Image.Image:
    """Draw the distance matrix, likes beside likes, with the tree that orders it on the left.

    Parameters
    ----------
    names : sequence of str, n of them
    distances : np.ndarray [shape=(n, n), float64]
    title : str
        What the distance is.
    linkage : str
        See `compare.clustering`.
    """
    merges = cluster(distances, linkage)
    order = leaf_order(merges, distances)
    names = labels(names)
    count = len(names)
    cell = int(np.clip(900 // count, 12 if count <= _NAMED else 2, 64))
    size = int(np.clip(cell * 0.62, 10, 15))
    font = ImageFont.load_default(size * _SCALE)
    label = _widest(names, size) if count <= _NAMED else 0
    head, scale_height = 56, 56
    width = max(16 + _TREE + 8 + cell * count + 8 + label + 16, _title_width(title))
    height = head + label + 8 + cell * count + scale_height
    picture = Image.new("RGB", (width * _SCALE, height * _SCALE), PAPER)
    pen = ImageDraw.Draw(picture)
    _title(pen, title)
    left, top = (16 + _TREE + 8) * _SCALE, (head + label + 8) * _SCALE
    step = cell * _SCALE
    nearest, farthest = _ends(distances)
    colors = _colors((distances[np.ix_(order, order)] - nearest) / (farthest - nearest))
    block = np.repeat(np.repeat(colors, step, 0), step, 1)
    picture.paste(Image.fromarray(block), (left, top))
    for place, leaf in enumerate(order if label else []):
        middle = top + place * step + step // 2
        text = fit_text(names[leaf], font, label * _SCALE)
        pen.text((left + count * step + 8 * _SCALE, middle), text, INK, font, anchor="lm")
        _upright(picture, text, font, (left + place * step + step // 2, top - 8 * _SCALE))
        if count <= _NUMBERED:
            for other, column in enumerate(order):
                value = distances[leaf, column]
                ink = "white" if value < nearest + 0.45 * (farthest - nearest) else INK
                at = (left + other * step + step // 2, middle)
                pen.text(at, f"{value:.2f}", ink, ImageFont.load_default(min(size, 12) * _SCALE), anchor="mm")
    box = (16 * _SCALE, top, (16 + _TREE) * _SCALE, top + count * step)
    _draw_tree(pen, merges, order, box, _SCALE)
    _draw_scale(picture, (nearest, farthest), (left, top + (count * cell + 18) * _SCALE))
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def dendrogram(names: Sequence[str], distances: Matrix, title: str, linkage: str = "average") -> Image.Image:
    """Draw the tree of merges with an axis of distance: how far apart two branches are where they meet."""
    merges = cluster(distances, linkage)
    order = leaf_order(merges, distances)
    names = labels(names)
    count = len(names)
    row = 24 if count <= 40 else 17
    size = 14 if count <= 40 else 12
    font = ImageFont.load_default(size * _SCALE)
    label = _widest(names, size)
    tree, head, foot = 620, 52, 50
    width, height = max(20 + tree + 12 + label + 16, _title_width(title)), head + row * count + foot
    picture = Image.new("RGB", (width * _SCALE, height * _SCALE), PAPER)
    pen = ImageDraw.Draw(picture)
    _title(pen, title)
    box = (20 * _SCALE, head * _SCALE, (20 + tree) * _SCALE, (head + row * count) * _SCALE)
    top = max((merge.height for merge in merges), default=0.0) or 1.0
    small = ImageFont.load_default(12 * _SCALE)
    for tick in _ticks(top):
        x = box[2] - tick / top * (box[2] - box[0])
        pen.line([(x, box[1]), (x, box[3] + 4 * _SCALE)], (228, 226, 220), _SCALE)
        pen.text((x, box[3] + 8 * _SCALE), f"{tick:g}", SOFT, small, anchor="ma")
    pen.text(((box[0] + box[2]) / 2, box[3] + 28 * _SCALE), "distance", SOFT, small, anchor="ma")
    ink = _draw_tree(pen, merges, order, box, 2 * _SCALE)
    for place, leaf in enumerate(order):
        middle = box[1] + (place + 0.5) * row * _SCALE
        text = fit_text(names[leaf], font, label * _SCALE)
        pen.text((box[2] + 12 * _SCALE, middle), text, ink[leaf], font, anchor="lm")
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def without_suffix(name: str) -> str:
    """`starry-night.png` -> `starry-night`."""
    stem, dot, suffix = name.rpartition(".")
    return stem if dot and suffix.isalnum() and len(suffix) <= 5 else name


def labels(names: Sequence[str]) -> list[str]:
    """Names for a picture, whose font has Latin letters only: `#3` for the third if it has none of them."""
    found = [without_suffix(name) for name in names]
    known = [any(c.isascii() and c.isalnum() for c in unicodedata.normalize("NFKD", name)) for name in found]
    return [
        name if is_known else f"#{row}"
        for row, (name, is_known) in enumerate(zip(found, known, strict=True), 1)
    ]


def family_colors(merges: Sequence[Merge], count: int) -> list[str]:
    """Color of each leaf: that of its family, a branch of the tree cut where about a sixth are families."""
    wanted = int(np.clip(round(count / 6), 1, len(FAMILIES)))
    groups = families(list(merges), count, wanted)
    return [FAMILIES[group % len(FAMILIES)] if groups.count(group) > 1 else "#77736a" for group in groups]


def _draw_tree(
    pen: ImageDraw.ImageDraw,
    merges: Sequence[Merge],
    order: Sequence[int],
    box: tuple[float, float, float, float],
    thick: int,
) -> list[str]:
    """Draw brackets from the leaves on the right to the root on the left; give the leaves' colors."""
    left, top, right, bottom = box
    count = len(order)
    ink = family_colors(merges, count)
    highest = max((merge.height for merge in merges), default=0.0) or 1.0
    row = (bottom - top) / count
    place = {leaf: (right, top + (index + 0.5) * row, ink[leaf]) for index, leaf in enumerate(order)}
    for step, merge in enumerate(merges):
        (xa, ya, a), (xb, yb, b) = place.pop(merge.first), place.pop(merge.second)
        x = right - merge.height / highest * (right - left)
        joint = a if a == b else "#77736a"
        for start, y, color in ((xa, ya, a), (xb, yb, b)):
            pen.line([(start, y), (x, y)], color, thick)
        pen.line([(x, ya), (x, yb)], joint, thick)
        place[count + step] = (x, (ya + yb) / 2, joint)
    return ink


def _draw_scale(picture: Image.Image, ends: tuple[float, float], place: tuple[int, int]) -> None:
    left, top = place
    wide, high = 220 * _SCALE, 12 * _SCALE
    band = _colors(np.linspace(0, 1, wide)[None].repeat(high, 0))
    picture.paste(Image.fromarray(band), (left, top))
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(12 * _SCALE)
    pen.text((left, top + high + 3 * _SCALE), f"{ends[0]:.2g} and nearer", SOFT, font)
    pen.text((left + wide, top + high + 3 * _SCALE), f"{ends[1]:.2g} and farther", SOFT, font, anchor="ra")


def _ends(distances: Matrix) -> tuple[float, float]:
    """Distances that the colors run between: nearly all pairs, so that no outlier blinds the rest."""
    apart = distances[~np.eye(len(distances), dtype=bool)]
    if not len(apart) or not apart.max() > 0:
        return 0.0, 1.0
    low, high = (float(each) for each in np.percentile(apart, [2, 98]))
    return (0.9 * low, high) if high > low else (0.0, float(apart.max()))


def _title(pen: ImageDraw.ImageDraw, title: str) -> None:
    pen.text((16 * _SCALE, 14 * _SCALE), title, INK, ImageFont.load_default(17 * _SCALE))


def _title_width(title: str) -> int:
    return round(ImageFont.load_default(17).getlength(title)) + 32


def _colors(share: Matrix) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    place = np.linspace(0, 1, len(_STOPS))
    channels = [np.interp(share, place, _STOPS[:, channel]) for channel in range(3)]
    return np.stack(channels, -1).astype(np.uint8)


def _upright(picture: Image.Image, text: str, font: Font, foot: tuple[int, int]) -> None:
    """Write a text upwards, its end at `foot`."""
    if not text:
        return
    _, y0, x1, y1 = font.getbbox(text)
    strip = Image.new("RGB", (round(x1) + 2, round(y1) + 2), PAPER)
    ImageDraw.Draw(strip).text((0, 0), text, INK, font)
    turned = strip.rotate(90, expand=True)
    picture.paste(turned, (round(foot[0] - (y0 + y1) / 2), foot[1] - turned.height))


def _widest(names: Sequence[str], size: int) -> int:
    font = ImageFont.load_default(size)
    return min(_LABEL, max(round(font.getlength(name)) + 6 for name in names))


def _ticks(top: float) -> list[float]:
    raw = top / 5
    unit = 10 ** np.floor(np.log10(raw))
    step = float(unit * min((1, 2, 5, 10), key=lambda each: abs(each * unit - raw)))
    return [round(step * index, 10) for index in range(int(top / step) + 1)]
