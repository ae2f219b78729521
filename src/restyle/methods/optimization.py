"""The slow and finest method: the pixels of the picture themselves are optimised.

Gatys et al. 2016, "Image Style Transfer Using Convolutional Neural Networks": the picture is sought whose
features are like the content's where they are deep, and whose statistics of features are like the style's.
Differs from the paper:

- coarse to fine (`methods.levels`), from the picture of the fast method;
- every loss is relative to the magnitude of what it compares, so that one weight serves any pair;
- Adam by default, with a falling rate and an average of the iterates; L-BFGS is at hand;
- a compact encoder of our own by default (VGG-19 is at hand), with the grain of the pixels beside it;
- pictures of any size within a given memory (`nn.objective`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from restyle.arrays import FloatArray
from restyle.errors import MissingExtraError, OptionError
from restyle.methods.levels import Level, plan_levels, style_short_side
from restyle.methods.steps import Step, Stopped
from restyle.methods.strokes import Exemplar
from restyle.options.optimize import CONTENT_LOSSES, STYLE_LOSSES, OptimizeOptions, parse_losses
from restyle.transforms.padding import pad, unpad
from restyle.transforms.resize import fit_size, resize
from restyle.transforms.rotation import rotate

try:
    import torch

    from restyle.nn import memory, unfinished
    from restyle.nn.aims import Ingredient, Weights
    from restyle.nn.descent import AdamDescent, Descent, LBFGSDescent
    from restyle.nn.named import perceptual_encoder
    from restyle.nn.objective import Anchor, Objective
    from restyle.nn.sight import SMALLEST, Sight
except ModuleNotFoundError as error:
    raise MissingExtraError("--method optimize", "torch") from error

STATE_SECONDS = 30.0  # between two states written to disk
_STATE_SHARE = 0.05  # of the time, at most, goes into writing them


@dataclass(frozen=True)
class Part:
    """A part of the picture and its styles.

    Parameters
    ----------
    share : np.ndarray [shape=(H, W), float32, range 0..1] or None
        How much each pixel of the content belongs to it; None: wholly. What is missing to a sum of 1 is left
        to the content.
    styles : sequence of Exemplar
    """

    share: FloatArray | None
    styles: Sequence[Exemplar]


@dataclass(frozen=True)
class Before:
    """The frame before of a film, as it was painted, moved to where its things are now.

    Parameters
    ----------
    picture : np.ndarray [shape=(H, W, 3), float32, RGB, range 0..1]
    trust : np.ndarray [shape=(H, W), float32, range 0..1]
        0 where it cannot be seen any more.
    weight : float
        Of the temporal loss: how much the mean squared difference to it counts.
    """

    picture: FloatArray
    trust: FloatArray
    weight: float


def optimize(
    content: FloatArray,
    parts: Sequence[Part],
    options: OptimizeOptions,
    *,
    start: Callable[[], FloatArray] | None = None,
    strength: float = 1.0,
    device: str = "cpu",
    threads: int | None = None,
    state: Path | None = None,
    callback: Callable[[Step], object] | None = None,
    before: Before | None = None,
) -> FloatArray:
    """Optimise a picture.

    Parameters
    ----------
    content : np.ndarray [shape=(H, W, 3), float32, RGB, range 0..1]
    parts : sequence of Part
    options : OptimizeOptions
    start : function that gives np.ndarray [shape=(H, W, 3), float32, RGB, range 0..1]
        Where to start, called only if it is needed; None starts from the content. `init` of the options is
        the caller's to mind, but for noise.
    strength : float, 0..1
        How far the aim lies on the way from the content's own statistics to the style's.
    device : "cpu" or "cuda"
    threads : int or None
    state : Path or None
        File that the state of the run is kept in until it is finished. `resume` of the options goes on from
        it.
    callback : function of a Step
        Called after each step; returning True stops the run, which then gives the picture so far.
    before : Before or None
        Of a film: the picture is held to it, and optimised at full size only, because the start has all that
        coarser sizes could find.

    Returns
    -------
    np.ndarray [shape=(H, W, 3), float32, RGB, range 0..1]

    Raises
    ------
    Stopped
        By Ctrl-C; has the picture so far.
    OptionError, InputError, ModelError
        Too little memory; nothing to resume; no such encoder or device; the loss is not a number.
    """
    found = torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)  # gathered gradients add up in one order
    try:
        run = _Run(content, parts, options, start, strength, device, threads, state, callback, before)
        return run.picture()
    finally:
        torch.use_deterministic_algorithms(found, warn_only=warns)


class _Run:
    """One run, from its first step or from where it was cut off, to its picture."""

    def __init__(
        self,
        content: FloatArray,
        parts: Sequence[Part],
        options: OptimizeOptions,
        start: Callable[[], FloatArray] | None,
        strength: float,
        device: str,
        threads: int | None,
        state: Path | None,
        callback: Callable[[Step], object] | None,
        before: Before | None,
    ) -> None:
        self.device, self.before = _device(device), before
        if threads is not None:
            torch.set_num_threads(threads)
        # Pictures too small for the deepest layer are mirrored at their borders.
        self.content, self.padding = pad(content, 1, minimum=SMALLEST)
        self.options, self.strength = options, strength
        self.start, self.state, self.callback = start, state, callback
        self.masks = np.stack(
            [pad(mask, 1, minimum=SMALLEST)[0] for mask in _masks(content.shape[:2], parts)]
        )
        self.styles = [
            [replace(each, pixels=rotate(each.pixels, options.style_rotation)) for each in part.styles]
            for part in parts
        ]
        self.styles += [[]] * (len(self.masks) - len(parts))
        style = parse_losses("style-loss", options.style_loss, STYLE_LOSSES)
        kept = parse_losses("content-loss", options.content_loss, CONTENT_LOSSES)
        self.weights = Weights(
            style, {name: options.content_weight * each for name, each in kept.items()}, options.smoothness
        )
        encoder: Any = perceptual_encoder(options.encoder)
        encoder.to(device=self.device, memory_format=torch.channels_last)  # four times as fast on a CPU
        self.sight = Sight(encoder, grain="grain" in style)
        whole = (self.content.shape[0], self.content.shape[1])
        self.levels = plan_levels(whole, options.steps)
        if before is not None:
            self.levels = [Level(*whole, options.steps, 1.0)]
        self.total = sum(level.steps for level in self.levels)
        self.job = unfinished.fingerprint(
            self.content,
            *self.masks,
            *(
                each
                for region in self.styles
                for one in region
                for each in (one.pixels, one.scale, one.weight)
            ),
            [len(region) for region in self.styles],
            [strength, style, self.weights.content, options.smoothness, options.style_rotation],
            [options.encoder, str(options.init), options.descent, options.steps, options.seed],
        )
        self.began = self.saved = time.monotonic()
        self.save_cost = 0.0
        self.work = 0.0  # pixels times steps, done since `began`
        self.mending = False
        self.terms: dict[str, float] = {}

    def picture(self) -> FloatArray:
        """Go through the levels."""
        first, done, restored = 0, 0, None
        if self.options.resume:
            if self.state is None:
                raise OptionError("--resume goes on with a file; there is none where no output is written")
            first, done, restored = unfinished.read_state(self.state, self.job)
        picture: FloatArray | None = None
        for index in range(first, len(self.levels)):
            level = self.levels[index]
            objective = self._objective(level)
            descent = self._descent(level, picture, restored)
            stopped = False
            try:
                while done < level.steps and not stopped:
                    self._step(index, done, descent, objective)
                    done += 1
                    stopped = bool(self._tell(index, done - 1, descent))
                    self._keep(index, done, descent)
            except KeyboardInterrupt:
                if not self.mending:
                    self._keep(index, done, descent, now=True)
                raise Stopped(self._whole(_pixels(descent.result()))) from None
            picture, done, restored = _pixels(descent.result()), 0, None
            if stopped:
                return self._whole(picture)
        assert picture is not None
        if self.state is not None:
            unfinished.forget_state(self.state)
        return self._whole(picture)

    def _objective(self, level: Level) -> Objective:
        """The objective at one size."""
        size = (level.height, level.width)
        short = min(self.content.shape[:2])
        ingredients = []
        for region in self.styles:
            total = sum(each.weight for each in region)
            row = []
            for each in region:
                native = min(each.pixels.shape[:2])
                side = style_short_side(native, short, level, each.scale)
                shrunk = resize(each.pixels, fit_size(each.pixels.shape[:2], short=side))
                padded = pad(shrunk, 1, minimum=SMALLEST)[0]
                row.append(Ingredient(self._tensor(padded), each.weight / total))
            ingredients.append(row)
        sizes = [tuple(each.picture.shape[-2:]) for row in ingredients for each in row]
        masks = np.stack([resize(mask, size, "area") for mask in self.masks])
        return Objective(
            self.sight,
            self._tensor(resize(self.content, size, "area")),
            ingredients,
            torch.from_numpy(masks).to(self.device),
            self.weights,
            strength=self.strength,
            side=memory.tile_side(self.sight, size, sizes, self.options),
            seed=self.options.seed,
            anchor=self._anchor(size),
        )

    def _anchor(self, size: tuple[int, int]) -> Anchor | None:
        if self.before is None:
            return None
        picture = pad(self.before.picture, 1, minimum=SMALLEST)[0]
        trust = pad(self.before.trust, 1, minimum=SMALLEST)[0]
        there = torch.from_numpy(resize(trust, size, "area")[None, None]).to(self.device)
        return Anchor(self._tensor(resize(picture, size, "area")), there, self.before.weight)

    def _descent(
        self, level: Level, picture: FloatArray | None, restored: Mapping[str, torch.Tensor] | None
    ) -> Descent:
        """The descent at one size: from a state, from the picture of the size before, or from the start."""
        size = (level.height, level.width)
        if restored is not None:
            picture = np.zeros((*size, 3), np.float32)
        elif picture is not None:
            picture = resize(picture, size)
        elif self.options.init == "noise":
            generator = np.random.default_rng(self.options.seed)
            picture = np.clip(generator.normal(0.5, 0.15, (*size, 3)), 0, 1).astype(np.float32)
        else:
            begin = self.content if self.start is None else pad(self.start(), 1, minimum=SMALLEST)[0]
            picture = resize(begin, size, "area")
        x = self._tensor(picture)
        descent: Descent = AdamDescent(x)
        if self.options.descent == "lbfgs":
            descent = LBFGSDescent(x, memory.pairs(size, self.options))
        if restored is not None:
            descent.restore({name: each.to(self.device) for name, each in restored.items()})
        return descent

    def _step(self, index: int, number: int, descent: Descent, objective: Objective) -> None:
        """Take a step; `mending` tells whether the descent is between two states."""

        def evaluate(x: torch.Tensor, step: int) -> tuple[dict[str, float], torch.Tensor]:
            self.mending = False
            terms, gradient = objective.evaluate(x, step)
            self.mending = True
            return terms, gradient

        level = self.levels[index]
        self.terms = descent.step(evaluate, number, level.steps)
        if not math.isfinite(sum(self.terms.values())):
            bad = ", ".join(name for name, each in self.terms.items() if not math.isfinite(each))
            raise OptionError(
                f"the loss is no longer a number ({bad}, step {number + 1} at {level.width} x {level.height}"
                " px); try smaller weights or another --style-loss"
            )
        self.mending = False
        self.work += level.steps_work(1)

    def _tell(self, index: int, number: int, descent: Descent) -> object:
        """Tell the callback of the step just taken."""
        if self.callback is None:
            return False
        level = self.levels[index]
        left = level.steps_work(level.steps - number - 1)
        left += sum(each.steps_work(each.steps) for each in self.levels[index + 1 :])
        spent = time.monotonic() - self.began
        return self.callback(
            Step(
                sum(each.steps for each in self.levels[:index]) + number + 1,
                self.total,
                level.height,
                level.width,
                self.terms,
                spent * left / self.work if spent > 1 else None,
                lambda: self._whole(_pixels(descent.result())),
            )
        )

    def _keep(self, index: int, step: int, descent: Descent, now: bool = False) -> None:
        """Write the state to disk, now and then."""
        if self.state is None:
            return
        start = time.monotonic()
        if now or start - self.saved > max(STATE_SECONDS, self.save_cost / _STATE_SHARE):
            unfinished.write_state(self.state, self.job, index, step, descent.state())
            self.saved = time.monotonic()
            self.save_cost = self.saved - start

    def _tensor(self, picture: FloatArray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)[None])).to(self.device)

    def _whole(self, picture: FloatArray) -> FloatArray:
        """At full size, without what was mirrored."""
        return unpad(resize(picture, (self.content.shape[0], self.content.shape[1])), self.padding)


def _pixels(x: torch.Tensor) -> FloatArray:
    array: FloatArray = x.detach().clamp(0, 1)[0].permute(1, 2, 0).cpu().numpy()
    return np.ascontiguousarray(array)


def _masks(size: tuple[int, ...], parts: Sequence[Part]) -> list[FloatArray]:
    """The shares of the parts, and if they leave something, of the rest: they sum to 1 everywhere."""
    ones = np.ones(size, np.float32)
    masks = [ones if part.share is None else part.share for part in parts]
    rest = np.asarray(1 - np.sum(masks, axis=0), np.float32)
    return [*masks, rest] if rest.max() > 1e-3 else masks


def _device(name: str) -> torch.device:
    if name == "cuda" and not torch.cuda.is_available():
        raise OptionError("device 'cuda' is not there: torch finds no GPU; use --device cpu")
    return torch.device(name)
