"""`python -m benchmarks.batch`: write `out/batch.md` and `out/batch.json`; about three minutes."""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks import machine
from restyle.batch.journal import Finished, Journal
from restyle.batch.lists import read_jobs
from restyle.batch.painter import Outcome, Painter, Settings, row_key
from restyle.batch.rows import Defaults, Failure, Row, columns, make_rows
from restyle.batch.run import Progress, run, run_processes
from restyle.models import catalog

STYLE = "great-wave"
METHOD = "fast"
PAGE = machine.ROOT / "docs" / "lab" / "batch.md"
BEGIN, END = "<!-- figures: python -m benchmarks.batch --docs -->\n", "<!-- end of figures -->\n"
Rows = list[Row]


def photos(folder: Path, count: int, side: int) -> None:
    """Write different JPEGs of `side` x `side` px: crops of a photo of the docs."""
    folder.mkdir()
    with Image.open(Path(__file__).parents[2] / "docs" / "photos" / "astronaut.jpg") as picture:
        for number in range(count):
            left, top = (number * 7) % 100, (number * 11) % 100
            box = (left, top, picture.width - 100 + left, picture.height - 100 + top)
            picture.crop(box).resize((side, side)).save(folder / f"{number:05d}.jpg", quality=92)


def rows_of(jobs: Path, out: Path, model: str = catalog.DEFAULT) -> Rows:
    """The rows of a folder or list."""
    found = make_rows(
        read_jobs([str(jobs)], columns(), str(out)), Defaults((STYLE,), (), {"method": METHOD}, model), out
    )
    return [row for row in found if not isinstance(row, Failure)]


def settings(journal: Journal) -> Settings:
    """One thread each, so that rows compare processes and not threads."""
    return Settings(str(journal.output), str(journal.work), threads=1)


def loop(rows: Sequence[Row], journal: Journal) -> Generator[list[Outcome], None, None]:
    """The same work in this process."""
    painter = Painter(settings(journal))
    for row in rows:
        yield [painter(row, journal.finished.get(row.output))]


def processes(workers: int) -> Callable[[Sequence[Row], Journal], Generator[list[Outcome], None, None]]:
    """The engine of worker processes."""
    return lambda rows, journal: run_processes(rows, journal.finished, settings(journal), workers)


def ray(rows: Sequence[Row], journal: Journal) -> Generator[list[Outcome], None, None]:
    """The engine on a local Ray cluster."""
    from restyle.batch.ray_engine import run_ray

    return run_ray(rows, journal, workers=0, device="cpu", threads=1, overwrite=False)


def no_op(rows: Sequence[Row], journal: Journal) -> Generator[list[Outcome], None, None]:
    """Outcomes without painting and without files: what remains is the cost of the batch itself."""
    for row in rows:
        yield [Outcome(row, "done", entry=Finished(row.output, "0" * 64, "0" * 64, 1, 0.1))]


def plain_loop(folder: Path, out: Path) -> float:
    """Seconds of a plain loop over `Stylizer`: what a user would write; without the first picture."""
    import restyle

    stylizer = restyle.Stylizer(threads=1)
    style = stylizer.style(STYLE)
    out.mkdir()
    paths = sorted(folder.iterdir())
    stylizer(paths[0], style, output=out / "warm-up.jpg", method=METHOD)
    start = time.perf_counter()
    for path in paths:
        stylizer(path, style, output=out / path.name, method=METHOD)
    return time.perf_counter() - start


