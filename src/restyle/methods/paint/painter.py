"""Paint a picture by nearest neighbors, coarse to fine, on NumPy and ONNX Runtime alone.

At every scale each place of the photo is matched with a place of the artwork; the features found there
become the target, and some steps of Adam bring the picture to them (Kolkin et al. 2022, "Neural Neighbor
Style Transfer"). Differs from it in the encoder (ours, to relu4_1, instead of VGG-16), in the matching
(`matching`: neighbors stay together, parts of the style are used about equally), in a loss on Gram matrices
beside the matches, and in how the photo counts: where it has detail, its own features are mixed into the
targets; where it is flat, the painting so far is matched more than the photo, so strokes of coarse scales
continue at fine ones. `cleanup` keeps the result clean: fine layers count less where the photo is calm, and
fine color follows the photo's objects.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial, reduce
from hashlib import sha256
from typing import cast

import numpy as np

from restyle.images.resize import resize
from restyle.images.statistics import gram
from restyle.methods.paint import cleanup
from restyle.methods.paint.matching import Indices, nearest
from restyle.methods.paint.network import STRIDES, Feed, PaintingNetwork, Targets, prepare
from restyle.methods.paint.objects import Objects
from restyle.methods.paint.pyramid import YCC_FROM_RGB, Pyramid, convert
from restyle.methods.paint.sizes import MAX_STYLE, fitted, resized, scales, shown
from restyle.models.session import free_heap
from restyle.types import FloatArray

AGAIN = 2  # scales that are painted from a start
WEIGHTS = (0.1, 0.4, 1.0, 2.0)  # of the cosine loss of relu1_1 .. relu4_1
GRAM_WEIGHTS = (0.16, 0.4, 0.8, 0.8)
FLAT_WEIGHT = 0.6  # share of the weight of relu1_1 and relu2_1 that stays where the photo is flat
BUSY = 0.03  # deviation of the photo's luma at which half of the rest is added
FREEDOM = 0.4  # how much less the photo counts in matching where it is flat; the painting counts instead
# Share of the photo's own features, by layer, where the photo has detail, at a likeness of .5
KEEP = {1: 0.0, 2: 0.08, 3: 0.1}
KEEP_PEOPLE = 0.3  # more of it on people
COMPARED = (2, 3)  # layers whose features are matched
MATCH_COLORS = 0.5  # how far the photo's colors are moved to the style's before it is matched
LEAST_CONTRAST = 0.05  # deviation of color that is not flat, in any picture
LIGHT = 0.5  # how far broad luma is moved to the photo's, after every scale and at the end
FINAL_COLORS = 0.8  # how far the painting's colors are moved at the end
KEPT_SIDE = 640  # px, longest side of a picture for which features of its style are kept


@dataclass(frozen=True, eq=False)
class Artwork:
    """A style picture and its share of the style; equal if the pixels are.

    Parameters
    ----------
    pixels : np.ndarray [shape=(H, W, 3), float32, RGB, range 0..1]
    weight : float
    scale : float
        Size of the strokes: 2 shows the artwork twice as large.
    """

    pixels: FloatArray
    weight: float = 1.0
    scale: float = 1.0

    @cached_property
    def _key(self) -> tuple[object, ...]:
        return sha256(self.pixels.tobytes()).digest(), self.pixels.shape, self.weight, self.scale

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Artwork) and self._key == other._key


@dataclass(frozen=True)
class State:
    """Progress after one step.

    Parameters
    ----------
    number, total : int
        The step, counted from 1, and the number of all steps.
    done : float, 0..1
        Share of the work; steps at larger scales take longer.
    size : (height, width)
        Of the current scale, in px.
    loss : float
        Before the step.
    """

    number: int
    total: int
    done: float
    size: tuple[int, int]
    loss: float
    _picture: Callable[[], FloatArray] = field(repr=False)

    def picture(self) -> FloatArray:
        """Return the finished picture of this step [shape=(h, w, 3), float32, RGB, range 0..1]."""
        return self._picture()


def paint(
    photos: Sequence[FloatArray],
    artworks: Sequence[Artwork],
    network: PaintingNetwork,
    *,
    side: int,
    likeness: float = 0.5,
    effort: float = 1.0,
    start: FloatArray | None = None,
    progress: Callable[[State], object] | None = None,
) -> FloatArray:
    """Paint a photo in the style of artworks.

    Parameters
    ----------
    photos : sequence of np.ndarray [shape=(3, h, w), float32, RGB, range 0..1]
        The photo as `at_scales` gives it.
    artworks : sequence of Artwork
        The targets of several are averaged by their weights.
    network : PaintingNetwork
    side : int
        Longest side that is painted, in px.
    likeness : float, 0..1
        How closely the painting follows the photo's forms.
    effort : float
        Multiplies the number of steps.
    start : np.ndarray [shape=(h, w, 3), float32, RGB, range 0..1] or None
        A painting of this photo, or of one like it; then only the `AGAIN` largest scales are painted.
    progress : function of a State, or None
        Called after every step; returning True stops the painting.

    Returns
    -------
    np.ndarray [shape=(h, w, 3), float32, RGB, range 0..1]
        Of the photo's aspect, about `side` px on its longer side, with sides that are multiples of 8.
    """
    plan = scales(side, effort)
    picture: FloatArray | None = None
    if start is not None:
        plan, picture = plan[-AGAIN:], np.ascontiguousarray(start.transpose(2, 0, 1))
    number, total = 0, sum(sum(scale.rounds) for scale in plan)
    done, work = 0, sum(sum(scale.rounds) * scale.side**2 for scale in plan)
    for scale, content in zip(plan, photos[-len(plan) :], strict=True):
        objects, size = Objects(content), (content.shape[1], content.shape[2])
        works = [prepare_style(each, scale.side, network) for each in artworks]
        style = works[0].pixels
        picture = cleanup.recolor(content, style, 1.0) if picture is None else resized(picture, size)
        for index, steps in enumerate(scale.rounds):
            first = start is None and index == 0 and scale is plan[0]
            feed = targets(objects, picture, works, network, likeness, first=first)
            if index == len(scale.rounds) - 1:
                works = []  # their features take much memory at large sizes
            free_heap()
            pyramid, stopped = Pyramid(picture, steps), False
            while pyramid.taken < steps and not stopped:
                loss, gradient = network.gradient(pyramid.picture(), feed)
                pyramid.step(gradient)
                number, done = number + 1, done + scale.side**2
                if progress is not None:
                    so_far = partial(_so_far, pyramid, objects, style, likeness)
                    stopped = bool(progress(State(number, total, done / work, size, loss, so_far)))
            del feed  # before the next one is made
            free_heap()
            picture = tidy(pyramid.picture(), objects, style)
            if stopped:
                return finish(picture, objects, style, likeness)
    return finish(cast("FloatArray", picture), objects, style, likeness)


def _so_far(pyramid: Pyramid, objects: Objects, style: FloatArray, likeness: float) -> FloatArray:
    return finish(tidy(pyramid.picture(), objects, style), objects, style, likeness)


def tidy(picture: FloatArray, objects: Objects, style: FloatArray) -> FloatArray:
    """Clean up after a round of steps; [3, H, W] in and out."""
    photo = objects.photo
    side = max(photo.shape[1:])
    picture = cleanup.smooth_color(picture, photo, max(2, round(side / 85)))
    picture = objects.hold(picture)
    return cleanup.light_by_object(picture, photo, style, LIGHT, max(2, round(side / 40)))


def finish(picture: FloatArray, objects: Objects, style: FloatArray, likeness: float) -> FloatArray:
    """Settle the colors and clean up; [3, H, W] in, [H, W, 3] out."""
    photo = objects.photo
    picture = objects.hold(cleanup.calm(picture, photo))
    side = max(photo.shape[1:])
    picture = cleanup.color_by_object(picture, photo, max(4, round(side / 40)))
    picture = cleanup.recolor(picture, style, FINAL_COLORS)
    picture = cleanup.light_by_object(picture, photo, style, LIGHT, max(4, round(side / 25)))
    picture = objects.keep_people(picture, min(1.0, 2 * likeness))
    return np.ascontiguousarray(picture.transpose(1, 2, 0))


class Work:
    """An artwork at one scale, with its features."""

    def __init__(self, artwork: Artwork, side: int, network: PaintingNetwork) -> None:
        self.weight = artwork.weight
        self.pixels = fitted(
            shown(artwork.pixels, artwork.scale), round(side * min(artwork.scale, MAX_STYLE))
        )
        features = network.features(self.pixels)
        self.grams = [np.asarray(gram(each), np.float32) for each in features.values()]
        # other layers, most of the memory, are copied but not compared
        self.features: dict[int, FloatArray] = {
            layer: each if layer in COMPARED else each.astype(np.float16) for layer, each in features.items()
        }


def prepare_style(artwork: Artwork, side: int, network: PaintingNetwork) -> Work:
    """Compute the features of an artwork at one scale; a folder's are kept, unless they are large."""
    return (_kept if side <= KEPT_SIDE else Work)(artwork, side, network)


