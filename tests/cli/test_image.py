"""`restyle image` as people run it, and which result goes to which file."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import restyle
from restyle.cli import main
from restyle.cli.image import output_folders, plan
from restyle.errors import InputError, OutputError
from restyle.images import picture as images

Run = Callable[..., tuple[int, list[str], list[str]]]
Photo = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


@pytest.fixture
def run(tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `restyle image` with the tiny model: exit code, lines on output, lines on error."""

    def call(*arguments: object) -> tuple[int, list[str], list[str]]:
        given = ["image", *map(str, arguments), "--model", str(tiny_model), "--threads", "1"]
        with pytest.raises(SystemExit) as leaving:
            main(given)
        said = capsys.readouterr()
        return int(leaving.value.code or 0), said.out.splitlines(), said.err.splitlines()

    return call


def pixels(path: Path | str) -> Photo:
    return images.to_array(images.load_image(path), np.zeros((1, 1, 3), np.uint8))


def test_a_photo_and_a_preset(
    run: Run, photo: Photo, photo_file: Path, in_folder: Path, tiny_model: Path
) -> None:
    assert run(photo_file, "--style", "great-wave") == (0, ["photo-great-wave.png"], [])
    expected = restyle.image(photo, "great-wave", model=tiny_model, threads=1)
    assert (pixels("photo-great-wave.png") == expected).all()
    assert [path.name for path in in_folder.iterdir()] == ["photo-great-wave.png"]


def test_several_styles_by_weight(
    run: Run, photo: Photo, photo_file: Path, style_file: Path, in_folder: Path, tiny_model: Path
) -> None:
    code, said, _ = run(photo_file, "-s", style_file, "-s", "great-wave:0.4")
    assert (code, said) == (0, ["photo-my-painting+great-wave.png"])
    expected = restyle.image(photo, [style_file, ("great-wave", 0.4)], model=tiny_model, threads=1)
    assert (pixels(said[0]) == expected).all()


@pytest.mark.parametrize(
    ("flags", "keywords"),
    [
        (["--strength", "0.4"], {"strength": 0.4}),
        (["--style-scale", "0.5"], {"style_scale": 0.5}),
        (["--keep-colors"], {"keep_colors": "luminance"}),
        (["--keep-colors", "statistics"], {"keep_colors": "statistics"}),
        (["--colors-only"], {"colors_only": True}),
        (["--crop", "1:1", "--size", "40"], {"crop": "1:1", "size": 40}),
        (["--size", "50x30"], {"size": "50x30"}),
        (["--paint-size", "64"], {"paint_size": 64}),
        (["--paint-size", "64", "--strength", "0.5"], {"paint_size": 64, "strength": 0.5}),
        (["--brightness", "1.3", "--contrast", "0.8"], {"brightness": 1.3, "contrast": 0.8}),
    ],
)
def test_every_flag_is_its_keyword(
    run: Run,
    photo: Photo,
    photo_file: Path,
    style_file: Path,
    in_folder: Path,
    tiny_model: Path,
    flags: list[str],
    keywords: dict[str, Any],
) -> None:
    code, _, said = run(*flags, photo_file, "--style", style_file, "-o", "out.png")
    assert (code, said) == (0, [])
    expected = restyle.image(photo, style_file, model=tiny_model, threads=1, **keywords)
    assert (pixels("out.png") == expected).all()


def test_quality_and_format_by_suffix(run: Run, photo_file: Path, in_folder: Path) -> None:
    for quality in (20, 95):
        assert run(photo_file, "-s", "great-wave", "-o", f"{quality}.jpg", "--quality", quality)[0] == 0
    assert Path("20.jpg").stat().st_size < Path("95.jpg").stat().st_size
    with Image.open("20.jpg") as picture:
        assert (picture.format, picture.size) == ("JPEG", (84, 60))


def test_strength_0_gives_the_photo_back(run: Run, photo: Photo, photo_file: Path, in_folder: Path) -> None:
    assert run(photo_file, "-s", "great-wave", "--strength", 0, "-o", "same.png")[0] == 0
    assert (pixels("same.png") == photo).all()


