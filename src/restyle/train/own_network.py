"""The parts of `StyleNetwork.fit`: reading pictures, preparing the task, and the run itself."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from restyle.errors import InputError, OptionError, StyleError
from restyle.models.style_files import slug
from restyle.nn import conditional
from restyle.nn.conditional import ConditionalTransformer
from restyle.nn.settings import torch_settings
from restyle.options.train import NetworkOptions, StyleOptions, StyleTrainOptions
from restyle.train import loop
from restyle.train.augmentation import CONTENT, OWN_STYLE, Augmentation
from restyle.train.data import Pictures
from restyle.train.log import LOSSES, NOT_LOSSES, History, read_log
from restyle.train.style import StyleTask, small_styles
from restyle.types import PathLike

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
    content_augmentation: Augmentation | None,
    style_augmentation: Augmentation | None,
    history: History,
    warn: Warn,
) -> TrainingPictures:
    """Read photos and style pictures; the arguments are those of `StyleNetwork.fit`.

    Sets `history.skipped`, and calls `warn` with each line that a user should read before training.
    Raises InputError if there is no picture.
    """
    recipe = recipe or StyleOptions()
    if isinstance(style, (str, os.PathLike)) and not os.path.isdir(style):
        style = [style]
    for given in (content, style):
        if not isinstance(given, (str, os.PathLike)) and not given:
            raise InputError("no picture is given")
    photos = Pictures(content, content_augmentation or CONTENT)
    styles = Pictures(style, style_augmentation or OWN_STYLE, longest=2048)
    history.skipped = [f"{path}: {reason}" for path, reason in [*photos.skipped, *styles.skipped]]
    for line in [*_remarks(photos, history.skipped), *small_styles(styles, recipe.style_size)]:
        warn(line)
    return TrainingPictures(
        photos, styles, tuple(slug(path.stem) or "style" for path in styles.paths), recipe
    )


def _remarks(photos: Pictures, skipped: Sequence[str]) -> list[str]:
    lines = []
    if skipped:
        more = f" and {len(skipped) - 3} more" if len(skipped) > 3 else ""
        lines.append(f"skipped {len(skipped)} unreadable pictures: {'; '.join(skipped[:3])}{more}")
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
    present: Callable[[], ConditionalTransformer],
    shape: NetworkOptions,
    own: tuple[str, ...],
    pictures: TrainingPictures,
    *,
    add: bool,
    batch: int,
    seed: int,
    initial_seed: int,
    encoder: PathLike,
) -> tuple[tuple[str, ...], StyleTask, ConditionalTransformer]:
    """Return the names of all styles, the task, and the module that it trains.

    present : returns the current module. It is trained further if the styles stay the same, and copied if
        some are added; otherwise a new module is trained.
    own : names of the styles of `present`
    add, batch, encoder : as for `StyleNetwork.fit`
    seed, initial_seed : of the run; of the weights of a new module
    """
    names = style_names(own, pictures.names, add)
    first = len(own) if add else 0
    if add:
        module = conditional.build(asdict(shape), first, present().state_dict(), initial_seed)
        module.add_styles(len(pictures.names))
    elif names == own:
        module = present()
    else:
        module = conditional.build(asdict(shape), len(names), None, initial_seed)
    task = StyleTask(
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
    return names, task, module


def run(
    task: StyleTask,
    module: ConditionalTransformer,
    options: StyleTrainOptions,
    history: History,
    warn: Warn,
    *,
    folder: PathLike | None,
    resume: bool,
    overwrite: bool,
    callbacks: Sequence[loop.Callback],
    optimizer: loop.OptimizerMaker | None,
) -> dict[str, Any]:
    """Train `module` in place, record the course in `history`, and return the metadata for the network file.

    task, module : from `prepare`
    warn : called with each warning of the run
    folder, resume, overwrite, callbacks, optimizer : as for `StyleNetwork.fit`
    """

    def record(step: loop.Step) -> bool:
        history.add(step, options.log_every)
        if step.warning:
            warn(step.warning)
        answers = [bool(callback(step)) for callback in callbacks]
        return any(answers)

    before = (module.scale.detach().clone(), module.shift.detach().clone())
    with tempfile.TemporaryDirectory() as temporary:
        run_folder = Path(folder or temporary)
        with torch_settings():
            training = loop.Run(task, run_folder, options, resume, record, optimizer, overwrite)
            training.fit()
        history.add_held_out(training.done, training.held_out)  # measured after the last callback
        if training.warning:
            warn(training.warning)
        losses = read_log(run_folder / LOSSES)  # also those before --resume, so that the files are equal
    if task.first:  # weight decay, for example, must not change the old styles
        for parameter, old in zip((module.scale, module.shift), before, strict=True):
            parameter.data[: task.first] = old[: task.first].to(parameter.device)
    module.requires_grad_(True).cpu()
    last = {key: round(values[-1], 5) for key, values in losses.items() if key not in NOT_LOSSES}
    return {"steps": training.done, "seed": options.seed, "losses": last}
