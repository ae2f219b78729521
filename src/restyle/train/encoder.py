"""Distilling restyle's perceptual encoder from wider teachers (`restyle train encoder`).

After Wang et al. 2020 (collaborative distillation): a narrow VGG-shaped network learns, through 1x1 heads,
the features of wide ones. Differs from the paper: no decoder takes part; the gap of the features and the
gap of their Gram matrices are descended directly, since those are what the encoder is used for.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from restyle.errors import InputError, OptionError
from restyle.nn.encoders import LAYERS, EncoderShape, PerceptualEncoder, VGGTeacher
from restyle.nn.losses import gap, gram
from restyle.options.train import EncoderOptions
from restyle.train.data import Augmentation, Pictures
from restyle.train.hard_examples import HalfOptimised

VARIED = Augmentation(
    scale=(1.0, 2.5), rotate=0.1, brightness=0.3, contrast=0.3, saturation=0.4, hue=0.1, colour=0.3
)


class EncoderTask:
    """Photos and paintings in; features like the teachers' out.

    Of several teachers, the first that holds a layer is the one that teaches it.
    """

    name = "encoder"

    def __init__(
        self,
        folders: Sequence[str | Path],
        teachers: Sequence[str | Path],
        options: EncoderOptions | None = None,
        shape: EncoderShape | None = None,
        seed: int = 1,
    ) -> None:
        if not teachers:
            raise InputError("no teacher: give at least one .safetensors file with --teacher")
        self.options = options or EncoderOptions()
        self.folders = [Pictures(folder, VARIED) for folder in folders]
        self.teachers = [VGGTeacher.load(path) for path in teachers]
        torch.manual_seed(seed)
        widths, depths, sides = map(self.options.numbers, ("widths", "depths", "sides"))
        self.model: nn.Module = PerceptualEncoder(shape or EncoderShape(widths, depths, sides=sides))
        self.seed, self.played = seed, HalfOptimised(self._crops)

    def to(self, device: torch.device) -> None:
        for teacher in self.teachers:
            teacher.to(device)

    def batch(self, step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        share = self.options.batch // len(self.folders) or 1
        pictures = torch.cat([p.batch(share, self.options.crop, rng) for p in self.folders])
        if self.options.noise:
            pictures = noisy(pictures, self.options.noise, rng)
        return {"pictures": pictures}

    def _crops(self, count: int, rng: np.random.Generator) -> Tensor:
        """Crops of folders drawn at random [count, 3, crop, crop], RGB, 0..1, where the model is."""
        folders = [self.folders[int(rng.integers(len(self.folders)))] for _ in range(count)]
        device = next(self.model.parameters()).device
        return torch.cat([folder.batch(1, self.options.crop, rng) for folder in folders]).to(device)

    def targets(self, pictures: Tensor) -> list[Tensor]:
        found: list[Tensor] = []
        for teacher in self.teachers:
            found += teacher.features(pictures)[len(found) :]
        return found

    def losses(self, model: nn.Module, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        pictures = batch["pictures"]
        student = model.module if isinstance(model, nn.parallel.DistributedDataParallel) else model
        count = round(self.options.half_optimised * len(pictures))
        if count:
            assert isinstance(student, PerceptualEncoder)
            rng = np.random.default_rng((self.seed, step))
            pictures = torch.cat([pictures[count:], self.played.batch(student, count, rng)])
        with torch.no_grad():
            targets = self.targets(pictures)
        heads = student.widened
        own = model(pictures)
        widened = heads(own)  # type: ignore[operator]
        feature = [gap(a, b).mean() for a, b in zip(widened, targets, strict=True)]
        grams = [gap(gram(a), gram(b)).mean() for a, b in zip(widened, targets, strict=True)]
        total = sum(feature, torch.zeros(())) + self.options.gram_weight * sum(grams, torch.zeros(()))
        named = dict(zip(LAYERS, feature, strict=True))
        found = {**named, "gram": torch.stack(grams).mean()}
        if self.options.hint_weight:
            found["hint"] = self.hint(own, pictures)
            total = total + self.options.hint_weight * found["hint"]
        return {"total": total, **found}

    def hint(self, own: Sequence[Tensor], pictures: Tensor) -> Tensor:
        """Sum of 1 - cosine of the student's features and the last teacher's narrow ones of the same width.

        A target of the student's own width is learnt far sooner than one behind a head (FitNets, Romero et
        al. 2015); the cosine leaves the scale free, which the heads mend.
        """
        with torch.no_grad():
            theirs = self.teachers[-1].features(pictures, heads=False)
        pairs = [(a, b) for a, b in zip(own, theirs, strict=True) if a.shape[1] == b.shape[1]]
        if not pairs:
            raise OptionError("hint-weight needs a last teacher with a layer as wide as the student's")
        return torch.stack(
            [1 - F.cosine_similarity(a.flatten(1), b.flatten(1)).mean() for a, b in pairs]
        ).sum()

    def preview(self, model: nn.Module, path: Path) -> None:
        """Feature maps of one picture: the teacher's strongest channel of each layer above the student's."""
        batch = self.batch(0, np.random.default_rng(0))["pictures"][:1]
        device = next(model.parameters()).device
        theirs = self.targets(batch.to(device))
        ours = model.widened(model(batch.to(device)))  # type: ignore[operator]
        columns = []
        for pair in zip(theirs, ours, strict=True):
            channel = int(pair[0][0].flatten(1).std(1).argmax())
            top = float(pair[0][0, channel].max()) + 1e-6
            maps = [(f[0, channel].float().clamp(0, top) / top * 255).byte().cpu().numpy() for f in pair]
            tiles = [Image.fromarray(m).resize((192, 192), Image.Resampling.NEAREST) for m in maps]
            columns.append(np.concatenate([np.asarray(tile) for tile in tiles], 0))
        Image.fromarray(np.concatenate(columns, 1)).save(path, quality=90)


def noisy(pictures: Tensor, most: float, rng: np.random.Generator) -> Tensor:
    """Noise of a random deviation up to `most`, fine or coarser, on every third picture; within 0..1."""
    count = -(-len(pictures) // 3)
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    noise = torch.randn(pictures[:count].shape, generator=generator)
    if rng.random() < 0.5:
        noise = 3 * F.avg_pool2d(noise, 3, 1, 1)  # of the same deviation
    deviations = most * torch.rand((count, 1, 1, 1), generator=generator)
    made = pictures.clone()
    made[::3] = (made[::3] + deviations * noise).clamp(0, 1)
    return made
