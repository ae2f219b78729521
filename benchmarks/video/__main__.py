"""Steadiness, speed and memory of `restyle video`: `python -m benchmarks.video`."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import numpy as np
from PIL import Image

from benchmarks import machine
from benchmarks.report import BUSY
from benchmarks.video import clips
from benchmarks.video.speed import drawn_clip, peak_memory, rates
from benchmarks.video.steadiness import StyleScore, blurred, painted, sharpness
from restyle.arrays import FloatArray
from restyle.evaluation.steadiness import Motion
from restyle.media import images
from restyle.methods.arbitrary import Arbitrary
from restyle.models import catalog
from restyle.moments import timed_styles
from restyle.nn.encoders import load_encoder
from restyle.options import Steady
from restyle.transforms.resize import fit_size, resize

PARTS = ("steadiness", "speed", "memory", "length")
STYLES = ("starry_night", "great_wave", "the_scream")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m benchmarks.video", description=__doc__)
    made.add_argument("--parts", nargs="+", choices=PARTS, default=None)
    made.add_argument("--clips", nargs="+", default=None, help="of the folder of clips; all if not given")
    made.add_argument("--styles", nargs="+", default=list(STYLES), help="pictures of the folder of presets")
    made.add_argument("--frames", type=int, default=24, help="frames of each clip")
    made.add_argument("--side", type=int, default=320, help="longest side of the frames, for steadiness")
    made.add_argument("--minutes", type=int, default=60, help="of the long clip")
    made.add_argument("--threads", type=int, default=machine.cores())
    made.add_argument("--out", type=Path, default=Path("out"), help="folder for video.md and contact sheets")
    return made


def steadiness(arguments: argparse.Namespace, method: Arbitrary) -> Iterator[str]:
    """Lines of the table of warping error, sharpness and style."""
    yield "### Steadiness\n"
    if not clips.names():
        yield f"Skipped: the clips of {clips.VIDEOS.name} are not there; RESTYLE_SHARED names their place.\n"
        return
    yield f"{arguments.frames} frames a clip, {arguments.side} px; error in thousandths; less error and less"
    yield "distance to the style are better. All but the first column of a row are told as times `none`,"
    yield "which paints every frame by itself.\n"
    yield "| clip | style | row | warping error | times none | sharpness | style distance |"
    yield "| --- | --- | --- | ---: | ---: | ---: | ---: |"
    encoder = load_encoder(catalog.find("encoder-1").files[0].path)
    found: dict[str, list[tuple[float, float, float]]] = {}
    for clip in arguments.clips or clips.names():
        frames = clips.load(clip, arguments.frames, arguments.side)
        motion = Motion(frames)
        for style in arguments.styles:
            picture = images.load(clips.STYLES / f"{style}.jpg").pixels
            score = StyleScore(
                encoder, resize(picture, fit_size(picture.shape[:2], long=arguments.side), "area")
            )
            code = method.encode(picture)
            modes: tuple[Steady, ...] = get_args(Steady)
            films = {str(mode): painted(frames, method, code, mode) for mode in modes}
            rows = {**films, "input": frames, "heavy blur": blurred(films["none"])}
            own = [(motion.error(film), sharpness(film), score(film[::4])) for film in rows.values()]
            for row, values in zip(rows, own, strict=True):
                shares = tuple(each / alone for each, alone in zip(values, own[0], strict=True))
                found.setdefault(row, []).append((shares[0], shares[1], shares[2]))
                told = " | ".join(f"{share:.2f}" for share in shares)
                yield f"| {clip} | {style} | {row} | {values[0]:.3f} | {told} |"
            sheet(arguments.out / f"video-{Path(clip).stem}-{style}.png", frames, *films.values())
    for row, shares_of_row in found.items():
        mean = " | ".join(f"{share:.3f}" for share in np.mean(shares_of_row, axis=0))
        yield f"| **mean** | of {len(shares_of_row)} | {row} | | {mean} |"
    error, sharp, distance = np.mean(found["flow"], axis=0)
    yield f"\nAims for flow: warping error {error:.2f} (at most .50), sharpness {sharp:.2f} (at least .97),"
    yield f"style {1 / distance:.2f} (at least .95, as the distance of none over its own).\n"


def sheet(path: Path, *films: list[FloatArray]) -> None:
    """Write a contact sheet: a row a film, and below how each pixel changes from frame to frame, times 4."""
    rows = []
    for film in films:
        at = np.linspace(0, len(film) - 2, 5).round().astype(int)
        rows.append(np.concatenate([film[index] for index in at], axis=1))
        changes = [np.abs(film[index + 1] - film[index]) * 4 for index in at]
        rows.append(np.concatenate(changes, axis=1))
    pixels = np.clip(np.concatenate(rows), 0, 1)
    Image.fromarray((pixels * 255).astype(np.uint8)).save(path)


def speed(arguments: argparse.Namespace, method: Arbitrary) -> Iterator[str]:
    """Lines of the table of frames a second."""
    yield "\n### Speed\n"
    yield f"Frames a second, {arguments.frames} drawn frames, median of 3, {arguments.threads} threads.\n"
    yield "| stage | 640x360 | 1280x720 |\n| --- | ---: | ---: |"
    styles = timed_styles("starry-night", method)
    with tempfile.TemporaryDirectory() as name:
        tables = []
        for size in ((360, 640), (720, 1280)):
            clip = drawn_clip(Path(name, f"{size[0]}.mp4"), size, arguments.frames)
            tables.append(rates(clip, Path(name), method, styles))
    for stage in tables[0]:
        yield f"| {stage} | {tables[0][stage]:.2f} | {tables[1][stage]:.2f} |"
    ratios = [table["inference alone"] / table["end to end"] for table in tables]
    yield f"| time end to end, times inference alone | {ratios[0]:.2f} | {ratios[1]:.2f} |"


def memory(arguments: argparse.Namespace) -> Iterator[str]:
    """Lines of the table of memory."""
    yield "\n### Memory\n"
    yield "Peak of the whole process at 1280x720.\n\n| frames | MB |\n| ---: | ---: |"
    with tempfile.TemporaryDirectory() as name:
        for count in (arguments.frames, 4 * arguments.frames):
            clip = drawn_clip(Path(name, f"{count}.mp4"), (720, 1280), count)
            yield f"| {count} | {peak_memory(clip, Path(name, 'out.mp4'), arguments.threads):.0f} |"


def length(arguments: argparse.Namespace) -> Iterator[str]:
    """Lines of the table of memory over an hour."""
    yield "\n### An hour\n"
    yield "Peak of the whole process, 64x48, 25 frames a second, `--steady flow`: it must not grow.\n"
    yield "| minutes | frames | MB |\n| ---: | ---: | ---: |"
    with tempfile.TemporaryDirectory() as name:
        for minutes in (1, arguments.minutes):
            clip = drawn_clip(Path(name, f"{minutes}.mp4"), (48, 64), 1500 * minutes)
            peak = peak_memory(clip, Path(name, "out.mp4"), arguments.threads, "flow")
            yield f"| {minutes} | {1500 * minutes} | {peak:.0f} |"


def main() -> None:
    """Run what the command line asks for; write and print the report."""
    arguments = parser().parse_args()
    parts = arguments.parts or PARTS
    arguments.out.mkdir(parents=True, exist_ok=True)
    method = Arbitrary(threads=arguments.threads)
    lines = [BUSY, ""] if machine.busy() else []
    lines += [*[f"- {name}: {value}" for name, value in machine.describe().items()], ""]
    tables = {
        "steadiness": lambda: steadiness(arguments, method),
        "speed": lambda: speed(arguments, method),
        "memory": lambda: memory(arguments),
        "length": lambda: length(arguments),
    }
    for part in parts:
        for line in tables[part]():
            lines.append(line)
            print(line, flush=True)
    (arguments.out / "video.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
