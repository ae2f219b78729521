"""One run of `restyle compare`: sources become subjects, distances, a table and files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from restyle.cli.comparison_output import TABLES, Output, every_metric, matrix_table, missing_font
from restyle.cli.several_files import SeveralFiles
from restyle.cli.terminal import Bar, print_path, table
from restyle.compare import metrics
from restyle.compare.metrics import METRICS, Metric
from restyle.compare.subjects import Subject, kind_of, measure, members
from restyle.errors import InputError, MissingExtraError, OptionError, OutputError, StyleError
from restyle.images.figures import require_plots
from restyle.models.arbitrary import Arbitrary
from restyle.models.style_files import preset_files

FEW = 4  # subjects up to which all metrics are printed
Named = tuple[str, Any]  # a name for tables, and its source


@dataclass(frozen=True)
class Request:
    """The arguments of `cli.compare`."""

    sources: Sequence[str]
    metric: str | None
    layers: bool
    nearest: int | None
    within: Sequence[str] | None
    output: str | None
    overwrite: bool


def run(request: Request, model: Arbitrary) -> None:
    """Compare, print, write."""
    if request.metric is not None:
        metrics.find(request.metric)
    if request.nearest is not None:
        _nearest(request, request.nearest, model)
    elif request.within is not None:
        raise OptionError("--in says where to look for the nearest; give --nearest N as well")
    else:
        _compare(request, model)


def _compare(request: Request, model: Arbitrary) -> None:
    named = expand(request.sources)
    folders = [each for each in request.sources if os.path.isdir(each)]
    if len(named) < 2:
        raise StyleError(f"'{request.sources[0]}' is only one style; give another, a folder, or --nearest N")
    output = _output(request, folders, [str(source) for _, source in named])
    every = request.metric is None and len(named) <= FEW and not folders
    chosen = _chosen(request.metric, named, model, mixed=bool(folders))
    wanted = [each for each in METRICS.values() if request.layers or ":" not in each.name]
    with SeveralFiles(len(named), "styles") as files:
        subjects = _measured(named, wanted if every else [chosen], model, files)
        if len(subjects) < 2:
            raise InputError(
                f"of {len(named)} styles only {len(subjects)} can be compared: {files.failures[0]}"
            )
        if every:
            text, pairs = every_metric(subjects, wanted)
            typer.echo(text)
            if output is not None and output.is_table:
                _print_paths(output.write_pairs(pairs))
                return
        if not every or output is not None:
            distances = metrics.matrix(subjects, chosen)
            if not every:
                typer.echo(matrix_table(subjects, distances, chosen))
            if output is not None:
                _print_paths(output.write_matrix(subjects, distances, chosen, model))
                if output.has_charts and (line := missing_font([each.name for each in subjects])):
                    typer.echo(f"restyle: {line}", err=True)


def _output(request: Request, folders: Sequence[str], inputs: Sequence[str]) -> Output | None:
    """Where to write. A folder that nobody asked for has no charts if the extra `plots` is not installed."""
    if request.output is not None:
        output = Output(request.output, request.overwrite, inputs)
    elif folders:
        path, charts = f"{Path(os.path.abspath(folders[0])).name}-compared", True
        try:
            require_plots("heat map, tree and map are not drawn: that")
        except MissingExtraError as error:
            typer.echo(f"restyle: {error}", err=True)
            charts = False
        output = Output(path, request.overwrite, inputs, charts)
    else:
        return None
    output.check()
    return output


def _nearest(request: Request, count: int, model: Arbitrary) -> None:
    if len(request.sources) != 1 or os.path.isdir(request.sources[0]):
        raise OptionError("--nearest takes one style; give the folder to search with --in")
    source = request.sources[0]
    if request.output is not None and not request.output.lower().endswith(TABLES):
        raise OutputError(f"--nearest writes a list: '{request.output}' should end in .csv or .json")
    presets: list[Named] = [(name, name) for name in preset_files(model.record)]
    pool = presets if request.within is None else expand(request.within)
    pool = [each for each in pool if not _same(each[1], source)]
    if not pool:
        raise InputError(f"there is nothing to compare '{source}' with")
    output = None
    if request.output is not None:
        output = Output(request.output, request.overwrite, [source, *(str(path) for _, path in pool)])
        output.check()
    chosen = _chosen(request.metric, [(source, source), *pool], model)
    mine = measure(source, frozenset({chosen.need}), model)
    chosen.check(mine.kind)
    with SeveralFiles(len(pool), "styles") as files:
        subjects = _measured(pool, [chosen], model, files)
        if not subjects:
            raise InputError(f"nothing can be compared with '{source}': {files.failures[0]}")
        found = sorted((chosen.distance(mine, each), each.name) for each in subjects)[:count]
        typer.echo(table(["nearest", chosen.name], [[name, f"{value:.4f}"] for value, name in found]))
        typer.echo(f"\n{chosen.name}: {chosen.about}. {chosen.scale}")
        if output is not None:
            pairs = [{"a": mine.name, "b": name, "metric": chosen.name, "distance": v} for v, name in found]
            _print_paths(output.write_pairs(pairs))


def expand(sources: Sequence[str]) -> list[Named]:
    """List name and source of everything given: folders become their members, names are made unique."""
    found: list[Named] = []
    for source in sources:
        if os.path.isdir(source):
            found += [(path.relative_to(source).as_posix(), path) for path in members(source)]
        else:
            found.append((os.path.basename(source) or source, source))
    names = [name for name, _ in found]
    unique: list[Named] = []
    for index, (name, path) in enumerate(found):
        shown = name if names.count(name) == 1 else str(path)
        again = names.count(name) > 1 and shown in names[:index]
        unique.append((f"{shown} ({index + 1})" if again else shown, path))
    return unique


def _chosen(metric: str | None, named: Sequence[Named], model: Arbitrary, mixed: bool = False) -> Metric:
    """The metric given, or the default; in a mixed folder that of sounds or of styles, whichever are more."""
    if metric is not None:
        return metrics.find(metric)
    kinds = [kind_of(source, model) for _, source in named]
    sounds = kinds.count("sound")
    if mixed and 0 < sounds < len(kinds):
        kinds = [each for each in kinds if (each == "sound") == (2 * sounds > len(kinds))]
    return metrics.default(sorted(set(kinds)))


def _measured(
    named: Sequence[Named], wanted: Sequence[Metric], model: Arbitrary, files: SeveralFiles
) -> list[Subject]:
    """Measure the sources; files that fail, or that the only metric is not defined for, are failures."""
    needs = frozenset(each.need for each in wanted)
    subjects: list[Subject] = []
    with Bar(len(named), "measuring") as bar:
        for done, (name, source) in enumerate(named):
            bar.at(done, name)
            with files.each(source):
                if len(wanted) == 1:
                    wanted[0].check(kind_of(source, model))
                subjects.append(measure(source, needs, model, name))
    return subjects


def _print_paths(paths: Sequence[str]) -> None:
    for path in paths:
        print_path(path)


def _same(path: Any, source: str) -> bool:
    return str(path) == source or (
        os.path.exists(path) and os.path.exists(source) and os.path.samefile(path, source)
    )
