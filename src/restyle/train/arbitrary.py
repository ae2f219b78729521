"""Train the arbitrary-style network (`restyle train arbitrary`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from restyle.nn.arbitrary import ArbitraryNetwork, StyleEncoder, load_arbitrary
from restyle.nn.encoders import VGGTeacher, load_encoder
from restyle.nn.losses import (
    Target,
    content_loss,
    local_texture,
    out_of_range,
    periodic_pattern,
    style_loss,
    style_target,
    total_variation,
)
from restyle.nn.transformer import TransformerShape
from restyle.options.train import ArbitraryOptions
from restyle.train.augmentation import LARGE, STYLE
from restyle.train.data import Pictures, save_grid
from restyle.train.loop import processes, unwrapped
from restyle.types import PathLike

NOISE = 0.01  # standard deviation in the steadiness loss
CALIBRATION = 256  # style crops for the calibration of the style encoder
SHIFT = 8  # largest shift in the steadiness loss in px: one stride of the transformer
TEXTURE_LAYERS = (1, 2, 3)  # relu2_1 to relu4_1, where texture must be as widespread as in the style
CHUNK = 8  # style crops that pass the networks at once


class StyleBank:
    """Styles encoded once for several steps: input of the style encoder, and loss targets.

    crops : pictures, in batches [N, 3, H, W] of at most CHUNK
    features : [N, 3, H, W] -> features whose statistics are the targets
    """

    def __init__(
        self, crops: Iterable[Tensor], encoder: StyleEncoder, features: Callable[[Tensor], Sequence[Tensor]]
    ) -> None:
        observed, targets, texture = [], [], []
        device = encoder.centre.device
        with torch.no_grad():
            for batch in crops:
                pictures = batch.to(device, memory_format=torch.channels_last)
                observed.append(encoder.measure(pictures))
                layers = features(pictures)
                statistics = [style_target(layer) for layer in layers]
                targets.append(statistics)
                texture.append([local_texture(layers[i], statistics[i][2], 1 << i) for i in TEXTURE_LAYERS])
        self.observed = torch.cat(observed)
        self.texture = [torch.cat(layer) for layer in zip(*texture, strict=True)]
        self.targets = [_map(lambda *parts: torch.cat(parts), *layer) for layer in zip(*targets, strict=True)]

    def take(self, which: Tensor) -> tuple[Tensor, list[Target], list[Tensor]]:
        """Return observations [N, ...], targets and `local_texture` of the styles `which`, [N] indices."""
        targets = [_map(lambda part: part[which], layer) for layer in self.targets]
        return self.observed[which], targets, [layer[which] for layer in self.texture]


def _map(function: Callable[..., Tensor], *targets: Target) -> Target:
    matrix, mean, deviation = (function(*parts) for parts in zip(*targets, strict=True))
    return matrix, mean, deviation


class ArbitraryTask:
    """Trains a network that gives any photo any style.

    content, style : folders of pictures
    teacher : VGG-shaped loss network with relu1_1 .. relu5_1
    encoder : perceptual encoder from `restyle train encoder`; the frozen part of the style encoder
    exact : optional wider teacher; for style, its layers replace those of `teacher`, as deep as it goes
    seed : of the initial weights
    start : start from the weights of this network instead; its encoder and shape are used
    """

    name = "arbitrary"

    def __init__(
        self,
        content: PathLike,
        style: PathLike,
        teacher: str | Path,
        encoder: str | Path,
        exact: str | Path | None = None,
        options: ArbitraryOptions | None = None,
        shape: TransformerShape | None = None,
        seed: int = 1,
        start: str | Path | None = None,
    ) -> None:
        self.options = options or ArbitraryOptions()
        self.content = Pictures(content, LARGE)
        self.style = Pictures(style, STYLE)
        self.folders = [self.content, self.style]
        self.teacher = VGGTeacher.load(teacher)
        self.exact = VGGTeacher.load(exact) if exact else None
        self.seed = seed
        self._bank: tuple[int, StyleBank] | None = None
        if start:
            self.model: nn.Module = load_arbitrary(start)[0].train()
            return
        torch.manual_seed(seed)
        network = ArbitraryNetwork(load_encoder(encoder), shape)
        side = self._style_side(self.options.crop)
        rng = np.random.default_rng([seed, 0xCA11])
        network.style.calibrate(self.style.batch(8, side, rng) for _ in range(CALIBRATION // 8))
        self.model = network

    def to(self, device: torch.device) -> None:
        """Move the teachers."""
        self.teacher.to(device)
        if self.exact:
            self.exact.to(device)

    def sizes(self, step: int) -> tuple[int, int]:
        """Return crop and batch size of a step."""
        o = self.options
        late = o.late_from and step >= o.late_from
        return (o.late_crop, o.late_batch) if late else (o.crop, o.batch)

    def _style_side(self, crop: int) -> int:
        return round(crop * self.options.style_crop / 8) * 8

    def batch(self, step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return crops of photos and the numbers of their styles; some steps test identity or a shift."""
        o = self.options
        crop, count = self.sizes(step)
        content = self.content.batch(count, crop + SHIFT, rng)
        if o.identity_every and step % o.identity_every == o.identity_every - 1:
            return {"content": content[:, :, :crop, :crop]}
        found = {"content": content, "style": torch.from_numpy(rng.integers(0, o.bank, count))}
        if o.steady_every and step % o.steady_every == 0:
            noise = torch.from_numpy(rng.normal(0, NOISE, (min(2, count), 3, crop, crop)).astype(np.float32))
            found |= {"shift": torch.from_numpy(rng.integers(1, SHIFT + 1, 2)), "noise": noise}
        return found

    def style_features(self, x: Tensor, features: list[Tensor] | None = None) -> list[Tensor]:
        """Return the features that the style loss compares: the exact teacher's, then the teacher's."""
        features = features or self.teacher.features(x)
        exact = self.exact.features(x) if self.exact else []
        return exact + features[len(exact) :]

    def bank(self, model: nn.Module, step: int) -> StyleBank:
        """Return the styles of a step; they are resampled after every `reuse` uses of each."""
        o = self.options
        lifetime = max(1, o.bank * o.reuse // o.batch)
        period = step // lifetime
        if self._bank is None or self._bank[0] != period:
            network = unwrapped(model)
            assert isinstance(network, ArbitraryNetwork)
            side = self._style_side(self.sizes(period * lifetime)[0])
            rng = np.random.default_rng([self.seed, processes()[1], 0xBA2C, period])
            crops = (
                self.style.batch(min(CHUNK, o.bank - first), side, rng) for first in range(0, o.bank, CHUNK)
            )
            self._bank = period, StyleBank(crops, network.style, self.style_features)
        return self._bank[1]

    def losses(self, model: nn.Module, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Return named losses; `total` is their weighted sum."""
        o = self.options
        if "style" not in batch:
            content = batch["content"]
            error = (model(content, content) - content).abs().mean()
            return {"total": o.identity_weight * error, "identity": error}
        wide = batch["content"]
        crop = wide.shape[-1] - SHIFT
        content = wide[:, :, :crop, :crop].contiguous(memory_format=torch.channels_last)
        style, targets, texture = self.bank(model, step).take(batch["style"])
        inputs, styles = content, style
        steady = len(batch["noise"]) if "noise" in batch else 0
        if steady:
            dy, dx = (int(v) for v in batch["shift"])
            moved = wide[:steady, :, dy : dy + crop, dx : dx + crop] + batch["noise"]
            inputs, styles = torch.cat([content, moved]), torch.cat([style, style[:steady]])
        outputs = model(inputs, styles)
        out = outputs[: len(content)].contiguous(memory_format=torch.channels_last)
        terms = self._terms(out, content, targets, texture)
        total = terms["style"]
        for name in ("texture", "content", "variation", "range", "weave"):
            total = total + getattr(o, f"{name}_weight") * terms[name]
        if steady:
            edge = 2 * SHIFT
            before = out[:steady, :, dy + edge : crop - edge, dx + edge : crop - edge]
            after = outputs[len(content) :, :, edge : crop - dy - edge, edge : crop - dx - edge]
            terms["steady"] = (before - after).abs().mean()
            total = total + o.steady_weight * terms["steady"]
        return {"total": total, **terms}

    def _terms(
        self, out: Tensor, content: Tensor, targets: Sequence[Target], texture: Sequence[Tensor]
    ) -> dict[str, Tensor]:
        """Return the unweighted losses of results `out`."""
        o = self.options
        with torch.no_grad():
            content_features = self.teacher.features(content, until=4)
        features = self.teacher.features(out)
        ours = self.style_features(out, features)
        textures = [
            (local_texture(ours[i], targets[i][2], 1 << i) - target).square().mean()
            for i, target in zip(TEXTURE_LAYERS, texture, strict=True)
        ]
        return {
            "style": style_loss(ours, targets, o.moments, o.covariances).mean(),
            "texture": torch.stack(textures).mean(),
            "content": content_loss(features, content_features, o.structure).mean(),
            "variation": total_variation(out).mean(),
            "range": out_of_range(out).mean(),
            "weave": periodic_pattern(out).mean(),
        }

    def preview(self, model: nn.Module, path: Path) -> None:
        """Write a grid: styles along the top, photos down the side, always the same ones."""
        rng = np.random.default_rng(7)
        device = next(model.parameters()).device
        contents = self.content.batch(4, 192, rng).to(device)
        styles = self.style.batch(7, 192, rng).to(device)
        rows = [[torch.ones_like(contents[0]), *styles]]
        for content in contents:
            rows.append([content, *model(content.expand(len(styles), -1, -1, -1), styles)])
        save_grid(rows, path)
