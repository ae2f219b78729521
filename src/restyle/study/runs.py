"""The runs of a study: processes, results on disk, and the choice of pictures."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, TypeVar

from restyle.errors import InputError
from restyle.files import writing
from restyle.train.data import evenly_spaced

PlanT = TypeVar("PlanT")
Result = dict[str, Any]


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
    run: Callable[[PlanT], Result],
    plans: Sequence[PlanT],
    jobs: int,
    finished: Callable[[int, Result], None],
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
