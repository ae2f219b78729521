"""Studies: compare networks on the same data and budget, with several seeds, and write a report.

Here are the options to vary (lists of values, spans of numbers, and a search over them with Optuna, which
continues from its `search.log`) and the runs: processes, results on disk, and the choice of pictures.
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
import random
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from restyle.errors import InputError, OptionError, require
from restyle.files import writing
from restyle.options.base import renamed
from restyle.options.train import NetworkOptions, StyleOptions, StyleTrainOptions
from restyle.train.data import evenly_spaced

Setting = dict[str, Any]
Result = dict[str, Any]
PlanT = TypeVar("PlanT")
LOGARITHMIC = 10.0  # spans of floats with at least this ratio are searched on a logarithmic scale
_SETS = (NetworkOptions, StyleOptions, StyleTrainOptions)
_FIXED = {"steps", "minutes", "seed", "threads", "device", "held_out"}  # equal in all runs
LOG = "search.log"
NAME = "restyle"
_SPAN = re.compile(r"([^./]*(?:\.[^./]+)?)\.\.([^/]*)(?:/(.*))?")


@dataclass(frozen=True)
class Span:
    """All numbers from `low` to `high`, both included.

    low, high : integers if the option is an integer
    step : allows only low, low + step, ...; None allows every number, of an integer option every integer
    """

    low: float
    high: float
    step: float | None = None

    @property
    def whole(self) -> bool:
        """Whether it contains integers only."""
        return isinstance(self.low, int)

    @property
    def logarithmic(self) -> bool:
        """Whether it is so wide that it should be searched on a logarithmic scale."""
        return self.step is None and not self.whole and self.low > 0 and self.high / self.low >= LOGARITHMIC

    def __str__(self) -> str:
        return f"{self.low:g}..{self.high:g}" + (f"/{self.step:g}" if self.step is not None else "")


Choices = list[Any] | Span
Space = dict[str, Choices]


def parse_space(texts: Sequence[str], spans: bool = True) -> Space:
    """Parse `kernel-size=3,5`, and `width=16..64/8` if `spans`; text options separate values by semicolons.

    Raises OptionError if an option is unknown or fixed, or a value or span is invalid.

    Examples
    --------
    >>> parse_space(["width=16..64/8", "normalization=all,blocks"])
    {'width': Span(low=16, high=64, step=8), 'normalization': ['all', 'blocks']}
    """
    known = {each.name: kind for kind in _SETS for each in fields(kind) if each.name not in _FIXED}
    space: Space = {}
    for text in texts:
        name, _, values = (part.strip() for part in text.partition("="))
        (key,) = renamed({name.replace("-", "_"): None})
        if key not in known:
            options = ", ".join(sorted(each.replace("_", "-") for each in known))
            raise OptionError(f"vary '{text}': '{name}' is not one of {options}")
        kind = get_type_hints(known[key])[key]
        span = _SPAN.fullmatch(values) if spans else None
        choices = _span(text, name, kind, span) if span else _values(text, name, kind, values)
        space[key] = choices
        if isinstance(choices, Span):  # low + step: refuse even kernels now, not in the middle of the search
            examples = [choices.low, choices.high, choices.low + (choices.step or 0)]
        else:
            examples = choices
        for value in examples:
            keywords: dict[str, Any] = {key: value}
            known[key](**keywords)  # checks the value
    return space


def _values(text: str, name: str, kind: Any, values: str) -> list[Any]:
    separator = ";" if kind is str else ","
    parts = [part.strip() for part in values.split(separator) if part.strip()]
    try:
        found = [part if kind is str or get_args(kind) else kind(part) for part in parts]
    except ValueError:
        if ".." in values:
            raise OptionError(
                f"vary '{text}': spans need --search optuna; write {name}=VALUE,VALUE"
            ) from None
        raise OptionError(f"vary '{text}': a value is not of type {kind.__name__}") from None
    if not found:
        raise OptionError(f"vary '{text}': write {name}=VALUE,VALUE")
    return list(dict.fromkeys(found))


def _span(text: str, name: str, kind: Any, span: re.Match[str]) -> Span:
    if kind not in (int, float):
        raise OptionError(f"vary '{text}': {name} is not a number; write {name}=VALUE,VALUE")
    (low,), (high,) = (_values(text, name, kind, span[place]) for place in (1, 2))
    try:
        step = None if span[3] is None else kind(span[3])
    except ValueError:
        step = 0
    if low >= high or (step is not None and step <= 0):
        raise OptionError(f"vary '{text}': write {name}=LOW..HIGH or {name}=LOW..HIGH/STEP")
    return Span(low, high, step)


def combinations(values: Space, sample: int = 0, seed: int = 1) -> list[Setting]:
    """Return all combinations of values, in order, or `sample` random ones."""
    lists: list[list[Any]] = [each for each in values.values() if isinstance(each, list)]
    every = [dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*lists)]
    if not 0 < sample < len(every):
        return every
    places = sorted(random.Random(seed).sample(range(len(every)), sample))
    return [every[place] for place in places]


def title(setting: Setting) -> str:
    """Return a setting for people: `kernel-size 3, width 16`."""
    parts = [
        f"{name.replace('_', '-')} {f'{value:.4g}' if isinstance(value, float) else value}"
        for name, value in setting.items()
    ]
    return ", ".join(parts) or "default"


def label(setting: Setting) -> str:
    """Return a setting for file names: `kernel-size-3_width-16`."""
    parts = [f"{name.replace('_', '-')}-{value}".replace(",", "+") for name, value in setting.items()]
    return "_".join(parts) or "usual"


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


def check_plan(folder: Path, plan: dict[str, Any]) -> None:
    """Write the settings of a study to its folder; raise InputError if it contains a different study."""
    path = folder / "study.json"
    text = json.dumps(plan, indent=1, sort_keys=True)
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise InputError(
            f"'{folder}' contains a study with other settings ({path}): choose another folder or remove it"
        )
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def run_all(
    run: Callable[[PlanT], Result], plans: Sequence[PlanT], jobs: int, finished: Callable[[int, Result], None]
) -> list[Result]:
    """Run all plans, each in its own process, `jobs` at a time; return results in the order of the plans.

    run : function of a plan, at module level so that other processes can import it
    finished : called with place and result when a run is done
    """
    results: dict[int, Result] = {}
    context = multiprocessing.get_context("spawn")  # PyTorch's threads do not survive a fork
    with ProcessPoolExecutor(jobs, mp_context=context, max_tasks_per_child=1) as pool:
        waiting = {pool.submit(run, plan): place for place, plan in enumerate(plans)}
        try:
            for future in as_completed(waiting):
                place = waiting[future]
                results[place] = future.result()
                finished(place, results[place])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [results[place] for place in range(len(plans))]


def read_result(folder: Path) -> Result | None:
    """Return the result of a finished run, otherwise None."""
    try:
        found: Result = json.loads((folder / "result.json").read_text())
    except (OSError, ValueError):
        return None
    return found


def write_json(path: Path, content: Result) -> None:
    """Write a JSON file atomically; several runs may write the same file."""
    with writing(path, overwrite=True) as temporary:
        temporary.write_text(json.dumps(content, indent=1))


def hold_out(paths: Sequence[Path], count: int) -> tuple[list[str], list[str]]:
    """Split sorted paths into those to train on and `count` evenly spaced ones to measure on."""
    places = evenly_spaced(len(paths), count)
    rest = [str(path) for place, path in enumerate(paths) if place not in set(places)]
    return rest, [str(paths[place]) for place in places]


def at_most(paths: Sequence[str], count: int) -> tuple[str, ...]:
    """Return at most `count` paths, evenly spaced."""
    return tuple(paths[:: max(1, len(paths) // count)][:count])


def spread(values: Sequence[float]) -> tuple[float, float]:
    """Return the least and the greatest value."""
    return min(values), max(values)
