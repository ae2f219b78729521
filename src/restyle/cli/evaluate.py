"""`restyle evaluate`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from restyle.cli.flags import with_flags
from restyle.options import EngineOptions
from restyle.options.evaluate import EvaluateOptions


@with_flags
def evaluate(
    results: Annotated[
        list[str] | None,
        typer.Argument(
            help="Results, named CONTENT-STYLE or CONTENT__STYLE. Each folder of them is a row.",
            metavar="[RESULT]",
        ),
    ] = None,
    *,
    content: Annotated[
        list[str] | None,
        typer.Option("--content", "-c", metavar="FILE|FOLDER", help="Photos or videos. Repeatable."),
    ] = None,
    style: Annotated[
        list[str] | None,
        typer.Option("--style", "-s", metavar="FILE|FOLDER", help="Artworks. Repeatable."),
    ] = None,
    run: Annotated[
        list[str] | None,
        typer.Option(
            "--run",
            "-r",
            metavar="SETTINGS",
            help="Also make results with these options of `restyle image`: 'strength=0.6 keep-colors'. Each"
            " is a row. Default without results: one row with default options.",
        ),
    ] = None,
    pairs: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="JSON list of pairs, content and style by name. Default: all combinations."
        ),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            metavar="lpips-alex|fid",
            help="Also measure with a published network, after `restyle models pull` (extra metrics).",
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
    """Score results: style, content, artifacts, temporal stability, time.

    Two baselines are included: the unmodified content and the style itself. Files that cannot be used are
    listed at the end.

    restyle evaluate results/ --content photos/ --style artworks/

    restyle evaluate --content photos/ --style artworks/ --run strength=1 --run strength=0.6 -o report/
    """
    from restyle.cli.evaluation_output import check_report, facts_of, print_failures, print_rows, write_report
    from restyle.cli.evaluation_run import load_bench, make_plan, measure
    from restyle.evaluate.report import environment
    from restyle.evaluate.summary import summarize

    bench = load_bench(options, engine, metric or [])
    facts = facts_of(bench, environment())
    with tempfile.TemporaryDirectory(prefix="restyle-evaluate-") as folder:
        plan = make_plan(results, content, style, run, pairs, engine, Path(folder), bench.size)
        if output is not None:
            check_report(Path(output), options.overwrite, plan.inputs)
        evaluation, sheet = measure(plan, bench, options.frames)
    rows, failures = summarize(evaluation), [*plan.unmatched, *evaluation.failures]
    if rows:
        print_rows(rows, facts)
    if rows and output is not None:
        for path in write_report(Path(output), rows, facts, failures, sheet.draw(evaluation), plan.inputs):
            typer.echo(str(path))
    print_failures(failures)
