"""A map of styles: thumbnails, close together if the styles are similar; as an image and as one HTML file.

References: Torgerson 1952, "Multidimensional Scaling: I. Theory and Method" (classical scaling, the start);
de Leeuw 1977, "Applications of Convex Analysis to Multidimensional Scaling" (SMACOF, which improves it).
"""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from string import Template

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont, ImageOps

from restyle.compare.charts import Matrix, cluster, group_colors, short_name
from restyle.compare.subjects import Subject
from restyle.images.plots import DPI, INK, PAPER, SOFT, drawing, new_figure, to_image

NEIGHBORS = 5
_AREA = 1500 * 1000  # px of the map
_SHARE = 0.42  # of it under thumbnails
_MARGIN, _HEAD, _FRAME = 28, 56, 4  # px
_LETTERS = 12  # px


@dataclass(frozen=True)
class StyleMap:
    """Positions of the thumbnails.

    Parameters
    ----------
    centers : np.ndarray [shape=(n, 2), float64]
        In px from the top left of the map.
    sizes : np.ndarray [shape=(n, 2), float64]
        Width and height of the thumbnails, in px.
    size : (width, height)
    stress : float
        Share of the distances that no flat map can show, 0..1.
    colors : list of str
        Group of each.
    """

    centers: Matrix
    sizes: Matrix
    size: tuple[int, int]
    stress: float
    colors: list[str]

    @property
    def note(self) -> str:
        """One line on how to read the map."""
        return (
            f"Close means similar. A flat map distorts distances, here by {self.stress:.0%} (stress), and"
            " thumbnails are moved apart. Frame color: group in the tree."
        )


def lay_out(subjects: Sequence[Subject], distances: Matrix, lengths: Matrix | None = None) -> StyleMap:
    """Place thumbnails so that their distances on the map approximate those of the styles.

    Parameters
    ----------
    distances : np.ndarray [shape=(n, n), float64]
        Groups are made by these.
    lengths : np.ndarray [shape=(n, n), float64] or None
        The same in a form that a map can show: see `Metric.lengths`. None takes the distances.
    """
    lengths = distances if lengths is None else lengths
    points = place(lengths)
    side = float(np.clip(np.sqrt(_AREA * _SHARE / len(subjects)), 56, 200))
    sizes = np.array([_fit(_aspect(each), side) for each in subjects])
    extent = np.maximum(np.ptp(points, axis=0), 1e-9)
    if extent[1] > extent[0]:  # the longer extent runs along the map's width
        points, extent = points[:, ::-1], extent[::-1]
    scale = 0.9 * float(np.sqrt(_AREA / max(extent[0] * extent[1], extent[0] ** 2 / 4)))
    boxes = sizes + np.array([14, 14 + _LETTERS + 6])
    centers = move_apart((points - points.min(0)) * scale, boxes)
    centers += _MARGIN - (centers - boxes / 2).min(0)
    width, height = (int(each) for each in (centers + boxes / 2).max(0) + _MARGIN)
    colors = group_colors(cluster(distances))
    return StyleMap(centers, sizes, (max(width, 520), height), stress(points, lengths), colors)


def place(distances: Matrix, *, rounds: int = 300, tolerance: float = 1e-6) -> Matrix:
    """Place points in the plane [n, 2]: classical scaling, then majorization of the stress (SMACOF).

    Parameters
    ----------
    distances : np.ndarray [shape=(n, n), float64]
    rounds : int
        Maximum number of steps; each lowers the stress.
    tolerance : float
        Stop when a step gains less.
    """
    points = _classical_scaling(distances)
    last = stress(points, distances)
    for _ in range(rounds):
        shown = _pairwise(points)
        weights = -np.divide(distances, shown, out=np.zeros_like(shown), where=shown > 1e-12)
        np.fill_diagonal(weights, 0)
        np.fill_diagonal(weights, -weights.sum(1))
        moved = weights @ points / len(points)
        now = stress(moved, distances)
        if now < last:
            points = moved
        if last - now < tolerance:
            break
        last = now
    return points


def stress(points: Matrix, distances: Matrix) -> float:
    """Kruskal's stress-1: relative error of the distances on the map, 0 for a perfect map."""
    error = ((_pairwise(points) - distances) ** 2).sum()
    return float(np.sqrt(error / max(float((distances**2).sum()), 1e-300)))


def move_apart(points: Matrix, size: Matrix, *, rounds: int = 2000) -> Matrix:
    """Move rectangles, centers [n, 2] and sizes [n, 2], as little as possible until none overlap."""
    index = np.arange(len(points))
    points = points + (index[:, None] * [1e-4, 2e-4]) % 1e-3  # separates equal positions
    for turn in range(rounds):
        gap = points[:, None] - points[None]
        overlap = (size[:, None] + size[None]) / 2 - np.abs(gap)
        hit = (overlap > 1e-3).all(-1) & (index[:, None] != index)
        if not hit.any():
            break
        shorter = overlap.argmin(-1)  # move along the axis of the smaller overlap
        for axis in (0, 1):
            push = np.where(hit & (shorter == axis), overlap[..., axis] * np.sign(gap[..., axis] + 1e-12), 0)
            points[:, axis] += 0.3 * push.sum(1)
        if turn % 100 == 99:  # no room: enlarge the map
            points *= 1.05
    return points