def test_a_folder_goes_on_past_bad_files(run: Run, photo_file: Path, in_folder: Path) -> None:
    folder = photo_file.parent
    (folder / "sub").mkdir()
    shutil.copy(photo_file, folder / "sub" / "deep.png")
    (folder / "cut.png").write_bytes(photo_file.read_bytes()[:200])
    (folder / "text.jpg").write_text("hello")
    (folder / "notes.txt").write_text("hello")
    code, out, err = run(folder, "-s", "great-wave", "-o", "out/")
    assert code == 1
    assert out == ["out/photo.png", "out/sub/deep.png"]
    assert err[0] == "restyle: 2 of 4 pictures failed:"
    assert [line.partition(":")[0] for line in err[1:]] == [f"  {folder}/cut.png", f"  {folder}/text.jpg"]
    assert sorted(path.name for path in Path("out").rglob("*.*")) == ["deep.png", "photo.png"]


def test_a_second_run_overwrites_only_when_told(run: Run, photo_file: Path, in_folder: Path) -> None:
    arguments = (photo_file.parent, "-s", "great-wave", "-o", "out")
    assert run(*arguments)[0] == 0
    before = (in_folder / "out/photo.png").stat().st_mtime_ns
    code, out, err = run(*arguments)
    assert (code, out) == (1, [])
    assert "exists" in err[0]
    assert (in_folder / "out/photo.png").stat().st_mtime_ns == before
    assert run(*arguments, "--overwrite")[0] == 0
    assert (in_folder / "out/photo.png").stat().st_mtime_ns != before


def test_no_empty_folder_is_left_behind(run: Run, tmp_path: Path, in_folder: Path) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "a.jpg").write_text("hello")
    assert run(bad, "-s", "great-wave", "-o", "out/deep")[0] == 1
    assert list(in_folder.iterdir()) == []


