"""Training a network with styles of its own (`restyle train style`, `StyleNetwork.fit`).

After Johnson et al. 2016 and Dumoulin et al. 2017. Differs from them: losses on a compact encoder that
ships with restyle, normalised by their own magnitude (`nn.losses`), instead of VGG-16; covariances instead
of Gram matrices (`nn.texture_loss`); style statistics of a random crop at each step instead of one fixed
picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from restyle.errors import InputError
from restyle.nn.colour_loss import colour_loss
from restyle.nn.conditional import ConditionalTransformer
from restyle.nn.encoders import PerceptualEncoder, VGGTeacher, load_encoder
from restyle.nn.losses import content_loss, out_of_range, total_variation
from restyle.nn.named import encoder_names, perceptual_encoder
from restyle.nn.texture_loss import texture_loss
from restyle.nn.vgg import VGG19
from restyle.options.train import ENCODERS, StyleOptions
from restyle.train.data import CONTENT, Augmentation, Pictures, augment, to_tensor
from restyle.train.distributed import processes

OWN_STYLE = Augmentation(scale=(1.0, 1.15), flip=0.5, enlarge=16.0)
PLAIN = Augmentation(scale=(1.0, 1.0), flip=0.0)
ENLARGED = 1.5  # a style picture that has to be enlarged more than that is told
_STYLE_SEED, _ORDER_SEED = 0x57, 0x0C

Judge = PerceptualEncoder | VGG19 | VGGTeacher


def load_judges(encoders: str | Path) -> list[Judge]:
    """Several perceptual encoders, divided by commas."""
    return [
        load_judge(each.strip()).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        for each in str(encoders).split(",")
    ]


def load_judge(encoder: str | Path) -> Judge:
    """The perceptual encoder that judges: one of the catalog by name, or a file of either kind."""
    if str(encoder) in encoder_names():
        return perceptual_encoder(str(encoder))
    from safetensors import SafetensorError, safe_open

    if not Path(encoder).is_file():
        raise InputError(f"there is no encoder {str(encoder)!r}; leave it out for the one that ships")
    try:
        with safe_open(encoder, framework="pt") as file:
            own = "format" in (file.metadata() or {})
    except SafetensorError as error:
        raise InputError(f"{str(encoder)!r} is no readable safetensors file: {error}") from None
    return load_encoder(encoder).requires_grad_(False) if own else VGGTeacher.load(encoder)


class StyleTask:
    """Photos and a few style pictures in, a network that paints in their styles out.

    network : is trained in place
    content : photos
    styles : one picture a style, in the order of the network's rows
    first : the rows before this one stay as they are; above 0, the convolutions do as well
    batch : photos a step, in each process
    encoder : one or more, divided by commas, that take turns: a network learns to deceive a small encoder,
        with textures that it alone takes for the style's, and two of them are harder to deceive
    seed : of order, crops and styles; a sample depends on it, the step and its place alone, so that two
        processes see together what one with the double batch sees
    """

    name = "style"

    def __init__(
        self,
        network: ConditionalTransformer,
        content: Pictures,
        styles: Pictures,
        options: StyleOptions | None = None,
        *,
        batch: int = 4,
        seed: int = 1,
        first: int = 0,
        encoder: str | Path = ENCODERS,
        style_augmentation: Augmentation = OWN_STYLE,
    ) -> None:
        self.options = options or StyleOptions()
        self.model: nn.Module = network
        self.content, self.styles, self.first = content, styles, first
        self.folders = [content, styles]
        self.batch_size, self.seed = batch, seed
        self.judges = load_judges(encoder)
        self.style_augmentation = style_augmentation
        self.layers = self.options.layer_indices()
        kept = min(self.options.held_out, len(content) // 5)
        # Every n-th one, so that a sorted folder gives of everything.
        self.held_out = [i * len(content) // kept for i in range(kept)] if kept else []
        self.trained = [i for i in range(len(content)) if i not in set(self.held_out)]
        if first:
            self._keep_the_rest(network)

    def _keep_the_rest(self, network: ConditionalTransformer) -> None:
        """Let only the rows from `first` on learn."""
        network.requires_grad_(False)
        mask = torch.zeros(len(network.scale), 1)
        mask[self.first :] = 1
        for parameter in (network.scale, network.shift):
            parameter.requires_grad_(True)
            parameter.register_hook(lambda gradient: gradient * mask.to(gradient))  # type: ignore[no-untyped-call]

    @property
    def steps_an_epoch(self) -> int:
        """Steps in which every photo comes once."""
        return -(-len(self.trained) // (self.batch_size * processes()[0]))

    def to(self, device: torch.device) -> None:
        """Move the judges."""
        for judge in self.judges:
            judge.to(device)

    def _samples(self, step: int) -> list[tuple[int, int, int]]:
        """Place among all processes, photo and style of each sample of this process."""
        world, rank = processes()
        found = []
        for place in range(rank * self.batch_size, (rank + 1) * self.batch_size):
            count = step * world * self.batch_size + place
            epoch, index = divmod(count, len(self.trained))
            order = np.random.default_rng([self.seed, _ORDER_SEED, epoch]).permutation(len(self.trained))
            style = self.first + count % (len(self.styles))
            found.append((count, self.trained[int(order[index])], style))
        return found

    def batch(self, step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """Crops of photos, and one crop of each style among them."""
        o = self.options
        samples = self._samples(step)
        photos = [
            augment(self.content.pictures[photo], self.content.how, o.crop, self._rng(count))
            for count, photo, _ in samples
        ]
        used = sorted({style for _, _, style in samples})
        pictures = [
            augment(
                self.styles.pictures[style - self.first],
                self.style_augmentation,
                o.style_size,
                np.random.default_rng([self.seed, _STYLE_SEED, step, style]),
            )
            for style in used
        ]
        return {
            "content": to_tensor(photos),
            "style": to_tensor(pictures),
            "row": torch.tensor([style for _, _, style in samples]),
            "place": torch.tensor([used.index(style) for _, _, style in samples]),
        }

    def _rng(self, count: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, count])

    def describe(self, step: int) -> str:
        """Name the photos and styles of a step."""
        samples = self._samples(step)
        photos = ", ".join(self.content.paths[photo].name for _, photo, _ in samples)
        names = ", ".join(
            dict.fromkeys(self.styles.paths[style - self.first].name for _, _, style in samples)
        )
        return f"photos {photos}; styles {names}"

    def losses(self, model: nn.Module, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Style, content, colour, total variation and range; `total` is their weighted sum."""
        o, content, judge = self.options, batch["content"], self.judges[step % len(self.judges)]
        code = torch.nn.functional.one_hot(batch["row"], _rows(model)).to(content)
        out = model(content, code)[0].contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            photo = judge.features(content)
            style = judge.features(batch["style"])
        ours = judge.features(out)
        aims = [style[layer] for layer in self.layers]
        if len(batch["style"]) > 1:
            aims = [aim.index_select(0, batch["place"]) for aim in aims]
        seen = batch["style"] if len(batch["style"]) == 1 else batch["style"].index_select(0, batch["place"])
        terms = {
            "style": texture_loss([ours[layer] for layer in self.layers], aims, o.moments).mean(),
            "content": content_loss(ours, photo, o.structure).mean(),
            "colour": colour_loss(out, seen).mean(),
            "variation": total_variation(out).mean(),
            "range": out_of_range(out).mean(),
        }
        total = (
            o.style_weight * terms["style"]
            + o.colour_weight * terms["colour"]
            + o.content_weight * terms["content"]
            + o.variation_weight * terms["variation"]
            + o.range_weight * terms["range"]
        )
        return {"total": total, **terms}

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """Losses on the held-out photos, and on as many that are trained on; the same crops every time."""
        if not self.held_out:
            return {}
        found: dict[str, float] = {}
        device = next(model.parameters()).device
        shown = self.trained[:: max(1, len(self.trained) // len(self.held_out))][: len(self.held_out)]
        for name, photos in (("train", shown), ("held out", self.held_out)):
            sums: dict[str, float] = {}
            for place, photo in enumerate(photos):
                row = self.first + place % len(self.styles)
                side, rng = self.options.crop, np.random.default_rng(place)
                style = self.styles.pictures[row - self.first]
                batch = {
                    "content": to_tensor([augment(self.content.pictures[photo], PLAIN, side, rng)]),
                    "style": to_tensor([augment(style, PLAIN, self.options.style_size, rng)]),
                    "row": torch.tensor([row]),
                    "place": torch.tensor([0]),
                }
                batch = {k: v.to(device) for k, v in batch.items()}
                for turn in range(len(self.judges)):
                    losses = self.losses(model, batch, turn)
                    for key in ("total", "style", "content"):
                        share = float(losses[key]) / len(photos) / len(self.judges)
                        sums[key] = sums.get(key, 0.0) + share
            found |= {name: sums["total"], f"{name} style": sums["style"], f"{name} content": sums["content"]}
        return found

    def preview(self, model: nn.Module, path: Path) -> None:
        """Photos along the top, styles down the side, results between them; always the same ones."""
        side, device = max(192, self.options.crop), next(model.parameters()).device
        side = -(-side // 4) * 4
        photos = (self.held_out + self.trained)[:4]
        contents = to_tensor(
            [augment(self.content.pictures[i], PLAIN, side, np.random.default_rng(0)) for i in photos]
        ).to(device)
        rows = range(self.first, self.first + min(6, len(self.styles)))
        count = _rows(model)
        styles = to_tensor(
            [augment(p, PLAIN, side, np.random.default_rng(0)) for p in self.styles.pictures[: len(rows)]]
        ).to(device)
        codes = torch.nn.functional.one_hot(torch.tensor(list(rows)), count).float().to(device)
        grid = [torch.cat([torch.ones_like(contents[0]), *contents], 2)]
        for style, code in zip(styles, codes, strict=True):
            out = model(contents, code.expand(len(contents), -1))[0]
            grid.append(torch.cat([style, *out], 2))
        save_grid(grid, path)


def _rows(model: nn.Module) -> int:
    """How many styles the network has, also inside the wrapper of torchrun."""
    inner = model.module if isinstance(model, nn.parallel.DistributedDataParallel) else model
    return len(inner.scale)  # type: ignore[arg-type]


def save_grid(rows: Sequence[Tensor], path: Path) -> None:
    """Write rows [3, H, W] of pictures, RGB 0..1, one under the other."""
    grid = torch.cat(list(rows), 1).clamp(0, 1).mul(255).round().byte().permute(1, 2, 0)
    Image.fromarray(grid.cpu().numpy()).save(path, quality=92)


def small_styles(styles: Pictures, size: int) -> list[str]:
    """One line for each style picture that has to be enlarged much."""
    lines = []
    for picture, path in zip(styles.pictures, styles.paths, strict=True):
        factor = size / min(picture.size)
        if factor > ENLARGED:
            lines.append(
                f"style {path.name} is {picture.width} x {picture.height} px, enlarged {factor:.1f} times to "
                f"{size} px: expect blurred strokes, or lower --style-size"
            )
    return lines


__all__ = [
    "CONTENT",
    "OWN_STYLE",
    "StyleTask",
    "load_judge",
    "load_judges",
    "save_grid",
    "small_styles",
]
