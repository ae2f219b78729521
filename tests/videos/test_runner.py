"""Runs that were killed, and go on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import restyle
from restyle.errors import OptionError, OutputError
from restyle.videos.frames import FolderWriter
from restyle.videos.runner import Segments
from restyle.videos.stages import SEGMENT
from tests.command_line import restyle as restyle_command
from tests.made_clips import frames_of, make_clip, moving, packets_of, signalled, stamps_of, uneven_stamps

SHORT = 24  # frames of a segment where a video is painted
FRAMES = 2 * SHORT + 10


def scenes() -> list[Any]:
    """Two scenes, so that what is remembered of a cut matters."""
    one = moving(FRAMES // 2 + 5)
    return [*one, *(255 - frame[::-1] for frame in moving(FRAMES - len(one)))]


def killed(source: Path, output: str, model: Path, *options: str) -> list[str]:
    """Run `restyle video`, and kill it ten frames after the first segment; return the arguments."""
    given = ["video", str(source), "-s", "great-wave", "-o", output]
    given += ["--model", str(model), "--threads", "1", *options]
    ended = subprocess.run(
        [*signalled(signal.SIGKILL, SHORT + 10, SHORT), *given], cwd=source.parent, check=False
    )
    assert ended.returncode == -signal.SIGKILL
    parts = source.parent / f".{output.rstrip('/')}.parts"
    assert (parts / "00000.npz").exists()
    return given


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments of `SHORT` frames in this process."""
    for module in ("restyle.videos.painter", "restyle.videos.runner"):
        monkeypatch.setattr(f"{module}.SEGMENT", SHORT)


def streams_of(path: Path) -> list[tuple[str, Any, list[tuple[Any, ...]]]]:
    """Kind, time base, and stamps and data of every packet of every stream."""
    with av.open(str(path)) as container:
        found: dict[int, tuple[str, Any, list[tuple[Any, ...]]]] = {
            each.index: (each.type, each.time_base, []) for each in container.streams
        }
        for packet in container.demux():
            if packet.size:
                row = (packet.pts, packet.dts, packet.duration, packet.is_keyframe, bytes(packet))
                found[packet.stream.index][2].append(row)
    return list(found.values())


