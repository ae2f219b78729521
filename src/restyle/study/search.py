"""A search over network options with Optuna: what was measured decides what is tried next.

Trials are written down in `search.log` as they are asked for and told, so a search that was stopped goes on,
and one that is done goes on when it is given more trials.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from restyle.errors import require
from restyle.study.grid import Setting
from restyle.study.space import Space, Span

LOG = "search.log"
NAME = "restyle"


def search(
    space: Space,
    trials: int,
    folder: Path,
    measure: Callable[[Sequence[Setting]], Sequence[float]],
    *,
    at_once: int = 1,
    seed: int = 1,
) -> list[Setting]:
    """Try settings until `trials` are measured, by a tree of Parzen estimators (Bergstra et al. 2011).

    Parameters
    ----------
    space : Space
        What may be chosen.
    trials : int
        How many settings are measured, with those of an earlier call.
    folder : Path
        Of the study.
    measure : function of settings
        A loss for each.
    at_once : int
        Settings that are asked for before one is measured.
    seed : int

    Returns
    -------
    list of Setting
        All that were measured, each once, the best first.

    Raises
    ------
    MissingExtraError
        Optuna is not installed.
    """
    require("`--search optuna`", "study", "optuna")
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend
    from optuna.trial import TrialState

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder.mkdir(parents=True, exist_ok=True)
    storage = JournalStorage(JournalFileBackend(str(folder / LOG)))
    study = optuna.create_study(study_name=NAME, storage=storage, load_if_exists=True, direction="minimize")

    def done() -> list[Any]:
        return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))

    # A sampler made anew begins with the same random numbers: it would ask for what was tried already.
    study.sampler = optuna.samplers.TPESampler(
        seed=seed + len(done()), n_startup_trials=max(4, trials // 4), constant_liar=at_once > 1
    )
    while (left := trials - len(done())) > 0:
        asked = [study.ask() for _ in range(min(at_once, left))]
        losses = measure([{name: _suggest(trial, name, space[name]) for name in space} for trial in asked])
        for trial, loss in zip(asked, losses, strict=True):
            study.tell(trial, loss)
    found: list[Setting] = []
    for each in sorted(done(), key=lambda each: each.value):
        setting = {name: each.params[name] for name in space}
        if setting not in found:
            found.append(setting)
    return found


def _suggest(trial: Any, name: str, choice: list[Any] | Span) -> Any:
    """Ask for the value of an option."""
    if not isinstance(choice, Span):
        return trial.suggest_categorical(name, choice)
    if choice.whole:
        return trial.suggest_int(name, choice.low, choice.high, step=choice.step or 1)
    return trial.suggest_float(name, choice.low, choice.high, step=choice.step, log=choice.logarithmic)
