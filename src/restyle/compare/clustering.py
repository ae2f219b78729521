"""Agglomerative clustering of a distance matrix, and the order in which its leaves are drawn.

Reference: Lance and Williams 1967, "A General Theory of Classificatory Sorting Strategies" (the update of
distances after a merge); Sokal and Michener 1958 (average linkage, UPGMA).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from restyle.errors import OptionError

Matrix = npt.NDArray[np.float64]

# Distance of a merged cluster to another, from those of its two parts and their sizes.
LINKAGES: dict[str, Callable[[Matrix, Matrix, int, int], Matrix]] = {
    "average": lambda a, b, n, m: (n * a + m * b) / (n + m),
    "single": lambda a, b, n, m: np.minimum(a, b),
    "complete": lambda a, b, n, m: np.maximum(a, b),
}


@dataclass(frozen=True)
class Merge:
    """One step: two clusters become one.

    Parameters
    ----------
    first, second : int
        Leaves are 0 to n - 1; the cluster that step i makes is n + i.
    height : float
        Distance of the two.
    size : int
        Leaves of the new cluster.
    """

    first: int
    second: int
    height: float
    size: int


def cluster(distances: Matrix, linkage: str = "average") -> list[Merge]:
    """Merge the two nearest clusters until one is left.

    Parameters
    ----------
    distances : np.ndarray [shape=(n, n), float64]
        Symmetric, zero on the diagonal.
    linkage : str
        ``"average"``, ``"single"`` or ``"complete"``. With these no merge is lower than one before it.

    Returns
    -------
    list of Merge, n - 1 of them

    Examples
    --------
    >>> import numpy as np
    >>> points = np.array([0.0, 1.0, 5.0])
    >>> [merge.height for merge in cluster(abs(points[:, None] - points))]
    [1.0, 4.5]
    """
    if linkage not in LINKAGES:
        raise OptionError(f"unknown linkage '{linkage}'; use one of {', '.join(LINKAGES)}")
    update = LINKAGES[linkage]
    count = len(distances)
    left = distances.astype(np.float64)
    np.fill_diagonal(left, np.inf)
    name, size = list(range(count)), [1] * count
    merges: list[Merge] = []
    for step in range(count - 1):
        i, j = sorted(divmod(int(left.argmin()), count))
        height = float(left[i, j])
        first, second = sorted((name[i], name[j]))
        merges.append(Merge(first, second, height, size[i] + size[j]))
        joined = update(left[i], left[j], size[i], size[j])
        joined[i] = joined[j] = np.inf
        left[i], left[:, i] = joined, joined
        left[j], left[:, j] = np.inf, np.inf
        name[i], size[i] = count + step, size[i] + size[j]
    return merges


def leaf_order(merges: list[Merge], distances: Matrix) -> list[int]:
    """Order the leaves so that no branches cross and likes are neighbours.

    Of the four ways to lay two clusters side by side, the one whose ends that meet are nearest.

    Parameters
    ----------
    merges : list of Merge
        From :func:`cluster`.
    distances : np.ndarray [shape=(n, n), float64]

    Returns
    -------
    list of int
        A permutation of the leaves.
    """
    count = len(distances)
    runs: dict[int, list[int]] = {leaf: [leaf] for leaf in range(count)}
    for step, merge in enumerate(merges):
        a, b = runs.pop(merge.first), runs.pop(merge.second)
        ways = [(x, y) for x in (a, a[::-1]) for y in (b, b[::-1])]
        x, y = min(ways, key=lambda way: float(distances[way[0][-1], way[1][0]]))
        runs[count + step] = x + y
    return next(iter(runs.values())) if runs else []


def families(merges: list[Merge], count: int, wanted: int) -> list[int]:
    """Cut the tree into groups: undo the last merges until there are as many as wanted.

    Returns
    -------
    list of int
        The group of each leaf, numbered in the order of their first leaves.
    """
    groups: dict[int, list[int]] = {leaf: [leaf] for leaf in range(count)}
    for step, merge in enumerate(merges[: max(0, count - wanted)]):
        groups[count + step] = groups.pop(merge.first) + groups.pop(merge.second)
    result = [0] * count
    for number, leaves in enumerate(sorted(groups.values(), key=min)):
        for leaf in leaves:
            result[leaf] = number
    return result