@pytest.mark.slow
@pytest.mark.usefixtures("short")
@pytest.mark.parametrize(
    ("output", "options"),
    [
        ("out.mp4", ("--steady", "flow")),
        ("out.mkv", ("--codec", "h265", "--strength", "0.5")),
        ("out.webm", ("--colors-only",)),
        ("out.mov", ("--codec", "prores")),
        ("sound.mp4", ("--audio-style", "rain")),
    ],
)
def test_a_killed_run_goes_on_without_a_trace(
    tmp_path: Path, tiny_model: Path, output: str, options: tuple[str, ...]
) -> None:
    """Every packet of picture and sound equals that of an uninterrupted run."""
    source = make_clip(tmp_path / "in.mp4", scenes(), uneven_stamps(FRAMES), sound="aac", subtitles=True)
    command = killed(source, output, tiny_model, *options)
    finished = tmp_path / f".{output}.parts" / "00000.packets"
    before = finished.stat().st_ino, finished.stat().st_mtime_ns
    seen = finished.with_name("seen")
    os.link(finished, seen)  # outlives the removal of the folder's files, and shows that none wrote to it
    kept = seen.rename(tmp_path / "seen")
    resumed = restyle_command(tmp_path, *command, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert (kept.stat().st_ino, kept.stat().st_mtime_ns) == before
    uninterrupted = restyle_command(tmp_path, *command, "--overwrite", "-o", f"whole-{output}")
    assert uninterrupted.returncode == 0, uninterrupted.stderr
    went_on, whole = streams_of(tmp_path / output), streams_of(tmp_path / f"whole-{output}")
    assert went_on == whole
    assert len(stamps_of(tmp_path / output)) == FRAMES
    names = sorted(each.name for each in tmp_path.iterdir())
    assert names == sorted(["in.mp4", "seen", output, f"whole-{output}"])


@pytest.mark.slow
@pytest.mark.usefixtures("short")
def test_segments_keep_stamps_and_the_rhythm_of_decoding(tmp_path: Path, tiny_model: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", scenes(), uneven_stamps(FRAMES), sound="aac")
    written = restyle.video(source, "great-wave", model=tiny_model, threads=1, output=tmp_path / "out.mp4")
    assert [start for start, _ in stamps_of(written)] == [start for start, _ in stamps_of(source)]
    assert packets_of(written, "audio") == packets_of(source, "audio")
    with av.open(str(written)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    assert all(one.dts < two.dts for one, two in pairwise(packets))  # type: ignore[operator]
    assert all(each.dts <= each.pts for each in packets)  # type: ignore[operator]
    shown = sorted(packets, key=lambda packet: packet.pts or 0)
    assert all(shown[start].is_keyframe for start in range(0, FRAMES, SHORT))


@pytest.mark.slow
@pytest.mark.usefixtures("short")
def test_a_killed_folder_goes_on(tmp_path: Path, tiny_model: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", scenes())
    command = killed(source, "frames/", tiny_model)
    first = tmp_path / ".frames.parts" / "frames" / "00001.png"
    # killed while it was written
    (first.parent / ".00007-0123456789ab.part.png").write_bytes(b"half a picture")
    before = first.stat().st_mtime_ns
    resumed = restyle_command(tmp_path, *command, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    pictures = sorted((tmp_path / "frames").iterdir())
    assert [each.name for each in pictures] == [f"{n:05d}.png" for n in range(1, FRAMES + 1)]
    assert pictures[0].stat().st_mtime_ns == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["frames", "in.mp4"]


@pytest.mark.slow
@pytest.mark.usefixtures("short")
def test_another_video_or_other_options_are_refused(tmp_path: Path, tiny_model: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", scenes())
    killed(source, "out.mp4", tiny_model)
    make: dict[str, Any] = {"model": tiny_model, "threads": 1, "output": tmp_path / "out.mp4", "resume": True}
    with pytest.raises(OptionError, match=r"the earlier run had strength 1.0, not 0.5"):
        restyle.video(source, "great-wave", strength=0.5, **make)
    with pytest.raises(OptionError, match="the earlier run had another style"):
        restyle.video(source, "starry-night", **make)
    os.utime(source)
    with pytest.raises(OptionError, match="the earlier run had another content"):
        restyle.video(source, "great-wave", **make)
    said: list[str] = []
    make["resume"] = False
    restyle.video(source, "great-wave", **make, tell=said.append)
    assert said == [f"{SHORT} finished frames of an earlier run are discarded (resume=True keeps them)"]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]


def test_a_gif_is_not_resumed(tmp_path: Path, tiny_model: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", moving(3))
    with pytest.raises(OptionError, match="resume is not for GIFs"):
        restyle.video(source, "great-wave", model=tiny_model, output=tmp_path / "a.gif", resume=True)


def test_two_runs_do_not_share_a_result(tmp_path: Path) -> None:
    mine = Segments(tmp_path / "out.mp4", {"strength": 1}, resume=False)
    with pytest.raises(OutputError, match="another restyle process is writing it"):
        Segments(tmp_path / "out.mp4", {"strength": 1}, resume=True)
    mine.leave()
    Segments(tmp_path / "out.mp4", {"strength": 1}, resume=True).leave()
    assert not list(tmp_path.iterdir())


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    plan = {"strength": 1.0, "pair": (1, 2)}
    mine = Segments(tmp_path / "out.mp4", plan, resume=False)
    packet: Any = av.Packet(b"abc")
    packet.pts, packet.dts, packet.duration = 7, 5, 3
    mine.keep(packet)
    state = {"own": np.arange(3, dtype=np.float32)}
    mine.finish(state)
    mine.keep(packet)  # of a segment that is never finished
    mine.leave()
    again = Segments(tmp_path / "out.mp4", plan, resume=True)
    assert again.frames == SEGMENT
    found = again.state()
    assert found is not None
    np.testing.assert_array_equal(found["own"], state["own"])
    packets, stamps = again.packets(0)
    assert [(each.pts, each.dts, each.duration, bytes(each)) for each in packets] == [(7, 5, 3, b"abc")]
    assert stamps == [7]
    again.remove()
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_static_scene_stays_still_over_segments(tmp_path: Path, tiny_model: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", moving(1) * 250, codec="ffv1", pix_fmt="bgr0")
    written = restyle.video(
        source, "great-wave", model=tiny_model, threads=1, output=tmp_path / "out.mkv", codec="ffv1"
    )
    frames = frames_of(written)
    assert len(frames) == 250
    assert all(np.array_equal(frame, frames[0]) for frame in frames)


def test_planted_and_damaged_state_is_not_trusted(tmp_path: Path) -> None:
    """Anybody may have written the folder next to the output: it names no file to delete, and is no link."""
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    parts = tmp_path / ".out.mp4.parts"
    parts.mkdir()
    (parts / "plan.json").write_text(json.dumps({"temporary": str(mine)}))
    Segments(tmp_path / "out.mp4", {}, resume=False).leave()
    assert mine.read_text() == "mine"
    parts.mkdir(exist_ok=True)
    for name in ("00000.npz", "00000.state.npz"):
        (parts / name).write_bytes(b"damaged")
    (parts / "plan.json").write_text("{}")
    with pytest.raises(OptionError, match="saved frames are damaged"):
        Segments(tmp_path / "out.mp4", {}, resume=True)
    segments = Segments(tmp_path / "out.mp4", {}, resume=False)
    (parts / "mine").mkdir()
    (parts / "mine" / "00001.png").write_text("mine")
    (parts / "keep.txt").write_text("mine")
    segments.remove()
    assert sorted(path.name for path in parts.iterdir()) == ["keep.txt", "mine"]
    assert (parts / "mine" / "00001.png").exists()
    shutil.rmtree(parts)
    (tmp_path / "elsewhere").mkdir()
    parts.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="is a link"):
        Segments(tmp_path / "out.mp4", {}, resume=False)


def kept(folder: Path) -> Path:
    """The folder of a run with two finished segments."""
    mine = Segments(folder / "out.mp4", {}, resume=False)
    for number in range(2):
        packet: Any = av.Packet(b"abc")
        packet.pts = packet.dts = packet.duration = number
        mine.keep(packet)
        mine.finish({"last": np.zeros((4, 4, 3), np.uint8)})
    mine.leave()
    return folder / ".out.mp4.parts"


def arrays(path: Path, change: Callable[[dict[str, Any]], object], compressed: bool = False) -> None:
    """Change a file of arrays."""
    with np.load(path) as found:
        content = dict(found)
    change(content)
    (np.savez_compressed if compressed else np.savez)(path, **content)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "shorter": lambda parts: (parts / "00000.packets").write_bytes(b"ab"),
    "longer": lambda parts: (parts / "00000.packets").write_bytes(b"abcd"),
    "other packets": lambda parts: (parts / "00001.packets").write_bytes(b"abd"),
    "no packets": lambda parts: (parts / "00000.packets").unlink(),
    "no state": lambda parts: (parts / "00001.state.npz").unlink(),
    "other state": lambda parts: arrays(parts / "00001.state.npz", lambda c: c.update(last=np.ones(3))),
    "cut": lambda parts: (parts / "00000.npz").write_bytes((parts / "00000.npz").read_bytes()[:99]),
    "no table": lambda parts: arrays(parts / "00000.npz", lambda c: c.pop("packets")),
    "no checksums": lambda parts: arrays(parts / "00000.npz", lambda c: c.pop("sha256")),
    "one checksum": lambda parts: arrays(parts / "00000.npz", lambda c: c.update(sha256=c["sha256"][:1])),
    "floats": lambda parts: arrays(parts / "00000.npz", lambda c: c.update(packets=c["packets"] / 1.0)),
    "columns": lambda parts: arrays(parts / "00000.npz", lambda c: c.update(packets=c["packets"][:, :4])),
    "negative": lambda parts: arrays(parts / "00000.npz", lambda c: c.update(packets=-c["packets"])),
    "a bomb": lambda parts: arrays(
        parts / "00000.npz", lambda c: c.update(more=np.zeros(1_000_000)), compressed=True
    ),
    "objects": lambda parts: arrays(parts / "00000.npz", lambda c: c.update(packets=np.array([{}]))),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_segments_are_refused_before_any_work(tmp_path: Path, damage: str) -> None:
    parts = kept(tmp_path)
    DAMAGE[damage](parts)
    with pytest.raises(OptionError, match="saved frames are damaged; start again without resume"):
        Segments(tmp_path / "out.mp4", {}, resume=True)
    assert (parts / "00000.npz").exists(), "nothing is deleted"
    Segments(tmp_path / "out.mp4", {}, resume=False).remove()


@pytest.mark.parametrize("inner", ["", "frames"])
@pytest.mark.parametrize("what", ["a link", "a device or pipe"])
def test_links_and_pipes_in_the_folder_are_refused(tmp_path: Path, inner: str, what: str) -> None:
    """A picture of the folder of frames may be replaced, through a link any file."""
    folder = tmp_path / ".out.mp4.parts" / inner
    folder.mkdir(parents=True)
    victim = tmp_path / "victim.png"
    victim.write_bytes(b"mine")
    if what == "a link":
        (folder / "00001.png").symlink_to(victim)
    else:
        os.mkfifo(folder / "plan.json")
    for resume in (False, True):
        with pytest.raises(OutputError, match=f"is {what}; remove it"):
            Segments(tmp_path / "out.mp4", {}, resume=resume)
    assert victim.read_bytes() == b"mine"


def test_a_state_that_the_stages_cannot_use_is_one_line(tmp_path: Path) -> None:
    kept(tmp_path)
    segments = Segments(tmp_path / "out.mp4", {}, resume=True)
    found: list[Any] = []
    segments.restore(found.append)
    assert list(found[0]) == ["last"]
    with pytest.raises(OptionError, match="saved frames are damaged"):
        segments.restore(lambda state: state["absent"].shape[3])
    segments.remove()


def test_missing_frames_of_a_folder_are_noticed(tmp_path: Path) -> None:
    writer = FolderWriter(tmp_path / "frames", tmp_path / "kept")
    (tmp_path / "kept" / "00001.png").write_bytes(b"picture")
    with pytest.raises(OutputError, match=r"00002\.png' of the earlier run is missing"):
        writer.append([], range(SEGMENT))
