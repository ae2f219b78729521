"""Styles over time, as people write them."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import restyle
from restyle.cli import main
from restyle.errors import InputError, OptionError, OutputError, StyleError
from restyle.methods.regions import make_regions
from restyle.models import arbitrary
from restyle.models.arbitrary import Arbitrary
from restyle.options import ImageOptions
from restyle.videos import keyframes, painter
from restyle.videos.formats import VideoInfo
from restyle.videos.styles import (
    MaskVideo,
    Timeline,
    VideoRegions,
    regions_digest,
    split_time,
    style_paths,
    timed_styles,
)
from tests.made_clips import frames_of, make_clip, moving, uneven_stamps


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("starry-night", (None, "starry-night")),
        ("starry-night:0.5", (None, "starry-night:0.5")),
        ("0:starry-night", (0.0, "starry-night")),
        ("4.5:great-wave:0.3", (4.5, "great-wave:0.3")),
        ("1:30:great-wave", (90.0, "great-wave")),
        ("2:05.5:a.jpg:2", (125.5, "a.jpg:2")),
        ("C:/a.jpg", (None, "C:/a.jpg")),
    ],
)
def test_seconds_are_split_off(text: str, split: tuple[float | None, str]) -> None:
    assert split_time(text) == split


def test_styles_of_one_moment_are_mixed(tiny_model: Path) -> None:
    method = Arbitrary(tiny_model, threads=1)
    made = timed_styles(["3:great-wave", "0:starry-night:3", "0:great-wave:1"], method)
    assert [(second, style.name) for second, style in made] == [
        (0.0, "starry-night+great-wave"),
        (3.0, "great-wave"),
    ]


@pytest.mark.parametrize(
    ("style", "said"),
    [
        (["starry-night", "2:great-wave"], "'starry-night' has no time, but others have one"),
        (["0:starry-night", "-2.5:great-wave"], "'-2.5:great-wave'"),
        ({}, "at least one"),
        ({-1: "great-wave"}, "from 0 up"),
        ("0:great-wav", "great-wave"),
    ],
)
def test_wrong_times_are_named(tiny_model: Path, style: Any, said: str) -> None:
    with pytest.raises(StyleError, match=said):
        timed_styles(style, Arbitrary(tiny_model, threads=1))


def test_files_among_styles_are_found() -> None:
    given: Any = [["0:a.jpg:2", Path("b.jpg")], {3: ("c.jpg", 0.5)}, "1:02:d.jpg"]
    assert [str(path) for path in style_paths(given)] == ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]


ONE, TWO = np.array([1, 0], np.float32), np.array([0, 4], np.float32)


@pytest.mark.parametrize(
    ("second", "code"),
    [(-1, [1, 0]), (0, [1, 0]), (2, [1, 0]), (3, [0.75, 1]), (5, [0.25, 3]), (6, [0, 4]), (99, [0, 4])],
)
def test_codes_hold_outside_and_blend_between(second: float, code: list[float]) -> None:
    np.testing.assert_allclose(Timeline([(6, TWO), (2, ONE)]).at(second), code)


def test_one_code_holds_for_ever() -> None:
    line = Timeline([(0, ONE)])
    assert line.at(0) is ONE
    assert line.at(1e6) is ONE


Make = Callable[..., Path]
INFO = VideoInfo((48, 64), Fraction(1, 25), None, None)
LEFT = np.zeros((48, 64), np.uint8)
LEFT[:, :32] = 255


def sweeping(count: int) -> list[NDArray[np.uint8]]:
    """Masks whose white part grows from the left by 4 px a frame."""
    columns = np.arange(64)[None, :, None] + np.zeros((48, 1, 3), int)
    return [np.where(columns < 4 * (index + 1), 255, 0).astype(np.uint8) for index in range(count)]


@pytest.fixture
def make(tiny_model: Path, tmp_path: Path) -> Make:
    """`restyle.video` with the tiny model, lossless."""

    def call(content: Path, style: Any = None, **options: Any) -> Path:
        options = {
            "output": tmp_path / "out.mkv",
            "codec": "ffv1",
            "overwrite": True,
            "steady": "none",
            **options,
        }
        return restyle.video(content, style, model=tiny_model, threads=1, **options)

    return call


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "clip.mkv", moving(10), codec="ffv1", pix_fmt="bgr0")


def frames(path: Path) -> NDArray[np.int64]:
    return np.stack(frames_of(path)).astype(np.int64)


def test_a_still_mask_divides_every_frame(make: Make, clip: Path, tmp_path: Path) -> None:
    Image.fromarray(LEFT).save(tmp_path / "left.png")
    given = frames(clip)
    wave, night = frames(make(clip, "great-wave")), frames(make(clip, "starry-night"))
    regions = {tmp_path / "left.png": "great-wave"}
    both = frames(make(clip, "starry-night", regions=regions, feather=0))
    assert (both[:, :, :32] == wave[:, :, :32]).all()
    assert (both[:, :, 32:] == night[:, :, 32:]).all()
    alone = frames(make(clip, regions=regions, feather=0))
    assert (alone[:, :, :32] == wave[:, :, :32]).all()
    assert (alone[:, :, 32:] == given[:, :, 32:]).all()
    kept = frames(
        make(clip, "starry-night", regions={tmp_path / "left.png": "keep"}, keep_colors="statistics")
    )
    assert (kept[:, :, :32] == given[:, :, :32]).all()
    soft = frames(make(clip, "starry-night", regions=regions, feather=20))
    assert (soft[:, :, :24] == wave[:, :, :24]).all()
    assert np.abs(soft[0, 20] - wave[0, 20]).max(-1)[28:36].min() > 0


@pytest.mark.parametrize("kind", ["video", "folder", "gif"])
def test_a_moving_mask_goes_with_the_frames(make: Make, clip: Path, tmp_path: Path, kind: str) -> None:
    masks = sweeping(10)
    mask = tmp_path / {"video": "mask.mkv", "folder": "masks", "gif": "mask.gif"}[kind]
    if kind == "video":
        make_clip(mask, masks, codec="ffv1", pix_fmt="bgr0")
    elif kind == "folder":
        mask.mkdir()
        for index, each in enumerate(masks):
            Image.fromarray(each).convert("L").save(mask / f"{index:03d}.png")
    else:
        images = [Image.fromarray(each) for each in masks]
        images[0].save(mask, save_all=True, append_images=images[1:], duration=40, loop=0)
    given, wave = frames(clip), frames(make(clip, "great-wave"))
    out = frames(make(clip, regions={mask: "great-wave"}, feather=0))
    for index in range(10):
        edge = 4 * (index + 1)
        assert (out[index, :, :edge] == wave[index, :, :edge]).all()
        assert (out[index, :, edge:] == given[index, :, edge:]).all()


def test_a_mask_of_another_rate_goes_by_time(make: Make, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "v.mkv", moving(8), uneven_stamps(8), codec="ffv1", pix_fmt="bgr0")
    masks = sweeping(4)
    mask = make_clip(tmp_path / "mask.mkv", masks, [0, 1000, 2000, 3000], codec="ffv1", pix_fmt="bgr0")
    given, out = frames(clip), frames(make(clip, regions={mask: "great-wave"}, feather=0))
    for index, stamp in enumerate(uneven_stamps(8)):
        edge = 4 * (min(3, stamp // 1000) + 1)
        assert (out[index, :, edge:] == given[index, :, edge:]).all()
        assert (out[index, :, :edge] != given[index, :, :edge]).any()


def test_masks_that_end_early_hold_and_it_is_said(make: Make, clip: Path, tmp_path: Path) -> None:
    mask = tmp_path / "masks"
    mask.mkdir()
    for index, each in enumerate(sweeping(3)):
        Image.fromarray(each).save(mask / f"{index}.png")
    said: list[str] = []
    out = frames(make(clip, regions={mask: "great-wave"}, feather=0, tell=said.append))
    assert said == [f"{mask}: ends after 3 frames; its last mask is repeated"]
    assert (out[9, :, 12:] == frames(clip)[9, :, 12:]).all()


def test_masks_are_cut_and_resized_with_the_frames(make: Make, clip: Path, tmp_path: Path) -> None:
    Image.fromarray(LEFT).resize((128, 96)).save(tmp_path / "left.png")
    options = {"crop": "50%", "size": "64x48", "feather": 0}
    night = frames(make(clip, "starry-night", **options))
    both = frames(make(clip, "starry-night", regions={tmp_path / "left.png": "great-wave"}, **options))
    assert (both[:, :, 34:] == night[:, :, 34:]).all()
    assert (both[:, :, :30] != night[:, :, :30]).any(axis=(1, 2, 3)).all()


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"strength": 0.5}, {"colors_only": True}, {"steady": "none"}])
def test_every_region_is_what_its_style_gives_alone(
    make: Make, clip: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    """Steadied, too: each style has a memory of its own."""
    Image.fromarray(LEFT).save(tmp_path / "left.png")
    wave, night = (frames(make(clip, style, **options)) for style in ("great-wave", "starry-night"))
    both = frames(
        make(clip, "starry-night", regions={tmp_path / "left.png": "great-wave"}, feather=0, **options)
    )
    assert np.abs(both[:, :, :32] - wave[:, :, :32]).max() <= 1
    assert np.abs(both[:, :, 32:] - night[:, :, 32:]).max() <= 1


def test_flow_steadies_regions(
    make: Make, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As without regions, if every frame is painted there, too."""
    pytest.importorskip("cv2")
    monkeypatch.setattr(keyframes, "UNKNOWN", -1)
    Image.fromarray(LEFT).save(tmp_path / "left.png")
    options = {"steady": "flow"}
    wave = frames(make(clip, "great-wave", **options))
    regions = {tmp_path / "left.png": "great-wave"}
    out = frames(make(clip, regions=regions, feather=0, **options))
    assert np.abs(out[:, :, :32] - wave[:, :, :32]).max() <= 1
    assert (out[:, :, 32:] == frames(clip)[:, :, 32:]).all()


