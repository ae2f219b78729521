"""`restyle study`: which network is best, measured with the same data and the same budget."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any, Literal

import typer

from restyle.options.train import ENCODER, ENCODERS, StyleOptions

app = typer.Typer(
    help="Compare networks: same data, same budget, several seeds (needs the extra torch).",
    add_completion=False,
    no_args_is_help=True,
)

Content = Annotated[Path, typer.Option("--content", metavar="FOLDER", help="Photos.")]
Output = Annotated[
    Path, typer.Option("--output", "-o", metavar="FOLDER", help="The study; go on by giving it again.")
]
Seeds = Annotated[int, typer.Option("--seeds", min=1, max=1000, help="Runs of each setting.")]
Jobs = Annotated[int, typer.Option("--jobs", min=1, max=1024, help="Runs at a time.")]
Threads = Annotated[int, typer.Option("--threads", min=1, max=1024, help="CPU threads of a run.")]
Crop = Annotated[int, typer.Option("--crop", min=64, max=4096, help="Side of a crop in pixels.")]


@app.command()
def network(
    content: Content,
    style: Annotated[list[Path], typer.Option("--style", metavar="PICTURE", help="One or more styles.")],
    output: Output,
    vary: Annotated[
        list[str],
        typer.Option(
            "--vary",
            metavar="OPTION=VALUES",
            help="An option of `train style` and its values, such as kernel-size=3,5,7,9; of several, all"
            " combinations.",
        ),
    ],
    budget: Annotated[
        float, typer.Option("--budget", min=1.0, help="Processor time of a run in seconds.")
    ] = 180.0,
    seeds: Seeds = 3,
    sample: Annotated[
        int, typer.Option("--sample", min=0, help="So many combinations at random; 0 takes all.")
    ] = 0,
    how: Annotated[
        Literal["grid", "optuna"],
        typer.Option(
            "--search",
            help="grid: the combinations; optuna: what was measured decides what is tried next (needs"
            " the extra study). With optuna --vary takes spans too: content-weight=0.2..2, width=16..64/8.",
        ),
    ] = "grid",
    trials: Annotated[
        int, typer.Option("--trials", min=1, help="Settings that optuna tries; more of them go on.")
    ] = 20,
    photos: Annotated[int, typer.Option("--photos", min=2, help="Photos to train on, at most.")] = 200,
    held_out: Annotated[int, typer.Option("--held-out", min=1, help="Photos to measure on.")] = 16,
    batch: Annotated[int, typer.Option("--batch", min=1, max=4096, help="Photos a step.")] = 4,
    crop: Crop = StyleOptions.crop,
    style_size: Annotated[
        int, typer.Option(min=64, max=4096, help="As for train style.")
    ] = StyleOptions.style_size,
    encoder: Annotated[
        str, typer.Option("--encoder", metavar="NAME|FILE", help="That judges; several take turns.")
    ] = ENCODERS,
    jobs: Jobs = 1,
    threads: Threads = 1,
) -> None:
    """Vary options of `train style`, and report quality against time against parameters.

    restyle study network --content photos/ --style starry.jpg --vary kernel-size=3,5,7,9 -o kernels/
    """
    from restyle.cli.progress import Bar
    from restyle.errors import OptionError, require
    from restyle.study.grid import Setting, label, parse_vary, settings, shown
    from restyle.study.report import write_report
    from restyle.study.runner import check_plan, run_all

    require("`restyle study`", "torch", "torch", "safetensors", "onnx")
    if how == "optuna":
        require("`--search optuna`", "study", "optuna")
        if sample:
            raise OptionError("--sample goes with --search grid; optuna takes --trials")
    from restyle.study.networks import RunPlan, run, share_out
    from restyle.study.search import search
    from restyle.study.space import parse_space

    trained, kept = share_out(content, photos, held_out)
    space = parse_space(vary) if how == "optuna" else {}
    compared = [] if how == "optuna" else settings(parse_vary(vary), sample)
    check_plan(
        output,
        {
            **(
                {"space": {n: str(choice) for n, choice in space.items()}}
                if space
                else {"settings": compared}
            ),
            "styles": [path.name for path in style],
            "photos": len(trained),
            "held_out": held_out,
            "budget": budget,
            "batch": batch,
            "crop": crop,
            "style_size": style_size,
            "encoder": encoder,
        },
    )
    results: dict[str, list[dict[str, Any]]] = {}
    done = 0
    runs = Bar(seeds * (trials if space else len(compared)), "training")

    def measure(some: Sequence[Setting]) -> list[float]:
        """Mean loss of each setting over the seeds, one seed of all before the next."""
        plans = [
            RunPlan(
                str(output / "runs" / f"{label(setting)}_seed-{seed}"),
                trained,
                kept,
                tuple(str(path) for path in style),
                setting,
                seed,
                budget,
                batch,
                crop,
                style_size,
                threads,
                encoder,
            )
            for seed in range(1, seeds + 1)
            for setting in some
        ]

        def told(place: int, result: dict[str, Any]) -> None:
            nonlocal done
            done += 1
            plan = plans[place]
            typer.echo(f"{shown(plan.setting)}, seed {plan.seed}: {result['losses']['total']:.4f}")
            runs.at(done)

        for setting in some:
            results[label(setting)] = []
        for result in run_all(run, plans, jobs, told):
            results[label(result["setting"])].append(result)
        return [fmean(r["losses"]["total"] for r in results[label(setting)]) for setting in some]

    with runs:
        if space:
            compared = search(space, trials, output, measure, at_once=max(1, jobs // seeds))
            measure([setting for setting in compared if label(setting) not in results])
        else:
            measure(compared)
    facts = [
        f"{len(trained)} photos, {held_out} others held out; {len(style)} style(s); crops of {crop} px,"
        f" {batch} a step; {budget:g} s of processor time for each run, {threads} thread(s), {seeds} seed(s)."
        " The decay of the learning rate is fitted to the steps that the budget allows. The loss is that of"
        " `restyle train style` with its usual weights, on whole held-out photos.",
    ]
    if space:
        over = ", ".join(f"{name.replace('_', '-')} {choice}" for name, choice in space.items())
        facts.append(f"{trials} trials of Optuna over {over}; the best comes first.")
    varied = ", ".join(name.replace("_", "-") for name in (compared[0] if compared else {}))
    ordered = [result for setting in compared for result in results[label(setting)]]
    typer.echo(str(write_report(output, f"Study: {varied}", facts, ordered)))


@app.command()
def styles(
    content: Content,
    style: Annotated[Path, typer.Option("--style", metavar="FOLDER", help="Artworks.")],
    output: Output,
    counts: Annotated[
        str, typer.Option("--counts", metavar="N,N", help="How many styles to train on.")
    ] = "1,8,64,512",
    steps: Annotated[int, typer.Option("--steps", min=1, help="Steps of a run.")] = 600,
    held_out: Annotated[int, typer.Option("--held-out", min=1, help="Styles to measure on only.")] = 64,
    photos: Annotated[int, typer.Option("--photos", min=2, help="Photos to train on, at most.")] = 400,
    batch: Annotated[int, typer.Option("--batch", min=1, max=4096, help="Crops a step.")] = 4,
    crop: Crop = 96,
    seeds: Seeds = 1,
    encoder: Annotated[
        str, typer.Option("--encoder", metavar="NAME|FILE", help="The encoder that reads and judges styles.")
    ] = ENCODER,
    jobs: Jobs = 1,
    threads: Threads = 1,
) -> None:
    """Train small any-style networks on few and on many styles; report the loss on styles held out.

    restyle study styles --content photos/ --style artworks/ --counts 1,8,64,512 -o generalisation/
    """
    from restyle.cli.progress import Bar
    from restyle.errors import InputError, OptionError, require
    from restyle.study.runner import check_plan, run_all

    require("`restyle study`", "torch", "torch", "safetensors")
    from restyle.study.style_counts import CountPlan, run, write_count_report
    from restyle.train.data import picture_paths

    try:
        wanted = sorted({int(part) for part in counts.split(",")})
    except ValueError:
        wanted = [0]
    if wanted[0] < 1:
        raise OptionError(f"counts '{counts}': write numbers from 1 up, such as 1,8,64,512")
    found = [str(path) for path in picture_paths(str(style))]
    if len(found) < held_out + wanted[-1]:
        raise InputError(
            f"'{style}' holds {len(found)} pictures, too few for {wanted[-1]} and {held_out} held out"
        )
    kept = {i * len(found) // held_out for i in range(held_out)}
    rest = [path for i, path in enumerate(found) if i not in kept]
    shown = [str(path) for path in picture_paths(str(content))]
    shown = shown[:: max(1, len(shown) // photos)][:photos]
    plan = {"counts": wanted, "steps": steps, "held_out": held_out, "photos": len(shown), "batch": batch}
    check_plan(output, plan | {"crop": crop, "encoder": encoder})
    plans = [
        CountPlan(
            str(output / "runs" / f"{count}-styles_seed-{seed}"),
            tuple(shown),
            tuple(rest[i * len(rest) // count] for i in range(count)),
            tuple(found[i] for i in sorted(kept)),
            seed,
            steps,
            batch,
            crop,
            threads,
            encoder,
        )
        for count in wanted
        for seed in range(1, seeds + 1)
    ]
    done = 0
    with Bar(len(plans), "training") as bar:

        def told(place: int, result: dict[str, object]) -> None:
            nonlocal done
            done += 1
            typer.echo(
                f"{result['count']} styles, seed {result['seed']}: style loss {result['train']:.4f} in"
                f" training, {result['held out']:.4f} held out"
            )
            bar.at(done)

        results = run_all(run, plans, jobs, told)
    facts = (
        f"{len(shown)} photos, {held_out} styles held out, crops of {crop} px, {batch} a step, {steps} steps,"
        f" {seeds} seed(s)."
    )
    typer.echo(str(write_count_report(output, facts, results)))
