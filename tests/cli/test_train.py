"""`restyle train style` and `train preview-data` as a user types them, on tiny pictures."""

import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restyle.models.network_files import read
from tests.command_line import Done, restyle
from tests.train.made_pictures import encoder_file, photos, picture, two_styles

SMALL = [
    "--crop",
    "64",
    "--style-size",
    "64",
    "--width",
    "4",
    "--blocks",
    "1",
    "--batch",
    "2",
    "--threads",
    "1",
    "--held-out",
    "2",
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("train")
    photos(folder / "photos")
    encoder_file(folder / "encoder.safetensors")
    two_styles(folder / "styles", "blue", "red")
    return folder


def opened(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image, int)


def words(*more: str) -> list[str]:
    """Arguments of a run on the photos of `place`."""
    return ["train", "style", "--content", "photos", "--encoder", "encoder.safetensors", *SMALL, *more]


def command(*more: str) -> list[str]:
    """The same for a process of its own."""
    return [sys.executable, "-m", "restyle", *words(*more)]


# Three steps after a checkpoint, on any machine, however busy.
KILLED_AT_8 = """
import os, signal, sys
from restyle.cli import main
from restyle.train import loop as engine

rate = engine.learning_rate

def killed_at_8(step, options):
    if step == 8:
        os.kill(os.getpid(), signal.SIGKILL)
    return rate(step, options)

engine.learning_rate = killed_at_8
main(sys.argv[1:])
"""


def train(place: Path, *more: str) -> Done:
    return restyle(place, *words(*more))


@pytest.mark.slow
def test_from_a_style_to_a_picture(place: Path) -> None:
    done = train(
        place, "--style", "styles/red.png", "-o", "red.restyle", "--steps", "4", "--log-every", "2",
        "--evaluate-every", "2", "--preview-every", "2",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == "red.restyle\n"
    assert "images/s" in done.stderr
    assert "left" in done.stderr
    assert "held out style" in done.stderr
    run = sorted(path.name for path in (place / "red.restyle.run").iterdir())
    assert run == [
        "checkpoint.pt",
        "curves.png",
        "held-out.csv",
        "losses.csv",
        *(f"preview-00000{n}.jpg" for n in (2, 4)),
    ]
    picture(50, 40, 9).save(place / "photo.png")
    painted = restyle(place, "image", "photo.png", "--model", "red.restyle", "-o", "art.png", "--overwrite")
    assert painted.returncode == 0, painted.stderr
    assert opened(place / "art.png").shape == (40, 50, 3)
    exported = restyle(place, "export", "red.restyle", "-o", "exported")
    assert exported.returncode == 0, exported.stderr
    again = restyle(place, "image", "photo.png", "--model", "exported", "-o", "art2.png", "--overwrite")
    assert again.returncode == 0, again.stderr
    assert np.array_equal(opened(place / "art.png"), opened(place / "art2.png"))


@pytest.mark.slow
def test_a_killed_and_resumed_run_equals_an_uninterrupted_one(place: Path) -> None:
    options = ["--style", "styles", "--steps", "30", "--save-every", "5", "--preview-every", "1000"]
    whole = train(place, *options, "-o", "whole.restyle")
    assert whole.returncode == 0, whole.stderr
    killed = [sys.executable, "-c", KILLED_AT_8, *words(*options, "-o", "cut.restyle")]
    assert subprocess.run(killed, cwd=place, capture_output=True).returncode == -signal.SIGKILL
    assert (place / "cut.restyle.run" / "checkpoint.pt").exists()
    assert not (place / "cut.restyle").exists()
    resumed = train(place, *options, "-o", "cut.restyle", "--resume")
    assert resumed.returncode == 0, resumed.stderr
    ours, theirs = read(place / "cut.restyle"), read(place / "whole.restyle")
    assert ours.weights.keys() == theirs.weights.keys()
    for name, weight in ours.weights.items():
        assert np.array_equal(weight, theirs.weights[name]), name
    assert ours.training == theirs.training
    assert ours.training["steps"] == 30


@pytest.mark.slow
def test_overwrite_replaces_a_run(place: Path) -> None:
    usual = ["--style", "styles/red.png", "-o", "again.restyle", "--steps", "2"]
    assert train(place, *usual).returncode == 0
    (place / "again.restyle").unlink()
    kept = train(place, *usual)
    assert kept.returncode == 1
    assert "--resume" in kept.stderr
    other = train(place, *usual, "--blocks", "2", "--resume")
    assert other.returncode == 1
    assert "another network ('scale' is [1, 34] there, [1, 50] here)" in other.stderr
    assert train(place, *usual, "--blocks", "2", "--overwrite").returncode == 0
    assert read(place / "again.restyle").shape["blocks"] == 2


@pytest.mark.slow
def test_a_style_is_added(place: Path) -> None:
    assert train(place, "--style", "styles", "--steps", "2", "-o", "two.restyle").returncode == 0
    picture(90, 80, 77, (200, 200, 30)).save(place / "gold.png")
    done = train(
        place, "--style", "gold.png", "--steps", "3", "--add-to", "two.restyle", "-o", "three.restyle"
    )
    assert done.returncode == 0, done.stderr
    two, three = read(place / "two.restyle"), read(place / "three.restyle")
    assert three.styles == ("blue", "red", "gold")
    assert np.array_equal(three.weights["scale"][:2], two.weights["scale"])
    assert np.array_equal(three.weights["stem.weight"], two.weights["stem.weight"])


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (("--content", "empty"), 1, "no readable picture in 'empty'"),
        (("--content", "none"), 1, "'none' is not a folder"),
        (("--style", "none.jpg"), 1, "no style picture or folder 'none.jpg'"),
        (("--style", "empty"), 1, "'empty' has no pictures"),
        (("-o", "x.safetensors"), 1, "suffix of a network file is .restyle"),
        (("--kernel-size", "4"), 2, "kernel-size 4 is even"),
        (("--style-layers", "relu9_9"), 2, "'relu9_9'"),
        (("--content-augment", "blur=1"), 2, "'blur' is not one of"),
        (("--device", "cuda"), 2, "'cuda' is not available"),
        (("--resume",), 1, "nothing to resume"),
        (("--add-to", "none.restyle"), 1, "no network file 'none.restyle'"),
        (("--encoder", "none"), 1, "no encoder 'none'"),
    ],
)
def test_bad_input_is_one_clear_line(place: Path, change: tuple[str, ...], code: int, words: str) -> None:
    (place / "empty").mkdir(exist_ok=True)
    usual = ["--style", "styles", "-o", "bad.restyle", "--steps", "2"]
    done = train(place, *usual, *change)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (place / "bad.restyle").exists()


