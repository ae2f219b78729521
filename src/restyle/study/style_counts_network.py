"""A small any-style network on a number of styles: does it learn those, or style (`restyle study styles`)?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from restyle.models import catalog
from restyle.nn.arbitrary import ArbitraryNetwork
from restyle.nn.encoders import load_encoder
from restyle.nn.losses import content_loss, out_of_range, texture_loss, total_variation
from restyle.nn.transformer import TransformerShape
from restyle.options.train import ENCODER, StyleOptions
from restyle.train.augmentation import PLAIN
from restyle.train.data import Pictures, save_grid, to_tensor
from restyle.train.style import load_loss_network

SMALL = TransformerShape(half=16, quarter=32, eighth=48, full=12, blocks=3, code=64)
MEASURED = 16  # styles of each kind that are measured, each on one photo


class StyleCountTask:
    """Photos and some styles in, a network for any style out; measured on styles held out as well.

    content : photos
    styles : pictures to train on
    held_out : pictures to measure on only
    shape : of the transformer
    """

    name = "styles"

    def __init__(
        self,
        content: Pictures,
        styles: Pictures,
        held_out: Pictures,
        *,
        crop: int = 96,
        batch: int = 4,
        content_weight: float = StyleOptions.content_weight,
        shape: TransformerShape = SMALL,
        seed: int = 1,
        encoder: str | Path = ENCODER,
    ) -> None:
        self.content, self.styles, self.held_out = content, styles, held_out
        self.crop, self.batch_size, self.content_weight = crop, batch, content_weight
        self.judge = load_loss_network(encoder)
        record = catalog.records().get(str(encoder))
        file = record.file("encoder").path if record else encoder
        torch.manual_seed(seed)
        network = ArbitraryNetwork(load_encoder(file), shape)
        # Not on the styles trained on: one alone has no deviation, and it is the same for any number.
        rng = np.random.default_rng([seed, 0xCA11])
        network.style.calibrate(source.batch(8, crop, rng) for source in [content] * 4 + [held_out] * 4)
        self.model: nn.Module = network

    def to(self, device: torch.device) -> None:
        """Move the judge."""
        self.judge.to(device)

    def batch(self, step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """Crops of photos and of styles."""
        return {
            "content": self.content.batch(self.batch_size, self.crop, rng),
            "style": self.styles.batch(self.batch_size, self.crop, rng),
        }

    def losses(self, model: nn.Module, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Style, content, total variation and range; `total` is their weighted sum."""
        out = model(batch["content"], batch["style"]).contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            photo, style = (self.judge.features(batch[key]) for key in ("content", "style"))
        ours = self.judge.features(out)
        terms = {
            "style": texture_loss(ours, style).mean(),
            "content": content_loss(ours, photo, 1.0).mean(),
            "variation": total_variation(out).mean(),
            "range": out_of_range(out).mean(),
        }
        total = (
            terms["style"]
            + self.content_weight * terms["content"]
            + 0.01 * terms["variation"]
            + 3.0 * terms["range"]
        )
        return {"total": total, **terms}

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """Losses with styles that are trained on and with others; the same photos and crops every time."""
        found: dict[str, float] = {}
        device = next(model.parameters()).device
        for name, pictures in (("train", self.styles), ("held out", self.held_out)):
            sums = {"total": 0.0, "style": 0.0}
            for place in range(MEASURED):
                batch = {
                    "content": _middle(self.content, place, self.crop),
                    "style": _middle(pictures, place * len(pictures) // MEASURED, self.crop),
                }
                losses = self.losses(model, {k: v.to(device) for k, v in batch.items()}, 0)
                for key in sums:
                    sums[key] += float(losses[key]) / MEASURED
            found |= {name: sums["total"], f"{name} style": sums["style"]}
        return found

    def preview(self, model: nn.Module, path: Path) -> None:
        """Three styles that are trained on and three held out, on one photo each."""
        device = next(model.parameters()).device
        columns = []
        for place, pictures in enumerate([self.styles] * 3 + [self.held_out] * 3):
            content = _middle(self.content, place, 160).to(device)
            style = _middle(pictures, place, 160).to(device)
            columns.append([content[0], style[0], model(content, style)[0]])
        save_grid(list(zip(*columns, strict=True)), path)


def _middle(pictures: Pictures, place: int, side: int) -> Tensor:
    """The whole of a picture as far as a square holds it, [1, 3, side, side]."""
    crop = pictures.crop(place % len(pictures), side, np.random.default_rng(place), PLAIN)
    return to_tensor([crop])