def start(tiny_model: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "restyle",
        "image",
        *arguments,
        "--model",
        str(tiny_model),
        "--threads",
        "1",
    ]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace"
    )


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
@pytest.mark.parametrize(
    ("sign", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_an_interrupted_run_leaves_finished_files_only(
    tiny_model: Path, in_folder: Path, sign: signal.Signals, code: int
) -> None:
    Path("many").mkdir()
    noise = np.random.default_rng(0).integers(0, 255, (300, 400, 3), np.uint8)
    Image.fromarray(noise).save("many/000.png")
    for index in range(1, 300):
        os.link("many/000.png", f"many/{index:03}.png")
    with start(tiny_model, "many", "-s", "great-wave", "-o", "out") as process:
        assert process.stdout is not None
        first = process.stdout.readline().strip()
        process.send_signal(sign)
        rest, said = process.communicate(timeout=300)
    assert process.returncode == code
    told = [first, *rest.split()]
    written = sorted(path.as_posix() for path in Path("out").iterdir())
    assert 0 < len(written) < 300
    assert set(told) <= set(written)
    assert len(written) - len(told) <= 1  # moved into place, not yet told
    assert all(pixels(path).shape == (300, 400, 3) for path in written)
    assert re.fullmatch(r"restyle: interrupted; \d+ of 300 pictures are done\n", said)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse names that are no text")
def test_names_that_are_no_text(tiny_model: Path, photo_file: Path, in_folder: Path) -> None:
    odd = os.fsdecode(b"odd \xff \xe7\x85\xa7.png")
    Path("in").mkdir()
    shutil.copy(photo_file, Path("in", odd))
    with start(tiny_model, "in", "-s", "great-wave", "-o", "out") as process:
        said, complained = process.communicate(timeout=300)
    assert (process.returncode, complained) == (0, "")
    assert "odd" in said
    assert [path.name for path in Path("out").iterdir()] == [odd]


@pytest.fixture
def left_mask(tmp_path: Path) -> Path:
    """A mask of the left half, of another size than the photo."""
    path = tmp_path / "left.png"
    mask = np.zeros((30, 42), np.uint8)
    mask[:, :21] = 255
    Image.fromarray(mask).save(path)
    return path


def test_regions_by_flags(
    run: Run, photo: Photo, photo_file: Path, in_folder: Path, tiny_model: Path, left_mask: Path
) -> None:
    flags = ["--style", "starry-night", "--region", f"{left_mask}=great-wave", "--feather", "4"]
    assert run(photo_file, *flags) == (0, ["photo-starry-night+great-wave.png"], [])
    regions = {left_mask: "great-wave"}
    expected = restyle.image(photo, "starry-night", regions=regions, feather=4, model=tiny_model, threads=1)
    assert (pixels("photo-starry-night+great-wave.png") == expected).all()
    flags = ["-r", f"{left_mask}=keep", "-s", "great-wave", "-o", "kept.png"]
    assert run(photo_file, *flags) == (0, ["kept.png"], [])
    assert (pixels("kept.png")[:, :40] == photo[:, :40]).all()  # a coarse mask has a soft edge
    mixed = ["-r", f"{left_mask}=great-wave", "-r", f"{left_mask}=starry-night:0.5", "-o", "mixed.png"]
    assert run(photo_file, *mixed) == (0, ["mixed.png"], [])
    assert (pixels("mixed.png")[:, 46:] == photo[:, 46:]).all()


@pytest.mark.parametrize(
    ("region", "code", "said"),
    [
        ("left.png", 2, "region 'left.png' is not MASK=STYLE"),
        ("absent.png=great-wave", 1, "absent.png"),
        ("{photo}=great-wave", 1, "is a color image, not a mask"),
        ("black.png=great-wave", 1, "the mask is entirely black"),
        ("tall.png=great-wave", 1, "the mask is 10 x 30, the photo 84 x 60"),
        ("broken.png=great-wave", 1, "broken.png"),
        ("alpha=great-wave", 1, "the photo has no alpha"),
        ("{mask}=great-wafe", 1, "did you mean 'great-wave'?"),
        ("{mask}=keep", 2, "every region is 'keep'"),
    ],
)
def test_bad_regions_are_one_line_and_leave_nothing(
    run: Run, photo_file: Path, in_folder: Path, left_mask: Path, region: str, code: int, said: str
) -> None:
    Image.new("L", (84, 60)).save("black.png")
    Image.new("L", (10, 30), 255).save("tall.png")
    Path("broken.png").write_bytes(left_mask.read_bytes()[:60])
    before = sorted(path.name for path in in_folder.iterdir())
    region = region.format(photo=photo_file, mask=left_mask)
    ended, out, told = run(photo_file, "--region", region)
    assert (ended, out) == (code, [])
    (line,) = told
    assert line.startswith("restyle: ")
    assert said in line
    assert sorted(path.name for path in in_folder.iterdir()) == before


def test_of_a_folder_only_the_photos_without_alpha_fail(run: Run, photo_file: Path, in_folder: Path) -> None:
    transparent = Image.open(photo_file).convert("RGB")
    transparent.putalpha(Image.new("L", transparent.size, 128))
    transparent.save(photo_file.with_name("cut.png"))
    code, out, told = run(photo_file.parent, "--region", "alpha=great-wave", "-o", "out/")
    assert (code, out) == (1, ["out/cut.png"])
    assert "photo.png: the photo has no alpha" in told[-1]


def touch(*paths: str) -> None:
    for path in paths:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(b"")


def targets(*contents: str, output: str | None = None) -> list[str]:
    return [job.target.as_posix() for job in plan(contents, "wave", output)]


@pytest.mark.usefixtures("in_folder")
class TestNames:
    def test_one_picture(self) -> None:
        assert targets("x/photo.jpg") == ["photo-wave.jpg"]
        assert targets("x/photo.jpg", output="art.png") == ["art.png"]
        assert targets("x/photo.jpg", output="art/") == ["art/photo-wave.jpg"]
        Path("there").mkdir()
        assert targets("x/photo.jpg", output="there") == ["there/photo-wave.jpg"]

    def test_one_picture_needs_a_known_format(self) -> None:
        with pytest.raises(OutputError, match="'art'"):
            targets("photo.jpg", output="art")
        with pytest.raises(OutputError, match=r"cannot write '\.xyz'"):
            targets("photo.jpg", output="art.xyz")

    def test_several_pictures(self) -> None:
        assert targets("a.jpg", "x/b.png") == ["a-wave.jpg", "b-wave.png"]
        assert targets("a.jpg", "x/b.png", output="art") == ["art/a-wave.jpg", "art/b-wave.png"]

    def test_several_pictures_do_not_go_to_one_file(self) -> None:
        with pytest.raises(OutputError, match=r"several pictures to 'art.jpg'; give a folder"):
            targets("a.jpg", "b.jpg", output="art.jpg")
        touch("file")
        with pytest.raises(OutputError, match="'file': it is a file"):
            targets("a.jpg", "b.jpg", output="file")

    def test_a_folder_keeps_its_tree(self) -> None:
        touch("photos/a.jpg", "photos/sub/b.PNG", "photos/notes.txt", "photos/.hidden/c.jpg")
        assert targets("photos") == ["photos-wave/a.jpg", "photos-wave/sub/b.PNG"]
        assert targets("photos/", output="art") == ["art/a.jpg", "art/sub/b.PNG"]
        os.chdir("photos")
        assert targets(".") == ["photos-wave/a.jpg", "photos-wave/sub/b.PNG"]

    def test_several_folders_keep_apart(self) -> None:
        touch("x/a.jpg", "y/a.jpg", "a.jpg")
        assert targets("x", "y", "a.jpg", output="art") == ["art/x/a.jpg", "art/y/a.jpg", "art/a-wave.jpg"]

    def test_a_folder_without_pictures(self) -> None:
        touch("notes/a.txt")
        with pytest.raises(InputError, match=r"^notes: "):
            targets("notes")

    def test_names_do_not_collide(self) -> None:
        touch("p/a.gif", "p/a.jpg", "p/a.png", "q/a.png")
        assert targets("p", output="art") == ["art/a.png", "art/a.jpg", "art/a-png.png"]
        assert targets("p/a.png", "q/a.png", "p/a.gif") == [
            "a-wave.png",
            "a-wave-png.png",
            "a-wave-gif.png",
        ]
        touch("q/A.png", "r/a.png", "s/a.png")
        found = targets("p/a.png", "q/A.png", "r/a.png", "s/a.png")
        assert len({name.casefold() for name in found}) == 4

    def test_the_same_picture_twice_is_one_job(self) -> None:
        touch("p/a.jpg")
        assert targets("p/a.jpg", "p/../p/a.jpg") == ["a-wave.jpg"]

    def test_results_of_an_earlier_run_are_no_content(self) -> None:
        touch("p/a.jpg", "p/art/a.jpg")
        assert targets("p", output="p/art") == ["p/art/a.jpg"]
        assert targets("p", output="p") == ["p/a.jpg", "p/art/a.jpg"]


def test_folders_are_created_and_empty_ones_removed(in_folder: Path) -> None:
    touch("p/a.jpg", "p/s/b.jpg", "old/file")
    with output_folders(plan(["p"], "wave", "art/deep")):
        assert (in_folder / "art/deep/s").is_dir()
        touch("art/deep/a.jpg")
    assert not (in_folder / "art/deep/s").exists()
    with output_folders(plan(["p"], "wave", "old")):
        pass
    assert sorted(path.name for path in (in_folder / "old").iterdir()) == ["file"]
    assert (in_folder / "art/deep/a.jpg").exists()


def test_a_folder_that_cannot_be_created(in_folder: Path) -> None:
    touch("file", "p/a.jpg")
    with pytest.raises(OutputError, match="'file/art'"), output_folders(plan(["p"], "wave", "file/art")):
        pass
