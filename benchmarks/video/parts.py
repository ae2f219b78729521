"""The parts of the video benchmark except steadiness: lines of Markdown with one table each."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.video.speed import FLOW, NONE, SMALLER, drawn_clip, peak_memory, rates
from restyle.models import session
from restyle.models.arbitrary import Arbitrary
from restyle.options import ImageOptions
from restyle.options.image import FRAME_SIZE
from restyle.options.video import LiveOptions
from restyle.style import resolve
from restyle.videos.live import show
from restyle.videos.styles import timed_styles

SIZES = ((360, 640), (720, 1280))
FLOW_SHARE = 1.25  # most time of flow, relative to none
RATE, RATE_CORES = 24, 4  # frames a second, and the cores for that
MOST_MEMORY = 1500  # MB, at 1280x720
MOST_GROWTH = 1.1  # most peak of a long video, relative to that of a short one
MOST_DELAY = 0.2  # seconds, live
_HOUR = (32, 48)


def speed(arguments: argparse.Namespace, method: Arbitrary) -> Iterator[str]:
    """Yield the table of frames per second."""
    yield "### Speed\n"
    yield f"Frames per second: {arguments.frames} drawn frames, the median of {arguments.rounds} interleaved"
    yield f"rounds. Painted {FRAME_SIZE} px wide ({SMALLER} px in the last row), a frame a thread."
    yield "In brackets: processor time of a frame in ms, whatever else is running.\n"
    counts = sorted({1, arguments.threads})
    columns = [(size, threads) for size in SIZES for threads in counts]
    heads = [f"{size[1]}x{size[0]}, {threads} thread{'s' * (threads > 1)}" for size, threads in columns]
    yield f"| stage | {' | '.join(heads)} |"
    yield f"| --- | {' | '.join('---:' for _ in columns)} |"
    styles = timed_styles("starry-night", method)
    with tempfile.TemporaryDirectory() as name:
        tables = {}
        for size, threads in columns:
            clip = drawn_clip(Path(name, f"{size[0]}.mp4"), size, arguments.frames)
            own = method.with_threads(threads)
            tables[size, threads] = rates(clip, Path(name), own, styles, arguments.rounds)
    for stage in tables[columns[0]]:
        yield f"| {stage} | {' | '.join(_rate(*tables[column][stage]) for column in columns)} |"
    small, large = (tables[size, arguments.threads] for size in SIZES)
    share, rate = small[NONE][0] / small[FLOW][0], large[FLOW][0]
    yield f"\nTarget: flow at most {FLOW_SHARE} times the time of none at 640x360:"
    yield f"{_met(share <= FLOW_SHARE)} ({share:.2f})."
    yield f"\nTarget: {RATE} frames a second at 1280x720 on {RATE_CORES} cores, end to end:"
    yield f"{_met(rate >= RATE)} ({rate:.1f} with {arguments.threads} threads)."


def memory(arguments: argparse.Namespace) -> Iterator[str]:
    """Yield the table of memory."""
    yield "### Memory\n"
    yield "Peak of the process at 1280x720.\n\n| frames | `--steady` | MB |\n| ---: | --- | ---: |"
    peaks = []
    with tempfile.TemporaryDirectory() as name:
        for count in (arguments.frames, 4 * arguments.frames):
            clip = drawn_clip(Path(name, f"{count}.mp4"), (720, 1280), count)
            for steady in ("none", "flow"):
                peaks.append(peak_memory(clip, Path(name, "out.mp4"), arguments.threads, steady))
                yield f"| {count} | {steady} | {peaks[-1]:.0f} |"
    growth = max(long / short for short, long in zip(peaks[:2], peaks[2:], strict=True))
    yield f"\nTarget: memory at 1280x720 under {MOST_MEMORY} MB: {_met(max(peaks) < MOST_MEMORY)}"
    yield f"({max(peaks):.0f}). At four times the length at most {MOST_GROWTH} times as much:"
    yield f"{_met(growth <= MOST_GROWTH)} ({growth:.2f})."


def length(arguments: argparse.Namespace) -> Iterator[str]:
    """Yield the table of memory over an hour."""
    height, width = _HOUR
    yield "### An hour\n"
    yield f"Peak of the process, {width}x{height}, 25 frames per second, `--steady {arguments.steady}`:"
    yield "it must not grow.\n\n| minutes | frames | MB |\n| ---: | ---: | ---: |"
    peaks = []
    with tempfile.TemporaryDirectory() as name:
        for minutes in sorted({1, arguments.minutes}):
            clip = drawn_clip(Path(name, f"{minutes}.mp4"), _HOUR, 1500 * minutes)
            peak = peak_memory(clip, Path(name, "out.mp4"), arguments.threads, arguments.steady)
            peaks.append(peak)
            yield f"| {minutes} | {1500 * minutes} | {peak:.0f} |"
    growth = peaks[-1] / peaks[0]
    yield f"\nTarget: memory of {arguments.minutes} minutes at most {MOST_GROWTH} times that of one:"
    yield f"{_met(growth <= MOST_GROWTH)} ({growth:.2f})."


def live(arguments: argparse.Namespace, method: Arbitrary) -> Iterator[str]:
    """Yield the table of `restyle live`."""
    yield "### Live\n"
    yield f"A drawn clip of 25 frames per second, played as a camera for {arguments.seconds:g} s, stylized"
    yield f"to a file, resolution chosen automatically, {arguments.threads} threads.\n"
    yield "| camera | painted at | frames shown per second | dropped | delay, median | 95 % under |"
    yield "| --- | --- | ---: | ---: | ---: | ---: |"
    late = []
    session.set_spinning(False)  # as the command does
    method = Arbitrary(method.record, threads=arguments.threads)
    options = LiveOptions(seconds=arguments.seconds, overwrite=True)
    with tempfile.TemporaryDirectory() as name:
        for height, width in SIZES:
            clip = drawn_clip(Path(name, f"{height}.mp4"), (height, width), round(25 * arguments.seconds))
            style = resolve("starry-night", model=method)
            went = show(str(clip), style, method, ImageOptions(), options, Path(name, "out.mp4"))
            usual, late_one = went.delay(0.5), went.delay(0.95)
            late.append(late_one)
            yield (
                f"| {width}x{height} | {went.size[1]}x{went.size[0]} | {went.shown / went.seconds:.1f} |"
                f" {went.dropped} | {1e3 * usual:.0f} ms | {1e3 * late_one:.0f} ms |"
            )
    session.set_spinning(True)
    yield f"\nTarget: live delay under {1e3 * MOST_DELAY:.0f} ms, for 95 of 100 frames:"
    yield f"{_met(max(late) < MOST_DELAY)} ({1e3 * max(late):.0f} ms)."


def _rate(frames: float, processor: float) -> str:
    return f"{frames:.2f} ({processor:.0f})"


def _met(met: bool) -> str:
    return "met" if met else "missed"