class Throughput:
    """Watches a run: the time of each result."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def __call__(self, outcome: Outcome, progress: Progress) -> None:
        if outcome.state != "done":
            raise RuntimeError(f"{outcome.state}: {outcome.reason}")
        self.ends.append(time.perf_counter())


def throughput(folder: Path, count: int, side: int, with_ray: bool) -> list[dict[str, object]]:
    """Seconds of each engine in all, and until the first result."""
    photos(folder / "photos", count, side)
    seconds = plain_loop(folder / "photos", folder / "plain")
    found: list[dict[str, object]] = [{"engine": "plain loop", "all": seconds, "start": 0.0}]
    engines = {"batch, in a loop": loop} | {f"batch, {n} workers": processes(n) for n in (1, 2, 4)}
    if with_ray:
        engines["batch, Ray"] = ray
    for name, engine in engines.items():
        out = folder / name.replace(" ", "-")
        rows, watch, start = rows_of(folder / "photos", out), Throughput(), time.perf_counter()
        with Journal(out) as journal:
            run(rows, journal, engine, watch=watch)
        found.append({"engine": name, "all": watch.ends[-1] - start, "start": watch.ends[0] - start})
    return found


def memory(folder: Path) -> dict[str, float]:
    """Peak memory in MB of one worker, by size of the picture."""
    found = {}
    for side in (512, 1024, 4000):
        photos(folder / str(side), 2, side)
        code = (
            "import sys, resource, pathlib; from benchmarks.batch.__main__ import loop, rows_of\n"
            "from restyle.batch.journal import Journal; from restyle.batch.run import run\n"
            "out = pathlib.Path(sys.argv[2])\n"
            "with Journal(out) as journal: run(rows_of(pathlib.Path(sys.argv[1]), out), journal, loop)\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(folder / str(side)), str(folder / f"out-{side}")],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        found[f"{side} px"] = float(done.stdout)
    return found


def restart(folder: Path, count: int) -> dict[str, float]:
    """Seconds of a run that finds all rows finished, with contents and results of 8 px."""
    source, out = folder / "tiny", folder / "tiny-out"
    source.mkdir()
    noise = np.random.default_rng(0)
    for number in range(count):
        Image.fromarray(noise.integers(0, 256, (8, 8, 3), np.uint8)).save(source / f"{number}.png")
    start = time.perf_counter()
    rows = rows_of(source, out)
    read = time.perf_counter() - start
    from restyle.models.catalog import file_sha256

    out.mkdir()
    entries = []
    for row in rows:
        shutil.copy(row.content, out / row.output)
        digest = file_sha256(Path(row.content))
        entries.append(
            Finished(row.output, row_key(row, digest), digest, (out / row.output).stat().st_size, 0.1)
        )
    with Journal(out) as journal:
        journal.enter(entries)
    start = time.perf_counter()
    with Journal(out) as journal:
        opened = time.perf_counter() - start
        progress = run(rows, journal, processes(2))
    assert progress.counts == {"skipped": count}
    return {"read the folder": read, "open the journal": opened, "whole run": time.perf_counter() - start}


def growth(folder: Path, counts: Sequence[int]) -> list[dict[str, float]]:
    """Seconds and memory of reading a CSV, a run without painting, and a restart, by number of rows."""
    found = []
    for count in counts:
        jobs, out = folder / f"{count}.csv", folder / f"out-{count}"
        lines = [f"photos/{n % 1000}/photo.jpg,{STYLE},{(n % 100) / 100}" for n in range(count)]
        jobs.write_text("\n".join(["content,style,strength", *lines]) + "\n")
        times = [time.perf_counter()]
        rows = rows_of(jobs, out)
        times.append(time.perf_counter())
        with Journal(out) as journal:
            grouped(rows, journal)
        times.append(time.perf_counter())
        with Journal(out) as journal:
            assert len(journal.finished) == count
        times.append(time.perf_counter())
        read, work, opened = (after - before for before, after in pairwise(times))
        size = (out / ".restyle-batch" / "journal.jsonl").stat().st_size
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        found.append({
            "rows": count, "read the list, s": read, "journal, s": work, "open again, s": opened,
            "journal, MB": size / 1e6, "peak memory, MB": peak,
        })  # fmt: skip
    return found


def grouped(rows: Rows, journal: Journal) -> None:
    """A run without painting; rows end in groups of eight, as with eight workers."""

    def groups(rows: Sequence[Row], journal: Journal) -> Generator[list[Outcome], None, None]:
        single = no_op(rows, journal)
        while group := [one for each in islice(single, 8) for one in each]:
            yield group

    run(rows, journal, groups)


def table(rows: Sequence[dict[str, object]] | Sequence[dict[str, float]]) -> str:
    """A Markdown table."""
    head = list(rows[0])
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join('---' for _ in head)} |"]
    for row in rows:
        cells = [f"{value:,.2f}" if isinstance(value, float) else str(value) for value in row.values()]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def rates(rounds: Sequence[Sequence[dict[str, object]]], count: int) -> list[dict[str, object]]:
    """Pictures per second of each engine: the median of the rounds."""
    found: list[dict[str, object]] = []
    for same in zip(*rounds, strict=True):
        whole, first = (statistics.median(float(str(one[key])) for one in same) for key in ("all", "start"))
        found.append({
            "engine": same[0]["engine"], "pictures per second": count / whole,
            "seconds in all": whole, "seconds to the first": first,
        })  # fmt: skip
    return found


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--count", type=int, default=48, help="pictures of the throughput")
    made.add_argument("--side", type=int, default=512, help="their side in px")
    made.add_argument("--rounds", type=int, default=1, help="rounds; the median counts")
    made.add_argument("--restart", type=int, default=10_000, help="rows of the restart")
    made.add_argument("--growth", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    made.add_argument("--no-ray", action="store_true")
    made.add_argument("--output", type=Path, default=Path("out"))
    made.add_argument("--docs", action="store_true", help="write the figures to docs/lab/batch.md as well")
    return made


def measure(chosen: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Measure all parts, and say on standard error which one runs."""
    start = time.perf_counter()

    def say(part: str) -> None:
        print(f"{time.perf_counter() - start:4.0f} s: {part}", file=sys.stderr, flush=True)

    say("growth")  # first, because it measures the memory of this process
    grown = growth(folder, chosen.growth)
    rounds = []
    for number in range(chosen.rounds):
        say(f"throughput, round {number + 1}")
        (folder / str(number)).mkdir()
        rounds.append(throughput(folder / str(number), chosen.count, chosen.side, not chosen.no_ray))
    say("memory")
    peaks = memory(folder)
    say("restart")
    again = restart(folder, chosen.restart)
    say("done")
    return {
        "throughput": rates(rounds, chosen.count), "memory": [peaks], "restart": [again], "growth": grown,
    }  # fmt: skip


