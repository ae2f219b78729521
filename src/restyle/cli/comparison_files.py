"""Distances as files: CSV or JSON alone, or a folder with heat map, tree and map beside them."""

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

from restyle.compare.clustering import Matrix
from restyle.compare.metrics import Metric
from restyle.compare.subjects import Subject
from restyle.errors import OutputError
from restyle.files import check_output, make_folder, writing
from restyle.models.arbitrary import Arbitrary
from restyle.types import from_unit

FILES = ("distances.csv", "distances.json", "heatmap.png", "tree.png", "map.png", "map.html")
TABLES = (".csv", ".json")


@dataclass(frozen=True)
class Output:
    """Where the distances go.

    Parameters
    ----------
    path : str
        A .csv or .json file, or a folder for all of `FILES`.
    overwrite : bool
    inputs : sequence of str
        Files that must not be written over.
    """

    path: str
    overwrite: bool
    inputs: Sequence[str]

    @property
    def is_table(self) -> bool:
        """Whether one file is wanted, not a folder."""
        return self.path.lower().endswith(TABLES)

    def check(self) -> None:
        """Make the folder, and see that nothing is in the way.

        Raises
        ------
        OutputError
            A file exists, is an input, or cannot be written.
        """
        if not self.is_table:
            _make_folder(self.path)
        for path in [self.path] if self.is_table else [os.path.join(self.path, each) for each in FILES]:
            check_output(path, overwrite=self.overwrite, inputs=self.inputs)

    def write_pairs(self, pairs: Sequence[dict[str, Any]]) -> list[str]:
        """Write distances pair by pair, and tell what was written."""
        if self.path.lower().endswith(".csv"):
            lines = [["" if each is None else each for each in pair.values()] for pair in pairs]
            return [self._text(self.path, _csv([list(pairs[0]), *lines]))]
        return [self._text(self.path, _json(pairs))]

    def write_matrix(
        self, subjects: Sequence[Subject], distances: Matrix, metric: Metric, model: Arbitrary
    ) -> list[str]:
        """Write the matrix, into a folder with its pictures, and tell what was written."""
        names = [each.name for each in subjects]
        lines = [[name, *map(float, line)] for name, line in zip(names, distances, strict=True)]
        as_csv = _csv([["", *names], *lines])
        as_json = _json(
            {"metric": metric.name, "about": metric.about, "names": names, "distances": distances.tolist()}
        )
        if self.is_table:
            return [self._text(self.path, as_csv if self.path.lower().endswith(".csv") else as_json)]
        from restyle.cli import comparison_charts, comparison_map

        what = "sounds" if subjects[0].kind == "sound" else "styles"
        title = f"{len(subjects)} {what}, metric {metric.name}: {metric.about}"
        seen = [_with_thumbnail(each, model) for each in subjects]
        laid = comparison_map.lay_out(seen, distances, metric.lengths(distances))
        heat = comparison_charts.heat_map(names, distances, title)
        tree = comparison_charts.dendrogram(names, distances, title)
        page = comparison_map.page(seen, laid, distances, title, [("Distances", heat), ("Tree", tree)])
        paths = [os.path.join(self.path, each) for each in FILES]
        self._text(paths[0], as_csv)
        self._text(paths[1], as_json)
        pictures = (heat, tree, comparison_map.draw(seen, laid, title))
        for path, picture in zip(paths[2:5], pictures, strict=True):
            with writing(path, self.overwrite, self.inputs) as temporary:
                picture.save(temporary, "PNG", optimize=True)
        self._text(paths[5], page)
        return paths

    def _text(self, path: str, content: str) -> str:
        with writing(path, self.overwrite, self.inputs) as temporary:
            temporary.write_text(content, encoding="utf-8")
        return path


def _with_thumbnail(subject: Subject, model: Arbitrary) -> Subject:
    """Show a style without a picture by a sample photo in that style."""
    if subject.thumbnail is not None or subject.code is None:
        return subject
    from restyle.images.resize import resize
    from restyle.images.sheet import sample_photo

    painted = model.paint(resize(sample_photo(), (149, 224)), subject.code)
    return replace(subject, thumbnail=from_unit(painted, np.uint8))


def _make_folder(output: str) -> None:
    if Path(output).suffix and not os.path.isdir(output) and not output.endswith(os.sep):
        raise OutputError(f"cannot tell what '{output}' shall be: give a .csv or .json file, or a folder")
    make_folder(output)


def _json(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def _csv(rows: Sequence[Sequence[Any]]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue()
