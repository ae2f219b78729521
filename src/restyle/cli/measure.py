"""`restyle evaluate` and `restyle compare`: how good results are, and how similar styles are."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from restyle.cli.app import with_flags
from restyle.options import EngineOptions
from restyle.options.train import EvaluateOptions


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
    from restyle.cli.evaluation import (
        check_report,
        facts_of,
        load_bench,
        make_plan,
        measure,
        print_failures,
        print_rows,
        write_report,
    )
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


@with_flags
def compare(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="STYLE...", help="Pictures, presets, saved styles, folders of these; or sounds."
        ),
    ],
    engine: EngineOptions,
    metric: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="style, cosine, euclidean, gram, moments, wasserstein, palette, histogram; of one layer as"
            " gram:relu3_1; for sounds mfcc, mcdermott. Default: all for up to four styles; for more, style"
            " (pictures), cosine (if one is a preset or saved style) or mfcc (sounds).",
        ),
    ] = None,
    layers: Annotated[bool, typer.Option("--layers", help="Also print each layer of the encoder.")] = False,
    nearest: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="List the N styles nearest to the one given.")
    ] = None,
    within: Annotated[
        list[str] | None,
        typer.Option("--in", metavar="STYLE|FOLDER", help="Where to search. Default: the presets."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE|FOLDER",
            help="A .csv or .json file; or a folder for both, a heat map, a tree and a map (extra plots)."
            " Default for folders: FOLDER-compared.",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing results.")] = False,
) -> None:
    """Measure how similar styles are: 0 is identical, smaller is more similar.

    restyle compare a.jpg b.jpg

    restyle compare paintings/ -o compared/

    restyle compare photo.jpg --nearest 5 --in styles/
    """
    from restyle.cli import comparison
    from restyle.compare import metrics
    from restyle.errors import OptionError
    from restyle.models import arbitrary

    model = arbitrary.load(engine.model, engine.device, engine.threads)
    if metric is not None:
        metrics.find(metric)
    if nearest is not None:
        comparison.nearest(sources, nearest, within, metric, output, overwrite, model)
        return
    if within is not None:
        raise OptionError("--in says where to look for the nearest; give --nearest N as well")
    comparison.compare(sources, metric, layers, output, overwrite, model)
