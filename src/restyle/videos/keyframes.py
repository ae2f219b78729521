"""Paint some frames of a video and carry the paintings to the others.

Of a steadied video every second frame is painted, since that takes several times as long as everything else.
A frame between two painted ones takes both paintings, warped by the optical flow and weighted by its
confidence: what an object hides in one of them is seen in the other. A frame is painted itself if both
together leave too much of it unknown, and so are the frames beside a cut. It then passes through
`flow.FlowSteadier` like all frames, which also gives it back the sharpness that warping costs.

With `--method paint` only key frames are painted. Every frame between two keys takes both paintings, each
weighted by the confidence of the flow and by how near the key is. Where neither is reliable (what is seen for
a moment, spray, very fast motion) it takes the output of the fast network, moved to the colors that the
painting has nearby. The mixture is sharpened to the sharpness of what it was mixed from.

A frame becomes a key if too little of the last key can be carried to it, or if that is too far away; so does
the last frame of a scene. A key starts from the painting carried to it, only its largest scales are painted,
and most of what was carried reliably stays: successive keys agree. Like Jamriska et al. 2019 ("Stylizing
Video by Example"), who carry painted keys through a video and blend both neighbors; differs in that the keys
are painted here, that flow carries them and not patches, and that a network fills what cannot be carried.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from restyle.images.resize import fit_size, resize
from restyle.images.statistics import box_mean
from restyle.methods import table
from restyle.models.arbitrary import Arbitrary
from restyle.models.style_codes import Exemplar
from restyle.options.video import VideoMethodOptions
from restyle.types import FloatArray
from restyle.videos.flow import Motion, Track, as_sharp, energy, warp
from restyle.videos.stages import SegmentEnd, Work, in_parallel

UNKNOWN = 0.01  # share of a frame that the neighbors may leave unknown
_SURE = 0.5  # confidence of what is known
_LITTLE = np.float32(1e-3)
APART = 12  # frames between two keys, at most
NEAR = 4  # at least, except at a cut
HOLD = 0.9  # how much of the painting carried to a key stays where it is reliable
CARRIED = 0.8  # mean confidence of the flow since the last key, below which a frame becomes a key
HELD_BYTES = 1_000_000_000  # of the frames that wait for the next key, at most
_AROUND = 0.08  # radius of the neighborhood whose colors the network's output takes, by the longer side
_CELLS = 160  # px, longest side of the copy in which those are found
_FEW = np.float32(0.02)  # weight of the colors of the complete frame there
_TINY = np.float32(1e-4)


def choose(items: Iterator[Any]) -> Iterator[Any]:
    """Set `onward` of the frames that need no painting; everything passes through in its place.

    The first and the last frame of a segment are painted, so that a segment depends on no other.
    """
    held: list[Any] = []  # a frame, and what follows it
    since = 0  # painted frames since one that is not, or since the start
    for item in items:
        if isinstance(item, Work):
            if held:
                since = 0 if since and _is_between(held[0], item) else since + 1
                yield from held
            held = [item]
        elif isinstance(item, SegmentEnd):
            yield from held
            held, since = [], 0
            yield item
        elif held:
            held.append(item)
        else:
            yield item
    yield from held


def _is_between(item: Work, following: Work) -> bool:
    """Set `onward` of a frame if it can be carried from its neighbors; return whether it can."""
    if item.motion is None or following.motion is None or item.repeats or following.repeats:
        return False
    onward = following.motion.reverse(item.small, following.small)
    sure = np.maximum(item.motion.weight, onward.weight) > _SURE
    if 1 - float(sure.mean()) > UNKNOWN:
        return False
    item.onward = onward
    return True


def carry(items: Iterator[Any]) -> Iterator[Any]:
    """Set `painted` of the frames that have none from those of their neighbors."""
    last: Sequence[FloatArray | None] = []
    held: list[Any] = []
    for item in items:
        if isinstance(item, Work):
            if held:
                _fill(held[0], last, item.painted)
                yield from held
                held = []
            if item.onward is not None:
                held = [item]
                continue
            last = list(item.painted)
        if held:
            held.append(item)
        else:
            yield item


def _fill(item: Work, last: Sequence[FloatArray | None], following: Sequence[FloatArray | None]) -> None:
    """Set the painting of each layer of a frame, and how sharp it should be, from those of its neighbors."""
    motion, onward = item.motion, item.onward
    assert motion is not None
    assert onward is not None
    item.painted, item.energies = [], []
    for one, two in zip(last, following, strict=True):
        assert one is not None
        assert two is not None
        item.painted.append(carried(one, two, motion, onward))
        item.energies.append(warp(energy(two), onward.back))


def carried(last: FloatArray, following: FloatArray, motion: Motion, onward: Motion) -> FloatArray:
    """Return the painting of a frame [H, W, 3] between two others, given its motion since each of them."""
    before, after = (warp(each, way.back, cubic=True) for each, way in ((last, motion), (following, onward)))
    share = onward.weight / (onward.weight + motion.weight + _LITTLE)
    after -= before
    after *= share[..., None]
    after += before
    return np.clip(after, 0, 1, out=after)


@dataclass
class _Key:
    """A painted frame: its content [H, W, 3], and one painting for each style."""

    content: FloatArray
    paintings: list[FloatArray | None]


_Source = tuple[_Key, Motion, float]  # a key, the motion since it, and its share


@dataclass
class _Between:
    """A frame that waits for the next key, with its motion since the last one."""

    item: Work
    motion: Motion
    others: list[Any] = field(default_factory=list)  # packets and damaged frames that follow it


class KeyPainter:
    """Paints the frames of a video in several styles, one for each layer; None leaves a layer to others.

    `fast` fills what cannot be carried. Raises MissingExtraError without OpenCV.
    """

    def __init__(
        self,
        styles: Sequence[Sequence[Exemplar] | None],
        fast: Arbitrary,
        strength: float,
        options: VideoMethodOptions,
        *,
        threads: int,
        device: str = "cpu",
    ) -> None:
        self._method = table.load(options.method)
        self._styles, self._fast, self._strength = styles, fast.with_threads(1), strength
        self._options, self._threads, self._device = options, threads, device
        self._key: _Key | None = None
        self._track: Track | None = None
        self._waiting: list[_Between] = []

    def __call__(self, items: Iterator[Any]) -> Iterator[Any]:
        """Set `painted` of every frame; everything else passes through in its place."""
        for item in items:
            if isinstance(item, SegmentEnd):
                yield from self._close()
                item.state |= self.state()
                yield item
            elif not isinstance(item, Work):
                if self._waiting:
                    self._waiting[-1].others.append(item)
                else:
                    yield item
            elif self._key is None or self._track is None or item.motion is None:
                yield from self._close()
                key = _Key(item.small, self._paint(item, None))
                self._begin(key)
                yield self._done(item, key.paintings)
            else:
                self._waiting.append(_Between(item, self._track(item.small, item.motion)))
                if self._is_key():
                    yield from self._close()
        yield from self._close()

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the last key, for `restore`; no frame must be waiting."""
        if self._key is None:
            return {}
        painted = {f"key.{n}": each for n, each in enumerate(self._key.paintings) if each is not None}
        return {"key": self._key.content, **painted}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Continue from a `state`."""
        if "key" in state:
            self._begin(_Key(state["key"], [state.get(f"key.{n}") for n in range(len(self._styles))]))

    def _begin(self, key: _Key) -> None:
        self._key, self._track = key, Track(key.content)

    def _is_key(self) -> bool:
        last, count = self._waiting[-1], len(self._waiting)
        most = max(2, min(APART, HELD_BYTES // (2 * last.item.content.pixels.nbytes)))
        return count >= most or (count >= NEAR and float(last.motion.likely.mean()) < CARRIED)

    def _close(self) -> Iterator[Any]:
        """Make the last waiting frame a key, and finish those before it."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        before, last = self._key, waiting[-1]
        assert before is not None
        key = before  # painted again, a frame that did not change would only differ
        if not np.array_equal(last.item.small, before.content):
            key = _Key(last.item.small, self._paint(last.item, (before, last.motion)))
        self._begin(key)
        backward = _backward([each.item for each in waiting])
        jobs = []
        for place, (each, motion) in enumerate(zip(waiting[:-1], backward, strict=True), 1):
            near = place / len(waiting)  # to the new key
            jobs.append((each, [(before, each.motion, 1 - near), (key, motion, near)]))
        for each in in_parallel(lambda job: self._finish(*job), jobs, self._threads):
            yield each.item
            yield from each.others
        yield self._done(last.item, key.paintings)
        yield from last.others

    def _finish(self, each: _Between, sources: Sequence[_Source]) -> _Between:
        same = (key.paintings for key, _, _ in sources if np.array_equal(each.item.small, key.content))
        if (paintings := next(same, None)) is None:
            paintings = [
                None if style is None else self._carried(each.item, place, sources)[0]
                for place, style in enumerate(self._styles)
            ]
        self._done(each.item, paintings)
        return each

    def _done(self, item: Work, paintings: Sequence[FloatArray | None]) -> Work:
        share = np.float32(self._strength)
        item.painted = [
            each if each is None or share == 1 else item.small + share * (each - item.small)
            for each in paintings
        ]
        item.palettes = [None] * len(item.painted)
        return item

    def _paint(self, item: Work, source: tuple[_Key, Motion] | None) -> list[FloatArray | None]:
        """Paint a key in every style, beginning with the paintings of another key if there is one."""
        size = (item.small.shape[0], item.small.shape[1])
        paintings: list[FloatArray | None] = []
        for place, style in enumerate(self._styles):
            if style is None or self._strength == 0:
                paintings.append(None if style is None else item.small)
                continue
            start, sure = None, None
            if source is not None:
                start, sure = self._carried(item, place, [(*source, 1.0)])
            painted = self._method.stylize_key(
                item.small, start, style, self._options, device=self._device, threads=self._threads
            )
            painted = np.clip(resize(painted, size, "lanczos"), 0, 1)
            if start is not None and sure is not None:
                painted += np.float32(HOLD) * sure[..., None] * (start - painted)
            paintings.append(painted)
        return paintings

    def _carried(self, item: Work, place: int, sources: Sequence[_Source]) -> tuple[FloatArray, FloatArray]:
        """Return a frame with the paintings of keys in one style, and the confidence of each pixel."""
        code = item.codes[place]
        assert code is not None
        if self._strength == 0:
            return item.small, np.ones(item.small.shape[:2], np.float32)
        paintings = [
            (cast("FloatArray", key.paintings[place]), motion, share) for key, motion, share in sources
        ]
        return mixed(paintings, self._fast.paint(item.small, code))


