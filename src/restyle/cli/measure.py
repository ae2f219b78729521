"""`restyle evaluate` and `restyle compare`: how good results are, and how similar styles are."""

from __future__ import annotations

import tempfile
from pathlib import Path

import typer

from restyle.cli.app import flag, with_flags
from restyle.errors import OptionError
from restyle.options import EngineOptions
from restyle.options.train import EvaluateOptions

RESULTS = typer.Argument(
    None,
    help="Results, named CONTENT-STYLE or CONTENT__STYLE. Each folder of them is a row.",
    metavar="[RESULT]",
)
CONTENT = flag(None, "--content -c", "FILE|FOLDER", "Photos or videos. Repeatable.")
STYLE = flag(None, "--style -s", "FILE|FOLDER", "Artworks. Repeatable.")
RUN = flag(
    None,
    "--run -r",
    "SETTINGS",
    "Also make results with these options of `restyle image`: 'strength=0.6 keep-colors'. Each"
    " is a row. Default without results: one row with default options.",
)
METRIC = typer.Option(
    None,
    metavar="lpips-alex|fid",
    help="Also measure with a published network, after `restyle models pull` (extra metrics).",
)


@with_flags
def evaluate(
    *,
    results: list[str] | None = RESULTS,
    content: list[str] | None = CONTENT,
    style: list[str] | None = STYLE,
    run: list[str] | None = RUN,
    pairs: str | None = typer.Option(
        None, metavar="FILE", help="JSON list of pairs, content and style by name. Default: all combinations."
    ),
    metric: list[str] | None = METRIC,
    options: EvaluateOptions,
    engine: EngineOptions,
    output: str | None = flag(
        None, "--output -o", "FOLDER", "Write report.md, report.csv, report.json and sheet.jpg there."
    ),
) -> None:
    """Score results: style, content, artifacts, temporal stability, time.

    Two baselines are included: the unmodified content and the style itself. Files that cannot be used are
    listed at the end.

    restyle evaluate results/ --content photos/ --style artworks/

    restyle evaluate --content photos/ --style artworks/ --run strength=1 --run strength=0.6 -o report/
    """
    from restyle.cli import evaluation
    from restyle.evaluate.report import environment
    from restyle.evaluate.summary import summarize

    bench = evaluation.load_bench(options, engine, metric or [])
    facts = evaluation.facts_of(bench, environment())
    with tempfile.TemporaryDirectory(prefix="restyle-evaluate-") as folder:
        plan = evaluation.make_plan(results, content, style, run, pairs, engine, Path(folder), bench.size)
        if output is not None:
            evaluation.check_report(Path(output), options.overwrite, plan.inputs)
        measured, sheet = evaluation.measure(plan, bench, options.frames)
    rows, failures = summarize(measured), [*plan.unmatched, *measured.failures]
    if rows:
        evaluation.print_rows(rows, facts)
    if rows and output is not None:
        drawn = sheet.draw(measured)
        for path in evaluation.write_report(Path(output), rows, facts, failures, drawn, plan.inputs):
            typer.echo(str(path))
    evaluation.print_failures(failures)


SOURCES = typer.Argument(
    metavar="STYLE...", help="Pictures, presets, saved styles, folders of these; or sounds."
)
WITHIN = flag(None, "--in", "STYLE|FOLDER", "Where to search. Default: the presets.")


@with_flags
def compare(
    *,
    sources: list[str] = SOURCES,
    engine: EngineOptions,
    metric: str | None = typer.Option(
        None,
        metavar="NAME",
        help="style, cosine, euclidean, gram, moments, wasserstein, palette, histogram; of one layer as"
        " gram:relu3_1; for sounds mfcc, mcdermott. Default: all for up to four styles; for more, style"
        " (pictures), cosine (if one is a preset or saved style) or mfcc (sounds).",
    ),
    layers: bool = typer.Option(False, "--layers", help="Also print each layer of the encoder."),
    nearest: int | None = typer.Option(
        None, min=1, metavar="N", help="List the N styles nearest to the one given."
    ),
    within: list[str] | None = WITHIN,
    output: str | None = flag(
        None,
        "--output -o",
        "FILE|FOLDER",
        "A .csv or .json file; or a folder for both, a heat map, a tree and a map (extra plots)."
        " Default for folders: FOLDER-compared.",
    ),
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace existing results."),
) -> None:
    """Measure how similar styles are: 0 is identical, smaller is more similar.

    restyle compare a.jpg b.jpg

    restyle compare paintings/ -o compared/

    restyle compare photo.jpg --nearest 5 --in styles/
    """
    from restyle.cli import comparison
    from restyle.compare import metrics
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