def with_figures(page: str, figures: str) -> str:
    """Replace the figures of a page."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{figures}\n{END}{after}"


def main() -> None:
    """Measure, print and write."""
    chosen = parser().parse_args()
    facts, busy = machine.describe(), machine.busy()
    with tempfile.TemporaryDirectory(prefix="restyle-batch-bench-") as name:
        found = measure(chosen, Path(name))
    titles = {
        "throughput": f"{chosen.count} pictures of {chosen.side} px by {METHOD}, one thread each",
        "memory": "Peak memory of one worker, MB",
        "restart": f"Restart with {chosen.restart:,} finished rows, seconds",
        "growth": "Growth with rows, without painting",
    }
    parts = ["**The machine was busy: these figures are no measurement.**"] if busy else []
    parts.append("\n".join(f"- {fact}: {value}" for fact, value in facts.items()))
    for key, title in titles.items():
        parts += [f"## {title}", table(found[key])]
    text = "\n\n".join(parts) + "\n"
    print(text)
    chosen.output.mkdir(exist_ok=True)
    (chosen.output / "batch.md").write_text(f"# Batch\n\n{text}")
    if chosen.docs:
        PAGE.write_text(with_figures(PAGE.read_text(), text))
    (chosen.output / "batch.json").write_text(json.dumps({"facts": facts, **found}, indent=1))


if __name__ == "__main__":
    main()