@lru_cache(maxsize=6)  # the scales of one style
def _kept(artwork: Artwork, side: int, network: PaintingNetwork) -> Work:
    return Work(artwork, side, network)


def targets(
    objects: Objects,
    picture: FloatArray,
    works: Sequence[Work],
    network: PaintingNetwork,
    likeness: float,
    *,
    first: bool,
) -> Feed:
    """Match the content with the artworks; return what was found, for the gradient."""
    total = sum(work.weight for work in works)
    content = objects.photo
    detail = cleanup.activity(cleanup.luma(content), 4 if content.shape[1] > 150 else 2)
    busy = detail / (detail + np.float32(BUSY))
    wide = cleanup.activity(
        cleanup.luma(content), min(max(content.shape[1:]) // 20, min(content.shape[1:]) // 4)
    )
    held = wide / (wide + np.float32(BUSY))
    matches = []
    for work in works:
        asked = cleanup.recolor(content, work.pixels, MATCH_COLORS)
        if not first:
            share = np.float32(0.5 + 0.5 * likeness) - np.float32(FREEDOM) * (1 - held)
            asked = share * asked + (1 - share) * picture
        colors = cleanup.recolor(content, work.pixels, 1.0)
        matches.append(match(network.features(asked, COMPARED), work.features, (colors, work.pixels)))
    own = network.features(content, tuple(KEEP))

    def vectors(layer: int) -> FloatArray:
        parts = (
            _unit(copied(work.features[layer], layer, *places), work.weight / total)
            for work, places in zip(works, matches, strict=True)
        )
        found = reduce(np.add, parts)
        if layer in KEEP:
            keep = resize(KEEP[layer] * held + KEEP_PEOPLE * objects.people, found.shape[1:], "area")
            keep = np.minimum(np.float32(2 * likeness) * keep, np.float32(1))
            found *= 1 - keep
            found += keep * _unit(own.pop(layer))
        return _unit(found)

    def weights(layer: int) -> FloatArray:
        size = (content.shape[1] // STRIDES[layer], content.shape[2] // STRIDES[layer])
        here = np.ones(size, np.float32)
        if layer < 2:
            here = FLAT_WEIGHT + (1 - FLAT_WEIGHT) * resize(busy, size, "area")
        return np.asarray(WEIGHTS[layer] * here, np.float32)

    layers = range(len(WEIGHTS))
    grams = [
        np.asarray(sum(work.weight / total * work.grams[layer] for work in works), np.float32)
        for layer in layers
    ]
    # one layer after the other: those of a large picture take much memory
    return prepare(Targets(map(vectors, layers), map(weights, layers), grams, GRAM_WEIGHTS))


def match(
    content: dict[int, FloatArray], style: dict[int, FloatArray], pictures: tuple[FloatArray, FloatArray]
) -> tuple[Indices, Indices]:
    """Places of the style that match the content's: those for relu1_1 to relu3_1, and those for relu4_1.

    relu4_1 is matched by itself, the finer layers at relu3_1 with relu4_1 beside it.
    """

    def colors(layer: int) -> tuple[FloatArray, FloatArray]:
        ours, theirs = (
            small_colors(picture, features[layer].shape[1:])
            for picture, features in zip(pictures, (content, style), strict=True)
        )
        return ours, theirs

    fine = nearest(hypercolumns(content), hypercolumns(style), colors(2))
    deep = nearest(_places(content[3]), _places(style[3]), colors(3))
    return fine, deep


def copied(style: FloatArray, layer: int, fine: Indices, deep: Indices) -> FloatArray:
    """Features of one layer of the style at the places that `match` found, [C, h, w]."""
    if layer == 3:
        return np.asarray(style.reshape(len(style), -1)[:, deep], np.float32)
    factor = 4 >> layer
    return blocks(style, fine, (style.shape[1] // factor, style.shape[2] // factor), factor)


def small_colors(picture: FloatArray, size: tuple[int, ...]) -> FloatArray:
    """Luma, chroma and contrast of [3, H, W] at a smaller size (h, w): [h, w, 4].

    Contrast is the deviation around each place, relative to that of the busiest places.
    """
    planes = [resize(plane, (size[0], size[1]), "area") for plane in convert(picture, YCC_FROM_RGB)]
    radius = min(2, min(size) // 4)
    contrast = np.sqrt(reduce(np.add, [np.square(cleanup.activity(plane, radius)) for plane in planes]))
    busiest = max(float(np.quantile(contrast, 0.95)), LEAST_CONTRAST)
    return np.stack([*planes, np.minimum(contrast / np.float32(busiest), 1)], -1)


def hypercolumns(features: dict[int, FloatArray]) -> FloatArray:
    """relu3_1 with relu4_1 enlarged beside it, each scaled to mean square length 1: [h, w, D]."""
    parts = [_places(features[2]), np.repeat(np.repeat(_places(features[3]), 2, 0), 2, 1)]
    return np.concatenate([part / np.sqrt(np.square(part).sum(-1).mean() + 1e-8) for part in parts], -1)


def blocks(features: FloatArray, index: Indices, size: tuple[int, int], factor: int) -> FloatArray:
    """For every matched place of a coarse layer, copy the factor x factor block of a finer layer."""
    rows, columns = np.divmod(index, size[1])
    height, width = index.shape
    out = np.empty((len(features), height * factor, width * factor), np.float32)
    for row in range(factor):
        for column in range(factor):
            out[:, row::factor, column::factor] = features[:, rows * factor + row, columns * factor + column]
    return out


def _places(features: FloatArray) -> FloatArray:
    return np.ascontiguousarray(features.transpose(1, 2, 0))


def _unit(features: FloatArray, length: float = 1.0) -> FloatArray:
    """Bring vectors of [C, h, w] to a length, in place."""
    lengths = np.sqrt(np.einsum("chw,chw->hw", features, features)) + np.float32(1e-6)
    features /= lengths
    if length != 1:
        features *= np.float32(length)
    return features
