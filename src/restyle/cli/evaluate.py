"""`restyle evaluate`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from restyle.cli.flags import with_flags
from restyle.options import EngineOptions
from restyle.options.evaluate import EvaluateOptions

SIZE = 512  # px, short side, where neither an option nor a suite says


@with_flags
def evaluate(
    results: Annotated[
        list[str] | None,
        typer.Argument(
            help="Results, and folders of them, each a row. They are named CONTENT-STYLE or CONTENT__STYLE.",
            metavar="[RESULT]",
        ),
    ] = None,
    *,
    content: Annotated[
        list[str] | None,
        typer.Option(
            "--content", "-c", metavar="FILE|FOLDER", help="Photos or videos. May be given many times."
        ),
    ] = None,
    style: Annotated[
        list[str] | None,
        typer.Option("--style", "-s", metavar="FILE|FOLDER", help="Artworks. May be given many times."),
    ] = None,
    run: Annotated[
        list[str] | None,
        typer.Option(
            "--run",
            "-r",
            metavar="SETTINGS",
            help="Paint the results, too: options of `restyle image` as words: 'strength=0.6 keep-colors'."
            " Each is a row; where no results are given, one with the defaults is run.",
        ),
    ] = None,
    pairs: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="JSON list of pairs, content and style by name; all combinations if not given.",
        ),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            metavar="lpips-alex|fid",
            help="Measure on a standard network, too, once `restyle models pull` has it (extra metrics).",
        ),
    ] = None,
    suite: Annotated[
        str | None,
        typer.Option(
            metavar="dev", help="Regenerate the leaderboard on this suite's pairs (needs its data)."
        ),
    ] = None,
    options: EvaluateOptions,
    engine: EngineOptions,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="Write report.md, report.csv, report.json and sheet.jpg there.",
        ),
    ] = None,
) -> None:
    """Measure results: style, content, artefacts, steadiness, time.

    Two rows always stand beside: the content itself and the style itself. A file that cannot be used is
    listed at the end, and the rest goes on.

    restyle evaluate results/ --content photos/ --style artworks/

    restyle evaluate --content photos/ --style artworks/ --run strength=1 --run strength=0.6 -o report/

    restyle evaluate --suite dev
    """
    from restyle.cli.evaluation_output import check_report, facts_of, update_leaderboard, write_report
    from restyle.cli.evaluation_plan import planned
    from restyle.cli.evaluation_sheet import Sheet
    from restyle.cli.terminal import Bar, table
    from restyle.evaluate import encoder, lpips_fid, machine, report
    from restyle.evaluate.bench import Bench
    from restyle.evaluate.cache import Kept
    from restyle.evaluate.runs import evaluate as measure
    from restyle.evaluate.suite import find
    from restyle.evaluate.summary import summarised

    chosen = None if suite is None else find(suite)
    kept = None if options.fresh else Kept()
    eyes = encoder.load(options.encoder, engine.threads)
    bench = Bench(eyes, options.size or (chosen.size if chosen else SIZE), lpips_fid.load(metric or []), kept)
    facts = facts_of(bench, machine.describe(), machine.busy())
    with tempfile.TemporaryDirectory(prefix="restyle-evaluate-") as folder:
        work = planned(
            results or [],
            content or [],
            style or [],
            run or [],
            pairs,
            chosen,
            engine,
            Path(folder),
            bench.size,
        )
        inputs = [path for pair in work.pairs for path in (pair.content, pair.style)]
        if output is not None:
            check_report(Path(output), options.overwrite, inputs)
        sheet = Sheet(work.pairs)
        try:
            with Bar(len(work.pairs), "starting") as bar:
                made = measure(
                    work.pairs,
                    work.candidates,
                    bench,
                    frames=options.frames,
                    look=sheet.look,
                    report=lambda done, name: bar.at(done * len(work.pairs), name),
                )
        except KeyboardInterrupt:
            if kept is None:
                raise
            raise KeyboardInterrupt("what was measured is kept, and not measured again") from None
    rows, failures = summarised(made), [*work.strangers, *made.failures]
    if rows:
        typer.echo(table(*report.table_rows(rows)))
        typer.echo(f"\n{report.NOTE}\nMeasured on {facts['encoder']} at {facts['size']}.")
    if rows and output is not None:
        for path in write_report(Path(output), rows, facts, failures, sheet.drawn(made), inputs):
            typer.echo(str(path))
    if rows and chosen is not None:
        for line in update_leaderboard(Path(options.leaderboard), chosen, rows, facts):
            typer.echo(line)
    if failures:
        typer.echo(f"restyle: {len(failures)} left out:", err=True)
        for line in failures:
            typer.echo(f"  {line}", err=True)
        raise typer.Exit(1)
