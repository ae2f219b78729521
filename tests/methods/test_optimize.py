"""`method="optimize"` in Python, and `restyle image --method optimize` at the command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from restyle.cli import main
from restyle.errors import InputError, MissingExtraError, OptionError, OutputError, StyleError
from restyle.images import picture as images
from restyle.methods.protocol import Step, numbered, state_path
from restyle.stylizer import Stylizer

Photo = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
Run = Callable[..., tuple[int, list[str], list[str]]]
SLOW: dict[str, Any] = {"method": "optimize", "steps": 4}


@pytest.fixture
def stylizer(tiny_model: Path) -> Stylizer:
    return Stylizer(tiny_model, threads=1)


@pytest.fixture
def run(tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> tuple[int, list[str], list[str]]:
        given = ["image", *map(str, arguments), "--model", str(tiny_model), "--threads", "1"]
        with pytest.raises(SystemExit) as leaving:
            main([*given, "--method", "optimize"])
        said = capsys.readouterr()
        return int(leaving.value.code or 0), said.out.splitlines(), said.err.splitlines()

    return call


@pytest.mark.slow
def test_returns_the_input_type(stylizer: Stylizer, photo: Photo, style_file: Path, in_folder: Path) -> None:
    told: list[float] = []
    out = stylizer(photo, style_file, report=told.append, **SLOW)
    assert out.shape == photo.shape
    assert out.dtype == photo.dtype
    assert (out != photo).any()
    assert told == [0.25, 0.5, 0.75, 1.0]
    picture = stylizer(Image.fromarray(photo), style_file, **SLOW)
    assert (np.asarray(picture) == out).all()
    written = stylizer(photo, style_file, output="made.png", **SLOW)
    assert written == Path("made.png")
    assert written.exists()


def test_the_callback_sees_steps_and_stops(stylizer: Stylizer, photo: Photo, style_file: Path) -> None:
    told: list[Step] = []

    def callback(step: Step) -> bool:
        told.append(step)
        return step.number == 3

    stylizer(photo, style_file, callback=callback, **SLOW)
    assert [step.number for step in told] == [1, 2, 3]
    assert told[-1].picture().shape == photo.shape
    with pytest.raises(OptionError, match="callback"):
        stylizer(photo, style_file, callback=callback, method="fast")


def test_styles_without_an_image_are_refused(stylizer: Stylizer, photo: Photo, style_file: Path) -> None:
    with pytest.raises(StyleError, match="great-wave"):
        stylizer(photo, "great-wave", **SLOW)
    with pytest.raises(StyleError, match="great-wave"):
        stylizer(photo, [style_file, ("great-wave", 0.5)], **SLOW)
    assert (stylizer(photo, [style_file, ("great-wave", 0.0)], **SLOW) >= 0).all()


@pytest.mark.slow
def test_strength_0_gives_the_photo_back(stylizer: Stylizer, photo: Photo, style_file: Path) -> None:
    assert (stylizer(photo, style_file, strength=0, **SLOW) == photo).all()
    half, whole = (stylizer(photo, style_file, strength=s, init="content", **SLOW) for s in (0.3, 1.0))
    assert np.abs(half.astype(int) - photo).mean() < np.abs(whole.astype(int) - photo).mean()


@pytest.mark.slow
@pytest.mark.parametrize("init", ["fast", "content", "noise", "FILE"])
def test_initial_pictures(stylizer: Stylizer, photo: Photo, style_file: Path, init: str) -> None:
    seen: list[Any] = []

    def first(step: Step) -> bool:
        seen.append(step.picture())
        return True

    given = os.fspath(style_file) if init == "FILE" else init
    stylizer(photo, style_file, init=given, callback=first, optimizer="adam", **SLOW)
    expected: dict[str, Callable[[], Any]] = {
        "fast": lambda: stylizer(photo, style_file) / 255,
        "content": lambda: photo / 255,
        "FILE": lambda: images.to_array(images.load_image(style_file), np.zeros((1, 1, 3), np.float32)),
    }
    for name, picture in expected.items():
        near = abs(float(picture().mean()) - float(seen[0].mean())) < 0.03
        assert near or name != init


def test_missing_initial_picture(stylizer: Stylizer, photo: Photo, style_file: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.png"):
        stylizer(photo, style_file, init="absent.png", **SLOW)


@pytest.mark.slow
def test_colors_are_kept_as_by_the_fast_method(stylizer: Stylizer, photo: Photo, style_file: Path) -> None:
    kept = stylizer(photo, style_file, keep_colors="statistics", **SLOW).astype(float)
    free = stylizer(photo, style_file, **SLOW).astype(float)
    own = photo.mean((0, 1))
    assert np.abs(kept.mean((0, 1)) - own).max() < np.abs(free.mean((0, 1)) - own).max()
    assert stylizer(photo, style_file, keep_colors="luminance", **SLOW).shape == photo.shape
    assert stylizer(photo, style_file, colors_only=True, **SLOW).shape == photo.shape


@pytest.mark.slow
def test_regions(stylizer: Stylizer, photo: Photo, style_file: Path) -> None:
    mask = np.zeros(photo.shape[:2], np.uint8)
    mask[:, : photo.shape[1] // 2] = 255
    out = stylizer(photo, regions=[(mask, os.fspath(style_file))], feather=0.0, **SLOW)
    assert (out[:, photo.shape[1] // 2 + 1 :] == photo[:, photo.shape[1] // 2 + 1 :]).all()
    assert (out[:, : photo.shape[1] // 2] != photo[:, : photo.shape[1] // 2]).any()
    kept = stylizer(photo, style_file, regions=[(mask, "keep")], feather=0.0, **SLOW)
    assert (kept[:, : photo.shape[1] // 2 - 1] == photo[:, : photo.shape[1] // 2 - 1]).all()


@pytest.mark.parametrize("init", ["fast", "content"])
def test_fully_kept_photo_is_unchanged(stylizer: Stylizer, photo: Photo, style_file: Path, init: str) -> None:
    everything = np.full(photo.shape[:2], 255, np.uint8)
    out = stylizer(photo, style_file, regions=[(everything, "keep")], feather=0.0, **SLOW | {"init": init})
    np.testing.assert_array_equal(out, photo)


@pytest.mark.slow
def test_preview_and_numbered_pictures(run: Run, photo_file: Path, style_file: Path, in_folder: Path) -> None:
    code, said, errors = run(
        photo_file,
        "-s",
        style_file,
        "--steps",
        5,
        "--save-every",
        2,
        "--preview",
        "so-far.jpg",
        "-o",
        "a.png",
    )
    assert (code, said, errors) == (0, ["a.png"], [])
    names = sorted(path.name for path in in_folder.iterdir())
    assert names == ["a-00002.png", "a-00004.png", "a.png", "so-far.jpg"]
    assert {images.load_image(path).pixels.shape for path in in_folder.iterdir()} == {(60, 84, 3)}


def test_the_last_preview_is_the_result(
    stylizer: Stylizer, photo: Photo, style_file: Path, tmp_path: Path
) -> None:
    preview = tmp_path / "so-far.png"
    out = stylizer(photo, style_file, preview=preview, **SLOW)
    assert np.abs(images.to_array(images.load_image(preview), out).astype(int) - out).max() <= 1


@pytest.mark.slow
def test_ctrl_c_writes_the_best_so_far_and_resume_goes_on(
    run: Run, stylizer: Stylizer, photo_file: Path, style_file: Path, in_folder: Path
) -> None:
    whole = stylizer(photo_file, style_file, output="whole.png", **SLOW)

    def interrupt(step: Step) -> None:
        if step.number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="resume=True"):
        stylizer(photo_file, style_file, output="a.png", callback=interrupt, **SLOW)
    assert images.load_image("a.png").pixels.shape == (60, 84, 3)
    assert state_path("a.png").exists()
    before = Path("a.png").read_bytes()
    code, _, errors = run(photo_file, "-s", style_file, "--steps", 4, "-o", "a.png")
    assert code == 1
    assert "exists" in errors[0]
    code, said, errors = run(photo_file, "-s", style_file, "--steps", 4, "-o", "a.png", "--resume")
    assert (code, said, errors) == (0, ["a.png"], [])
    assert before != Path("a.png").read_bytes()
    assert Path("a.png").read_bytes() == whole.read_bytes()
    assert not state_path("a.png").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--resume"], "a.png.unfinished"),
        (["--memory", "0.1"], "memory 0.1 GB"),
        (["--style-loss", "grams"], "'grams'"),
        (["--style-loss", "gram:x"], "'x'"),
        (["--content-loss", "features:0"], "'features:0'"),
        (["--encoder", "vgg16"], "vgg16"),
        (["--steps", "0"], "steps 0 is outside"),
        (["--preview", "so-far.txt"], "so-far.txt"),
    ],
)
def test_impossible_requests_have_a_message(
    run: Run, photo_file: Path, style_file: Path, in_folder: Path, arguments: list[str], told: str
) -> None:
    code, said, errors = run(photo_file, "-s", style_file, "-o", "a.png", *arguments)
    assert code in (1, 2)
    assert said == []
    assert len(errors) == 1
    assert told in errors[0]
    assert not list(in_folder.iterdir())


def test_options_of_optimize_are_refused_by_the_fast_method(stylizer: Stylizer, photo: Photo) -> None:
    with pytest.raises(OptionError, match=r"steps.*optimize"):
        stylizer(photo, "great-wave", steps=7)


def test_an_input_is_never_a_preview(
    stylizer: Stylizer, photo_file: Path, style_file: Path, tmp_path: Path
) -> None:
    with pytest.raises(OutputError, match="input"):
        stylizer(photo_file, style_file, output=tmp_path / "a.png", preview=style_file, **SLOW)


def test_missing_torch_is_an_extra(
    stylizer: Stylizer, photo: Photo, style_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in [name for name in sys.modules if name.startswith("restyle.methods.optimize")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(MissingExtraError, match=r"pip install 'restyle\[torch\]'"):
        stylizer(photo, style_file, **SLOW)


def test_names_of_numbered_files() -> None:
    assert numbered("out/art.jpg", 40) == Path("out/art-00040.jpg")
    assert state_path("art.jpg").name == "art.jpg.unfinished"
