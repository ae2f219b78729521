"""`restyle compare` as people call it."""

import csv
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import restyle
from restyle.cli import app


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
