"""The parts of `StyleNetwork.fit`: reading pictures, preparing the task, and the run itself."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restyle.errors import InputError, OptionError, StyleError
from restyle.files import first_few
from restyle.models.style_files import slug
from restyle.nn import conditional
from restyle.nn.conditional import ConditionalTransformer
from restyle.nn.settings import torch_settings
from restyle.options.train import StyleOptions, StyleTrainOptions
from restyle.train import loop
from restyle.train.augmentation import CONTENT, OWN_STYLE, Augmentation
from restyle.train.data import Pictures
from restyle.train.log import LOSSES, NOT_LOSSES, History, read_log
from restyle.train.style import StyleTask, small_styles
from restyle.types import PathLike

if TYPE_CHECKING:
    from restyle.train.style_network import StyleNetwork

FEW = 20  # photos; with fewer, the network memorizes them
Warn = Callable[[str], None]


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
    for line in [*_remarks(photos, history.skipped), *small_styles(styles, recipe.style_size)]:
        warn(line)
    return TrainingPictures(
        photos, styles, tuple(slug(path.stem) or "style" for path in styles.paths), recipe
    )


def _remarks(photos: Pictures, skipped: Sequence[str]) -> list[str]:
    lines = []
    if skipped:
        lines.append(f"skipped {len(skipped)} unreadable pictures: {first_few(skipped, '; ')}")
    if photos.left_out:
        lines.append(f"memory is full: uses {len(photos)} photos and leaves out {photos.left_out}")
    if len(photos) < FEW:
        lines.append(
            f"only {len(photos)} photo{'s' * (len(photos) > 1)}: the network may memorize them; use hundreds"
        )
    return lines


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
        style_augmentation=pictures.styles.how,
    )


@dataclass
class OwnRun:
    """The run of a fit.

    task : from `prepare`
    history : the run records its course here
    warn : called with each warning of the run
    callbacks, optimizer : as for `StyleNetwork.fit`; None takes the optimizer of the options
    """

    task: StyleTask
    options: StyleTrainOptions
    history: History
    warn: Warn
    callbacks: Sequence[loop.Callback]
    optimizer: loop.OptimizerMaker | None

    def __post_init__(self) -> None:
        assert isinstance(self.task.model, ConditionalTransformer)
        self.module = self.task.model

    def __call__(self, folder: PathLike | None, resume: bool, overwrite: bool) -> dict[str, Any]:
        """Train the module in place; return the metadata for the network file."""
        rows = (self.module.scale, self.module.shift)
        before = [each.detach().clone() for each in rows]
        with tempfile.TemporaryDirectory() as temporary:
            place = Path(folder or temporary)
            with torch_settings():
                run = loop.Run(
                    self.task, place, self.options, resume, self._record, self.optimizer, overwrite
                )
                run.fit()
            self.history.add_held_out(run.done, run.held_out)  # measured after the last callback
            if run.warning:
                self.warn(run.warning)
            losses = read_log(place / LOSSES)  # also those before --resume, so that the files are equal
        for parameter, old in zip(rows, before, strict=True):
            # Weight decay, for example, must not change the old styles.
            parameter.data[: self.task.first] = old[: self.task.first].to(parameter.device)
        self.module.requires_grad_(True).cpu()
        last = {key: round(values[-1], 5) for key, values in losses.items() if key not in NOT_LOSSES}
        return {"steps": run.done, "seed": self.options.seed, "losses": last}

    def _record(self, step: loop.Step) -> bool:
        self.history.add(step, self.options.log_every)
        if step.warning:
            self.warn(step.warning)
        answers = [bool(callback(step)) for callback in self.callbacks]
        return any(answers)
