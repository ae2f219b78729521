"""Benchmark of `--method optimize`: `python -m benchmarks.optimize`.

Races `--method optimize` against plain Gatys to the same loss, and paints and scores the dev pairs with
`../shared/tools/score.py`. Writes `optimize.md` and the pictures. What is finished is kept: a run that was
cut off goes on, and several processes may share the work (`--parts paint --share 1/4`, `2/4`, ...; then
`--parts score`). Needs `../shared` (or RESTYLE_SHARED).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine
from benchmarks.optimize.finished import Finished
from benchmarks.report import BUSY
from restyle.images import picture as images
from restyle.images.resize import fit_size, resize
from restyle.models import catalog
from restyle.options import OptimizeOptions
from restyle.stylizer import Stylizer
from restyle.types import FloatArray

PARTS = ("race", "paint", "score")
SHARED = Path(os.environ.get("RESTYLE_SHARED", Path(__file__).parents[3] / "shared"))
TARGETS = {"style": 0.03, "content": 0.15, "grid": 0.5}
RACE_STEPS = 200  # most steps of restyle

Pair = tuple[str, str]


def parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    made = argparse.ArgumentParser(prog="python -m benchmarks.optimize", description=__doc__)
    made.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    made.add_argument("--pairs", type=int, default=30, help="number of the 30 dev pairs, evenly chosen")
    made.add_argument("--races", type=int, default=3, help="number of pairs that are raced")
    made.add_argument("--size", type=int, default=512, help="short side, in px")
    made.add_argument("--plain-steps", type=int, default=300, help="steps of plain Gatys")
    made.add_argument("--options", default="{}", help="options of restyle.image, as JSON: '{\"steps\": 100}'")
    made.add_argument("--share", default="1/1", help="I/N: every Nth pair, starting with the Ith")
    made.add_argument("--threads", type=int, default=machine.cores())
    made.add_argument("--out", type=Path, default=Path("out"), help="folder for optimize.md and pictures")
    return made


def chosen(count: int) -> list[Pair]:
    """Return `count` dev pairs (content, style), evenly spread over the list."""
    pairs = [(content, style) for content, style in json.loads((SHARED / "data/dev/pairs.json").read_text())]
    return [pairs[index * len(pairs) // count] for index in range(min(count, len(pairs)))]


def shared_out(pairs: Sequence[Pair], share: str) -> list[Pair]:
    """Return the pairs of one of several processes.

    Examples
    --------
    >>> shared_out([("a", "b"), ("c", "d"), ("e", "f")], "1/2")
    [('a', 'b'), ('e', 'f')]
    """
    number, count = map(int, share.split("/"))
    return list(pairs[number - 1 :: count])


def picture(folder: Path, name: str, size: int) -> FloatArray:
    """Return a dev picture with its short side at `size`, resized as the scorer does."""
    path = next(path for path in sorted(folder.iterdir()) if path.stem == name)
    pixels = images.load_image(path).pixels
    return resize(pixels, fit_size(pixels.shape[:2], short=size))


def job(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return everything that a row depends on."""
    encoder = catalog.find(json.loads(arguments.options).get("encoder", OptimizeOptions.encoder))
    defaults = OptimizeOptions(method="optimize")
    return {
        "size": arguments.size,
        "options": json.loads(arguments.options),
        "defaults": [defaults.style_loss, defaults.content_weight, defaults.steps],
        "encoder": f"{encoder.name} ({encoder.file('encoder').expected() or ''})",
    }


