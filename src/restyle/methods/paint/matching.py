"""Nearest neighbors: for every place of the content, the place of the style whose features are most alike.

After Kolkin et al. 2022 ("Neural Neighbor Style Transfer"): centered cosine similarity of single feature
vectors. Differs from it in three points: colors that differ cost similarity, so that light stays light; parts
of the style are used about equally; and a match is traded for the continuation of a neighbor's match where
that is nearly as good (the propagation of PatchMatch, Barnes et al. 2009), so that whole strokes are copied.
"""

from __future__ import annotations

from functools import reduce

import numpy as np
import numpy.typing as npt

from restyle.images.resize import resize
from restyle.images.statistics import box_blur
from restyle.methods.paint.cleanup import YCC_FROM_RGB, activity, convert
from restyle.types import FloatArray

Indices = npt.NDArray[np.int64]

COMPARED = (2, 3)  # layers whose features are matched
LEAST_CONTRAST = 0.05  # deviation of color that is not flat, in any picture
DIMENSIONS = 128  # of the feature vectors that are compared, where there are many
FEW = 1 << 26  # pairs of vectors from which reducing them pays
TONE = 0.8  # similarity lost per squared difference of luma
HUE = 0.4  # and of chroma
CALM = 0.4  # and of contrast nearby: what is flat is matched with what is flat
COHERENCE = 0.1  # similarity that one agreeing neighbor is worth
ROUNDS = 3  # of propagation
CENTER = 0.5  # share of the content's own mean in the mean that is subtracted from it
BALANCE = 0.06  # most similarity that an often used part of the style loses, and a rarely used one gains
BALANCE_ROUNDS = 8
BALANCE_RATE = 0.03  # similarity per round, for a part used twice as often as the average
SAMPLES = 1024  # content vectors that the use of the style is estimated from
_MOST_SCORES = 1 << 24  # similarities that the use of the style is estimated from
_BLOCK = 1 << 21  # similarities computed at a time: 8 MB, in the cache
_NEIGHBORS = ((0, 1), (0, -1), (1, 0), (-1, 0))


def match(
    content: dict[int, FloatArray], style: dict[int, FloatArray], pictures: tuple[FloatArray, FloatArray]
) -> tuple[Indices, Indices]:
    """Return the places of the style that match the content's: for relu1_1 to relu3_1, and for relu4_1.

    relu4_1 is matched by itself, the finer layers at relu3_1 with relu4_1 beside it.
    """
    photo, artwork = pictures

    def colors(layer: int) -> tuple[FloatArray, FloatArray]:
        ours, theirs = content[layer].shape[1:], style[layer].shape[1:]
        return small_colors(photo, ours), small_colors(artwork, theirs)

    fine = nearest(hypercolumns(content), hypercolumns(style), colors(2))
    return fine, nearest(_places(content[3]), _places(style[3]), colors(3))


