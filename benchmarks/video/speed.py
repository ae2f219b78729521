"""Frames per second of a video, end to end and stage by stage, and peak memory."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from benchmarks.timing import interleaved
from restyle.models.arbitrary import Arbitrary
from restyle.options import ImageOptions, Steady, VideoOptions
from restyle.videos import VideoStylizer
from restyle.videos.formats import VideoFrame
from restyle.videos.painter import VideoPainter
from restyle.videos.read import VideoReader
from restyle.videos.styles import TimedStyles
from restyle.videos.write import VideoWriter

Rate = tuple[float, float]  # frames per second, and processor time of a frame in ms

NONE, FLOW = "end to end, none", "end to end, flow"
SMALLER = 448  # px; another size to paint, for the last row


def drawn_clip(path: Path, size: tuple[int, int], count: int) -> Path:
    """Write an H.264 clip of moving waves with noise, 25 frames per second."""
    height, width = size
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    noise = np.random.default_rng(0).normal(0, 6, (height, width, 3)).astype(np.float32)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=25, options={"preset": "veryfast", "crf": "20"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(count):
            waves = [
                np.sin((rows + 2 * index) / 31),
                np.cos((columns - 3 * index) / 47),
                np.sin(columns / 23),
            ]
            pixels = np.clip(128 + 80 * np.stack(waves, -1) + noise, 0, 255).astype(np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    return path


def rates(
    clip: Path, folder: Path, method: Arbitrary, styles: TimedStyles, rounds: int = 3
) -> dict[str, Rate]:
    """Measure each stage alone, and all together with and without flow."""
    with VideoReader(clip) as reader:
        info = reader.info
        frames = [item for item in reader.items() if isinstance(item, VideoFrame)]

    def stages(steady: Steady) -> VideoPainter:
        return VideoPainter(styles, method, ImageOptions(), VideoOptions(steady=steady), info)

    def fresh(items: list[Any]) -> Iterator[Any]:
        """Yield copies, as a stage changes what it gets."""
        return (replace(item, painted=list(item.painted), palettes=list(item.palettes)) for item in items)

    prepared = list(stages("flow").prepare(iter(frames)))
    painted = list(stages("flow").paint(fresh(prepared)))
    steadied = list(stages("flow").steady(fresh(painted)))
    finished = list(stages("flow").finish(fresh(steadied)))

    def decode() -> None:
        with VideoReader(clip) as reader:
            for _ in reader.items():
                pass

    def encode() -> None:
        writer = VideoWriter(folder / "encode.mp4", info, info.size, "h264")
        for item in finished:
            writer.write(item)
        writer.close()

    def together(steady: Steady, side: int | None = None) -> None:
        options, pictures = VideoOptions(overwrite=True, steady=steady), ImageOptions(paint_size=side)
        stylizer = VideoStylizer(dict(styles), image_options=pictures, options=options, method=method)
        stylizer.write(clip, folder / "together.mp4")

    calls: dict[str, Callable[[], object]] = {
        "decode": decode,
        "prepare": lambda: list(stages("none").prepare(iter(frames))),
        "prepare, with the motion": lambda: list(stages("flow").prepare(iter(frames))),
        "paint": lambda: list(stages("flow").paint(fresh(prepared))),
        "steady": lambda: list(stages("flow").steady(fresh(painted))),
        "finish": lambda: list(stages("flow").finish(fresh(steadied))),
        "encode": encode,
        NONE: lambda: together("none"),
        FLOW: lambda: together("flow"),
        f"{FLOW}, --paint-size {SMALLER}": lambda: together("flow", SMALLER),
    }
    spent: dict[str, list[float]] = {name: [] for name in calls}

    def watched(name: str) -> Callable[[], None]:
        def call() -> None:
            begin = time.process_time()
            calls[name]()
            spent[name].append(time.process_time() - begin)

        return call

    found = interleaved(
        {name: watched(name) for name in calls},
        rounds=rounds,
        calls=1,
        warm_up=0,
        settle=0,
    )
    count = len(frames)
    return {
        name: (count / timing.median, 1e3 * statistics.median(spent[name]) / count)
        for name, timing in found.items()
    }


def peak_memory(clip: Path, output: Path, threads: int, steady: str = "none") -> float:
    """Return the peak memory, in MB, of a process that runs `restyle video`; Linux only.

    Not `ru_maxrss`, which begins with the memory of the process that started this one.
    """
    code = (
        "import restyle, sys; "
        "options = {'output': sys.argv[2], 'overwrite': True, 'threads': int(sys.argv[3]), "
        "'steady': sys.argv[4]}; "
        "restyle.video(sys.argv[1], 'starry-night', **options); "
        "print(int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0]) / 1024)"
    )
    command = [sys.executable, "-c", code, str(clip), str(output), str(threads), steady]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def duration(clip: Path) -> Fraction:
    """Return the length of a clip in seconds."""
    with VideoReader(clip) as reader:
        return (reader.info.frames or 0) / (reader.info.rate or Fraction(25))
