"""Heat map and tree of a distance matrix, by matplotlib and SciPy.

Reference: Sokal and Michener 1958 (average linkage, UPGMA); Bar-Joseph et al. 2001 (optimal leaf ordering).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from restyle.images.plots import INK, PAPER, SOFT, drawing, new_figure, to_image

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
    """Draw the distance matrix in the order of its tree, dark for near.

    Parameters
    ----------
    names : sequence of str, n of them
    distances : np.ndarray [shape=(n, n), float64]
    title : str
        Names the metric.
    """
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
        places, texts = (range(count), shown) if count <= _NAMED else (range(0), [])
        axes.set_xticks(places, texts, rotation=90)
        axes.set_yticks(places, texts)
        axes.spines[:].set_visible(False)
        if count <= _NUMBERED:
            _write_numbers(axes, distances[np.ix_(order, order)], nearest + 0.45 * (farthest - nearest))
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


def _write_numbers(axes: Any, distances: Matrix, dark: float) -> None:
    for (row, column), value in np.ndenumerate(distances):
        ink = "white" if value < dark else INK
        axes.text(column, row, f"{value:.2f}", color=ink, ha="center", va="center", fontsize=8)


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