def copied(style: FloatArray, layer: int, fine: Indices, deep: Indices) -> FloatArray:
    """Features of one layer of the style at the places that `match` found, [C, h, w]."""
    if layer == 3:
        return np.asarray(style.reshape(len(style), -1)[:, deep], np.float32)
    factor = 4 >> layer
    return blocks(style, fine, style.shape[2] // factor, factor)


def small_colors(picture: FloatArray, size: tuple[int, int]) -> FloatArray:
    """Luma, chroma and contrast of [3, H, W] at a smaller size (h, w): [h, w, 4].

    Contrast is the deviation around each place, relative to that of the busiest places.
    """
    planes = [resize(plane, size, "area") for plane in convert(picture, YCC_FROM_RGB)]
    radius = min(2, min(size) // 4)
    contrast = np.sqrt(reduce(np.add, [np.square(activity(plane, radius)) for plane in planes]))
    busiest = max(float(np.quantile(contrast, 0.95)), LEAST_CONTRAST)
    return np.stack([*planes, np.minimum(contrast / np.float32(busiest), 1)], -1)


def hypercolumns(features: dict[int, FloatArray]) -> FloatArray:
    """relu3_1 with relu4_1 enlarged beside it, each scaled to mean square length 1: [h, w, D]."""
    parts = [_places(features[2]), np.repeat(np.repeat(_places(features[3]), 2, 0), 2, 1)]
    return np.concatenate([part / np.sqrt(np.square(part).sum(-1).mean() + 1e-8) for part in parts], -1)


def blocks(features: FloatArray, index: Indices, width: int, factor: int) -> FloatArray:
    """For every matched place of a coarse layer of this width, copy the block of a finer layer."""
    rows, columns = np.divmod(index, width)
    out = np.empty((len(features), index.shape[0] * factor, index.shape[1] * factor), np.float32)
    for row in range(factor):
        for column in range(factor):
            out[:, row::factor, column::factor] = features[:, rows * factor + row, columns * factor + column]
    return out


def nearest(
    content: FloatArray, style: FloatArray, colors: tuple[FloatArray, FloatArray] | None = None
) -> Indices:
    """Match every place of the content [h, w, D] with one of the style [H, W, D].

    Parameters
    ----------
    colors : (np.ndarray [shape=(h, w, 4), float32], np.ndarray [shape=(H, W, 4), float32])
        Luma, chroma and contrast of both, the content's moved to the style's; None compares features alone.

    Returns
    -------
    np.ndarray [shape=(h, w), int64]
        Row-major indices into the H x W places of the style.
    """
    shape, depth, size = content.shape[:2], content.shape[2], style.shape[:2]
    flat, known = content.reshape(-1, depth), style.reshape(-1, depth)
    mean = known.mean(0)
    wanted, known = map(_unit, _reduced(flat - CENTER * flat.mean(0) - (1 - CENTER) * mean, known - mean))
    penalty = np.zeros(len(known), np.float32)
    if colors is not None:
        wanted, known, penalty = _with_colors(wanted, known, colors)
    places = wanted.reshape(*shape, -1)
    bias = penalty + _balance(places, known, penalty, size)
    index, similarity = np.empty(len(wanted), np.int64), np.empty(len(wanted), np.float32)
    together = max(1, _BLOCK // len(known))
    for start in range(0, len(wanted), together):
        block = slice(start, start + together)
        scores = wanted[block] @ known.T
        scores += bias
        index[block] = scores.argmax(1)
        similarity[block] = np.take_along_axis(scores, index[block][:, None], 1)[:, 0]
    return _propagate(index.reshape(shape), similarity.reshape(shape), places, known, bias, size)


def _reduced(wanted: FloatArray, known: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Project centered vectors to the style's principal components (PCA): matching is twice as fast."""
    if known.shape[1] <= DIMENSIONS or len(wanted) * len(known) < FEW:
        return wanted, known
    _, axes = np.linalg.eigh(known.T @ known)
    axes = np.ascontiguousarray(axes[:, -DIMENSIONS:])
    return wanted @ axes, known @ axes


def _with_colors(
    wanted: FloatArray, known: FloatArray, colors: tuple[FloatArray, FloatArray]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Append colors to the vectors; with the penalty, their product loses the squared difference of colors.

    (a - b)^2 = a^2 - 2ab + b^2, of which a^2, the content's own, does not change what is nearest.
    """
    scale = np.sqrt(np.array([TONE, HUE, HUE, CALM], np.float32))
    ours, theirs = (each.reshape(-1, 4) * scale for each in colors)
    middle = theirs.mean(0)
    ours, theirs = ours - middle, theirs - middle
    return np.hstack([wanted, 2 * ours]), np.hstack([known, theirs]), -np.square(theirs).sum(1)


def _balance(wanted: FloatArray, known: FloatArray, penalty: FloatArray, size: tuple[int, int]) -> FloatArray:
    """Bias of the similarity, per style vector, with which all parts of the style are used about equally.

    Without it, a flat sky copies one place of the style over and over. Differs from Kolkin et al. 2022, who
    take the plain nearest neighbor: this approximates optimal transport.
    """
    samples = min(SAMPLES, _MOST_SCORES // len(known))
    step = max(1, round((wanted.shape[0] * wanted.shape[1] / max(1, samples)) ** 0.5))
    scores = wanted[step // 2 :: step, step // 2 :: step].reshape(-1, wanted.shape[2]) @ known.T
    scores += penalty
    bias = np.zeros(len(known), np.float32)
    radius = max(1, max(size) // 16)
    biased = np.empty_like(scores)
    for _ in range(BALANCE_ROUNDS):
        count = np.bincount(np.add(scores, bias, out=biased).argmax(1), minlength=len(known))
        used = count.astype(np.float32).reshape(size)
        used = box_blur(box_blur(used, min(radius, size[0] - 1), 0), min(radius, size[1] - 1), 1)
        bias -= np.float32(BALANCE_RATE) * np.clip(used.ravel() / used.mean() - 1, -1, 1)
        np.clip(bias, -BALANCE, BALANCE, out=bias)
    return bias


def _propagate(
    index: Indices,
    similarity: FloatArray,
    wanted: FloatArray,
    known: FloatArray,
    bias: FloatArray,
    size: tuple[int, int],
) -> Indices:
    """Trade matches for those that continue the match of a neighbor, where that is nearly as similar."""
    for _ in range(ROUNDS):
        proposals = [_continued(index, size, step) for step in _NEIGHBORS]
        best = similarity + COHERENCE * _votes(index, proposals)
        new_index, new_similarity = index.copy(), similarity.copy()
        for proposal in proposals:
            its = np.einsum("hwd,hwd->hw", wanted, known[proposal]) + bias[proposal]
            score = its + COHERENCE * _votes(proposal, proposals)
            better = score > best
            new_index[better], new_similarity[better] = proposal[better], its[better]
            best = np.maximum(best, score)
        index, similarity = new_index, new_similarity
    return index


def _continued(index: Indices, size: tuple[int, int], step: tuple[int, int]) -> Indices:
    """What the match of the neighbor at `step` proposes here: the place beside its own."""
    rows, columns = np.divmod(index, size[1])
    back = (-step[0], -step[1])
    rows = np.clip(np.roll(rows, back, (0, 1)) - step[0], 0, size[0] - 1)
    columns = np.clip(np.roll(columns, back, (0, 1)) - step[1], 0, size[1] - 1)
    proposal = rows * size[1] + columns
    inside = np.zeros(index.shape, bool)  # where there is such a neighbor
    height, width = index.shape
    inside[max(0, -step[0]) : height - max(0, step[0]), max(0, -step[1]) : width - max(0, step[1])] = True
    return np.where(inside, proposal, index)


def _votes(index: Indices, proposals: list[Indices]) -> FloatArray:
    return np.asarray(sum((index == each).astype(np.float32) for each in proposals), np.float32)


def _unit(vectors: FloatArray) -> FloatArray:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / (lengths + np.float32(1e-6)), np.float32)


def _places(features: FloatArray) -> FloatArray:
    return np.ascontiguousarray(features.transpose(1, 2, 0))
