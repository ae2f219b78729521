"""`restyle study`: compare networks on the same data and budget."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from restyle.cli.app import with_flags
from restyle.options.train import StudyOptions, StyleCountOptions

if TYPE_CHECKING:
    from restyle.study import Setting, Space
    from restyle.study.networks import Conditions

app = typer.Typer(
    help="Compare networks: same data, same budget, several seeds (needs the extra torch).",
    add_completion=False,
    no_args_is_help=True,
)

Content = Annotated[Path, typer.Option("--content", metavar="FOLDER", help="Photos.")]
Output = Annotated[
    Path,
    typer.Option(
        "--output", "-o", metavar="FOLDER", help="Folder of the study; the same command continues it."
    ),
]
Styles = Annotated[list[Path], typer.Option("--style", metavar="PICTURE", help="One or more styles.")]
Vary = Annotated[
    list[str],
    typer.Option(
        "--vary",
        metavar="OPTION=VALUES",
        help="An option of `train style` with its values, such as kernel-size=3,5,7,9. Repeat it to try all"
        " combinations of several options.",
    ),
]


@app.command()
@with_flags
def network(
    content: Content,
    style: Styles,
    output: Output,
    vary: Vary,
    options: StudyOptions,
) -> None:
    """Vary options of `train style`; report quality, speed and number of parameters.

    restyle study network --content photos/ --style starry.jpg --vary kernel-size=3,5,7,9 -o kernels/
    """
    from restyle.cli.terminal import Bar
    from restyle.errors import OptionError, require

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
    conditions = Conditions(
        content=trained,
        held_out=measured,
        styles=tuple(map(str, style)),
        budget=options.budget,
        batch=options.batch,
        crop=options.crop,
        style_size=options.style_size,
        threads=options.threads,
        encoder=options.encoder,
    )
    check_plan(output, _plan(conditions, settings, space))
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
    facts = [_facts(conditions, options.seeds)]
    if options.search == "optuna":
        over = ", ".join(f"{name.replace('_', '-')} {choices}" for name, choices in space.items())
        facts.append(f"{options.trials} trials of Optuna over {over}; the best comes first.")
    typer.echo(str(study.report(settings, facts)))


def _plan(conditions: Conditions, settings: list[Setting], space: Space) -> dict[str, Any]:
    """Return what identifies a study: another call with the same plan continues it."""
    searched = {"space": {name: str(choices) for name, choices in space.items()}}
    return ({"settings": settings} if settings else searched) | {
        "styles": [Path(path).name for path in conditions.styles],
        "photos": len(conditions.content),
        "held_out": len(conditions.held_out),
        "budget": conditions.budget,
        "batch": conditions.batch,
        "crop": conditions.crop,
        "style_size": conditions.style_size,
        "encoder": conditions.encoder,
    }


def _facts(conditions: Conditions, seeds: int) -> str:
    return (
        f"{len(conditions.content)} photos, {len(conditions.held_out)} others held out;"
        f" {len(conditions.styles)} style(s); crops of {conditions.crop} px, {conditions.batch} per step;"
        f" {conditions.budget:g} s of processor time per run, {conditions.threads} thread(s),"
        f" {seeds} seed(s)."
        " The learning rate decays over the steps that the budget allows. The loss is that of `restyle train"
        " style` with its default weights, on whole held-out photos."
    )


@app.command()
@with_flags
def styles(
    content: Content,
    style: Annotated[Path, typer.Option("--style", metavar="FOLDER", help="Artworks.")],
    output: Output,
    options: StyleCountOptions,
) -> None:
    """Train small networks for any style on few and on many styles; report the loss on held-out styles.

    restyle study styles --content photos/ --style artworks/ --counts 1,8,64,512 -o generalization/
    """
    from restyle.cli.terminal import Bar
    from restyle.errors import require

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
