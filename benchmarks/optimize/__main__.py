"""The optimised pictures: `python -m benchmarks.optimize`.

Races `--method optimize` against plain Gatys to the same loss, and paints and scores the dev pairs with
`../shared/tools/score.py`. Writes `optimize.md` and the pictures. Needs `../shared` (or RESTYLE_SHARED).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks import machine
from benchmarks.report import BUSY
from restyle.arrays import FloatArray
from restyle.media import images
from restyle.stylizer import Stylizer
from restyle.transforms.resize import fit_size, resize

PARTS = ("race", "score")
SHARED = Path(os.environ.get("RESTYLE_SHARED", Path(__file__).parents[3] / "shared"))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m benchmarks.optimize", description=__doc__)
    made.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    made.add_argument("--pairs", type=int, default=30, help="so many of the 30 dev pairs, evenly chosen")
    made.add_argument("--races", type=int, default=3, help="so many of them are raced")
    made.add_argument("--size", type=int, default=512, help="short side, in px")
    made.add_argument("--plain-steps", type=int, default=300, help="steps of plain Gatys")
    made.add_argument("--options", default="", help="of restyle.image, as JSON: '{\"steps\": 100}'")
    made.add_argument("--threads", type=int, default=machine.cores())
    made.add_argument("--out", type=Path, default=Path("out"), help="folder for optimize.md and pictures")
    return made


def chosen(count: int) -> list[tuple[str, str]]:
    """So many of the dev pairs (content, style), evenly spread over the list."""
    pairs = [(content, style) for content, style in json.loads((SHARED / "data/dev/pairs.json").read_text())]
    return [pairs[index * len(pairs) // count] for index in range(min(count, len(pairs)))]


def picture(folder: Path, name: str, size: int) -> FloatArray:
    """A dev picture with its short side at `size`, as the scorer resizes it."""
    path = next(path for path in sorted(folder.iterdir()) if path.stem == name)
    pixels = images.load(path).pixels
    return resize(pixels, fit_size(pixels.shape[:2], short=size))


def race_lines(arguments: argparse.Namespace) -> Iterator[str]:
    """The table of times to the loss of plain Gatys."""
    from benchmarks.optimize.race import race

    stylizer = Stylizer(threads=arguments.threads)
    yield f"### Time to the loss of plain Gatys after {arguments.plain_steps} steps, {arguments.size} px\n"
    yield "| content | style | its loss | plain, s | restyle, s | ratio | least loss of restyle |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    ratios = []
    for content_name, style_name in chosen(arguments.pairs)[:: max(1, arguments.pairs // arguments.races)]:
        content = picture(SHARED / "data/dev/content", content_name, arguments.size)
        style = picture(SHARED / "data/presets", style_name, arguments.size)

        def start(content: FloatArray = content, style: FloatArray = style) -> FloatArray:
            return stylizer.method.stylize(content, stylizer.style(style).code)

        found = race(
            content, style, start, steps=200, plain_steps=arguments.plain_steps, threads=arguments.threads
        )
        ratios.append(found.ratio)
        yield (
            f"| {content_name} | {style_name} | {found.loss:.4f} | {found.plain:.1f} | {found.ours:.1f} "
            f"| {found.ratio:.1f}x | {found.reached:.4f} |"
        )
    yield f"\nMedian ratio {np.median(ratios):.1f}x, least {min(ratios):.1f}x; the aim is 5x.\n"


def score_lines(arguments: argparse.Namespace) -> Iterator[str]:
    """Paint the pairs with the default settings and score them."""
    folder = arguments.out / "optimize"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    stylizer, given, seconds = Stylizer(threads=arguments.threads), json.loads(arguments.options or "{}"), []
    for content_name, style_name in chosen(arguments.pairs):
        content = picture(SHARED / "data/dev/content", content_name, arguments.size)
        style = picture(SHARED / "data/presets", style_name, arguments.size)
        began = time.perf_counter()
        made = stylizer(content, style, method="optimize", **given)
        seconds.append(time.perf_counter() - began)
        images.save(images.load(made), folder / f"{content_name}__{style_name}.png")
        print(f"{content_name} {style_name} {seconds[-1]:.0f} s", file=sys.stderr, flush=True)
    command = [sys.executable, str(SHARED / "tools/score.py"), "--outputs", str(folder)]
    command += ["--content", str(SHARED / "data/dev/content"), "--style", str(SHARED / "data/presets")]
    command += ["--size", str(arguments.size)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    yield f"### Score of {len(seconds)} dev pairs at {arguments.size} px (`../shared/tools/score.py`)\n"
    yield f"Options beside the defaults: {arguments.options or 'none'}.\n"
    yield f"Median {np.median(seconds):.0f} s a picture.\n"
    yield "```"
    yield told.rstrip()
    yield "```\n"
    yield "Aims: style .03, content .15, grid .5 dB.\n"


def main() -> None:
    """Run what is asked for; print and write it."""
    arguments = parser().parse_args()
    facts = machine.describe()
    lines = ["## restyle image --method optimize\n"]
    if machine.busy():
        lines.append(BUSY + "\n")
    lines += [f"- {name}: {value}" for name, value in facts.items()]
    lines += [f"- threads: {arguments.threads}", ""]
    parts = {"race": race_lines, "score": score_lines}
    for line in lines:
        print(line)
    for part in arguments.parts:
        for line in parts[part](arguments):
            print(line, flush=True)
            lines.append(line)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "optimize.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
