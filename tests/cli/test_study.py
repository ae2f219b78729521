"""Both studies from the command line, as small as they get."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import Done, restyle
from tests.train.made_pictures import encoder_file, photos, picture


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    photos(folder / "photos")
    encoder_file(folder / "encoder.safetensors")
    picture(90, 80, 40, (40, 90, 200)).save(folder / "blue.png")
    (folder / "artworks").mkdir()
    for index in range(8):
        picture(90, 80, 40 + index, (40 + 25 * index, 90, 200 - 25 * index)).save(
            folder / "artworks" / f"{index}.png"
        )
    return folder


def study(place: Path, *arguments: str) -> Done:
    return restyle(place, "study", *arguments, "--encoder", "encoder.safetensors")


def run_here(
    run: Callable[[Any], Any], plans: list[Any], jobs: int, finished: Callable[..., None]
) -> list[Any]:
    """`run_all` without processes, each of which would load torch; what they would get is pickled, too."""
    results = []
    for place, plan in enumerate(plans):
        run, plan = pickle.loads(pickle.dumps((run, plan)))
        results.append(run(plan))
        finished(place, results[-1])
    return results


@pytest.fixture(autouse=True)
def small_and_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs in this process, whose speed is measured on small pictures."""
    monkeypatch.setattr("restyle.study.run_all", run_here)
    monkeypatch.setattr("restyle.study.networks.run_all", run_here)
    monkeypatch.setattr("restyle.study.networks.SPEED_SIDE", 64)


@pytest.mark.slow
def test_options_are_compared_and_a_second_call_trains_nothing(place: Path) -> None:
    given = [
        "network",
        "--content",
        "photos",
        "--style",
        "blue.png",
        "--vary",
        "kernel-size=3,5",
        "--vary",
        "width=4",
    ]
    given += ["--budget", "1", "--seeds", "1", "--held-out", "2", "--batch", "1", "--crop", "64"]
    given += ["--style-size", "64", "-o", "kernels"]
    done = study(place, *given)
    assert done.returncode == 0, done.stderr
    assert "kernel-size 3, width 4, seed 1: " in done.stdout
    text = (place / "kernels" / "report.md").read_text()
    assert "Best by held-out loss" in text
    result = place / "kernels" / "runs" / "kernel-size-5_width-4_seed-1" / "result.json"
    found = json.loads(result.read_text())
    assert found["steps"] >= 10
    assert found["parameters"] > 5000
    assert found["losses"]["style"] > 0
    before = result.stat().st_mtime_ns
    again = study(place, *given)
    assert again.returncode == 0
    assert result.stat().st_mtime_ns == before
    other = study(place, *given, "--batch", "2")
    assert other.returncode == 1
    assert "contains a study with other settings" in other.stderr


@pytest.mark.slow
def test_styles_held_out_are_measured_for_each_number(place: Path) -> None:
    given = ["styles", "--content", "photos", "--style", "artworks", "--counts", "1,4", "--held-out", "3"]
    done = study(place, *given, "--steps", "3", "--batch", "2", "--crop", "64", "-o", "counts")
    assert done.returncode == 0, done.stderr
    text = (place / "counts" / "report.md").read_text()
    assert "| 4 | 1 |" in text
    assert (place / "counts" / "styles.png").is_file()
    few = study(place, *given, "--counts", "9", "-o", "few")
    assert few.returncode == 1
    assert "too few for 9 and 3 held out" in few.stderr
    bad = study(place, *given, "--counts", "some", "-o", "bad")
    assert bad.returncode == 2
    assert "counts 'some'" in bad.stderr
