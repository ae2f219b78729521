"""Paint a picture by nearest neighbors, coarse to fine, on NumPy and ONNX Runtime alone.

At every scale each place of the photo is matched with a place of the artwork; the features found there become
the target, and some steps of Adam bring the picture to them (Kolkin et al. 2022, "Neural Neighbor Style
Transfer"). Differs from it in the encoder (ours, to relu4_1, instead of VGG-16), in the matching (`matching`:
neighbors stay together, parts of the style are used about equally), in a loss on Gram matrices beside the
matches, in the steps (`Pyramid`), and in how the photo counts: where it has detail, its own features are
mixed into the targets; where it is flat, the painting so far is matched more than the photo, so strokes of
coarse scales continue at fine ones. `cleanup` keeps the result clean: fine layers count less where the photo
is calm, and fine color follows the photo's objects.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial, reduce
from hashlib import sha256
from typing import cast

import numpy as np

from restyle.images.resize import resize
from restyle.images.statistics import gram
from restyle.methods.paint import cleanup
from restyle.methods.paint.cleanup import RGB_FROM_YCC, YCC_FROM_RGB, Objects, convert, resize_planes
from restyle.methods.paint.matching import COMPARED, copied, match
from restyle.methods.paint.network import STRIDES, Feed, PaintingNetwork, Targets, prepare
from restyle.models.session import free_heap
from restyle.types import FloatArray

SMALLEST = 128  # px, longest side at the first scale
RATIO = 1.75  # between the sides of neighboring scales, at most
# Steps of each round of matching, by the longest side up to which they count; above, 12 of one round
_ROUNDS = {160: (20, 20), 260: (16, 16), 400: (14, 10), 640: (14,)}
LEAST = 32  # px, shortest side of the network's pictures
MAX_STYLE = 1.5  # longest side of the style, relative to the picture's, whatever its scale
MAX_ASPECT = 4.0  # longer styles are cut to this aspect
LEVELS = 4  # of the pyramid
RATE = 0.03
FINEST_RATE = 0.35  # of the full-size level, relative to the others
CHROMA_RATE = 0.4  # relative to luma
DECAY = 0.7  # how much lower the rate of the last step is
BETAS = (0.9, 0.99)
AGAIN = 2  # scales that are painted from a start
WEIGHTS = (0.1, 0.4, 1.0, 2.0)  # of the cosine loss of relu1_1 .. relu4_1
GRAM_WEIGHTS = (0.16, 0.4, 0.8, 0.8)
FLAT_WEIGHT = 0.6  # share of the weight of relu1_1 and relu2_1 that stays where the photo is flat
BUSY = 0.03  # deviation of the photo's luma at which half of the rest is added
FREEDOM = 0.4  # how much less the photo counts in matching where it is flat; the painting counts instead
# Share of the photo's own features, by layer, where the photo has detail, at a likeness of .5
KEEP = {1: 0.0, 2: 0.08, 3: 0.1}
KEEP_PEOPLE = 0.3  # more of it on people
MATCH_COLORS = 0.5  # how far the photo's colors are moved to the style's before it is matched
LIGHT = 0.5  # how far broad luma is moved to the photo's, after every scale and at the end
FINAL_COLORS = 0.8  # how far the painting's colors are moved at the end
KEPT_SIDE = 640  # px, longest side of a picture for which features of its style are kept


@dataclass(frozen=True, eq=False)
class Artwork:
    """A style picture and its share of the style; equal if the pixels are."""

    pixels: FloatArray  # [H, W, 3], RGB, 0..1
    weight: float = 1.0
    scale: float = 1.0  # size of the strokes: 2 shows the artwork twice as large

    @cached_property
    def _key(self) -> tuple[object, ...]:
        return sha256(self.pixels.tobytes()).digest(), self.pixels.shape, self.weight, self.scale

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Artwork) and self._key == other._key


@dataclass(frozen=True)
class State:
    """Progress after one step."""

    number: int  # of the step, counted from 1
    total: int
    done: float  # share of the work; steps at larger scales take longer
    size: tuple[int, int]  # height and width of the current scale, in px
    loss: float  # before the step
    picture: Callable[[], FloatArray]  # gives the finished picture of this step [h, w, 3]


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
        objects, size = Objects(content), content.shape[1:]
        works = [prepare_style(each, scale.side, network) for each in artworks]
        style = works[0].pixels
        if picture is None:
            picture = cleanup.recolor(content, style, 1.0)
        else:
            picture = np.clip(resize_planes(picture, size, "bicubic"), 0, 1)
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
        self.weight, scale = artwork.weight, artwork.scale
        self.pixels = fitted(shown(artwork.pixels, scale), round(side * min(scale, MAX_STYLE)))
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
    content, side = objects.photo, max(objects.photo.shape[1:])
    light, short = cleanup.luma(content), min(content.shape[1:])
    detail = cleanup.activity(light, 4 if content.shape[1] > 150 else 2)
    busy = detail / (detail + np.float32(BUSY))
    wide = cleanup.activity(light, min(side // 20, short // 4))
    held = wide / (wide + np.float32(BUSY))
    shares = [work.weight / sum(each.weight for each in works) for work in works]
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
        copies = (copied(work.features[layer], layer, *at) for work, at in zip(works, matches, strict=True))
        found = reduce(np.add, map(_unit, copies, shares))
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
        np.asarray(
            sum(share * work.grams[layer] for work, share in zip(works, shares, strict=True)), np.float32
        )
        for layer in layers
    ]
    # one layer after the other: those of a large picture take much memory
    return prepare(Targets(map(vectors, layers), map(weights, layers), grams, GRAM_WEIGHTS))


def _unit(features: FloatArray, length: float = 1.0) -> FloatArray:
    """Bring vectors of [C, h, w] to a length, in place."""
    lengths = np.sqrt(np.einsum("chw,chw->hw", features, features)) + np.float32(1e-6)
    features /= lengths
    if length != 1:
        features *= np.float32(length)
    return features


@dataclass(frozen=True)
class Scale:
    """One size that is painted: longest side in px, and the steps of each round of matching."""

    side: int
    rounds: tuple[int, ...]


def scales(side: int, effort: float = 1.0) -> list[Scale]:
    """Plan the scales from coarse to fine; `effort` multiplies the steps."""
    sides = [side]
    while sides[0] > SMALLEST * 1.15:
        sides.insert(0, max(SMALLEST, round(sides[0] / RATIO)))
    plan = []
    for each in sides:
        rounds: tuple[int, ...] = next((row for most, row in _ROUNDS.items() if each <= most), (12,))
        plan.append(Scale(each, tuple(max(4, round(effort * steps)) for steps in rounds)))
    return plan


def at_scales(photo: FloatArray, side: int) -> list[FloatArray]:
    """Return a photo [H, W, 3] at every scale that is painted, coarse to fine: [3, h, w]."""
    return [fitted(photo, scale.side) for scale in scales(side)]


def shown(pixels: FloatArray, scale: float) -> FloatArray:
    """Cut an artwork to what is shown: the middle of a very long one, or of one shown much larger."""
    height, width = pixels.shape[:2]
    most, part = min(height, width) * MAX_ASPECT, min(1.0, MAX_STYLE / scale)
    tall, wide = min(height * part, most), min(width * part, most)
    top, left = round((height - tall) / 2), round((width - wide) / 2)
    return pixels[top : top + max(1, round(tall)), left : left + max(1, round(wide))]


def fitted(pixels: FloatArray, side: int) -> FloatArray:
    """Resize [H, W, 3] to about `side` px on the longer side: [3, h, w], sides multiples of 8 from 32 up."""
    height, width = pixels.shape[:2]
    factor = side / max(height, width)
    size = (max(LEAST, round(height * factor / 8) * 8), max(LEAST, round(width * factor / 8) * 8))
    method = "area" if factor < 0.25 else "lanczos"
    return np.ascontiguousarray(np.clip(resize(pixels, size, method), 0, 1).transpose(2, 0, 1))


class Pyramid:
    """Adam on a pyramid of corrections: a few steps move broad areas and fine strokes alike.

    Differs from Kolkin et al. 2022 in that levels are luma and chroma, chroma changing more slowly, and that
    the second moment is half the mean over the level: both keep color noise down. The sides of the picture
    [3, H, W] are multiples of 8; `steps` are planned, for the decay of the rate.
    """

    def __init__(self, picture: FloatArray, steps: int) -> None:
        self.start = convert(picture, YCC_FROM_RGB)
        height, width = picture.shape[1:]
        shapes = [(3, height >> level, width >> level) for level in range(LEVELS)]
        self.levels = [np.zeros(shape, np.float32) for shape in shapes]
        self._moments = [(np.zeros(shape, np.float32), np.zeros(shape, np.float32)) for shape in shapes]
        self.steps, self.taken = steps, 0

    def picture(self) -> FloatArray:
        """Return the corrected picture, [3, H, W] in 0..1."""
        total = self.start + self.levels[0]
        for level in self.levels[1:]:
            total += resize_planes(level, total.shape[1:], "bilinear")
        return np.clip(convert(total, RGB_FROM_YCC), 0, 1)

    def step(self, gradient: FloatArray) -> None:
        """Take one step against the gradient with respect to the picture, [3, H, W]."""
        self.taken += 1
        rate = RATE * (1 - DECAY * self.taken / self.steps)
        slope = np.asarray(np.einsum("ji,jhw->ihw", RGB_FROM_YCC, gradient), np.float32)
        speed = np.array([1, CHROMA_RATE, CHROMA_RATE], np.float32)[:, None, None]
        beta1, beta2 = BETAS
        for level, (values, (first, second)) in enumerate(zip(self.levels, self._moments, strict=True)):
            if level:
                slope = 4 * _halved(slope)
            squared = slope * slope
            first += (1 - beta1) * (slope - first)
            second += (1 - beta2) * (0.5 * squared + 0.5 * squared.mean((1, 2), keepdims=True) - second)
            scale = np.float32(rate * (1 if level else FINEST_RATE) / (1 - beta1**self.taken))
            values -= scale * speed * first / (np.sqrt(second / (1 - beta2**self.taken)) + np.float32(1e-12))


def _halved(array: FloatArray) -> FloatArray:
    """Mean of every 2x2 block of [C, H, W]."""
    return 0.25 * (array[:, ::2, ::2] + array[:, 1::2, ::2] + array[:, ::2, 1::2] + array[:, 1::2, 1::2])