def race_lines(arguments: argparse.Namespace) -> Iterator[str]:
    """Return the table of times to the loss of plain Gatys."""
    from benchmarks.optimize.race import SAME_LOSS, race

    facts = {"threads": arguments.threads, "plain": arguments.plain_steps, "ours": SAME_LOSS}
    done = Finished(arguments.out / "race.json", {**job(arguments), **facts})
    stylizer = Stylizer(threads=arguments.threads)
    yield f"### Time to the loss of plain Gatys after {arguments.plain_steps} steps, {arguments.size} px\n"
    yield "| content | style | its loss | plain, s | restyle, s | ratio | least loss of restyle |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    ratios = []
    for content_name, style_name in chosen(arguments.pairs)[:: max(1, arguments.pairs // arguments.races)]:
        name = f"{content_name}__{style_name}"
        if name not in done.rows():
            content = picture(SHARED / "data/dev/content", content_name, arguments.size)
            style = picture(SHARED / "data/presets", style_name, arguments.size)

            def start(content: FloatArray = content, style: FloatArray = style) -> FloatArray:
                return stylizer.method.stylize(content, stylizer.style(style).code)

            found = race(
                content,
                style,
                start,
                steps=RACE_STEPS,
                plain_steps=arguments.plain_steps,
                threads=arguments.threads,
            )
            done.add(name, [found.loss, found.plain, found.ours, found.reached])
        loss, plain, ours, reached = done.rows()[name]
        ratios.append(plain / ours)
        times = f"{ours:.1f} | {plain / ours:.1f}x" if np.isfinite(ours) else "**never** | "
        yield f"| {content_name} | {style_name} | {loss:.4f} | {plain:.1f} | {times} | {reached:.4f} |"
    met = "met" if min(ratios) >= 5 else "missed"
    yield f"\nMedian ratio {np.median(ratios):.1f}x, least {min(ratios):.1f}x; the target of 5x is {met}.\n"


def painted(arguments: argparse.Namespace) -> Finished:
    """Return the file with the seconds per picture, which is next to the folder of pictures."""
    return Finished(arguments.out / "painted.json", job(arguments))


def paint_lines(arguments: argparse.Namespace) -> Iterator[str]:
    """Stylize the pairs with the default settings; yields no lines."""
    folder, done = arguments.out / "optimize", painted(arguments)
    folder.mkdir(parents=True, exist_ok=True)
    stylizer, given = Stylizer(threads=arguments.threads), json.loads(arguments.options)
    for content_name, style_name in shared_out(chosen(arguments.pairs), arguments.share):
        path = folder / f"{content_name}__{style_name}.png"
        if path.stem in done.rows() and path.is_file():
            continue
        content = picture(SHARED / "data/dev/content", content_name, arguments.size)
        style = picture(SHARED / "data/presets", style_name, arguments.size)
        began = time.perf_counter()
        made = stylizer(content, style, method="optimize", **given)
        seconds = time.perf_counter() - began
        images.save_image(images.load_image(made), path, overwrite=True)
        done.add(path.stem, round(seconds, 1))
        print(f"{path.stem} {seconds:.0f} s", file=sys.stderr, flush=True)
    yield from ()


def score_lines(arguments: argparse.Namespace) -> Iterator[str]:
    """Score the pictures that were made with the current settings."""
    done = painted(arguments).rows()
    pairs = [f"{content}__{style}" for content, style in chosen(arguments.pairs)]
    there = [name for name in pairs if name in done]
    yield f"### Score of {len(there)} dev pairs at {arguments.size} px (`../shared/tools/score.py`)\n"
    if len(there) < len(pairs):
        yield f"**Only {len(there)} of {len(pairs)} pairs are done.**\n"
    if not there:
        return
    folder = arguments.out / "scored" / "restyle optimize"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name in there:
        (folder / f"{name}.png").symlink_to((arguments.out / "optimize" / f"{name}.png").resolve())
    found = arguments.out / "scores.json"
    command = [sys.executable, str(SHARED / "tools/score.py"), "--outputs", str(folder), "--json", str(found)]
    command += ["--content", str(SHARED / "data/dev/content"), "--style", str(SHARED / "data/presets")]
    command += ["--size", str(arguments.size)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    yield f"Options that differ from the defaults: {arguments.options}.\n"
    seconds = [done[name] for name in there]
    yield f"Median {np.median(seconds):.0f} s per picture on this machine.\n"
    yield "```"
    yield output.rstrip()
    yield "```\n"
    mean = json.loads(found.read_text())["mean"]["restyle optimize"]
    for name, target in TARGETS.items():
        met = "met" if mean[name] <= target else "missed"
        yield f"- {name}: {mean[name]:.4f}, target {target:g}: {met}"
    yield ""


def main() -> None:
    """Run the selected parts; print and write the report."""
    arguments = parser().parse_args()
    lines = ["## restyle image --method optimize\n"]
    if machine.busy():
        lines.append(BUSY.replace("figures", "times") + "\n")
    lines += [f"- {name}: {value}" for name, value in machine.describe().items()]
    lines += [f"- threads: {arguments.threads}", f"- encoder: {job(arguments)['encoder'][:32]})", ""]
    parts = {"race": race_lines, "paint": paint_lines, "score": score_lines}
    for line in lines:
        print(line)
    for part in arguments.parts:
        for line in parts[part](arguments):
            print(line, flush=True)
            lines.append(line)
    arguments.out.mkdir(parents=True, exist_ok=True)
    if set(arguments.parts) != {"paint"}:
        (arguments.out / "optimize.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
