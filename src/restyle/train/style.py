"""Train a network with its own styles (`restyle train style`, `StyleNetwork.fit`).

After Johnson et al. 2016 and Dumoulin et al. 2017. Differs from them: losses of compact encoders that ship
with restyle, normalized by their own magnitude (`nn.losses`), instead of VGG-16; covariances instead of Gram
matrices (`nn.losses.texture_loss`); style statistics of a random crop per step instead of one fixed picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restyle.errors import InputError
from restyle.nn.conditional import ConditionalTransformer
from restyle.nn.encoders import PerceptualEncoder, encoder_names, load_encoder, perceptual_encoder
from restyle.nn.losses import color_loss, content_loss, out_of_range, texture_loss, total_variation
from restyle.nn.vgg import VGGTeacher
from restyle.options.train import ENCODERS, StyleOptions
from restyle.train.augmentation import OWN_STYLE, PLAIN, Augmentation
from restyle.train.data import Pictures, evenly_spaced, save_grid, to_tensor
from restyle.train.distributed import processes, unwrapped
from restyle.types import PathLike

ENLARGED = 1.5  # warn about style pictures that must be enlarged by more than this
_STYLE_SEED, _ORDER_SEED = 0x57, 0x0C

LossNetwork = PerceptualEncoder | VGGTeacher


def load_loss_networks(encoders: PathLike) -> list[LossNetwork]:
    """Load perceptual encoders, separated by commas."""
    return [load_loss_network(each.strip()) for each in str(encoders).split(",")]


def load_loss_network(encoder: PathLike) -> LossNetwork:
    """Load the perceptual encoder that losses are computed with: a name in the catalog, or a file."""
    return _load_loss_network(str(encoder)).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _load_loss_network(encoder: str) -> LossNetwork:
    if encoder in encoder_names():
        return perceptual_encoder(encoder)
    from safetensors import SafetensorError, safe_open

    if not Path(encoder).is_file():
        raise InputError(f"there is no encoder {encoder!r}; omit it to use the default ({ENCODERS})")
    try:
        with safe_open(encoder, framework="pt") as file:
            own = "format" in (file.metadata() or {})
    except SafetensorError as error:
        raise InputError(f"{encoder!r} is not a readable safetensors file: {error}") from None
    return load_encoder(encoder).requires_grad_(False) if own else VGGTeacher.load(encoder)


class StyleTask:
    """Trains a network to paint photos in the styles of a few pictures.

    network : trained in place
    content : photos
    styles : one picture per style, in the order of the network's rows
    first : rows before this one stay fixed; if it is above 0, the convolutions stay fixed as well
    batch : photos per step, in each process
    encoder : one or more perceptual encoders, separated by commas. They alternate, because a network learns
        textures that deceive a single small encoder; two are harder to deceive.
    seed : of order, crops and styles. A sample depends only on the seed, the step and its place in the batch
        of all processes, so that two processes equal one with the double batch.
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
        encoder: PathLike = ENCODERS,
        style_augmentation: Augmentation = OWN_STYLE,
    ) -> None:
        self.options = options or StyleOptions()
        self.model: nn.Module = network
        self.content, self.styles, self.first = content, styles, first
        self.batch_size, self.seed = batch, seed
        self.loss_networks = load_loss_networks(encoder)
        self.style_augmentation = style_augmentation
        self.layers = self.options.layer_indices()
        self.held_out = evenly_spaced(len(content), min(self.options.held_out, len(content) // 5))
        self.trained = [i for i in range(len(content)) if i not in set(self.held_out)]
        if first:
            self._train_new_rows_only(network)

    def _train_new_rows_only(self, network: ConditionalTransformer) -> None:
        network.requires_grad_(False)
        mask = torch.zeros(len(network.scale), 1)
        mask[self.first :] = 1
        for parameter in (network.scale, network.shift):
            parameter.requires_grad_(True)
            parameter.register_hook(lambda gradient: gradient * mask.to(gradient))  # type: ignore[no-untyped-call]

    @property
    def steps_per_epoch(self) -> int:
        """Number of steps in which every photo occurs once."""
        return -(-len(self.trained) // (self.batch_size * processes()[0]))

    def to(self, device: torch.device) -> None:
        """Move the loss networks."""
        for network in self.loss_networks:
            network.to(device)

    def _samples(self, step: int) -> list[tuple[int, int, int]]:
        """Return number, photo and row of each sample of this process; numbers count over all processes."""
        world, rank = processes()
        samples = []
        for place in range(rank * self.batch_size, (rank + 1) * self.batch_size):
            number = step * world * self.batch_size + place
            epoch, index = divmod(number, len(self.trained))
            order = np.random.default_rng([self.seed, _ORDER_SEED, epoch]).permutation(len(self.trained))
            row = self.first + number % len(self.styles)
            samples.append((number, self.trained[int(order[index])], row))
        return samples

    def batch(self, step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return crops of photos, and one crop of each style among them."""
        samples = self._samples(step)
        photos = [
            self.content.crop(photo, self.options.crop, np.random.default_rng([self.seed, number]))
            for number, photo, _ in samples
        ]
        rows = sorted({row for _, _, row in samples})
        styles = [
            self.styles.crop(
                row - self.first,
                self.options.style_size,
                np.random.default_rng([self.seed, _STYLE_SEED, step, row]),
                self.style_augmentation,
            )
            for row in rows
        ]
        return {
            "content": to_tensor(photos),
            "style": to_tensor(styles),
            "row": torch.tensor([row for _, _, row in samples]),
            "place": torch.tensor([rows.index(row) for _, _, row in samples]),
        }

    def describe(self, step: int) -> str:
        """Name the photos and styles of a step."""
        samples = self._samples(step)
        photos = ", ".join(self.content.paths[photo].name for _, photo, _ in samples)
        styles = dict.fromkeys(self.styles.paths[row - self.first].name for _, _, row in samples)
        return f"photos {photos}; styles {', '.join(styles)}"

    def losses(self, model: nn.Module, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Return style, content, color, total variation and range losses; `total` is their weighted sum."""
        o, content = self.options, batch["content"]
        encoder = self.loss_networks[step % len(self.loss_networks)]
        code = F.one_hot(batch["row"], _rows(model)).to(content)
        out = model(content, code)[0].contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            photo = encoder.features(content)
            style = encoder.features(batch["style"])
        ours = encoder.features(out)
        targets, pixels = [style[layer] for layer in self.layers], batch["style"]
        if len(pixels) > 1:
            targets = [target.index_select(0, batch["place"]) for target in targets]
            pixels = pixels.index_select(0, batch["place"])
        terms = {
            "style": texture_loss([ours[layer] for layer in self.layers], targets, o.moments).mean(),
            "content": content_loss(ours, photo, o.structure).mean(),
            "color": color_loss(out, pixels).mean(),
            "variation": total_variation(out).mean(),
            "range": out_of_range(out).mean(),
        }
        total = (
            o.style_weight * terms["style"]
            + o.color_weight * terms["color"]
            + o.content_weight * terms["content"]
            + o.variation_weight * terms["variation"]
            + o.range_weight * terms["range"]
        )
        return {"total": total, **terms}

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """Return losses on held-out photos and on as many in training; the crops are always the same."""
        if not self.held_out:
            return {}
        trained = self.trained[:: max(1, len(self.trained) // len(self.held_out))][: len(self.held_out)]
        found: dict[str, float] = {}
        for name, photos in (("train", trained), ("held out", self.held_out)):
            sums = self._mean_losses(model, photos)
            found |= {name: sums["total"], f"{name} style": sums["style"], f"{name} content": sums["content"]}
        return found

    def _mean_losses(self, model: nn.Module, photos: Sequence[int]) -> dict[str, float]:
        """Average the losses over photos and loss networks."""
        device = next(model.parameters()).device
        sums = dict.fromkeys(("total", "style", "content"), 0.0)
        for place, photo in enumerate(photos):
            index, rng = place % len(self.styles), np.random.default_rng(place)
            batch = {
                "content": to_tensor([self.content.crop(photo, self.options.crop, rng, PLAIN)]),
                "style": to_tensor([self.styles.crop(index, self.options.style_size, rng, PLAIN)]),
                "row": torch.tensor([self.first + index]),
                "place": torch.tensor([0]),
            }
            batch = {key: value.to(device) for key, value in batch.items()}
            for turn in range(len(self.loss_networks)):
                losses = self.losses(model, batch, turn)
                for key in sums:
                    sums[key] += float(losses[key]) / len(photos) / len(self.loss_networks)
        return sums

    def preview(self, model: nn.Module, path: Path) -> None:
        """Write a grid: photos along the top, styles down the side, always the same ones."""
        side, device = max(192, self.options.crop), next(model.parameters()).device
        side = -(-side // 4) * 4

        def crops(pictures: Pictures, places: Sequence[int]) -> Tensor:
            return to_tensor([pictures.crop(i, side, np.random.default_rng(0), PLAIN) for i in places]).to(
                device
            )

        photos = crops(self.content, (self.held_out + self.trained)[:4])
        styles = crops(self.styles, range(min(6, len(self.styles))))
        grid = [[torch.ones_like(photos[0]), *photos]]
        for row, style in enumerate(styles, self.first):
            code = F.one_hot(torch.full((len(photos),), row, device=device), _rows(model)).to(photos)
            grid.append([style, *model(photos, code)[0]])
        save_grid(grid, path)


def _rows(model: nn.Module) -> int:
    """Number of styles of the network."""
    return len(unwrapped(model).scale)  # type: ignore[arg-type]


def small_styles(styles: Pictures, size: int) -> list[str]:
    """Return a warning for each style picture that must be enlarged much."""
    lines = []
    for picture, path in zip(styles.pictures, styles.paths, strict=True):
        factor = size / min(picture.size)
        if factor > ENLARGED:
            lines.append(
                f"style {path.name} has {picture.width} x {picture.height} px and is enlarged {factor:.1f}"
                f" times to {size} px: strokes will be blurred; use a larger picture or lower style-size"
            )
    return lines


def held_out_losses(
    network: ConditionalTransformer,
    content: Sequence[PathLike],
    styles: Sequence[PathLike],
    crop: int = StyleOptions.crop,
    style_size: int = StyleOptions.style_size,
    encoder: PathLike = ENCODERS,
) -> dict[str, float]:
    """Return `total`, `style` and `content` losses on whole photos, with the default weights and layers."""
    photos, pictures = Pictures(content, PLAIN), Pictures(styles, PLAIN, longest=2048)
    options = StyleOptions(crop=crop, style_size=style_size, held_out=0)
    task = StyleTask(network.eval(), photos, pictures, options, encoder=encoder)
    with torch.no_grad():
        return task._mean_losses(network, task.trained)
