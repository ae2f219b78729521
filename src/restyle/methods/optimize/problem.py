"""All that the optimisation works with: content, masks and styles at any size, encoder and weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from restyle.errors import MissingExtraError, OptionError
from restyle.images.geometry import pad, rotate, unpad
from restyle.images.resize import fit_size, resize
from restyle.methods.optimize.parts import Before, Part, masks_of
from restyle.methods.optimize.scales import Level, style_short_side
from restyle.options.optimize import CONTENT_LOSSES, STYLE_LOSSES, OptimizeOptions, parse_losses
from restyle.types import FloatArray

try:
    import torch

    from restyle.methods.optimize import checkpoint, memory
    from restyle.methods.optimize.features import SMALLEST, Sight
    from restyle.methods.optimize.objective import Anchor, Objective
    from restyle.methods.optimize.optimizer import AdamDescent, Descent, LBFGSDescent
    from restyle.methods.optimize.targets import Ingredient, Weights
    from restyle.nn.encoders import PerceptualEncoder
    from restyle.nn.named import perceptual_encoder
except ModuleNotFoundError as error:
    raise MissingExtraError("--method optimize", "torch") from error


class Easel:
    """What a picture is painted from.

    Parameters
    ----------
    content, parts, options, strength, device, before
        As for `methods.optimize.run.optimize`.

    Raises
    ------
    OptionError, ModelError
        No such device or encoder.
    """

    def __init__(
        self,
        content: FloatArray,
        parts: Sequence[Part],
        options: OptimizeOptions,
        strength: float,
        device: str,
        before: Before | None,
    ) -> None:
        self.options, self.strength, self.before = options, strength, before
        self.device = _device(device)
        # Pictures too small for the deepest layer are mirrored at their borders.
        self.content, self.padding = pad(content, 1, minimum=SMALLEST)
        masks = masks_of(content.shape[:2], parts)
        self.masks = np.stack([pad(mask, 1, minimum=SMALLEST)[0] for mask in masks])
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
        self.sight = Sight(
            encoder,
            grain="grain" in style,
            twice=isinstance(encoder, PerceptualEncoder) and "gaussian" not in style,
            device=self.device,
        )

    @property
    def size(self) -> tuple[int, int]:
        """Height and width that are worked at in the end, in px."""
        return self.content.shape[0], self.content.shape[1]

    def job(self) -> str:
        """What tells this job from another one, for `--resume`."""
        options = self.options
        return checkpoint.fingerprint(
            self.content,
            *self.masks,
            *(
                each
                for region in self.styles
                for one in region
                for each in (one.pixels, one.scale, one.weight)
            ),
            [len(region) for region in self.styles],
            [
                self.strength,
                self.weights.style,
                self.weights.content,
                options.large_forms,
                options.smoothness,
                options.style_rotation,
            ],
            [options.encoder, str(options.init), options.descent, options.steps, options.seed],
        )

    def objective(self, level: Level) -> Objective:
        """The objective at one size."""
        size = (level.height, level.width)
        short = min(self.content.shape[:2])
        share = level.content_share(self.options.large_forms)
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
        sight = self.sight.at(*size)
        sizes = [tuple(each.picture.shape[-2:]) for row in ingredients for each in row]
        masks = np.stack([resize(mask, size, "area") for mask in self.masks])
        return Objective(
            sight,
            self._tensor(resize(self.content, size, "area")),
            ingredients,
            torch.from_numpy(masks).to(self.device),
            replace(
                self.weights,
                content={name: each * share for name, each in self.weights.content.items()},
            ),
            strength=self.strength,
            side=memory.tile_side(sight, size, sizes, self.options),
            style_side=memory.style_side(sight, size, [size, *sizes], self.options),
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

    def descent(
        self, level: Level, picture: FloatArray, restored: Mapping[str, torch.Tensor] | None = None
    ) -> Descent:
        """The descent at one size, from a picture or from a state.

        Parameters
        ----------
        level : Level
        picture : np.ndarray [shape=(H, W, 3), float32, RGB, range 0..1], of any size
        restored : mapping of str to Tensor or None
            A state of a descent at this size; the picture does not count then.
        """
        size = (level.height, level.width)
        x = self._tensor(resize(picture, size, "area" if min(picture.shape[:2]) >= min(size) else "lanczos"))
        descent: Descent = AdamDescent(x)
        if self.options.descent == "lbfgs":
            descent = LBFGSDescent(x, memory.pairs(size, self.options))
        if restored is not None:
            descent.restore({name: each.to(self.device) for name, each in restored.items()})
        return descent

    def noise(self, level: Level) -> FloatArray:
        """Grey noise to start from [shape=(H, W, 3), float32, RGB, range 0..1]."""
        generator = np.random.default_rng(self.options.seed)
        drawn = generator.normal(0.5, 0.15, (level.height, level.width, 3))
        return np.clip(drawn, 0, 1).astype(np.float32)

    def whole(self, picture: FloatArray) -> FloatArray:
        """A picture at full size, without what was mirrored."""
        return unpad(resize(picture, self.size), self.padding)

    def _tensor(self, picture: FloatArray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)[None])).to(self.device)


def pixels(x: torch.Tensor) -> FloatArray:
    """[1, 3, H, W] -> [H, W, 3], within 0..1."""
    array: FloatArray = x.detach().clamp(0, 1)[0].permute(1, 2, 0).cpu().numpy()
    return np.ascontiguousarray(array)


def _device(name: str) -> torch.device:
    if name == "cuda" and not torch.cuda.is_available():
        raise OptionError("device 'cuda' is not there: torch finds no GPU; use --device cpu")
    return torch.device(name)
