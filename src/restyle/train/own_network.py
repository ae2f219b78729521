"""What a fit of `StyleNetwork` trains, and the run itself; styles that it keeps stay as they are."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from restyle.errors import OptionError, StyleError
from restyle.nn import conditional
from restyle.nn.conditional import ConditionalTransformer
from restyle.options.train import NetworkOptions, StyleTrainOptions
from restyle.train import loop
from restyle.train.history import History
from restyle.train.log import LOSSES, NO_LOSS, read_log
from restyle.train.own_pictures import OwnPictures
from restyle.train.style import StyleTask
from restyle.types import PathLike


def names_of_all(own: tuple[str, ...], new: tuple[str, ...], add: bool) -> tuple[str, ...]:
    """Names of the styles after a fit, in the order of the network's rows.

    Parameters
    ----------
    own, new : tuple of str
        Of the styles that the network has, and of those to be learnt.
    add : bool
        Whether the network keeps its own.

    Raises
    ------
    OptionError
        Nothing is there to add to.
    StyleError
        Two styles have one name.
    """
    if add and not own:
        raise OptionError("there is nothing to add to: this network has no styles yet; fit it without add")
    names = own + new if add else new
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise StyleError(f"two styles are called '{double[0]}': rename a picture, each style has its name")
    return names


def prepare(
    present: Callable[[], ConditionalTransformer],
    shape: NetworkOptions,
    own: tuple[str, ...],
    pictures: OwnPictures,
    *,
    add: bool,
    batch: int,
    seed: int,
    first_weights: int,
    encoder: str,
) -> tuple[tuple[str, ...], StyleTask, ConditionalTransformer]:
    """Names of all styles, the task, and the module that it trains.

    Parameters
    ----------
    present : function without arguments
        Gives the module as it is; it is trained on where the styles stay the same, and copied where some are
        added. Other styles begin anew.
    shape : NetworkOptions
    own : tuple of str
        Names of the styles that `present` has.
    pictures : OwnPictures
    add, batch, encoder
        As for `StyleNetwork.fit`.
    seed, first_weights : int
        Of the run; of the weights of a new module.
    """
    names = names_of_all(own, pictures.names, add)
    first = len(own) if add else 0
    if add:
        module = conditional.build(asdict(shape), first, present().state_dict(), first_weights)
        module.add_styles(len(pictures.names))
    elif names == own:
        module = present()
    else:
        module = conditional.build(asdict(shape), len(names), None, first_weights)
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
    warn: Callable[[str], None],
    *,
    folder: PathLike | None,
    resume: bool,
    overwrite: bool,
    callbacks: Sequence[loop.Callback],
    optimizer: loop.OptimizerMaker | None,
) -> dict[str, Any]:
    """Train `module` in place, take down in `history` how it went, and return what its file tells of the run.

    Parameters
    ----------
    task, module
        As `prepare` gave them.
    warn : function of one line
        Called when the losses of held-out and trained photos part.
    folder, resume, overwrite, callbacks, optimizer
        As for `StyleNetwork.fit`.
    """

    def note(step: loop.Step) -> bool:
        history.add(step, options.log_every)
        if step.warning:
            warn(step.warning)
        answers = [bool(callback(step)) for callback in callbacks]
        return any(answers)

    before = (module.scale.detach().clone(), module.shift.detach().clone())
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(folder or temporary)
        descent = loop.Run(task, place, options, resume, note, optimizer, overwrite)
        descent.fit()
        history.add_held_out(descent.done, descent.held_out)  # at the end, where no callback was told
        if descent.warning:
            warn(descent.warning)
        losses = read_log(place / LOSSES)  # those before --resume as well, so that both files are the same
    if task.first:  # weight decay, for one, must not touch what was there
        for parameter, old in zip((module.scale, module.shift), before, strict=True):
            parameter.data[: task.first] = old[: task.first].to(parameter.device)
    module.requires_grad_(True).cpu()
    last = {key: round(values[-1], 5) for key, values in losses.items() if key not in NO_LOSS}
    return {"steps": descent.done, "seed": options.seed, "losses": last}