def _backward(items: Sequence[Work]) -> list[Motion]:
    """Return the motion of each of these consecutive frames since the last one, which is left out."""
    track, found = Track(items[-1].small), list[Motion]()
    for item, following in reversed(list(pairwise(items))):
        assert following.motion is not None
        found.append(track(item.small, following.motion.reverse(item.small, following.small)))
    return found[::-1]


def mixed(
    sources: Sequence[tuple[FloatArray, Motion, float]], fresh: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Warp paintings [H, W, 3] in 0..1 to a frame and mix them; return the mixture and its confidence [H, W].

    Each of `sources` is a painting, the motion since it, and its share 0..1. `fresh`, another painting of the
    frame, fills what none of them shows.
    """
    total = np.full(fresh.shape[:2], _TINY, np.float32)
    mean, sharp, sure = np.zeros_like(fresh), np.zeros_like(total), np.zeros_like(total)
    for painting, motion, share in sources:
        warped = np.clip(warp(painting, motion.back, sharp=True), 0, 1)
        trust = np.maximum(motion.trust, motion.likely)
        weight = np.float32(share) * (trust + _TINY)
        mean += weight[..., None] * warped
        sharp += weight * energy(warped)
        total += weight
        sure = np.maximum(sure, trust)
    mean /= total[..., None]
    sharp /= total
    fill = like_around(fresh, mean, sure)
    out = fill + sure[..., None] * (mean - fill)
    wanted = sharp + (1 - sure) * (energy(fill) - sharp)
    return np.clip(as_sharp(out, wanted), 0, 1), sure


def like_around(fresh: FloatArray, painting: FloatArray, sure: FloatArray) -> FloatArray:
    """Move the broad colors of one painting [H, W, 3] to those of another, where that is sure [H, W]."""
    size = (fresh.shape[0], fresh.shape[1])
    cells = fit_size(size, most=_CELLS)
    weight = resize(sure, cells, "area")
    apart = resize(sure[..., None] * (painting - fresh), cells, "area")
    over_all = apart.mean((0, 1)) / (weight.mean() + _TINY)
    radius = max(1, round(_AROUND * max(cells)))
    known = box_mean(weight, radius) + _FEW
    offset = [
        (box_mean(plane, radius) + _FEW * mean) / known
        for plane, mean in zip(apart.transpose(2, 0, 1), over_all, strict=True)
    ]
    fresh = fresh + resize(np.stack(offset, -1), size, "bilinear")
    return np.clip(fresh, np.float32(0), np.float32(1))
