"""One run of `restyle compare`: what is asked becomes subjects, distances, a table and files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from restyle.cli.batch import Batch
from restyle.cli.comparison_files import TABLES, Output
from restyle.cli.comparison_tables import every_metric, matrix_table
from restyle.cli.terminal import Bar, table
from restyle.compare import metrics
from restyle.compare.metrics import METRICS, Metric
from restyle.compare.similarity import why_not
from restyle.compare.subjects import Subject, kind_of, measure, members
from restyle.errors import InputError, OptionError, OutputError, StyleError
from restyle.models.arbitrary import Arbitrary
from restyle.models.style_files import preset_files

FEW = 4  # subjects that all metrics are shown of
Named = tuple[str, Any]  # a name as tables show it, and its source


@dataclass(frozen=True)
class Wish:
    """What the command line asks for; see `cli.compare`."""

    sources: Sequence[str]
    metric: str | None
    layers: bool
    nearest: int | None
    within: Sequence[str] | None
    output: str | None
    overwrite: bool


def run(wish: Wish, model: Arbitrary) -> None:
    """Do what is wished."""
    if wish.metric is not None:
        metrics.find(wish.metric)
    if wish.nearest is None:
        if wish.within is not None:
            raise OptionError("--in says where to look for the nearest; give --nearest N as well")
        _compare(wish, model)
    else:
        _nearest(wish, wish.nearest, model)


def _compare(wish: Wish, model: Arbitrary) -> None:
    named = expand(wish.sources)
    folders = [each for each in wish.sources if os.path.isdir(each)]
    if len(named) < 2:
        raise StyleError(
            "one style alone has nothing to be compared with; give another, a folder, or --nearest N"
        )
    path = wish.output
    if path is None and folders:
        path = f"{Path(os.path.abspath(folders[0])).name}-compared"
    output = None if path is None else Output(path, wish.overwrite, [str(source) for _, source in named])
    if output is not None:
        output.check()
    full = wish.metric is None and len(named) <= FEW and not folders
    chosen = _chosen(wish.metric, named, model, mixed=bool(folders))
    wanted = [each for each in METRICS.values() if wish.layers or ":" not in each.name] if full else [chosen]
    with Batch(len(named), "styles") as batch:
        subjects = _measured(named, wanted, model, batch)
        if len(subjects) < 2:
            raise InputError(
                f"of {len(named)} styles only {len(subjects)} can be compared: {batch.failures[0]}"
            )
        if full:
            text, pairs = every_metric(subjects, wanted)
            typer.echo(text)
            if output is not None and output.is_table:
                _tell(output.write_pairs(pairs))
                return
        if not full or output is not None:
            distances = metrics.matrix(subjects, chosen)
            if not full:
                typer.echo(matrix_table(subjects, distances, chosen))
            if output is not None:
                _tell(output.write_matrix(subjects, distances, chosen, model))


def _nearest(wish: Wish, count: int, model: Arbitrary) -> None:
    if len(wish.sources) != 1 or os.path.isdir(wish.sources[0]):
        raise OptionError(
            "--nearest looks for the neighbours of one style; give one, and where to look with --in"
        )
    source = wish.sources[0]
    if wish.output is not None and not wish.output.lower().endswith(TABLES):
        raise OutputError(f"the nearest are a list: '{wish.output}' should end in .csv or .json")
    presets: list[Named] = [(name, name) for name in preset_files(model.record)]
    pool = presets if wish.within is None else expand(wish.within)
    # The style itself is no neighbour.
    pool = [each for each in pool if not _same(each[1], source)]
    if not pool:
        raise InputError(f"there is nothing to compare '{source}' with")
    inputs = [source, *(str(path) for _, path in pool)]
    output = None if wish.output is None else Output(wish.output, wish.overwrite, inputs)
    if output is not None:
        output.check()
    chosen = _chosen(wish.metric, [(source, source), *pool], model)
    mine = measure(source, frozenset({chosen.need}), model)
    _require(chosen, mine)
    with Batch(len(pool), "styles") as batch:
        subjects = _measured(pool, [chosen], model, batch)
        if not subjects:
            raise InputError(f"nothing that '{source}' is compared with can be: {batch.failures[0]}")
        found = sorted((chosen.distance(mine, each), each.name) for each in subjects)[:count]
        typer.echo(table(["nearest", chosen.name], [[name, f"{value:.4f}"] for value, name in found]))
        typer.echo(f"\n{chosen.name}: {chosen.about}")
        if output is not None:
            pairs = [{"a": mine.name, "b": name, "metric": chosen.name, "distance": v} for v, name in found]
            _tell(output.write_pairs(pairs))


def expand(sources: Sequence[str]) -> list[Named]:
    """Name and source of everything asked for; folders become their members, and no name stands twice."""
    found: list[Named] = []
    for source in sources:
        if os.path.isdir(source):
            found += [(path.relative_to(source).as_posix(), path) for path in members(source)]
        else:
            found.append((os.path.basename(source) or source, source))
    names = [name for name, _ in found]
    once: list[Named] = []
    for index, (name, path) in enumerate(found):
        shown = name if names.count(name) == 1 else str(path)
        again = names.count(name) > 1 and shown in names[:index]
        once.append((f"{shown} ({index + 1})" if again else shown, path))
    return once


def _chosen(metric: str | None, named: Sequence[Named], model: Arbitrary, mixed: bool = False) -> Metric:
    """The metric asked for, or the default: in a mixed folder by what is more of it, sounds or styles."""
    if metric is not None:
        return metrics.find(metric)
    found = [kind_of(source, model) for _, source in named]
    sounds = found.count("sound")
    if mixed and 0 < sounds < len(found):
        found = [each for each in found if (each == "sound") == (2 * sounds > len(found))]
    return metrics.default(sorted(set(found)))


def _measured(
    named: Sequence[Named], wanted: Sequence[Metric], model: Arbitrary, batch: Batch
) -> list[Subject]:
    """Measure what can be; the rest is listed as failed, and so is what the one metric is not defined for."""
    needs = frozenset(each.need for each in wanted)
    subjects: list[Subject] = []
    with Bar(len(named), "measuring") as bar:
        for done, (name, source) in enumerate(named):
            bar.at(done, name)
            with batch.each(source):
                if len(wanted) == 1:
                    _require(wanted[0], Subject(name, kind_of(source, model)))
                subjects.append(measure(source, needs, model, name))
    return subjects


def _require(chosen: Metric, subject: Subject) -> None:
    if not chosen.defined(subject):
        raise StyleError(f"metric '{chosen.name}' is not defined here: {why_not(chosen, subject.kind)}")


def _tell(paths: Sequence[str]) -> None:
    for path in paths:
        typer.echo(path)


def _same(path: Any, source: str) -> bool:
    return str(path) == source or (
        os.path.exists(path) and os.path.exists(source) and os.path.samefile(path, source)
    )
