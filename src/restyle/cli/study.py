"""`restyle study`: compare networks on the same data and budget."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from restyle.cli.app import flag, with_flags
from restyle.cli.terminal import Bar
from restyle.errors import OptionError, require
from restyle.options.train import StudyOptions, StyleCountOptions

app = typer.Typer(
    help="Compare networks: same data, same budget, several seeds (needs the extra torch).",
    add_completion=False,
    no_args_is_help=True,
)

CONTENT = flag(..., "--content", "FOLDER", "Photos.")
OUTPUT = flag(..., "--output -o", "FOLDER", "Folder of the study; the same command continues it.")
STYLE = flag(..., "--style", "PICTURE", "One or more styles.")
VARY = flag(
    ...,
    "--vary",
    "OPTION=VALUES",
    "An option of `train style` with its values, such as kernel-size=3,5,7,9. Repeat it to try all"
    " combinations of several options.",
)


@app.command()
@with_flags
def network(
    *,
    content: Path = CONTENT,
    style: list[Path] = STYLE,
    output: Path = OUTPUT,
    vary: list[str] = VARY,
    options: StudyOptions,
) -> None:
    """Vary options of `train style`; report quality, speed and number of parameters.

    restyle study network --content photos/ --style starry.jpg --vary kernel-size=3,5,7,9 -o kernels/
    """
    require("`restyle study`", "torch", "torch", "safetensors", "onnx")
    if options.search == "optuna":
        require("`--search optuna`", "study", "optuna")
        if options.sample:
            raise OptionError("--sample needs --search grid; with optuna, use --trials")
    from restyle.study import check_plan, combinations, label, parse_space, search, title
    from restyle.study.networks import Conditions, NetworkStudy, RunPlan, split_photos

    trained, measured = split_photos(content, options.photos, options.held_out)
    space = parse_space(vary, spans=options.search == "optuna")
    settings = combinations(space, options.sample) if options.search == "grid" else []
    names = ("budget", "batch", "crop", "style_size", "encoder")
    shared = {name: getattr(options, name) for name in names}
    styles = tuple(map(str, style))
    conditions = Conditions(
        content=trained, held_out=measured, styles=styles, threads=options.threads, **shared
    )
    shared |= {"styles": [path.name for path in style], "photos": len(trained), "held_out": len(measured)}
    searched = {"space": {name: str(choices) for name, choices in space.items()}}
    check_plan(output, ({"settings": settings} if settings else searched) | shared)
    bar = Bar(options.seeds * (len(settings) or options.trials), "training")

    def finished(done: int, plan: RunPlan, result: dict[str, Any]) -> None:
        typer.echo(f"{title(plan.setting)}, seed {plan.seed}: {result['losses']['total']:.4f}")
        bar.at(done)

    study = NetworkStudy(output, conditions, options.seeds, options.jobs, finished)
    with bar:
        if options.search == "optuna":
            at_once = max(1, options.jobs // options.seeds)
            settings = search(space, options.trials, output, study.measure, at_once=at_once)
            study.measure([setting for setting in settings if label(setting) not in study.results])
        else:
            study.measure(settings)
    facts = [
        f"{len(trained)} photos, {len(measured)} others held out; {len(styles)} style(s);"
        f" crops of {options.crop} px, {options.batch} per step; {options.budget:g} s of processor time per"
        f" run, {options.threads} thread(s), {options.seeds} seed(s). The learning rate decays over the steps"
        " that the budget allows. The loss is that of `restyle train style` with its default weights, on"
        " whole held-out photos."
    ]
    if options.search == "optuna":
        over = ", ".join(f"{name.replace('_', '-')} {choices}" for name, choices in space.items())
        facts.append(f"{options.trials} trials of Optuna over {over}; the best comes first.")
    typer.echo(str(study.report(settings, facts)))


STYLES_STYLE = flag(..., "--style", "FOLDER", "Artworks.")


@app.command()
@with_flags
def styles(
    *, content: Path = CONTENT, style: Path = STYLES_STYLE, output: Path = OUTPUT, options: StyleCountOptions
) -> None:
    """Train small networks for any style on few and on many styles; report the loss on held-out styles.

    restyle study styles --content photos/ --style artworks/ --counts 1,8,64,512 -o generalization/
    """
    require("`restyle study`", "torch", "torch", "safetensors")
    from restyle.study import at_most, check_plan, run_all, style_counts
    from restyle.train.data import evenly_spaced, picture_paths

    numbers = style_counts.parse_counts(options.counts)
    trained, measured = style_counts.split_styles(style, numbers, options.held_out)
    shown = at_most([str(path) for path in picture_paths(content)], options.photos)
    shared = {name: getattr(options, name) for name in ("steps", "held_out", "batch", "crop", "encoder")}
    check_plan(output, {"counts": numbers, "photos": len(shown), **shared})
    plans = [
        style_counts.CountPlan(
            str(output / "runs" / f"{count}-styles_seed-{seed}"),
            shown,
            tuple(trained[place] for place in evenly_spaced(len(trained), count)),
            tuple(measured),
            seed,
            options.steps,
            options.batch,
            options.crop,
            options.threads,
            options.encoder,
        )
        for count in numbers
        for seed in range(1, options.seeds + 1)
    ]
    done = 0
    with Bar(len(plans), "training") as bar:

        def finished(place: int, result: dict[str, Any]) -> None:
            nonlocal done
            done += 1
            typer.echo(
                f"{result['count']} styles, seed {result['seed']}: style loss {result['train']:.4f} in"
                f" training, {result['held out']:.4f} held out"
            )
            bar.at(done)

        results = run_all(style_counts.run, plans, options.jobs, finished)
    facts = (
        f"{len(shown)} photos, {options.held_out} held-out styles, crops of {options.crop} px,"
        f" {options.batch} per step, {options.steps} steps, {options.seeds} seed(s)."
    )
    typer.echo(str(style_counts.write_report(output, facts, results)))
