"""Runs of a study in processes of their own; those that are done already are not done again."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, TypeVar

from restyle.errors import InputError

PlanT = TypeVar("PlanT")


def check_plan(folder: Path, plan: dict[str, Any]) -> None:
    """Write down what a study compares, or compare it with what is written there.

    Raises
    ------
    InputError
        The folder holds another study.
    """
    path = folder / "study.json"
    text = json.dumps(plan, indent=1, sort_keys=True)
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise InputError(
            f"'{folder}' holds a study with other settings ({path}); choose another folder or remove it"
        )
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def run_all(
    run: Callable[[PlanT], dict[str, Any]],
    plans: Sequence[PlanT],
    jobs: int,
    told: Callable[[int, dict[str, Any]], None],
) -> list[dict[str, Any]]:
    """Run all plans, `jobs` at a time; results in the order of the plans.

    Parameters
    ----------
    run : function of a plan
        Of a module, so that other processes find it.
    told : function of (place, result)
        Called when one is done.
    """
    results: dict[int, dict[str, Any]] = {}
    context = multiprocessing.get_context("spawn")  # PyTorch's threads do not survive a fork
    with ProcessPoolExecutor(jobs, mp_context=context, max_tasks_per_child=1) as pool:
        waiting = {pool.submit(run, plan): place for place, plan in enumerate(plans)}
        try:
            for future in as_completed(waiting):
                place = waiting[future]
                results[place] = future.result()
                told(place, results[place])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [results[place] for place in range(len(plans))]
