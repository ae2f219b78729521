"""Charts of distances between styles: heat map, tree, and a map of thumbnails (an image, or one HTML file).

References: Sokal and Michener 1958 (average linkage, UPGMA); Bar-Joseph et al. 2001 (optimal leaf ordering);
Torgerson 1952, "Multidimensional Scaling: I. Theory and Method" (classical scaling, the start of the map);
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
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont, ImageOps

from restyle.compare.subjects import Subject
from restyle.images.figures import DPI, INK, PAPER, SOFT, drawing, new_figure, to_image

Matrix = npt.NDArray[np.float64]

GROUP_COLORS = ("#1f5fa8", "#d1495b", "#2e8b57", "#e0912f", "#7b4fa3", "#0f9d9d", "#a8763e", "#5c6670")
SINGLE_COLOR = "#77736a"  # of a style that is in no group, and of branches between groups
DARK_TO_LIGHT = "YlGnBu_r"
LONGEST_NAME = 32  # characters; longer names are cut
_NAMED = 120  # styles up to which the heat map has names; the tree always has them
_NUMBERED = 16  # styles up to which the cells of the heat map have numbers
_TREE, _TITLE, _FOOT = 190, 50, 70  # px


def cluster(distances: Matrix) -> Matrix:
    """Average linkage of distances [n, n], similar leaves next to each other: [n - 1, 4], as in SciPy."""
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    tree: Matrix = linkage(squareform(distances, checks=False), "average", optimal_ordering=True)
    return tree


def group_colors(tree: Matrix) -> list[str]:
    """Color of each leaf by its group: the tree is cut into about a sixth as many groups as leaves."""
    from scipy.cluster.hierarchy import cut_tree

    count = len(tree) + 1
    wanted = int(np.clip(round(count / 6), 1, len(GROUP_COLORS)))
    groups = cut_tree(tree, n_clusters=wanted).ravel().tolist()
    return [GROUP_COLORS[each] if groups.count(each) > 1 else SINGLE_COLOR for each in groups]


def heat_map(names: Sequence[str], distances: Matrix, title: str) -> Image.Image:
    """Draw the distance matrix [n, n] in the order of its tree, dark for near; the title names the metric."""
    from scipy.cluster.hierarchy import leaves_list

    tree = cluster(distances)
    order = leaves_list(tree)
    shown = [short_name(names[leaf]) for leaf in order]
    count = len(shown)
    cell = int(np.clip(900 // count, 12 if count <= _NAMED else 2, 64))
    label = 9 * max(map(_columns, shown)) if count <= _NAMED else 10
    side = cell * count
    width = max(_TREE + side + label + 40, 9 * len(title) + 40)
    height = _TITLE + label + side + _FOOT + 10
    with drawing([*names, title]):
        figure = new_figure(width, height, PAPER)
        figure.text(16 / width, 1 - 16 / height, title, va="top", fontsize=12)
        low = _FOOT / height
        branches = figure.add_axes((16 / width, low, (_TREE - 20) / width, side / height))
        _draw_tree(branches, tree)
        branches.axis("off")
        axes = figure.add_axes((_TREE / width, low, side / width, side / height))
        nearest, farthest = _color_range(distances)
        shades = axes.imshow(
            distances[np.ix_(order, order)], DARK_TO_LIGHT, vmin=nearest, vmax=farthest, aspect="auto"
        )
        axes.tick_params(length=0, labelsize=7 if cell < 18 else 9)
        axes.tick_params(labelbottom=False, labeltop=True, labelleft=False, labelright=True)
        texts = shown if count <= _NAMED else []
        axes.set_xticks(range(len(texts)), texts, rotation=90)
        axes.set_yticks(range(len(texts)), texts)
        axes.spines[:].set_visible(False)
        if count <= _NUMBERED:
            dark = nearest + 0.45 * (farthest - nearest)
            for (row, column), value in np.ndenumerate(distances[np.ix_(order, order)]):
                ink = "white" if value < dark else INK
                axes.text(column, row, f"{value:.2f}", color=ink, ha="center", va="center", fontsize=8)
        scale = figure.add_axes((_TREE / width, 36 / height, 220 / width, 12 / height))
        bar = figure.colorbar(shades, cax=scale, orientation="horizontal", ticks=[nearest, farthest])
        bar.ax.set_xticklabels([f"{nearest:.2g} and nearer", f"{farthest:.2g} and farther"], fontsize=8)
        return to_image(figure)


def dendrogram(names: Sequence[str], distances: Matrix, title: str) -> Image.Image:
    """Draw the tree: two branches meet at the mean distance of their members."""
    tree = cluster(distances)
    shown = [short_name(name) for name in names]
    row = 24 if len(shown) <= 40 else 17
    label = 9 * max(map(_columns, shown))
    width = max(640 + label + 30, 9 * len(title) + 40)
    height = 52 + row * len(shown) + 60
    with drawing([*names, title]):
        figure = new_figure(width, height, PAPER)
        figure.text(20 / width, 1 - 16 / height, title, va="top", fontsize=12)
        axes = figure.add_axes((20 / width, 60 / height, 620 / width, row * len(shown) / height))
        order = _draw_tree(axes, tree, 2)
        colors = group_colors(tree)
        axes.yaxis.tick_right()
        axes.set_yticks([10 * place + 5 for place in range(len(order))], [shown[leaf] for leaf in order])
        axes.tick_params(axis="y", length=0, labelsize=9)
        for text, leaf in zip(axes.get_yticklabels(), order, strict=True):
            text.set_color(colors[leaf])
        axes.grid(axis="x", color="#e4e2dc")
        axes.set_axisbelow(True)
        axes.set_xlabel("distance", color=SOFT)
        axes.spines[:].set_visible(False)
        axes.set_facecolor(PAPER)
        return to_image(figure)


def short_name(name: str) -> str:
    """Drop the suffix and shorten: `deep/starry-night.png` -> `deep/starry-night`."""
    stem, dot, suffix = name.rpartition(".")
    text = stem if dot and suffix.isalnum() and len(suffix) <= 5 else name
    return text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 1] + "…"


def _draw_tree(axes: Any, tree: Matrix, thickness: float = 1) -> list[int]:
    """Draw branches from the leaves on the right to the root; return the leaves from bottom to top."""
    from scipy.cluster.hierarchy import dendrogram as draw_branches

    count = len(tree) + 1
    colors = group_colors(tree)
    for first, second, *_ in tree.astype(int).tolist():
        colors.append(colors[first] if colors[first] == colors[second] else SINGLE_COLOR)
    drawn = draw_branches(
        tree, orientation="left", ax=axes, no_labels=True, link_color_func=lambda link: colors[link]
    )
    axes.invert_yaxis()  # the first leaf on top, as in the matrix
    for lines in axes.collections:
        lines.set_linewidth(thickness)
    if not tree[-1, 2] > 0:
        axes.set_xlim(1, 0)
    axes.set_ylim(10 * count, 0)
    return [int(leaf) for leaf in drawn["leaves"]]


def _color_range(distances: Matrix) -> tuple[float, float]:
    """Distances at the ends of the colors: 2nd and 98th percentile, to leave out outliers."""
    apart = distances[~np.eye(len(distances), dtype=bool)]
    if not len(apart) or not apart.max() > 0:
        return 0.0, 1.0
    low, high = (float(each) for each in np.percentile(apart, [2, 98]))
    return (0.9 * low, high) if high > low else (0.0, float(apart.max()))


def _columns(text: str) -> int:
    """Width in Latin letters."""
    return sum(2 if ord(each) > 0x2E80 else 1 for each in text)


NEIGHBORS = 5
_AREA = 1500 * 1000  # px of the map
_SHARE = 0.42  # of it under thumbnails
_MARGIN, _HEAD, _FRAME = 28, 56, 4  # px
_LETTERS = 12  # px


@dataclass(frozen=True)
class StyleMap:
    """Positions of the thumbnails, in px from the top left of the map."""

    centers: Matrix  # [n, 2]
    sizes: Matrix  # width and height, [n, 2]
    size: tuple[int, int]  # width and height of the map
    stress: float  # share of the distances that no flat map can show, 0..1
    colors: list[str]  # by group

    @property
    def note(self) -> str:
        """One line on how to read the map."""
        return (
            f"Close means similar. A flat map distorts distances, here by {self.stress:.0%} (stress), and"
            " thumbnails are moved apart. Frame color: group in the tree."
        )


def lay_out(subjects: Sequence[Subject], distances: Matrix, lengths: Matrix | None = None) -> StyleMap:
    """Place thumbnails so that their distances on the map approximate those of the styles.

    Groups are made by `distances` [n, n]; `lengths` are these as a map can show them: see `Metric.lengths`.
    """
    lengths = distances if lengths is None else lengths
    points = place(lengths)
    side = float(np.clip(np.sqrt(_AREA * _SHARE / len(subjects)), 56, 200))
    sizes = np.array([_tile_size(each, side) for each in subjects])
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

    Each round lowers the stress; it ends when one gains less than the tolerance.
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


def move_apart(points: Matrix, size: Matrix) -> Matrix:
    """Move rectangles, centers [n, 2] and sizes [n, 2], as little as possible until none overlap."""
    index = np.arange(len(points))
    points = points + (index[:, None] * [1e-4, 2e-4]) % 1e-3  # separates equal positions
    for turn in range(2000):
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

    The charts, heading and picture, are shown below it.
    """
    width, height = laid.size
    tiles = []
    for index, (each, (x, y), (w, _), color) in enumerate(
        zip(subjects, laid.centers, laid.sizes, laid.colors, strict=True)
    ):
        across, down = _tile_size(each, 200)
        near = [int(i) for i in np.argsort(distances[index]) if i != index][:NEIGHBORS]
        data = json.dumps([[i, f"{distances[index, i]:.3f}"] for i in near])
        position = f"left:{x / width:.3%};top:{y / height:.3%};width:{w / width:.3%}"
        tiles.append(
            f'<figure tabindex="0" style="{position};--c:{color}" data-n=\'{data}\'>'
            f'<img alt="" src="{_embedded(_tile(each, (round(across), round(down))), "JPEG")}">'
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
    """Points [n, 2] by the leading eigenvectors of the doubly centered squared distances; signs are fixed."""
    squared = distances.astype(np.float64) ** 2
    centered = squared - squared.mean(0) - squared.mean(1)[:, None] + squared.mean()
    values, vectors = np.linalg.eigh(-centered / 2)
    top = np.argsort(values)[::-1][:2]
    points = np.zeros((len(distances), 2))
    points[:, : len(top)] = vectors[:, top] * np.sqrt(np.maximum(values[top], 0))
    largest = np.abs(points).argmax(0)
    return np.asarray(points * np.where(points[largest, [0, 1]] < 0, -1, 1))


def _pairwise(points: Matrix) -> Matrix:
    return np.asarray(np.sqrt(((points[:, None] - points[None]) ** 2).sum(-1)))


def _tile_size(subject: Subject, side: float) -> tuple[float, float]:
    """Width and height in the aspect of the thumbnail, with the area of a square of this side."""
    aspect = 4 / 3
    if subject.thumbnail is not None:
        height, width = subject.thumbnail.shape[:2]
        aspect = float(np.clip(width / height, 0.4, 2.5))
    return side * aspect**0.5, side / aspect**0.5


def _tile(subject: Subject, size: tuple[int, int]) -> Image.Image:
    """The thumbnail, cropped to the size; a plain tile if there is none."""
    if subject.thumbnail is None:
        tile = Image.new("RGB", size, "#d9d5cb")
        pen, font = ImageDraw.Draw(tile), ImageFont.load_default(max(11, size[1] // 6))
        pen.text((size[0] / 2, size[1] / 2), subject.kind, SOFT, font, anchor="mm")
        return tile
    return ImageOps.fit(Image.fromarray(subject.thumbnail), size, Image.Resampling.LANCZOS)


def _embedded(picture: Image.Image, form: str) -> str:
    file = io.BytesIO()
    picture.save(file, form, quality=82, optimize=True)
    return f"data:image/{form.lower()};base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
