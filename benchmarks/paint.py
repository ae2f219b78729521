"""`python -m benchmarks.paint`: time and memory of `restyle image --method paint` by size, in `out/paint.md`.

Every command is a process of its own, cold start included. Photos are a photo of the docs, resized. Run it on
an idle machine: the first line of the report says whether it was.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

from PIL import Image, ImageOps

from benchmarks import machine
from benchmarks.large import STYLE, Cost, cost

SIZES = ("512x512", "1024x683", "1024x1024", "4000x3000")
PHOTO = machine.ROOT / "docs" / "photos" / "coffee.jpg"


def make_photo(path: Path, size: str) -> None:
    """Write the photo at a size WxH, cut to its aspect."""
    width, height = map(int, size.split("x"))
    with Image.open(PHOTO) as opened:
        photo = ImageOps.fit(opened.convert("RGB"), (width, height), Image.Resampling.BICUBIC)
    photo.save(path, quality=92)


def measure(folder: Path, sizes: list[str], runs: int, options: list[str]) -> list[str]:
    """Measure the command at each size; return the rows of a table."""
    lines = []
    for size in sizes:
        photo = folder / f"{size}.{'tif' if _pixels(size) > 50_000_000 else 'jpg'}"
        make_photo(photo, size)
        words = [
            "--style",
            STYLE,
            "--method",
            "paint",
            *options,
            "-o",
            str(folder / f"painted{photo.suffix}"),
        ]
        lines.append(row(size, [cost(str(photo), *words) for _ in range(runs)]))
        print(lines[-1], flush=True)
    return lines


def row(size: str, runs: list[Cost]) -> str:
    """Return a row: medians of seconds and of processor time, and the most memory."""
    seconds, processor = (
        statistics.median(getattr(each, name) for each in runs) for name in ("seconds", "processor")
    )
    return f"| {size} | {seconds:.1f} | {processor:.1f} | {max(each.memory for each in runs):.2f} |"


def _pixels(size: str) -> int:
    width, height = map(int, size.split("x"))
    return width * height


def main() -> None:
    """Parse the arguments, measure, write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", default=list(SIZES), metavar="WxH")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=machine.cores())
    parser.add_argument("--effort", default="fine", help="draft takes half the time, and the same memory")
    parser.add_argument("--out", type=Path, default=Path("out"))
    arguments = parser.parse_args()
    arguments.out.mkdir(exist_ok=True)
    facts = {"idle": "no" if machine.busy() else "yes", **machine.describe()}
    options = ["--threads", str(arguments.threads), "--effort", arguments.effort]
    rows = measure(arguments.out, arguments.sizes, arguments.runs, options)
    head = ("| size, px | seconds | processor, s | memory, GB |", "| --- | --- | --- | --- |")
    told = [f"- {name}: {fact}" for name, fact in {**facts, "options": " ".join(options)}.items()]
    report = arguments.out / "paint.md"
    report.write_text("\n".join((*told, "", *head, *rows)) + "\n")
    print(report)


if __name__ == "__main__":
    main()