@pytest.mark.slow
def test_a_full_disk_is_one_clear_line(place: Path) -> None:
    """A limit on the size of files stands for a disk that is full."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    done = subprocess.run(
        command("--style", "styles", "-o", "full.restyle", "--steps", "3", "--save-every", "1"),
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit,
    )
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("restyle: cannot write")
    assert "larger than this system allows" in last or "file too large" in last
    assert not (place / "full.restyle").exists()


@pytest.mark.slow
def test_preview_shows_the_augmentation(place: Path) -> None:
    def drawn(*more: str) -> np.ndarray:
        call = ["train", "preview-data", "--content", "photos", "--style", "styles", "--crop", "64"]
        done = restyle(place, *call, "-o", "seen.png", "--overwrite", *more)
        assert done.returncode == 0, done.stderr
        return opened(place / "seen.png")

    usual, again, plain = drawn(), drawn(), drawn("--style-augment", "none", "--content-augment", "none")
    assert np.array_equal(usual, again)
    assert usual.shape == plain.shape
    assert not np.array_equal(usual, plain)
    turned = drawn("--style-augment", "hue=0.5,color=1")
    below = usual.shape[0] * 2 // 3  # rows of styles
    assert np.abs(turned - usual)[below:].mean() > 5 * np.abs(turned - usual)[: usual.shape[0] // 3].mean()