def test_a_killed_run_goes_on_with_its_regions(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(painter, "SEGMENT", 4)
    monkeypatch.setattr("restyle.videos.runner.SEGMENT", 4)
    clip = make_clip(tmp_path / "clip.mp4", moving(11))  # tells how many frames it has
    mask = make_clip(tmp_path / "mask.mkv", sweeping(11), codec="ffv1", pix_fmt="bgr0")
    options = {"regions": {mask: "great-wave"}, "steady": "flow"}
    whole = frames(make(clip, "starry-night", **options, output=tmp_path / "whole.mkv"))

    def stop(part: float) -> None:
        if part > 0.7:
            raise KeyboardInterrupt

    out = tmp_path / "out.mkv"
    with pytest.raises(KeyboardInterrupt):
        make(clip, "starry-night", **options, output=out, report=stop, tell=lambda line: None)
    plan = json.loads((tmp_path / ".out.mkv.parts" / "plan.json").read_text())
    assert plan["style"]
    with pytest.raises(OptionError, match="another style"):
        make(clip, "starry-night", regions={mask: "keep"}, steady="flow", output=out, resume=True)
    make(clip, "starry-night", **options, output=out, resume=True)
    assert (frames(out) == whole).all()


def test_digests_tell_regions_apart(tiny_model: Path, clip: Path) -> None:
    model = arbitrary.load(tiny_model, threads=1)
    ways: list[Any] = [
        [(LEFT, "great-wave")],
        [(LEFT, "starry-night")],
        [(LEFT, "keep")],
        [(LEFT.T.copy(), "great-wave")],
        [(clip, "great-wave")],
    ]
    digests = [
        regions_digest(make_regions(way, None, model=model, moving=True, rest=True))
        for way in [*ways, ways[0]]
    ]
    assert len(set(digests)) == 5
    assert digests[-1] == digests[0]


def test_styles_are_painted_once_each(tiny_model: Path) -> None:
    model = arbitrary.load(tiny_model, threads=1)
    given = [(LEFT, "great-wave"), (LEFT[:, ::-1].copy(), "great-wave"), (LEFT.copy(), "starry-night")]
    regions = VideoRegions(make_regions(given, None, model=model), INFO, ImageOptions(feather=0), print)
    assert [style.name for style in regions.styles] == ["great-wave", "starry-night"]
    shares = regions.at(0, 0.0, (48, 64))
    assert len(shares) == 3
    np.testing.assert_allclose(sum(shares), 1, atol=1e-6)
    assert regions.at(5, 1.0, (48, 64)) is shares  # nothing moves
    np.testing.assert_allclose(shares[2][:, :32], 0.5, atol=1e-6)


def test_bad_masks(make: Make, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no pictures; give one mask for each frame"):
        MaskVideo(tmp_path / "empty", "empty", print)
    (tmp_path / "text.mp4").write_text("no video")
    coloured = make_clip(tmp_path / "coloured.mkv", moving(3), codec="ffv1", pix_fmt="bgr0")
    tall = make_clip(
        tmp_path / "tall.mkv", [np.full((64, 48, 3), 255, np.uint8)] * 2, codec="ffv1", pix_fmt="bgr0"
    )
    for mask, said in {
        "alpha": "the alpha of a video is not read",
        tmp_path / "text.mp4": "not a video",
        tmp_path / "absent.mp4": "no such file",
        coloured: "is a color image, not a mask",
        tall: "the mask is 48 x 64, the photo 64 x 48",
    }.items():
        with pytest.raises(InputError, match=said) as caught:
            make(clip, regions=[(mask, "great-wave")])
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "out.mkv").exists()
    with pytest.raises(OutputError, match="it is the input"):
        make(clip, regions={tall: "great-wave"}, output=tall)
    with pytest.raises(OptionError, match=r"every region is .keep."):
        make(clip, regions=[(LEFT, "keep")])


def test_the_command(
    clip: Path, tiny_model: Path, in_folder: Path, capsys: pytest.CaptureFixture[str], make: Make
) -> None:
    mask = make_clip(in_folder / "mask.mkv", sweeping(10), codec="ffv1", pix_fmt="bgr0")
    flags = ["--region", "mask.mkv=great-wave", "--feather", "0", "--codec", "ffv1", "--steady", "none"]
    with pytest.raises(SystemExit) as leaving:
        main(["video", str(clip), *flags, "--model", str(tiny_model), "--threads", "1"])
    assert not leaving.value.code
    assert capsys.readouterr().out.split() == ["clip-great-wave.mkv"]
    expected = frames(make(clip, regions={mask: "great-wave"}, feather=0))
    assert (frames(Path("clip-great-wave.mkv")) == expected).all()
