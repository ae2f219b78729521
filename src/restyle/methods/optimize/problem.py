"""The problem that `optimize` solves: content, masks and styles at any size, encoder and weights."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from restyle.errors import OptionError
from restyle.images.geometry import pad, rotate, unpad
from restyle.images.resize import fit_size, resize
from restyle.methods.optimize import plan
from restyle.methods.optimize.features import SMALLEST, FeatureExtractor
from restyle.methods.optimize.objective import Anchor, Objective, StylePicture, Weights
from restyle.methods.optimize.optimizer import LBFGS, Adam, Optimizer
from restyle.methods.optimize.plan import Level
from restyle.methods.optimize.table import GRAIN_LAYERS, LOSSES
from restyle.methods.protocol import Previous
from restyle.models.style_codes import Exemplar
from restyle.nn.encoders import PerceptualEncoder, perceptual_encoder
from restyle.options.image import OptimizeOptions
from restyle.types import FloatArray

_LEAST = 1e-3  # share of a pixel that makes a region


@dataclass(frozen=True)
class Part:
    """A region of the picture and its styles.

    Parameters
    ----------
    share : np.ndarray [shape=(H, W), float32, range 0..1] or None
        Share of the region in each pixel; None is 1 everywhere. Where shares sum to less than 1, the rest has
        content losses only.
    styles : sequence of Exemplar
    """

    share: FloatArray | None
    styles: Sequence[Exemplar]


def masks_of(size: tuple[int, ...], parts: Sequence[Part]) -> list[FloatArray]:
    """Return the shares of the parts, and of the rest if there is any: they sum to 1 everywhere.

    Examples
    --------
    >>> [float(mask.mean()) for mask in masks_of((2, 2), [Part(np.full((2, 2), 0.25, np.float32), ())])]
    [0.25, 0.75]
    >>> [float(mask.mean()) for mask in masks_of((2, 2), [])]
    [1.0]
    """
    ones = np.ones(size, np.float32)
    masks = [ones if part.share is None else part.share for part in parts]
    rest = np.asarray(ones - sum(masks), np.float32)
    return [*masks, rest] if rest.max() > _LEAST else masks


class Problem:
    """Content, styles, encoder and weights of one run.

    Parameters
    ----------
    content, parts, options, strength, device, previous
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
        previous: Previous | None,
    ) -> None:
        self.options, self.strength, self.previous = options, strength, previous
        self.device = _device(device)
        # Pictures too small for the deepest layer are padded by reflection.
        self.content, self.padding = pad(content, 1, minimum=SMALLEST)
        masks = masks_of(content.shape[:2], parts)
        self.masks = np.stack([pad(mask, 1, minimum=SMALLEST)[0] for mask in masks])
        self.styles = [
            [replace(each, pixels=rotate(each.pixels, options.style_rotation)) for each in part.styles]
            for part in parts
        ]
        self.styles += [[]] * (len(self.masks) - len(parts))
        style, content_loss = options.style_weights, options.content_weights
        content_weights = {name: options.content_weight * each for name, each in content_loss.items()}
        self.weights = Weights(style, content_weights, options.smoothness)
        rows = [LOSSES[name] for name in style]
        encoder: Any = perceptual_encoder(options.encoder)
        encoder.to(device=self.device, memory_format=torch.channels_last)  # four times as fast on a CPU
        self.extractor = FeatureExtractor(
            encoder,
            grain=any(name in GRAIN_LAYERS for row in rows for name in row.layers),
            twice=isinstance(encoder, PerceptualEncoder) and all(row.both_ways for row in rows),
            device=self.device,
        )

    @property
    def size(self) -> tuple[int, int]:
        """Height and width at the last level, in px."""
        return self.content.shape[0], self.content.shape[1]

    def job(self) -> str:
        """Return the fingerprint of this run, for `--resume`."""
        options = self.options
        styles = [one for region in self.styles for one in region]
        weights = [self.strength, self.weights.style, self.weights.content, options.large_forms]
        return fingerprint(
            self.content,
            *self.masks,
            *(each for one in styles for each in (one.pixels, one.scale, one.weight)),
            [len(region) for region in self.styles],
            [*weights, options.smoothness, options.style_rotation],
            [options.encoder, str(options.init), options.used_optimizer, options.steps, options.seed],
        )

    def objective(self, level: Level) -> Objective:
        """Return the objective at one size."""
        size = (level.height, level.width)
        share = level.content_share(self.options.large_forms)
        styles = [self._styles(region, level) for region in self.styles]
        extractor = self.extractor.at(*size)
        shapes = [each.picture.shape for row in styles for each in row]
        sizes = [(height, width) for _, _, height, width in shapes]
        masks = np.stack([resize(mask, size, "area") for mask in self.masks])
        return Objective(
            extractor,
            self._tensor(resize(self.content, size, "area")),
            styles,
            torch.from_numpy(masks).to(self.device),
            replace(
                self.weights,
                content={name: each * share for name, each in self.weights.content.items()},
            ),
            strength=self.strength,
            side=plan.tile_side(extractor, size, sizes, self.options),
            style_side=plan.style_side(extractor, size, [size, *sizes], self.options),
            seed=self.options.seed,
            anchor=self._anchor(size),
        )

    def _styles(self, region: Sequence[Exemplar], level: Level) -> list[StylePicture]:
        """The styles of a region, at the size for a level."""
        total, found = sum(each.weight for each in region), []
        for each in region:
            size = each.pixels.shape[:2]
            side = plan.style_short_side(min(size), min(self.size), level, each.scale)
            padded = pad(resize(each.pixels, fit_size(size, short=side)), 1, minimum=SMALLEST)[0]
            found.append(StylePicture(self._tensor(padded), each.weight / total))
        return found

    def _anchor(self, size: tuple[int, int]) -> Anchor | None:
        if self.previous is None:
            return None
        picture = pad(self.previous.picture, 1, minimum=SMALLEST)[0]
        trust = pad(self.previous.trust, 1, minimum=SMALLEST)[0]
        trusted = torch.from_numpy(resize(trust, size, "area")[None, None]).to(self.device)
        return Anchor(self._tensor(resize(picture, size, "area")), trusted, self.previous.weight)

    def optimizer(
        self, level: Level, picture: FloatArray, restored: Mapping[str, torch.Tensor] | None = None
    ) -> Optimizer:
        """Return the optimizer at one size, from a picture or from a saved state.

        Parameters
        ----------
        level : Level
        picture : np.ndarray [shape=(H, W, 3), float32, RGB, range 0..1], of any size
        restored : mapping of str to Tensor or None
            State of an optimizer at this size; replaces the picture.

        Raises
        ------
        ValueError, LookupError
            The state is not one of this optimizer at this size.
        """
        size = (level.height, level.width)
        x = self._tensor(resize(picture, size, "area" if min(picture.shape[:2]) >= min(size) else "lanczos"))
        optimizer: Optimizer = Adam(x)
        if self.options.used_optimizer == "lbfgs":
            optimizer = LBFGS(x, plan.pairs(size, self.options))
        if restored is not None:
            for name, each in restored.items():
                if each.ndim and (each.shape != x.shape or each.dtype != x.dtype):
                    raise ValueError(f"{name} is {each.dtype} of shape {list(each.shape)}")
            optimizer.restore({name: each.to(self.device) for name, each in restored.items()})
        return optimizer

    def noise(self, level: Level) -> FloatArray:
        """Return gray noise to start from [shape=(H, W, 3), float32, RGB, range 0..1]."""
        generator = np.random.default_rng(self.options.seed)
        noise = generator.normal(0.5, 0.15, (level.height, level.width, 3))
        return np.clip(noise, 0, 1).astype(np.float32)

    def full_size(self, picture: FloatArray) -> FloatArray:
        """Return a picture at full size, without padding."""
        return unpad(resize(picture, self.size), self.padding)

    def _tensor(self, picture: FloatArray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)[None])).to(self.device)


def pixels(x: torch.Tensor) -> FloatArray:
    """[1, 3, H, W] -> [H, W, 3], within 0..1."""
    array: FloatArray = x.detach().clamp(0, 1)[0].permute(1, 2, 0).cpu().numpy()
    return np.ascontiguousarray(array)


def fingerprint(*parts: object) -> str:
    """Hash everything that determines a result; arrays by their bytes."""
    digest = hashlib.sha256()
    for part in parts:
        if hasattr(part, "tobytes"):
            digest.update(repr(getattr(part, "shape", ())).encode())
            digest.update(part.tobytes())
        else:
            digest.update(repr(part).encode())
        digest.update(b"\0")
    return digest.hexdigest()


def _device(name: str) -> torch.device:
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(each for each, is_there in there.items() if is_there))
    if name not in there:
        raise OptionError(f"PyTorch does not run on device '{name}'; choose one of auto, {', '.join(there)}")
    if not there[name]:
        raise OptionError(f"device '{name}' is not available: torch finds no such GPU; use --device cpu")
    return torch.device(name)
