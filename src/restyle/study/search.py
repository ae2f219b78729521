"""A search over network options with Optuna: measured losses decide which setting is tried next.

`search.log` records every trial, so an interrupted search continues, and a finished one accepts more trials.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from restyle.errors import require
from restyle.study.settings import Choices, Setting, Space, Span

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
    """Try settings with a tree-structured Parzen estimator (Bergstra et al. 2011).

    space : possible values of each option
    trials : number of measured settings, including those of earlier calls
    folder : of the study
    measure : settings -> a loss for each
    at_once : settings to ask for before one is measured

    Returns all measured settings without repetition, the best first.
    Raises MissingExtraError if Optuna is not installed.
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

    # Without another seed, a new sampler would repeat the settings of the previous call.
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


def _suggest(trial: Any, name: str, choices: Choices) -> Any:
    """Ask Optuna for the value of an option."""
    if not isinstance(choices, Span):
        return trial.suggest_categorical(name, choices)
    if choices.whole:
        return trial.suggest_int(name, choices.low, choices.high, step=choices.step or 1)
    return trial.suggest_float(name, choices.low, choices.high, step=choices.step, log=choices.logarithmic)