def draw_map(subjects: Sequence[Subject], laid: StyleMap, title: str) -> Image.Image:
    """Draw the map with names below the thumbnails."""
    from matplotlib.patches import Rectangle

    width, height = laid.size[0], laid.size[1] + _HEAD
    names = [short_name(each.name) for each in subjects]
    with drawing([*names, title]):
        figure = new_figure(width, height, PAPER)
        points = 72 / DPI  # in a px
        figure.text(_MARGIN / width, 1 - 12 / height, title, va="top", fontsize=18 * points)
        figure.text(_MARGIN / width, 1 - 38 / height, laid.note, va="top", fontsize=12 * points, color=SOFT)
        for each, name, center, size, color in zip(
            subjects, names, laid.centers, laid.sizes, laid.colors, strict=True
        ):
            w, h = (round(side) for side in size)
            left, bottom = round(center[0] - w / 2), height - round(center[1] - h / 2 + _HEAD) - h
            frame = (left - _FRAME, bottom - _FRAME), w + 2 * _FRAME, h + 2 * _FRAME
            figure.add_artist(Rectangle(*frame, color=color, linewidth=0, transform=None))
            figure.figimage(np.asarray(_tile(each, (w, h))), left, bottom, zorder=2)
            below = (bottom - _FRAME - 3) / height
            size_to_fit = min(_LETTERS, 2 * (w + 12) / max(len(name), 1)) * points
            figure.text(
                (left + w / 2) / width, below, name, ha="center", va="top", fontsize=size_to_fit, color=INK
            )
        return to_image(figure)


def page(
    subjects: Sequence[Subject],
    laid: StyleMap,
    distances: Matrix,
    title: str,
    charts: Sequence[tuple[str, Image.Image]],
) -> str:
    """Write the map as one HTML file without external parts: hover or focus shows the nearest styles.

    Parameters
    ----------
    charts : sequence of (heading, picture)
        Shown under the map.
    """
    width, height = laid.size
    tiles = []
    for index, (each, (x, y), (w, _), color) in enumerate(
        zip(subjects, laid.centers, laid.sizes, laid.colors, strict=True)
    ):
        near = [int(i) for i in np.argsort(distances[index]) if i != index][:NEIGHBORS]
        data = json.dumps([[i, f"{distances[index, i]:.3f}"] for i in near])
        position = f"left:{x / width:.3%};top:{y / height:.3%};width:{w / width:.3%}"
        tiles.append(
            f'<figure tabindex="0" style="{position};--c:{color}" data-n=\'{data}\'>'
            f'<img alt="" src="{_embedded(_tile(each, _full_size(each)), "JPEG")}">'
            f"<figcaption>{html.escape(short_name(each.name))}</figcaption></figure>"
        )
    shown = "".join(
        f"<h2>{html.escape(heading)}</h2>"
        f'<img class="chart" alt="{html.escape(heading)}" src="{_embedded(chart, "PNG")}">'
        for heading, chart in charts
    )
    template = Template(files("restyle.compare").joinpath("map.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=html.escape(title),
        note=html.escape(laid.note),
        ratio=f"{width} / {height}",
        tiles="\n".join(tiles),
        charts=shown,
        names=json.dumps([each.name for each in subjects]).replace("<", "\\u003c"),
    )


def _classical_scaling(distances: Matrix) -> Matrix:
    """Points [n, 2] by the leading eigenvectors of the doubly centered squared distances.

    Exact, up to rotation, for distances of points in a plane. The sign of each axis is fixed, so that the
    same input always gives the same map.
    """
    squared = distances.astype(np.float64) ** 2
    centered = squared - squared.mean(0) - squared.mean(1)[:, None] + squared.mean()
    values, vectors = np.linalg.eigh(-centered / 2)
    top = np.argsort(values)[::-1][:2]
    points = np.zeros((len(distances), 2))
    points[:, : len(top)] = vectors[:, top] * np.sqrt(np.maximum(values[top], 0))
    largest = np.abs(points).argmax(0)
    return np.asarray(points * np.where(points[largest, [0, 1]] < 0, -1, 1))


def _pairwise(points: Matrix) -> Matrix:
    difference = points[:, None] - points[None]
    return np.asarray(np.sqrt((difference**2).sum(-1)))


def _aspect(subject: Subject) -> float:
    if subject.thumbnail is None:
        return 4 / 3
    height, width = subject.thumbnail.shape[:2]
    return float(np.clip(width / height, 0.4, 2.5))


def _fit(aspect: float, side: float) -> tuple[float, float]:
    """Width and height of an aspect, with the area of a square of this side."""
    return side * aspect**0.5, side / aspect**0.5


def _full_size(subject: Subject) -> tuple[int, int]:
    width, height = _fit(_aspect(subject), 200)
    return round(width), round(height)


def _tile(subject: Subject, size: tuple[int, int]) -> Image.Image:
    """The thumbnail, cropped to the size; a plain tile if there is none."""
    if subject.thumbnail is None:
        tile = Image.new("RGB", size, "#d9d5cb")
        pen, font = ImageDraw.Draw(tile), ImageFont.load_default(max(11, size[1] // 6))
        pen.text((size[0] / 2, size[1] / 2), subject.kind, SOFT, font, anchor="mm")
        return tile
    pixels: npt.NDArray[np.uint8] = subject.thumbnail
    return ImageOps.fit(Image.fromarray(pixels), size, Image.Resampling.LANCZOS)


def _embedded(picture: Image.Image, form: str) -> str:
    file = io.BytesIO()
    picture.save(file, form, quality=82, optimize=True)
    return f"data:image/{form.lower()};base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
