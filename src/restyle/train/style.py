"""Train a network with its own styles (`restyle train style`, `StyleNetwork.fit`).

After Johnson et al. 2016 and Dumoulin et al. 2017. Differs from them: losses of compact encoders that ship
with restyle, normalized by their own magnitude (`nn.losses`), instead of VGG-16; covariances instead of Gram
matrices (`nn.losses.texture_loss`); style statistics of a random crop per step instead of one fixed picture.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restyle.errors import InputError, OptionError, StyleError
from restyle.files import first_few
from restyle.models.style_files import slug
from restyle.nn import conditional, torch_settings
from restyle.nn.conditional import ConditionalTransformer
from restyle.nn.encoders import load_loss_networks
from restyle.nn.losses import color_loss, content_loss, out_of_range, texture_loss, total_variation
from restyle.options.train import ENCODERS, StyleOptions, StyleTrainOptions
from restyle.train import loop
from restyle.train.augmentation import CONTENT, OWN_STYLE, PLAIN, Augmentation
from restyle.train.data import Pictures, evenly_spaced, save_grid, to_tensor
from restyle.train.log import LOSSES, NOT_LOSSES, History, read_log
from restyle.train.loop import processes, unwrapped
from restyle.types import PathLike

if TYPE_CHECKING:
    from restyle.train.style_network import StyleNetwork

FEW = 20  # photos; with fewer, the network memorizes them
ENLARGED = 1.5  # warn about style pictures that must be enlarged by more than this
_STYLE_SEED, _ORDER_SEED = 0x57, 0x0C

Warn = Callable[[str], None]


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
    ) -> None:
        self.options = options or StyleOptions()
        self.model: nn.Module = network
        self.content, self.styles, self.first = content, styles, first
        self.batch_size, self.seed = batch, seed
        self.loss_networks = load_loss_networks(encoder)
        self.layers = self.options.layer_indices()
        self.held_out = evenly_spaced(len(content), min(self.options.held_out, len(content) // 5))
        self.trained = [i for i in range(len(content)) if i not in set(self.held_out)]
        if first:
            self._train_new_rows_only(network)

    def _train_new_rows_only(self, network: ConditionalTransformer) -> None:
        network.requires_grad_(False)
        mask = (torch.arange(len(network.scale)) >= self.first).float()[:, None]
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
        total = o.style_weight * terms["style"]
        for name in ("color", "content", "variation", "range"):
            total = total + getattr(o, f"{name}_weight") * terms[name]
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


@dataclass(frozen=True)
class TrainingPictures:
    """Photos, style pictures, the names of the styles, and the recipe."""

    photos: Pictures
    styles: Pictures
    names: tuple[str, ...]
    recipe: StyleOptions


def read_pictures(
    content: PathLike | Sequence[PathLike],
    style: PathLike | Sequence[PathLike],
    recipe: StyleOptions | None,
    augmentations: tuple[Augmentation | None, Augmentation | None],
    history: History,
    warn: Warn,
) -> TrainingPictures:
    """Read photos and style pictures; the arguments are those of `StyleNetwork.fit`.

    augmentations : of photos, of style pictures; None takes the default

    Sets `history.skipped`, and calls `warn` with each line that a user should read before training.
    Raises InputError if there is no picture.
    """
    recipe = recipe or StyleOptions()
    if isinstance(style, (str, os.PathLike)) and not os.path.isdir(style):
        style = [style]
    for given in (content, style):
        if not isinstance(given, (str, os.PathLike)) and not given:
            raise InputError("no picture is given")
    photos = Pictures(content, augmentations[0] or CONTENT)
    styles = Pictures(style, augmentations[1] or OWN_STYLE, longest=2048)
    history.skipped = [f"{path}: {reason}" for path, reason in [*photos.skipped, *styles.skipped]]
    if history.skipped:
        warn(f"skipped {len(history.skipped)} unreadable pictures: {first_few(history.skipped, '; ')}")
    if photos.left_out:
        warn(f"memory is full: uses {len(photos)} photos and leaves out {photos.left_out}")
    if len(photos) < FEW:
        many = f"{len(photos)} photo{'s' * (len(photos) > 1)}"
        warn(f"only {many}: the network may memorize them; use hundreds")
    for line in small_styles(styles, recipe.style_size):
        warn(line)
    names = tuple(slug(path.stem) or "style" for path in styles.paths)
    return TrainingPictures(photos, styles, names, recipe)


def style_names(own: tuple[str, ...], new: tuple[str, ...], add: bool) -> tuple[str, ...]:
    """Return the names of the styles after a fit, in the order of the network's rows.

    own, new : names of the styles that the network has, and of those to be learned
    add : whether the network keeps its own

    Raises OptionError if there is nothing to add to, StyleError if two styles have the same name.
    """
    if add and not own:
        raise OptionError("there is nothing to add to: this network has no styles yet; fit it without add")
    names = own + new if add else new
    for name in sorted(names):
        if names.count(name) > 1:
            raise StyleError(f"two styles are called '{name}': rename one of the pictures")
    return names


def prepare(
    network: StyleNetwork, pictures: TrainingPictures, add: bool, batch: int, seed: int, encoder: PathLike
) -> tuple[tuple[str, ...], StyleTask]:
    """Return the names of all styles after a fit, and the task; `task.model` is the module that it trains.

    The module of the network is trained further if its styles stay the same, and copied if some are added;
    otherwise a new module is trained. The arguments are those of `StyleNetwork.fit`.
    """
    names = style_names(network.styles, pictures.names, add)
    first, shape = len(network.styles) if add else 0, asdict(network.options)
    if add:
        module = conditional.build(shape, first, network.module.state_dict(), network.seed)
        module.add_styles(len(pictures.names))
    elif names == network.styles:
        module = network.module
    else:
        module = conditional.build(shape, len(names), None, network.seed)
    return names, StyleTask(
        module,
        pictures.photos,
        pictures.styles,
        pictures.recipe,
        batch=batch,
        seed=seed,
        first=first,
        encoder=encoder,
    )


def run_fit(
    task: StyleTask,
    options: StyleTrainOptions,
    history: History,
    warn: Warn,
    callbacks: Sequence[loop.Callback],
    optimizer: loop.OptimizerMaker | None,
    *,
    folder: PathLike | None,
    resume: bool,
    overwrite: bool,
) -> dict[str, Any]:
    """Train the module of a task in place; return the metadata for the network file.

    history : the run records its course here
    warn : called with each warning of the run
    callbacks, optimizer, ... : as for `StyleNetwork.fit`; None takes the optimizer of the options
    """
    module = task.model
    assert isinstance(module, ConditionalTransformer)
    rows = (module.scale, module.shift)
    before = [each.detach().clone() for each in rows]

    def record(step: loop.Step) -> bool:
        history.add(step, options.log_every)
        if step.warning:
            warn(step.warning)
        answers = [bool(callback(step)) for callback in callbacks]
        return any(answers)

    with tempfile.TemporaryDirectory() as temporary:
        place = Path(folder or temporary)
        with torch_settings():
            run = loop.Run(task, place, options, resume, record, optimizer, overwrite)
            run.fit()
        history.add_held_out(run.done, run.held_out)  # measured after the last callback
        if run.warning:
            warn(run.warning)
        losses = read_log(place / LOSSES)  # also those before --resume, so that the files are equal
    for parameter, old in zip(rows, before, strict=True):
        # Weight decay, for example, must not change the old styles.
        parameter.data[: task.first] = old[: task.first].to(parameter.device)
    module.requires_grad_(True).cpu()
    last = {key: round(values[-1], 5) for key, values in losses.items() if key not in NOT_LOSSES}
    return {"steps": run.done, "seed": options.seed, "losses": last}
