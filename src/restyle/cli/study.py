"""`restyle study`: compare networks on the same data and budget."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from restyle.options.train import ENCODER, ENCODERS, StyleOptions

if TYPE_CHECKING:
    from restyle.study.networks import Conditions
    from restyle.study.settings import Setting, Space

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
Seeds = Annotated[int, typer.Option("--seeds", min=1, max=1000, help="Runs of each setting.")]
Jobs = Annotated[int, typer.Option("--jobs", min=1, max=1024, help="Runs at the same time.")]
Threads = Annotated[int, typer.Option("--threads", min=1, max=1024, help="CPU threads of a run.")]
Crop = Annotated[int, typer.Option("--crop", min=64, max=4096, help="Side of a crop in pixels.")]
Photos = Annotated[int, typer.Option("--photos", min=2, help="Photos to train on, at most.")]
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
Budget = Annotated[float, typer.Option("--budget", min=1.0, help="Processor time of a run in seconds.")]
Sample = Annotated[
    int, typer.Option("--sample", min=0, help="Try this many random combinations; 0 tries all.")
]
Search = Annotated[
    Literal["grid", "optuna"],
    typer.Option(
        "--search",
        help="grid: the combinations; optuna: measured losses decide what is tried next (needs the extra"
        " study). With optuna, --vary also takes spans: content-weight=0.2..2, width=16..64/8.",
    ),
]
Trials = Annotated[
    int,
    typer.Option("--trials", min=1, help="Settings that optuna tries; more continue a search."),
]
HeldOut = Annotated[int, typer.Option("--held-out", min=1, help="Photos to measure on.")]
HeldOutStyles = Annotated[int, typer.Option("--held-out", min=1, help="Styles to measure on.")]
Batch = Annotated[int, typer.Option("--batch", min=1, max=4096, help="Photos per step.")]
StyleSize = Annotated[int, typer.Option(min=64, max=4096, help="As for train style.")]
Encoders = Annotated[
    str,
    typer.Option(
        "--encoder", metavar="NAME|FILE", help="Perceptual encoder for the losses; several alternate."
    ),
]


@app.command()
def network(
    content: Content,
    style: Styles,
    output: Output,
    vary: Vary,
    budget: Budget = 180.0,
    seeds: Seeds = 3,
    sample: Sample = 0,
    how: Search = "grid",
    trials: Trials = 20,
    photos: Photos = 200,
    held_out: HeldOut = 16,
    batch: Batch = 4,
    crop: Crop = StyleOptions.crop,
    style_size: StyleSize = StyleOptions.style_size,
    encoder: Encoders = ENCODERS,
    jobs: Jobs = 1,
    threads: Threads = 1,
) -> None:
    """Vary options of `train style`; report quality, speed and number of parameters.

    restyle study network --content photos/ --style starry.jpg --vary kernel-size=3,5,7,9 -o kernels/
    """
    from restyle.cli.terminal import Bar
    from restyle.errors import OptionError, require

    require("`restyle study`", "torch", "torch", "safetensors", "onnx")
    if how == "optuna":
        require("`--search optuna`", "study", "optuna")
        if sample:
            raise OptionError("--sample needs --search grid; with optuna, use --trials")
    from restyle.study.networks import Conditions, NetworkStudy, RunPlan, split_photos
    from restyle.study.runs import check_plan
    from restyle.study.search import search
    from restyle.study.settings import combinations, label, parse_space, title

    trained, measured = split_photos(content, photos, held_out)
    space = parse_space(vary, spans=how == "optuna")
    settings = combinations(space, sample) if how == "grid" else []
    paths = tuple(map(str, style))
    conditions = Conditions(trained, measured, paths, budget, batch, crop, style_size, threads, encoder)
    check_plan(output, _plan(conditions, settings, space))
    bar = Bar(seeds * (len(settings) or trials), "training")

    def finished(done: int, plan: RunPlan, result: dict[str, Any]) -> None:
        typer.echo(f"{title(plan.setting)}, seed {plan.seed}: {result['losses']['total']:.4f}")
        bar.at(done)

    study = NetworkStudy(output, conditions, seeds, jobs, finished)
    with bar:
        if how == "optuna":
            settings = search(space, trials, output, study.measure, at_once=max(1, jobs // seeds))
            study.measure([setting for setting in settings if label(setting) not in study.results])
        else:
            study.measure(settings)
    facts = [_facts(conditions, seeds)]
    if how == "optuna":
        over = ", ".join(f"{name.replace('_', '-')} {choices}" for name, choices in space.items())
        facts.append(f"{trials} trials of Optuna over {over}; the best comes first.")
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
def styles(
    content: Content,
    style: Annotated[Path, typer.Option("--style", metavar="FOLDER", help="Artworks.")],
    output: Output,
    counts: Annotated[
        str, typer.Option("--counts", metavar="N,N", help="Numbers of styles to train on.")
    ] = "1,8,64,512",
    steps: Annotated[int, typer.Option("--steps", min=1, help="Steps of a run.")] = 600,
    held_out: HeldOutStyles = 64,
    photos: Photos = 400,
    batch: Batch = 4,
    crop: Crop = 96,
    seeds: Seeds = 1,
    encoder: Annotated[
        str, typer.Option("--encoder", metavar="NAME|FILE", help="Perceptual encoder for styles and losses.")
    ] = ENCODER,
    jobs: Jobs = 1,
    threads: Threads = 1,
) -> None:
    """Train small networks for any style on few and on many styles; report the loss on held-out styles.

    restyle study styles --content photos/ --style artworks/ --counts 1,8,64,512 -o generalization/
    """
    from restyle.cli.terminal import Bar
    from restyle.errors import require

    require("`restyle study`", "torch", "torch", "safetensors")
    from restyle.study import style_counts
    from restyle.study.runs import at_most, check_plan, run_all
    from restyle.train.data import evenly_spaced, picture_paths

    numbers = style_counts.parse_counts(counts)
    trained, measured = style_counts.split_styles(style, numbers, held_out)
    shown = at_most([str(path) for path in picture_paths(content)], photos)
    plan = {"counts": numbers, "steps": steps, "held_out": held_out, "photos": len(shown), "batch": batch}
    check_plan(output, plan | {"crop": crop, "encoder": encoder})
    plans = [
        style_counts.CountPlan(
            str(output / "runs" / f"{count}-styles_seed-{seed}"),
            shown,
            tuple(trained[place] for place in evenly_spaced(len(trained), count)),
            tuple(measured),
            seed,
            steps,
            batch,
            crop,
            threads,
            encoder,
        )
        for count in numbers
        for seed in range(1, seeds + 1)
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

        results = run_all(style_counts.run, plans, jobs, finished)
    facts = (
        f"{len(shown)} photos, {held_out} held-out styles, crops of {crop} px, {batch} per step,"
        f" {steps} steps, {seeds} seed(s)."
    )
    typer.echo(str(style_counts.write_report(output, facts, results)))
