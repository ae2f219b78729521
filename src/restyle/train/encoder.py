"""Distill restyle's perceptual encoder from wider teachers (`restyle train encoder`).

After Wang et al. 2020 (collaborative distillation): a narrow VGG-shaped network learns, through 1x1 heads,
the features of wide ones. Differs from the paper: no decoder; the gap of the features and the gap of their
Gram matrices are minimized directly, since the encoder is used for those.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from restyle.errors import InputError, OptionError
from restyle.models.session import LAYERS, SMALLEST
from restyle.nn.encoders import EncoderShape, PerceptualEncoder, VGGTeacher
from restyle.nn.losses import gap, gram
from restyle.options.train import EncoderOptions
from restyle.train.augmentation import Augmentation
from restyle.train.data import Pictures
from restyle.train.loop import unwrapped

VARIED = Augmentation(
    scale=(1.0, 2.5), rotate=0.1, brightness=0.3, contrast=0.3, saturation=0.4, hue=0.1, color=0.3
)


class EncoderTask:
    """Trains an encoder whose features are like those of the teachers.

    folders : of pictures
    teachers : VGG-shaped files; the first that has a layer teaches it
    seed : of the initial weights
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
        self.shape = shape or EncoderShape(widths, depths, sides=sides)
        self._check_widths(teachers)
        self.model: nn.Module = PerceptualEncoder(self.shape)
        self.seed, self.adversarial = seed, AdversarialPictures(self._crops)

    def _check_widths(self, paths: Sequence[str | Path]) -> None:
        """Raise InputError if the teachers' layers do not have the widths of the student's heads."""
        expected = [side or head for head, side in zip(self.shape.heads, self.shape.sides, strict=True)]
        found: list[int] = []
        with torch.no_grad():
            for teacher, path in zip(self.teachers, paths, strict=True):
                layers = teacher.features(torch.zeros(1, 3, SMALLEST, SMALLEST))
                for layer in layers[len(found) :]:
                    place, width = len(found), layer.shape[1]
                    if width != expected[place]:
                        raise InputError(
                            f"teacher '{path}' has {width} channels at {LAYERS[place]}, not"
                            f" {expected[place]}: give a teacher as wide as VGG-19, or with heads"
                        )
                    found.append(width)
        if len(found) < len(LAYERS):
            shown = ", ".join(f"'{path}'" for path in paths)
            raise InputError(f"no teacher among {shown} has {LAYERS[len(found)]}: give a deeper one as well")

    def to(self, device: torch.device) -> None:
        """Move the teachers."""
        for teacher in self.teachers:
            teacher.to(device)

    def batch(self, step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return crops of every folder."""
        share = self.options.batch // len(self.folders) or 1
        pictures = torch.cat([p.batch(share, self.options.crop, rng) for p in self.folders])
        if self.options.noise:
            pictures = add_noise(pictures, self.options.noise, rng)
        return {"pictures": pictures}

    def _crops(self, count: int, rng: np.random.Generator) -> Tensor:
        """Return crops of random folders [count, 3, crop, crop], RGB, 0..1, on the model's device."""
        folders = [self.folders[int(rng.integers(len(self.folders)))] for _ in range(count)]
        device = next(self.model.parameters()).device
        return torch.cat([folder.batch(1, self.options.crop, rng) for folder in folders]).to(device)

    def targets(self, pictures: Tensor) -> list[Tensor]:
        """Return relu1_1 .. relu5_1 of the teachers."""
        found: list[Tensor] = []
        for teacher in self.teachers:
            found += teacher.features(pictures)[len(found) :]
        return found

    def losses(self, model: nn.Module, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Return the gap of each layer, of the Gram matrices, and the hint; `total` is the weighted sum."""
        pictures = batch["pictures"]
        student = unwrapped(model)
        assert isinstance(student, PerceptualEncoder)
        count = round(self.options.half_optimized * len(pictures))
        if count:
            rng = np.random.default_rng((self.seed, step))
            pictures = torch.cat([pictures[count:], self.adversarial.batch(student, count, rng)])
        with torch.no_grad():
            targets = self.targets(pictures)
        own = model(pictures)
        widened = student.widened(own)
        feature = [gap(a, b).mean() for a, b in zip(widened, targets, strict=True)]
        grams = [gap(gram(a), gram(b)).mean() for a, b in zip(widened, targets, strict=True)]
        total = sum(feature, torch.zeros(())) + self.options.gram_weight * sum(grams, torch.zeros(()))
        found = {**dict(zip(LAYERS, feature, strict=True)), "gram": torch.stack(grams).mean()}
        if self.options.hint_weight:
            found["hint"] = self.hint(own, pictures)
            total = total + self.options.hint_weight * found["hint"]
        return {"total": total, **found}

    def hint(self, own: Sequence[Tensor], pictures: Tensor) -> Tensor:
        """Return the sum of 1 - cosine of narrow features: the student's, and the last teacher's if as wide.

        A target of the student's own width is learned far sooner than one behind a head (FitNets, Romero et
        al. 2015). The cosine leaves the scale free; the heads correct it.
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
        """Write feature maps of a picture: the strongest channel of each teacher layer, and the student's."""
        assert isinstance(model, PerceptualEncoder)
        device = next(model.parameters()).device
        picture = self.batch(0, np.random.default_rng(0))["pictures"][:1].to(device)
        columns = []
        for pair in zip(self.targets(picture), model.widened(model(picture)), strict=True):
            channel = int(pair[0][0].flatten(1).std(1).argmax())
            top = float(pair[0][0, channel].max()) + 1e-6
            maps = [(f[0, channel].float().clamp(0, top) / top * 255).byte().cpu().numpy() for f in pair]
            tiles = [Image.fromarray(m).resize((192, 192), Image.Resampling.NEAREST) for m in maps]
            columns.append(np.concatenate([np.asarray(tile) for tile in tiles], 0))
        Image.fromarray(np.concatenate(columns, 1)).save(path, quality=90)


def add_noise(pictures: Tensor, most: float, rng: np.random.Generator) -> Tensor:
    """Add fine or coarse noise of a random deviation up to `most` to every third picture; clamp to 0..1."""
    count = -(-len(pictures) // 3)
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    noise = torch.randn(pictures[:count].shape, generator=generator)
    if rng.random() < 0.5:
        noise = 3 * F.avg_pool2d(noise, 3, 1, 1)  # 3: the same deviation
    deviations = most * torch.rand((count, 1, 1, 1), generator=generator)
    noisy = pictures.clone()
    noisy[::3] = (noisy[::3] + deviations * noise).clamp(0, 1)
    return noisy


POOL = 24
STEPS = (25, 80)  # optimization steps of a picture before it is replaced
CONTENT_WEIGHTS = (0.2, 0.5, 1.0)
STEP_SIZE, MOMENTUM = 0.012, 0.8  # mean change of a pixel per step
NOISE = 0.12  # standard deviation
NOISY, RANDOM = 0.25, 0.15  # shares of the pictures that start with noise added, and from noise alone


@dataclass
class _Example:
    """A picture during its optimization."""

    picture: Tensor  # [1, 3, H, W], like the next
    move: Tensor
    content: Tensor  # target for relu4_1, [1, C, h, w]
    style: list[Tensor]  # target Gram matrices, each [1, C, C]
    wide: bool  # whether widened features are compared
    weight: float  # of the content
    left: int  # steps


class AdversarialPictures:
    """A pool of pictures that are optimized against the encoder in training.

    An optimizer finds and exploits whatever an encoder is blind to. So the encoder trains on such pictures: a
    step at a time, a pool of them is moved down the encoder's own losses of style and content, and the
    teachers give their true features (adversarial training, Goodfellow et al. 2015).

    draw : count, generator -> pictures [count, 3, H, W], RGB, 0..1
    size : of the pool
    """

    def __init__(self, draw: Callable[[int, np.random.Generator], Tensor], size: int = POOL) -> None:
        self.draw = draw
        self.pool: list[_Example | None] = [None] * size

    def batch(self, student: PerceptualEncoder, count: int, rng: np.random.Generator) -> Tensor:
        """Return pictures of the pool [count, 3, H, W], RGB, 0..1, each optimized by one more step."""
        found = []
        for index in rng.choice(len(self.pool), count, replace=count > len(self.pool)):
            example = self.pool[index]
            if example is None or example.left <= 0:
                example = self.pool[index] = self._start(student, rng)
            _optimize(example, student)
            found.append(example.picture)
        return torch.cat(found).clamp(0, 1)

    def _start(self, student: PerceptualEncoder, rng: np.random.Generator) -> _Example:
        drawn = self.draw(2, rng)
        content, style = drawn[:1], drawn[1:]
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        start, kind = content.clone(), rng.random()
        if kind < RANDOM:
            start = torch.rand(content.shape, generator=generator).to(content)
        elif kind < RANDOM + NOISY:
            start = (start + NOISE * torch.randn(content.shape, generator=generator).to(content)).clamp(0, 1)
        wide = bool(rng.random() < 0.5)
        with torch.no_grad():
            grams = [gram(each) for each in _features(student, style, wide)]
            deep = _features(student, content, wide)[3]
        weight, left = float(rng.choice(CONTENT_WEIGHTS)), int(rng.integers(*STEPS))
        return _Example(start, torch.zeros_like(start), deep, grams, wide, weight, left)


def _features(student: PerceptualEncoder, x: Tensor, wide: bool) -> list[Tensor]:
    features = student.features(x.contiguous(memory_format=torch.channels_last))
    return student.widened(features) if wide else features


def _optimize(example: _Example, student: PerceptualEncoder) -> None:
    """Do a step of gradient descent with momentum; all steps are equally long."""
    x = example.picture.detach().requires_grad_()
    features = _features(student, x, example.wide)
    gaps = [gap(gram(each), target) for each, target in zip(features, example.style, strict=True)]
    loss = torch.stack(gaps).mean() + example.weight * gap(features[3], example.content).sum()
    (gradient,) = torch.autograd.grad(loss, x)
    example.move = MOMENTUM * example.move + gradient / (gradient.square().mean().sqrt() + 1e-12)
    moved = x.detach() - STEP_SIZE * example.move / (example.move.square().mean().sqrt() + 1e-12)
    example.picture = moved.clamp(-0.02, 1.02)
    example.left -= 1
