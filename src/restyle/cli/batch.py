"""`restyle batch`."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from restyle.cli.app import flag, flag_name, with_flags
from restyle.cli.image import REGION, STYLE
from restyle.cli.terminal import Bar, as_flags, fail, printable, time_left
from restyle.errors import OptionError
from restyle.options import EngineOptions, OptimizeOptions, PhotoOptions, SaveOptions
from restyle.options.batch import BatchOptions, EngineName, parse_shard

if TYPE_CHECKING:
    from restyle.batch.journal import Journal
    from restyle.batch.painter import Outcome
    from restyle.batch.rows import Defaults, Failure, Row
    from restyle.batch.run import Engine, Progress

SHOWN = 5  # failures that are printed at the end; the file has all
JOBS = typer.Argument(
    metavar="JOBS...",
    help="Folders, quoted patterns ('scans/**/*.tif'), files, `-` (names on standard input), or lists:"
    " .txt with a content per line; .csv, .tsv, .jsonl or .json with the columns content, style, region,"
    " output, model, and any option by name. Several styles in a cell are separated by `;`.",
)


@with_flags
def batch(
    *,
    jobs: list[str] = JOBS,
    style: list[str] | None = STYLE,
    region: list[str] | None = REGION,
    output: str = flag(..., "--output -o", "FOLDER/", "Folder of the results and the journal."),
    batch_options: BatchOptions,
    options: PhotoOptions,
    saving: SaveOptions,
    engine: EngineOptions,
    method: OptimizeOptions,
) -> None:
    """Stylize many pictures, videos and sounds. The same command continues after any interruption.

    Flags apply to all rows that have no value of their own. Results that are finished are skipped. Rows that
    fail are listed in failures.jsonl in the output folder, and the exit code is 1.

    restyle batch photos/ --style great-wave -o out/

    restyle batch jobs.csv -o out/ --workers 4

    restyle batch 'scans/**/*.tif' --style scream -o out/ --shard 2/8 --json
    """
    from restyle.batch.rows import Defaults, changed
    from restyle.batch.run import run
    from restyle.files import STANDARD_STREAM

    for name in ("preview", "save_every", "resume"):
        if getattr(method, name):
            raise OptionError(f"{name.replace('_', '-')} is for a single picture; leave it out")
    if output in ("", STANDARD_STREAM):
        raise OptionError(f"output '{output}' is not a folder; give one")
    given = changed(options, method, saving)
    given.pop("overwrite", None)
    defaults = Defaults(tuple(style or ()), tuple(region or ()), given, engine.model)
    index, count = parse_shard(batch_options.shard)
    with Bar(label="reading the list"):
        rows = _rows(jobs, defaults, output, batch_options.engine)[index - 1 :: count]
    workers, threads = _workers(rows, engine, batch_options)
    report = Report(len(rows), as_json=batch_options.json)
    if batch_options.dry_run:
        report.plan(rows, output, workers, saving.overwrite)
        return
    ray = batch_options.engine == "ray"
    opened, paint = _engine(ray, output, (index, count), engine, workers, threads, saving.overwrite)
    with opened as journal, Bar(len(rows)) as bar:
        report.begin(bar, workers, [*_notes(rows, given), *journal.notes])
        try:
            run(rows, journal, paint, saving.overwrite, report.row)
        except KeyboardInterrupt:
            done = f"{report.settled} of {len(rows)} rows are done; the same command continues"
            raise KeyboardInterrupt(done) from None
        failures = journal.failures_name
    report.end(failures)


def _rows(jobs: Sequence[str], defaults: Defaults, output: str, engine: EngineName) -> list[Row | Failure]:
    """Read all rows of the batch."""
    from restyle.batch.lists import read_jobs
    from restyle.batch.rows import columns, make_rows

    addresses = [job for job in jobs if "://" in job]
    if (addresses or "://" in output) and engine != "ray":
        raise OptionError(f"'{[*addresses, output][0]}' is not a path of this machine; add --engine ray")
    entries = list(read_jobs([job for job in jobs if "://" not in job], columns(), output))
    if addresses:
        from restyle.batch.ray_engine import list_addresses

        entries += list_addresses(addresses)
    return list(make_rows(entries, defaults, Path(output)))


def _workers(rows: Sequence[Row | Failure], engine: EngineOptions, options: BatchOptions) -> tuple[int, int]:
    """Return the number of workers, and of threads of each."""
    from restyle.batch.rows import Row
    from restyle.batch.run import WORKER_BYTES, default_workers
    from restyle.models.session import cores

    if options.engine == "ray":
        return options.workers or 0, engine.threads or 1
    values = [dict(row.options) for row in rows if isinstance(row, Row)]
    limits = [v.get("memory", OptimizeOptions.memory) for v in values if v.get("method") == "optimize"]
    each = WORKER_BYTES + int(max(limits, default=0) * 1e9)
    workers = options.workers or default_workers(len(values), engine.threads, each)
    return workers, engine.threads or max(1, cores() // workers)


def _notes(rows: Sequence[Row | Failure], flags: Mapping[str, Any]) -> Iterator[str]:
    """Say which flags do not apply, and which results have another name."""
    from restyle.batch.rows import Row, applies

    good = [row for row in rows if isinstance(row, Row)]
    for medium in dict.fromkeys(row.medium for row in good):
        unused = [
            flag_name(name) + (f" {value}" if isinstance(value, str) else "")
            for name, value in flags.items()
            if not applies(medium, name, value)
        ]
        if unused:
            yield f"{', '.join(unused)}: not for {medium}s, which are done without"
    if renamed := [row for row in good if row.renamed]:
        yield f"names that are taken got a suffix: {len(renamed)}, such as {renamed[0].output}"


def _engine(
    ray: bool,
    output: str,
    shard: tuple[int, int],
    engine: EngineOptions,
    workers: int,
    threads: int,
    overwrite: bool,
) -> tuple[Journal, Engine]:
    """Return the journal, and the function that paints rows."""
    if ray:
        from restyle.batch.ray_engine import open_journal, run_ray

        paint = partial(run_ray, workers=workers, device=engine.device, threads=threads, overwrite=overwrite)
        return open_journal(output, shard), paint
    from restyle.batch.journal import Journal
    from restyle.batch.painter import Settings
    from restyle.batch.run import run_processes

    def run_local(rows: Sequence[Row], journal: Journal) -> Generator[list[Outcome], None, None]:
        settings = Settings(str(journal.output), str(journal.work), overwrite, engine.device, threads)
        return run_processes(rows, journal.finished, settings, workers)

    return Journal(Path(output), shard), run_local


class Report:
    """Prints what happens to `total` rows: paths and notes for people, or a line of JSON for each event."""

    def __init__(self, total: int, *, as_json: bool) -> None:
        self.total, self.as_json = total, as_json
        self.settled = 0
        self.counts: Counter[str] = Counter()
        self.reasons: list[str] = []
        self._begun = time.monotonic()

    def plan(self, rows: Sequence[Row | Failure], output: str, workers: int, overwrite: bool) -> None:
        """Print the state of each row, without painting: `--dry-run`."""
        from restyle.batch.rows import Failure
        from restyle.batch.run import estimate

        found, summary = estimate(rows, Path(output), max(1, workers), overwrite)
        for row, (state, reason) in zip(rows, found, strict=True):
            name = "" if isinstance(row, Failure) else row.output
            if self.as_json:
                known = {"row": row.number, "content": row.content, "output": name}
                self._event("row", **known, state=state, reason=reason)
            else:
                typer.echo(printable(f"{state:9} {as_flags(reason) or name}"))
        if self.as_json:
            self._event("plan", **asdict(summary), workers=workers)
        else:
            needed = "" if summary.seconds is None else f", about {time_left(summary.seconds)}"
            left = f"{summary.left} left{needed}, {summary.failed} cannot be used"
            typer.echo(f"restyle: {len(rows)} rows: {summary.finished} finished, {left}", err=True)
        if summary.failed:
            raise typer.Exit(1)

    def begin(self, bar: Bar, workers: int, notes: Iterable[str]) -> None:
        """Report the start."""
        self._bar = bar
        if self.as_json:
            self._event("start", rows=self.total, workers=workers, notes=list(notes))
        else:
            for note in notes:
                bar.note(note)

    def row(self, outcome: Outcome, progress: Progress) -> None:
        """Report a row; called for each."""
        row = outcome.row
        self.settled, self.counts = progress.settled, progress.counts
        rate = f"{progress.per_second:.2g}/s" if progress.per_second else "starting"
        self._bar.at(self.settled, f"{rate} | {Path(row.content).name}", progress.seconds_left)
        if outcome.state == "failed" and len(self.reasons) < SHOWN:
            self.reasons.append(outcome.reason)
        if self.as_json:
            left = progress.seconds_left
            self._event(
                "row",
                row=row.number,
                content=row.content,
                output=row.output,
                state=outcome.state,
                reason=outcome.reason,
                seconds=outcome.entry.seconds if outcome.entry else 0.0,
                notes=outcome.notes,
                settled=self.settled,
                total=self.total,
                per_second=round(progress.per_second, 3),
                seconds_left=None if left is None else round(left, 1),
            )
            return
        for note in outcome.notes:
            self._bar.note(note)
        if outcome.state == "done":
            typer.echo(printable(row.output))

    def end(self, failures: str) -> None:
        """Report the sums; the exit code is 1 if a row has failed."""
        counts = {name: self.counts[name] for name in ("done", "skipped", "failed")}
        seconds = time.monotonic() - self._begun
        if self.as_json:
            self._event("end", **counts, seconds=round(seconds, 1))
        else:
            skipped = f", {counts['skipped']} finished before" if counts["skipped"] else ""
            rate = f", {counts['done'] / seconds:.2g}/s" if counts["done"] else ""
            typer.echo(f"restyle: {counts['done']} of {self.total} rows done{skipped}{rate}", err=True)
        if counts["failed"] and not self.as_json:
            fail(f"{counts['failed']} of {self.total} rows failed; all in {failures}", self.reasons)
        if counts["failed"]:
            raise typer.Exit(1)

    def _event(self, event: str, **values: Any) -> None:
        typer.echo(json.dumps({"event": event, **values}))
