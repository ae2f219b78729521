"""Training the arbitrary-style network (`restyle train arbitrary`)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from restyle.nn.arbitrary import ArbitraryNetwork, load_arbitrary
from restyle.nn.encoders import VGGTeacher, load_encoder
from restyle.nn.losses import content_loss, liveliness, out_of_range, style_loss, total_variation, weave
from restyle.nn.transformer import TransformerShape
from restyle.options.train import ArbitraryOptions
from restyle.train.data import LARGE, STYLE, Augmentation, Pictures
from restyle.train.distributed import processes
from restyle.train.style_bank import LIVELY, TOGETHER, StyleBank

NOISE = 0.01  # its deviation in the steadiness term
CALIBRATION = 256  # style crops that the style encoder is calibrated on
SHIFT = 8  # largest shift of the steadiness term in pixels: one stride of the transformer


class ArbitraryTask:
    """Photos and paintings in, a network that gives any photo any style out.

    content, style : folders of pictures
    teacher : a VGG-shaped perceptual network with relu1_1 .. relu5_1, the judge of content and style
    encoder : the perceptual encoder from `restyle train encoder`; frozen, it reads the style
    seed : decides the first weights
    start : begin with the weights of this network instead; `encoder` and `shape` are then its own
    exact : an optional wider teacher; as deep as it goes, its layers judge style in place of the teacher's
    """

    name = "arbitrary"

    def __init__(
        self,
        content: str | Path,
        style: str | Path,
        teacher: str | Path,
        encoder: str | Path,
        exact: str | Path | None = None,
        options: ArbitraryOptions | None = None,
        shape: TransformerShape | None = None,
        content_augmentation: Augmentation = LARGE,
        style_augmentation: Augmentation = STYLE,
        seed: int = 1,
        start: str | Path | None = None,
    ) -> None:
        self.options = options or ArbitraryOptions()
        self.content = Pictures(content, content_augmentation)
        self.style = Pictures(style, style_augmentation)
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
        side = round(self.options.crop * self.options.style_crop / 8) * 8
        rng = np.random.default_rng([seed, 0xCA11])
        network.style.calibrate(self.style.batch(8, side, rng) for _ in range(CALIBRATION // 8))
        self.model = network

    def to(self, device: torch.device) -> None:
        self.teacher.to(device)
        if self.exact:
            self.exact.to(device)

    def sizes(self, step: int) -> tuple[int, int]:
        """Crop and batch of a step."""
        o = self.options
        late = o.late_from and step >= o.late_from
        return (o.late_crop, o.late_batch) if late else (o.crop, o.batch)

    def _identity(self, step: int) -> bool:
        every = self.options.identity_every
        return bool(every) and step % every == every - 1

    def _steady(self, step: int) -> bool:
        every = self.options.steady_every
        return bool(every) and step % every == 0

    def batch(self, step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        crop, count = self.sizes(step)
        content = self.content.batch(count, crop + SHIFT, rng)
        if self._identity(step):
            return {"content": content[:, :, :crop, :crop]}
        found = {"content": content, "style": torch.from_numpy(rng.integers(0, self.options.bank, count))}
        if self._steady(step):
            noise = torch.from_numpy(rng.normal(0, NOISE, (min(2, count), 3, crop, crop)).astype(np.float32))
            found |= {"shift": torch.from_numpy(rng.integers(1, SHIFT + 1, 2)), "noise": noise}
        return found

    def judge(self, x: Tensor, features: list[Tensor] | None = None) -> list[Tensor]:
        """The features that style is measured on: the exact teacher's, then the teacher's."""
        features = features or self.teacher.features(x)
        exact = self.exact.features(x) if self.exact else []
        return exact + features[len(exact) :]

    def bank(self, model: nn.Module, step: int) -> StyleBank:
        """The styles of a step; made anew, from the seed, after every `reuse` uses of each."""
        o = self.options
        lasts = max(1, o.bank * o.reuse // o.batch)
        if self._bank is None or self._bank[0] != step // lasts:
            network = getattr(model, "module", model)
            crop, _ = self.sizes(step // lasts * lasts)
            _, rank = processes()
            rng = np.random.default_rng([self.seed, rank, 0xBA2C, step // lasts])
            side = round(crop * o.style_crop / 8) * 8
            assert isinstance(network, ArbitraryNetwork)
            crops = (
                self.style.batch(min(TOGETHER, o.bank - first), side, rng)
                for first in range(0, o.bank, TOGETHER)
            )
            self._bank = step // lasts, StyleBank(crops, network.style, self.judge)
        return self._bank[1]

    def losses(self, model: nn.Module, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        o = self.options
        if "style" not in batch:
            content = batch["content"]
            out = model(content, content)
            error = (out - content).abs().mean()
            return {"total": o.identity_weight * error, "identity": error}
        wide = batch["content"]
        crop = wide.shape[-1] - SHIFT
        content = wide[:, :, :crop, :crop].contiguous(memory_format=torch.channels_last)
        style, targets = self.bank(model, step).take(batch["style"])
        given, styles = content, style
        steady = len(batch["noise"]) if "noise" in batch else 0
        if steady:
            dy, dx = (int(v) for v in batch["shift"])
            moved = wide[:steady, :, dy : dy + crop, dx : dx + crop] + batch["noise"]
            given, styles = torch.cat([content, moved]), torch.cat([style, style[:steady]])
        everything = model(given, styles)
        out = everything[: len(content)].contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            content_features = self.teacher.features(content, until=4)
        features = self.teacher.features(out)
        judged = self.judge(out, features)
        goals = self.bank(model, step).texture(batch["style"])
        lively = [
            (liveliness(judged[i], targets[i][2], 1 << i) - goal).square().mean()
            for i, goal in zip(LIVELY, goals, strict=True)
        ]
        terms = {
            "style": style_loss(judged, targets, o.moments, o.covariances).mean(),
            "texture": torch.stack(lively).mean(),
            "content": content_loss(features, content_features, o.structure).mean(),
            "variation": total_variation(out).mean(),
            "range": out_of_range(out).mean(),
            "weave": weave(out).mean(),
        }
        total = (
            terms["style"]
            + o.texture_weight * terms["texture"]
            + o.content_weight * terms["content"]
            + o.variation_weight * terms["variation"]
            + o.range_weight * terms["range"]
            + o.weave_weight * terms["weave"]
        )
        if steady:
            edge = 2 * SHIFT
            before = out[:steady, :, dy + edge : crop - edge, dx + edge : crop - edge]
            after = everything[len(content) :, :, edge : crop - dy - edge, edge : crop - dx - edge]
            terms["steady"] = (before - after).abs().mean()
            total = total + o.steady_weight * terms["steady"]
        return {"total": total, **terms}

    def preview(self, model: nn.Module, path: Path) -> None:
        """Contents down the side, styles along the top, results in the grid; always the same ones."""
        rng = np.random.default_rng(7)
        device = next(model.parameters()).device
        contents = self.content.batch(4, 192, rng).to(device)
        styles = self.style.batch(7, 192, rng).to(device)
        rows = [torch.cat([torch.ones_like(contents[0]), *styles], 2)]
        for content in contents:
            out = model(content.expand(len(styles), -1, -1, -1), styles)
            rows.append(torch.cat([content, *out], 2))
        grid = torch.cat(rows, 1).clamp(0, 1).mul(255).round().byte().permute(1, 2, 0)
        Image.fromarray(grid.cpu().numpy()).save(path, quality=92)
