"""What `restyle compare` does: distances of styles as a table, as CSV or JSON, and as charts in a folder."""

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

from restyle.cli.terminal import Bar, SeveralFiles, print_path, table
from restyle.compare import metrics
from restyle.compare.charts import Matrix, dendrogram, draw_map, heat_map, lay_out, page
from restyle.compare.metrics import METRICS, Metric
from restyle.compare.subjects import Subject, kind_of, measure, members
from restyle.errors import InputError, MissingExtraError, OptionError, OutputError, StyleError
from restyle.files import check_output, csv_text, make_folder, plain_text, write_text, writing
from restyle.images.figures import fonts_for, require_plots, sample_photo
from restyle.images.resize import resize
from restyle.models.arbitrary import Arbitrary
from restyle.models.style_files import preset_files
from restyle.types import from_unit

FEW = 4  # subjects up to which all metrics are printed
TABLE_FILES = ("distances.csv", "distances.json")
CHART_FILES = ("heatmap.png", "tree.png", "map.png", "map.html")
TABLES = (".csv", ".json")
WIDE = 10  # subjects whose matrix fits a terminal
ABSENT = "-"
Named = tuple[str, Any]  # a name for tables, and its source


def compare(
    sources: Sequence[str],
    metric: str | None,
    layers: bool,
    path: str | None,
    overwrite: bool,
    model: Arbitrary,
) -> None:
    """Compare each style with each other; print the distances, and write them."""
    named = expand(sources)
    folders = [each for each in sources if os.path.isdir(each)]
    if len(named) < 2:
        raise StyleError(f"'{sources[0]}' is only one style; give another, a folder, or --nearest N")
    output = _output(path, overwrite, folders, [str(source) for _, source in named])
    every = metric is None and len(named) <= FEW and not folders
    chosen = _chosen(metric, named, model, mixed=bool(folders))
    wanted = [each for each in METRICS.values() if layers or ":" not in each.name]
    with SeveralFiles(len(named), "styles") as files:
        subjects = _measured(named, wanted if every else [chosen], model, files)
        if len(subjects) < 2:
            raise InputError(
                f"of {len(named)} styles only {len(subjects)} can be compared: {files.failures[0]}"
            )
        if every:
            text, pairs = every_metric(subjects, wanted)
            typer.echo(text)
            if output is None:
                return
            if output.is_table:
                _print_paths(output.write_pairs(pairs))
                return
        distances = metrics.matrix(subjects, chosen)
        if not every:
            typer.echo(matrix_table(subjects, distances, chosen))
        if output is not None:
            _print_paths(output.write_matrix(subjects, distances, chosen, model))
            names = "".join(each.name for each in subjects)
            if output.has_charts and (missing := fonts_for(names)[1]):
                advice = "the charts show boxes; install one, such as Noto Sans CJK"
                typer.echo(f"restyle: no installed font has {missing[:8]}: {advice}", err=True)


def _output(
    path: str | None, overwrite: bool, folders: Sequence[str], inputs: Sequence[str]
) -> Output | None:
    """Where to write. A folder that nobody asked for has no charts if the extra `plots` is not installed."""
    if path is not None:
        output = Output(path, overwrite, inputs)
    elif folders:
        path, charts = f"{Path(os.path.abspath(folders[0])).name}-compared", True
        try:
            require_plots("heat map, tree and map are not drawn: that")
        except MissingExtraError as error:
            typer.echo(f"restyle: {error}", err=True)
            charts = False
        output = Output(path, overwrite, inputs, charts)
    else:
        return None
    output.check()
    return output


