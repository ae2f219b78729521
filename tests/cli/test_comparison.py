"""`restyle compare` as people call it, and its files."""

import csv
import json
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import restyle
from restyle.cli import app
from restyle.cli.comparison import CHART_FILES, TABLE_FILES, Output, every_metric, matrix_table
from restyle.compare.metrics import METRICS
from restyle.compare.subjects import Subject
from restyle.errors import MissingExtraError, OutputError
from restyle.models import arbitrary


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as left:
        app.run(["compare", *map(str, arguments), *([] if "--help" in arguments else ["--threads", "1"])])
    return int(left.value.code or 0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures, two of which are alike."""
    place = tmp_path / "styles"
    (place / "deep").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, color, grain in (
        ("red.png", (200, 40, 30), 9),
        ("deep/rosy.png", (190, 50, 40), 8),
        ("blue.jpg", (20, 60, 190), 60),
    ):
        pixels = np.clip(np.array(color) + rng.normal(0, grain, (90, 120, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(place / name)
    return place


@pytest.mark.slow
def test_two_pictures_give_every_distance(
    folder: Path, in_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder / "red.png", folder / "blue.jpg") == 0
    out = capsys.readouterr().out
    metrics = [line.split()[0] for line in out.partition("\n\n")[0].splitlines()[1:]]
    assert "smaller is more similar" in out
    assert metrics == [
        "style",
        "cosine",
        "euclidean",
        "gram",
        "moments",
        "wasserstein",
        "palette",
        "histogram",
    ]
    assert list(in_folder.iterdir()) == []


@pytest.mark.slow
def test_layers_add_a_row_each(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder / "red.png", folder / "blue.jpg", "--layers") == 0
    assert (
        len(re.findall(r"^(gram|moments|wasserstein):relu\d_1 ", capsys.readouterr().out, re.MULTILINE)) == 15
    )


@pytest.mark.slow
def test_a_preset_says_what_it_lacks(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("great-wave", folder / "red.png") == 0
    out = capsys.readouterr().out
    assert "great-wave is only a code, without pixels: no style, gram, moments, wasserstein" in out
    assert "cosine" in out.split("great-wave is only")[0]


@pytest.mark.slow
def test_three_are_compared_pair_by_pair_and_written(
    folder: Path, in_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder / "red.png", folder / "blue.jpg", "scream", "-o", "all.csv") == 0
    out = capsys.readouterr().out
    assert "red | blue" in out
    assert "-: scream without pixels" in out
    with open("all.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    known = {(row["a"], row["b"], row["metric"]): row["distance"] for row in rows}
    assert float(known["red.png", "blue.jpg", "gram"]) > 0
    assert known["red.png", "scream", "gram"] == ""
    assert float(known["red.png", "scream", "cosine"]) > 0


def test_a_folder_gives_files_and_pictures(
    folder: Path, in_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder) == 0
    made = in_folder / "styles-compared"
    names = {"distances.csv", "distances.json", "heatmap.png", "tree.png", "map.png", "map.html"}
    assert {path.name for path in made.iterdir()} == names
    found = json.loads((made / "distances.json").read_text())
    assert found["metric"] == "style"
    assert found["names"] == ["blue.jpg", "red.png", "deep/rosy.png"]
    matrix = np.array(found["distances"])
    assert (matrix == matrix.T).all()
    assert (np.diagonal(matrix) == 0).all()
    assert matrix[1, 2] < matrix[0, 1]
    with (made / "distances.csv").open() as file:
        lines = list(csv.reader(file))
    assert lines[0] == ["", *found["names"]]
    assert [float(each) for each in lines[1][1:]] == pytest.approx(matrix[0])
    for name in ("heatmap.png", "tree.png", "map.png"):
        with Image.open(made / name) as picture:
            assert min(picture.size) > 100
    page = (made / "map.html").read_text(encoding="utf-8")
    assert page.count("<figure") == 3
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert "rosy" in page
    assert "styles-compared/map.html" in capsys.readouterr().out


def test_without_the_extra_a_folder_gets_its_tables(
    folder: Path, in_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert run(folder) == 0
    assert "pip install 'restyle[plots]'" in capsys.readouterr().err
    names = {path.name for path in (in_folder / "styles-compared").iterdir()}
    assert names == {"distances.csv", "distances.json"}
    assert run(folder, "-o", "asked/") == 1
    assert "pip install 'restyle[plots]'" in capsys.readouterr().err
    assert not (in_folder / "asked").exists()


@pytest.mark.slow
def test_what_exists_is_left_alone(folder: Path, in_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "-o", "there") == 0
    (in_folder / "there" / "map.png").write_bytes(b"mine")
    assert run(folder, "-o", "there") == 1
    assert "exists" in capsys.readouterr().err
    assert (in_folder / "there" / "map.png").read_bytes() == b"mine"
    assert run(folder, "-o", "there", "--overwrite") == 0
    assert (in_folder / "there" / "map.png").read_bytes() != b"mine"


@pytest.mark.slow
def test_unreadable_files_are_listed_and_the_rest_is_compared(
    folder: Path, in_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    (folder / "damaged.style").write_text("{}")
    assert run(folder, "--metric", "palette", "-o", "out") == 1
    captured = capsys.readouterr()
    assert "2 of 5 styles failed" in captured.err
    assert "broken.png" in captured.err
    assert "damaged.style" in captured.err
    assert json.loads((in_folder / "out" / "distances.json").read_text())["metric"] == "palette"


def test_a_sound_among_pictures_is_listed(
    folder: Path, in_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "hum.wav").write_bytes(b"RIFF")
    assert run(folder, "-o", "all.json") == 1
    assert "hum.wav: metric 'style' is not defined here: a sound has no pixels" in capsys.readouterr().err
    assert len(json.loads((in_folder / "all.json").read_text())["names"]) == 3


def test_what_the_metric_is_not_defined_for_is_listed(
    folder: Path, in_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    restyle.Style.from_preset("scream").save(folder / "scream.style")
    assert run(folder, "--metric", "palette", "-o", "all.json") == 1
    assert "scream.style: metric 'palette' is not defined here: it needs pixels" in capsys.readouterr().err
    assert len(json.loads((in_folder / "all.json").read_text())["names"]) == 3


def test_the_nearest_come_first_and_not_the_style_itself(
    folder: Path, in_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder / "red.png", "--nearest", "5", "--in", folder, "-o", "near.json") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["deep/rosy.png", "blue.jpg"]
    rows = json.loads((in_folder / "near.json").read_text())
    assert rows[0]["b"] == "deep/rosy.png"
    assert rows[0]["distance"] < rows[1]["distance"]


def test_without_a_place_to_look_the_nearest_presets_are_found(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("great-wave", "--nearest", "2") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines[1:3]) == 2
    assert "great-wave" not in {line.split()[0] for line in lines[1:3]}
    assert lines[0].split() == ["nearest", "cosine"]


@pytest.mark.slow
def test_sounds_have_distances_of_their_own(in_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("rain", "vinyl", "bells", "-o", "sounds/") == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines()[1:3]] == ["mfcc", "mcdermott"]
    found = json.loads((in_folder / "sounds" / "distances.json").read_text())
    assert found["metric"] == "mfcc"
    assert found["distances"][0][1] < found["distances"][0][2]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["great-wave"], 1, "'great-wave' is only one style"),
        (["great-wave", "scream", "--metric", "lpips"], 2, "metric 'lpips' is none of style"),
        (["great-wave", "scream", "--metric", "gram"], 1, "needs pixels"),
        (["great-wave", "rain"], 1, "sounds and pictures cannot be compared"),
        (["great-wave", "scream", "--in", "."], 2, "give --nearest N as well"),
        (["great-wave", "scream", "--nearest", "3"], 2, "--nearest takes one style"),
        (["great-wave", "--nearest", "3", "-o", "out/"], 1, "should end in .csv or .json"),
        (["great-wave", "scream", "-o", "x.txt"], 1, "output 'x.txt'"),
        (["great-wave", "screm"], 1, "did you mean 'scream'"),
        (["great-wave", "--nearest", "0"], 2, "0"),
    ],
)
def test_mistakes_are_said_in_one_line(
    words: list[str], code: int, said: str, in_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == code
    err = capsys.readouterr().err
    assert said in err
    assert "Traceback" not in err
    assert list(in_folder.iterdir()) == []


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
