"""One run of `restyle compare`: what is asked becomes subjects, distances, a table and files."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import typer

from restyle.arrays import from_unit
from restyle.cli.batches import Batch
from restyle.cli.progress import Bar
from restyle.cli.table import table
from restyle.comparison import metrics
from restyle.comparison.clustering import Matrix
from restyle.comparison.measuring import why_not
from restyle.comparison.metrics import METRICS, Metric
from restyle.comparison.subjects import Need, Subject, kind_of, measure, members
from restyle.errors import InputError, OptionError, OutputError, StyleError
from restyle.media.outputs import check_output, writing
from restyle.methods.arbitrary import Arbitrary
from restyle.models.presets import preset_files

FEW = 4  # subjects that all metrics are shown of
WIDE = 10  # subjects whose matrix fits a terminal
ABSENT = "-"
FILES = ("distances.csv", "distances.json", "heatmap.png", "tree.png", "map.png", "map.html")


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
        _nearest(wish, model)


def _compare(wish: Wish, model: Arbitrary) -> None:
    named = expand(wish.sources)
    folders = [each for each in wish.sources if os.path.isdir(each)]
    if len(named) < 2:
        raise StyleError(
            "one style alone has nothing to be compared with; give another, a folder, or --nearest N"
        )
    output = wish.output
    if output is None and folders:
        output = f"{Path(os.path.abspath(folders[0])).name}-compared"
    as_file = output is not None and output.lower().endswith((".csv", ".json"))
    outputs = (
        [] if output is None else [output] if as_file else [os.path.join(output, each) for each in FILES]
    )
    inputs = [str(path) for _, path in named]
    if output is not None and not as_file:
        _make_folder(output)
    for each in outputs:
        check_output(each, overwrite=wish.overwrite, inputs=inputs)
    full = wish.metric is None and len(named) <= FEW and not folders
    with Batch(len(named), "styles") as batch:
        chosen = _chosen(wish.metric, named, model, batch)
        wanted = _listed(wish.layers) if full else [chosen]
        subjects = _measured(named, frozenset(each.need for each in wanted), model, batch)
        if len(subjects) < 2:
            raise InputError(f"of {len(named)} styles only {len(subjects)} can be read: {batch.failures[0]}")
        if full:
            text, rows = _all_metrics(subjects, wanted)
            typer.echo(text)
            if output is not None and as_file:
                _write_rows(output, rows, wish.overwrite, inputs)
                typer.echo(output)
                return
        if not full or output is not None:
            _require(chosen, subjects)
            distances = metrics.matrix(subjects, chosen)
            if not full:
                typer.echo(_matrix_table(subjects, distances, chosen))
            if output is not None:
                _write_all(output, as_file, subjects, distances, chosen, model, wish.overwrite, inputs)


def _nearest(wish: Wish, model: Arbitrary) -> None:
    if len(wish.sources) != 1 or os.path.isdir(wish.sources[0]):
        raise OptionError(
            "--nearest looks for the neighbours of one style; give one, and where to look with --in"
        )
    source = wish.sources[0]
    if wish.output is not None and not wish.output.lower().endswith((".csv", ".json")):
        raise OutputError(f"the nearest are a list: '{wish.output}' should end in .csv or .json")
    if wish.within is None:
        pool: list[tuple[str, Any]] = [(name, name) for name in preset_files(model.record)]
    else:
        pool = expand(wish.within)
    # The style itself is no neighbour.
    pool = [each for each in pool if not _same(each[1], source)]
    if not pool:
        raise InputError(f"there is nothing to compare '{source}' with")
    if wish.output is not None:
        check_output(wish.output, overwrite=wish.overwrite, inputs=[source, *(str(path) for _, path in pool)])
    kind_of(source, model)
    with Batch(len(pool) + 1, "styles") as batch:
        chosen = _chosen(wish.metric, [(source, source), *pool], model, batch)
        needs = frozenset({chosen.need})
        mine = measure(source, needs, model)
        subjects = _measured(pool, needs, model, batch)
        _require(chosen, [mine, *subjects])
        found = sorted((chosen.distance(mine, each), each.name) for each in subjects)[: wish.nearest]
        typer.echo(table(["nearest", chosen.name], [[name, f"{value:.4f}"] for value, name in found]))
        typer.echo(f"\n{chosen.name}: {chosen.about}")
        if wish.output is not None:
            rows = [{"a": mine.name, "b": name, "metric": chosen.name, "distance": v} for v, name in found]
            _write_rows(wish.output, rows, wish.overwrite, [source])
            typer.echo(wish.output)


def expand(sources: Sequence[str]) -> list[tuple[str, Any]]:
    """Name and source of everything asked for; folders become their members, and no name stands twice."""
    found: list[tuple[str, Any]] = []
    for source in sources:
        if os.path.isdir(source):
            found += [(path.relative_to(source).as_posix(), path) for path in members(source)]
        else:
            found.append((os.path.basename(source) or source, source))
    once: list[tuple[str, Any]] = []
    names = [name for name, _ in found]
    for index, (name, path) in enumerate(found):
        shown = name if names.count(name) == 1 else str(path)
        once.append(
            (
                shown if names.count(name) == 1 or shown not in names[:index] else f"{shown} ({index + 1})",
                path,
            )
        )
    return once


def _chosen(metric: str | None, named: Sequence[tuple[str, Any]], model: Arbitrary, batch: Batch) -> Metric:
    if metric is not None:
        return metrics.find(metric)
    kinds = set()
    for _, source in named:
        kinds.add(kind_of(source, model))
    return metrics.default(sorted(kinds))


def _measured(
    named: Sequence[tuple[str, Any]], needs: frozenset[Need], model: Arbitrary, batch: Batch
) -> list[Subject]:
    subjects: list[Subject] = []
    with Bar(len(named), "measuring") as bar:
        for done, (name, source) in enumerate(named):
            bar.at(done, name)
            with batch.each(source):
                subjects.append(measure(source, needs, model, name))
    return subjects


def _listed(layers: bool) -> list[Metric]:
    return [each for each in METRICS.values() if layers or ":" not in each.name]


def _require(chosen: Metric, subjects: Sequence[Subject]) -> None:
    if not chosen.defined(*subjects):
        raise StyleError(
            f"metric '{chosen.name}' is not defined here: "
            f"{why_not(chosen, *(each.kind for each in subjects))}"
        )


def _all_metrics(subjects: Sequence[Subject], wanted: Sequence[Metric]) -> tuple[str, list[dict[str, Any]]]:
    """Every metric that says something of any pair, pair by pair."""
    pairs = [(a, b) for i, a in enumerate(subjects) for b in subjects[i + 1 :]]
    shown = [each for each in wanted if any(each.defined(a, b) for a, b in pairs)]
    absent = [each.name for each in wanted if each not in shown and (each.need != "sound")]
    lines, rows = [], []
    for each in shown:
        cells = []
        for a, b in pairs:
            value = each.distance(a, b) if each.defined(a, b) else None
            cells.append(ABSENT if value is None else f"{value:.4f}")
            rows.append({"a": a.name, "b": b.name, "metric": each.name, "distance": value})
        lines.append([each.name, *cells, each.about])
    heads = ["distance"] if len(pairs) == 1 else [f"{_short(a)} | {_short(b)}" for a, b in pairs]
    text = table(["metric", *heads, "of"], lines)
    codes = [each.name for each in subjects if each.kind in ("preset", "style")]
    if codes and absent:
        verb = "are only codes" if len(codes) > 1 else "is only a code"
        text += f"\n\n{', '.join(codes)} {verb}, without pixels: no {', '.join(absent)}"
    elif codes and any(ABSENT in line for line in lines):
        text += f"\n\n{ABSENT}: {', '.join(codes)} without pixels"
    return text, rows


def _matrix_table(subjects: Sequence[Subject], distances: Matrix, chosen: Metric) -> str:
    """The matrix, or for many subjects the nearest of each."""
    about = f"\n\n{chosen.name}: {chosen.about}"
    if len(subjects) <= WIDE:
        rows = [
            [each.name, *(f"{value:.3f}" for value in line)]
            for each, line in zip(subjects, distances, strict=True)
        ]
        return table(["", *(_short(each) for each in subjects)], rows) + about
    lonely = distances + np.diag(np.full(len(subjects), np.inf))
    rows = [
        [each.name, subjects[int(line.argmin())].name, f"{line.min():.4f}"]
        for each, line in zip(subjects, lonely, strict=True)
    ]
    return table(["style", "nearest", chosen.name], rows) + about


def _write_all(
    output: str,
    as_file: bool,
    subjects: Sequence[Subject],
    distances: Matrix,
    chosen: Metric,
    model: Arbitrary,
    overwrite: bool,
    inputs: Sequence[str],
) -> None:
    names = [each.name for each in subjects]
    table_text = _csv(
        [["", *names], *([name, *map(float, line)] for name, line in zip(names, distances, strict=True))]
    )
    about = {"metric": chosen.name, "about": chosen.about, "names": names, "distances": distances.tolist()}
    as_json = json.dumps(about, ensure_ascii=False, indent=1) + "\n"
    if as_file:
        content = table_text if output.lower().endswith(".csv") else as_json
        _write_text(output, content, overwrite, inputs)
        typer.echo(output)
        return
    from restyle.cli import comparison_charts, comparison_map

    what = "sounds" if subjects[0].kind == "sound" else "styles"
    title = f"{len(subjects)} {what}, metric {chosen.name}: {chosen.about}"
    seen = [_with_thumbnail(each, model) for each in subjects]
    laid = comparison_map.lay_out(seen, distances)
    heat = comparison_charts.heat_map(names, distances, title)
    tree = comparison_charts.dendrogram(names, distances, title)
    charts = [("Distances", heat), ("Tree", tree)]
    _write_text(os.path.join(output, FILES[0]), table_text, overwrite, inputs)
    _write_text(os.path.join(output, FILES[1]), as_json, overwrite, inputs)
    pictures = (heat, tree, comparison_map.draw(seen, laid, title))
    for name, picture in zip(FILES[2:5], pictures, strict=True):
        with writing(os.path.join(output, name), overwrite, inputs) as temporary:
            picture.save(temporary, "PNG", optimize=True)
    _write_text(
        os.path.join(output, FILES[5]),
        comparison_map.page(seen, laid, distances, title, charts),
        overwrite,
        inputs,
    )
    for name in FILES:
        typer.echo(os.path.join(output, name))


def _with_thumbnail(subject: Subject, model: Arbitrary) -> Subject:
    """A code is shown as what it paints: a drawn landscape in that style."""
    if subject.thumbnail is not None or subject.code is None:
        return subject
    from restyle.cli.contact_sheet import scene

    painted = model.paint(scene(168, 224), subject.code)
    return replace(subject, thumbnail=from_unit(painted, np.uint8))


def _write_rows(path: str, rows: Sequence[dict[str, Any]], overwrite: bool, inputs: Sequence[str]) -> None:
    if path.lower().endswith(".csv"):
        content = _csv(
            [list(rows[0]), *(["" if each is None else each for each in row.values()] for row in rows)]
        )
    else:
        content = json.dumps(rows, ensure_ascii=False, indent=1) + "\n"
    _write_text(path, content, overwrite, inputs)


def _write_text(path: str, content: str, overwrite: bool, inputs: Sequence[str]) -> None:
    with writing(path, overwrite, inputs) as temporary:
        temporary.write_text(content, encoding="utf-8")


def _csv(rows: Sequence[Sequence[Any]]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue()


def _make_folder(output: str) -> None:
    if Path(output).suffix and not os.path.isdir(output) and not output.endswith(os.sep):
        raise OutputError(f"cannot tell what '{output}' shall be: give a .csv or .json file, or a folder")
    try:
        os.makedirs(output, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder '{output}': {(error.strerror or '').lower()}") from error


def _short(subject: Subject) -> str:
    name = Path(subject.name).stem if subject.kind != "preset" else subject.name
    return name if len(name) <= 16 else f"{name[:15]}…"


def _same(path: Any, source: str) -> bool:
    return str(path) == source or (
        os.path.exists(path) and os.path.exists(source) and os.path.samefile(path, source)
    )