def nearest(
    sources: Sequence[str],
    count: int,
    within: Sequence[str] | None,
    metric: str | None,
    path: str | None,
    overwrite: bool,
    model: Arbitrary,
) -> None:
    """List the styles nearest to one: of all presets, or of those in `within`."""
    if len(sources) != 1 or os.path.isdir(sources[0]):
        raise OptionError("--nearest takes one style; give the folder to search with --in")
    source = sources[0]
    if path is not None and not path.lower().endswith(TABLES):
        raise OutputError(f"--nearest writes a list: '{path}' should end in .csv or .json")
    presets: list[Named] = [(name, name) for name in preset_files(model.record)]
    pool = presets if within is None else expand(within)
    pool = [
        (name, each)
        for name, each in pool
        if str(each) != source
        and not (os.path.exists(each) and os.path.exists(source) and os.path.samefile(each, source))
    ]
    if not pool:
        raise InputError(f"there is nothing to compare '{source}' with")
    output = None
    if path is not None:
        output = Output(path, overwrite, [source, *(str(each) for _, each in pool)])
        output.check()
    chosen = _chosen(metric, [(source, source), *pool], model)
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


@dataclass(frozen=True)
class Output:
    """Where the distances go: a .csv or .json file, or a folder for `TABLE_FILES` and `CHART_FILES`.

    `inputs` must not be overwritten; `charts` tells whether a folder gets charts (extra `plots`).
    """

    path: str
    overwrite: bool
    inputs: Sequence[str]
    charts: bool = True

    @property
    def is_table(self) -> bool:
        """Whether one file is wanted, not a folder."""
        return self.path.lower().endswith(TABLES)

    @property
    def has_charts(self) -> bool:
        """Whether charts are drawn."""
        return self.charts and not self.is_table

    def check(self) -> None:
        """Make the folder, and check that everything can be written, and that charts can be drawn."""
        paths = [self.path]
        if not self.is_table:
            if Path(self.path).suffix and not os.path.isdir(self.path) and not self.path.endswith(os.sep):
                raise OutputError(f"output '{self.path}' is not a .csv file, a .json file or a folder")
            if self.has_charts:
                require_plots(f"output '{self.path}' with heat map, tree and map")
            make_folder(self.path)
            names = TABLE_FILES + (CHART_FILES if self.has_charts else ())
            paths = [os.path.join(self.path, each) for each in names]
        for path in paths:
            check_output(path, overwrite=self.overwrite, inputs=self.inputs)

    def write_pairs(self, pairs: Sequence[dict[str, Any]]) -> list[str]:
        """Write distances pair by pair; return the paths written."""
        lines = [["" if each is None else each for each in pair.values()] for pair in pairs]
        return [self._write_table([*map(list, pairs[:1]), *lines], pairs)]

    def write_matrix(
        self, subjects: Sequence[Subject], distances: Matrix, metric: Metric, model: Arbitrary
    ) -> list[str]:
        """Write the matrix, into a folder with its charts; return the paths written."""
        names = [each.name for each in subjects]
        lines = [[name, *map(float, line)] for name, line in zip(names, distances, strict=True)]
        facts = {"metric": metric.name, "about": metric.about, "names": names}
        content = {**facts, "distances": distances.tolist()}
        files = ("",) if self.is_table else TABLE_FILES
        written = [self._write_table([["", *names], *lines], content, file) for file in files]
        return written + (self._write_charts(subjects, distances, metric, model) if self.has_charts else [])

    def _write_charts(
        self, subjects: Sequence[Subject], distances: Matrix, metric: Metric, model: Arbitrary
    ) -> list[str]:
        subjects = [replace(each, name=plain_text(each.name)) for each in subjects]
        names = [each.name for each in subjects]
        what = "sounds" if subjects[0].kind == "sound" else "styles"
        title = f"{len(subjects)} {what}, metric {metric.name}: {metric.about}"
        shown = [_with_thumbnail(each, model) for each in subjects]
        laid = lay_out(shown, distances, metric.lengths(distances))
        heat, tree = heat_map(names, distances, title), dendrogram(names, distances, title)
        paths = [os.path.join(self.path, each) for each in CHART_FILES]
        for path, picture in zip(paths, (heat, tree, draw_map(shown, laid, title)), strict=False):
            with writing(path, self.overwrite, self.inputs) as temporary:
                picture.save(temporary, "PNG", optimize=True)
        self._write(paths[3], page(shown, laid, distances, title, [("Distances", heat), ("Tree", tree)]))
        return paths

    def _write_table(self, rows: Sequence[Sequence[Any]], content: Any, name: str = "") -> str:
        """Write rows as CSV or the content as JSON, to a file of the folder or to the only one."""
        path = os.path.join(self.path, name) if name else self.path
        text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
        if path.lower().endswith(".csv"):
            file = io.StringIO()
            safe = [[csv_text(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
            csv.writer(file, lineterminator="\n").writerows(safe)
            text = file.getvalue()
        self._write(path, text)
        return path

    def _write(self, path: str, text: str) -> None:
        with writing(path, self.overwrite, self.inputs) as temporary:
            write_text(temporary, text)


def every_metric(subjects: Sequence[Subject], wanted: Sequence[Metric]) -> tuple[str, list[dict[str, Any]]]:
    """Tabulate every metric that is defined for any pair; return the text, and a row for each number."""
    pairs = [(a, b) for i, a in enumerate(subjects) for b in subjects[i + 1 :]]
    shown = [each for each in wanted if any(each.defined(a.kind, b.kind) for a, b in pairs)]
    absent = [each.name for each in wanted if each not in shown and each.need != "sound"]
    lines, rows = [], []
    for each in shown:
        cells = []
        for a, b in pairs:
            value = each.distance(a, b) if each.defined(a.kind, b.kind) else None
            cells.append(ABSENT if value is None else f"{value:.4f}")
            rows.append({"a": a.name, "b": b.name, "metric": each.name, "distance": value})
        lines.append([each.name, *cells, "{:g} to {:g}".format(*each.typical), each.about])
    heads = ["distance"] if len(pairs) == 1 else [f"{_short(a)} | {_short(b)}" for a, b in pairs]
    text = table(["metric", *heads, "typical", "of"], lines)
    what = "the sounds of restyle" if subjects[0].kind == "sound" else "works of different artists"
    text += f"\n\n0 is identical, smaller is more similar. typical: most pairs of {what}."
    codes = [each.name for each in subjects if each.kind in ("preset", "style")]
    if codes and absent:
        verb = "are only codes" if len(codes) > 1 else "is only a code"
        text += f"\n{', '.join(codes)} {verb}, without pixels: no {', '.join(absent)}"
    elif codes and any(ABSENT in line for line in lines):
        text += f"\n{ABSENT}: {', '.join(codes)} without pixels"
    return text, rows


def matrix_table(subjects: Sequence[Subject], distances: Matrix, chosen: Metric) -> str:
    """Tabulate the matrix, or for many subjects the nearest of each."""
    about = f"\n\n{chosen.name}: {chosen.about}. {chosen.scale}"
    if len(subjects) <= WIDE:
        rows = [
            [each.name, *(f"{value:.3f}" for value in line)]
            for each, line in zip(subjects, distances, strict=True)
        ]
        return table(["", *(_short(each) for each in subjects)], rows) + about
    others = distances + np.diag(np.full(len(subjects), np.inf))
    rows = [
        [each.name, subjects[int(line.argmin())].name, f"{line.min():.4f}"]
        for each, line in zip(subjects, others, strict=True)
    ]
    return table(["style", "nearest", chosen.name], rows) + about


def _short(subject: Subject) -> str:
    name = Path(subject.name).stem if subject.kind != "preset" else subject.name
    return name if len(name) <= 16 else f"{name[:15]}…"


def _with_thumbnail(subject: Subject, model: Arbitrary) -> Subject:
    """Show a style without a picture by a sample photo in that style."""
    if subject.thumbnail is not None or subject.code is None:
        return subject
    painted = model.paint(resize(sample_photo(), (149, 224)), subject.code)
    return replace(subject, thumbnail=from_unit(painted, np.uint8))
