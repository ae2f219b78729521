"""`restyle study`: which network is best, measured with the same data and the same budget."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from restyle.training.style_options import StyleOptions

app = typer.Typer(
    help="Compare networks: same data, same budget, several seeds (needs restyle[torch]).",
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
    photos: Annotated[int, typer.Option("--photos", min=2, help="Photos to train on, at most.")] = 200,
    held_out: Annotated[int, typer.Option("--held-out", min=1, help="Photos to measure on.")] = 16,
    batch: Annotated[int, typer.Option("--batch", min=1, max=4096, help="Photos a step.")] = 4,
    crop: Crop = StyleOptions.crop,
    style_size: Annotated[
        int, typer.Option(min=64, max=4096, help="As for train style.")
    ] = StyleOptions.style_size,
    encoder: Annotated[
        str, typer.Option("--encoder", metavar="NAME|FILE", help="The perceptual encoder that judges.")
    ] = "encoder-1",
    jobs: Jobs = 1,
    threads: Threads = 1,
) -> None:
    """Vary options of `train style`, and report quality against time against parameters.

    restyle study network --content photos/ --style starry.jpg --vary kernel-size=3,5,7,9 -o kernels/
    """
    from restyle.cli.progress import Bar
    from restyle.errors import InputError, require
    from restyle.studies.grid import label, parse_vary, settings, shown
    from restyle.studies.report import write_report
    from restyle.studies.runner import check_plan, run_all

    require("`restyle study`", "torch", "torch", "safetensors", "onnx")
    from restyle.studies.networks import RunPlan, run
    from restyle.training.data import picture_paths

    found = picture_paths(str(content))
    if len(found) < held_out + 2:
        raise InputError(f"'{content}' holds {len(found)} pictures; {held_out} held out leave too few")
    places = [i * len(found) // held_out for i in range(held_out)]
    kept = [str(found[i]) for i in places]
    rest = [str(path) for i, path in enumerate(found) if i not in set(places)]
    trained = rest[:: max(1, len(rest) // photos)][:photos]
    compared = settings(parse_vary(vary), sample)
    check_plan(
        output,
        {
            "settings": compared,
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
    plans = [
        RunPlan(
            str(output / "runs" / f"{label(setting)}_seed-{seed}"),
            tuple(trained),
            tuple(kept),
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
        for setting in compared
    ]
    done = 0
    with Bar(len(plans), "training") as bar:

        def told(place: int, result: dict[str, object]) -> None:
            nonlocal done
            done += 1
            losses = result["losses"]
            assert isinstance(losses, dict)
            plan = plans[place]
            typer.echo(f"{shown(plan.setting)}, seed {plan.seed}: {losses['total']:.4f}")
            bar.at(done)

        results = run_all(run, plans, jobs, told)
    order = {label(setting): place for place, setting in enumerate(compared)}
    results.sort(key=lambda result: (order[label(result["setting"])], result["seed"]))
    facts = [
        f"{len(trained)} photos, {held_out} others held out; {len(style)} style(s); crops of {crop} px,"
        f" {batch} a step; {budget:g} s of processor time for each run, {threads} thread(s), {seeds} seed(s)."
        " The decay of the learning rate is fitted to the steps that the budget allows. The loss is that of"
        " `restyle train style` with its usual weights, on whole held-out photos.",
    ]
    varied = ", ".join(name.replace("_", "-") for name in (compared[0] if compared else {}))
    typer.echo(str(write_report(output, f"Study: {varied}", facts, results)))


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
    ] = "encoder-1",
    jobs: Jobs = 1,
    threads: Threads = 1,
) -> None:
    """Train small any-style networks on few and on many styles; report the loss on styles held out.

    restyle study styles --content photos/ --style artworks/ --counts 1,8,64,512 -o generalisation/
    """
    from restyle.cli.progress import Bar
    from restyle.errors import InputError, OptionError, require
    from restyle.studies.runner import check_plan, run_all

    require("`restyle study`", "torch", "torch", "safetensors")
    from restyle.studies.style_counts import CountPlan, run, write_count_report
    from restyle.training.data import picture_paths

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
