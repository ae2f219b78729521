import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from restyle.cli.comparison_output import CHART_FILES, TABLE_FILES, Output, every_metric, matrix_table
from restyle.compare.metrics import METRICS
from restyle.compare.subjects import Subject
from restyle.errors import MissingExtraError, OutputError
from restyle.models import arbitrary

CODE = np.array([1.0, 0.0], np.float32)
WAVE = Subject("great-wave", "preset", code=CODE, model="m")
SCREAM = Subject("scream", "preset", code=CODE[::-1].copy(), model="m")
SUBJECTS = [Subject(name, "sound") for name in ("rain", "bees", "fire")]
DISTANCES = np.array([[0, 1, 2], [1, 0, 3], [2, 3, 0]], float)


def test_a_folder_gets_every_file(tmp_path: Path) -> None:
    output = Output(str(tmp_path / "made"), overwrite=False, inputs=[])
    output.check()
    written = output.write_matrix(SUBJECTS, DISTANCES, METRICS["mfcc"], arbitrary.load(threads=1))
    assert [Path(path).name for path in written] == [*TABLE_FILES, *CHART_FILES]
    assert all(Path(path).stat().st_size for path in written)
    with pytest.raises(OutputError, match="exists"):
        output.check()


def test_names_of_any_bytes_are_written_and_drawn(tmp_path: Path) -> None:
    names = [os.fsdecode(b"s\xe9.wav"), "new\nline.wav", "=1+1.wav"]
    output = Output(str(tmp_path / "made"), overwrite=False, inputs=[])
    output.check()
    subjects = [Subject(name, "sound") for name in names]
    output.write_matrix(subjects, DISTANCES, METRICS["mfcc"], arbitrary.load(threads=1))
    assert json.loads((tmp_path / "made" / "distances.json").read_text("utf-8"))["names"] == names
    lines = (tmp_path / "made" / "distances.csv").read_text("utf-8").splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == [r"s\udce9.wav", r"new\nline.wav", "'=1+1.wav"]


def test_a_table_alone_is_one_file(tmp_path: Path) -> None:
    path = tmp_path / "all.CSV"
    output = Output(str(path), overwrite=False, inputs=[])
    assert output.is_table
    output.check()
    assert output.write_matrix(SUBJECTS, DISTANCES, METRICS["mfcc"], arbitrary.load(threads=1)) == [str(path)]
    assert path.read_text().splitlines()[1] == "rain,0.0,1.0,2.0"
    assert list(tmp_path.iterdir()) == [path]


def test_an_input_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("1")
    with pytest.raises(OutputError):
        Output(str(path), overwrite=True, inputs=[str(path)]).check()


def test_without_the_extra_charts_are_refused_and_tables_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'restyle\[plots\]'"):
        Output(str(tmp_path / "made"), overwrite=False, inputs=[]).check()
    assert not (tmp_path / "made").exists()
    output = Output(str(tmp_path / "made"), overwrite=False, inputs=[], charts=False)
    output.check()
    output.write_matrix(SUBJECTS, DISTANCES, METRICS["mfcc"], arbitrary.load(threads=1))
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == sorted(TABLE_FILES)


def test_what_no_pair_has_is_named_below() -> None:
    text, pairs = every_metric([WAVE, SCREAM], [METRICS["cosine"], METRICS["palette"]])
    assert text.splitlines()[1].split()[:2] == ["cosine", "1.0000"]
    assert text.endswith("great-wave, scream are only codes, without pixels: no palette")
    assert pairs == [{"a": "great-wave", "b": "scream", "metric": "cosine", "distance": 1.0}]


def test_few_have_a_matrix_and_many_their_nearest() -> None:
    distances = np.array([[0, 1], [1, 0]], float)
    lines = matrix_table([WAVE, SCREAM], distances, METRICS["cosine"]).splitlines()
    assert lines[1].split() == ["great-wave", "0.000", "1.000"]
    many = [Subject(f"style-{index:02}", "preset", code=CODE, model="m") for index in range(12)]
    places = np.arange(12.0) ** 2
    lines = matrix_table(many, abs(places[:, None] - places), METRICS["cosine"]).splitlines()
    assert lines[0].split() == ["style", "nearest", "cosine"]
    assert lines[12].split() == ["style-11", "style-10", "21.0000"]
    assert lines[-1].startswith("cosine: style codes, angle. 0 is identical, smaller is more similar")
