"""`restyle train`: make the networks that restyle ships, or better ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from restyle.cli.flags import with_flags
from restyle.training.options import ArbitraryOptions, EncoderOptions, TrainOptions

if TYPE_CHECKING:
    from restyle.training.engine import Task

app = typer.Typer(help="Train networks (needs restyle[torch]).", add_completion=False, no_args_is_help=True)

Output = Annotated[
    Path,
    typer.Option(
        "--output", "-o", metavar="FILE", help="The network, as .safetensors; the run is in FILE.run/."
    ),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint in FILE.run/.")]
Teacher = typer.Option("--teacher", metavar="FILE", help="VGG-shaped .safetensors file.")


@app.command()
@with_flags
def encoder(
    pictures: Annotated[
        list[Path], typer.Argument(help="Folders of pictures: photos and artworks.", metavar="FOLDER")
    ],
    teacher: Annotated[list[Path], Teacher],
    output: Output,
    recipe: EncoderOptions,
    options: TrainOptions,
    resume: Resume = False,
) -> None:
    """Distil a compact perceptual encoder from teachers.

    restyle train encoder photos/ artworks/ --teacher vgg19.safetensors -o encoder.safetensors
    """
    _needs_torch()
    from restyle.nn.encoders import PerceptualEncoder, save_encoder
    from restyle.training.encoder import EncoderTask

    _suffix(output)
    model = _fit(EncoderTask(pictures, teacher, recipe, seed=options.seed), output, options, resume)
    if model is not None:
        assert isinstance(model, PerceptualEncoder)
        save_encoder(model, output)
        typer.echo(str(output))


@app.command()
@with_flags
def arbitrary(
    content: Annotated[Path, typer.Option("--content", metavar="FOLDER", help="Photos.")],
    style: Annotated[Path, typer.Option("--style", metavar="FOLDER", help="Artworks.")],
    teacher: Annotated[Path, Teacher],
    encoder: Annotated[
        Path, typer.Option("--encoder", metavar="FILE", help="From `restyle train encoder`; reads the style.")
    ],
    output: Output,
    recipe: ArbitraryOptions,
    options: TrainOptions,
    exact: Annotated[
        Path | None,
        typer.Option(
            "--exact", metavar="FILE", help="A wider teacher; as deep as it goes, its layers judge style."
        ),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option("--start", metavar="FILE", help="Begin with the weights of this network."),
    ] = None,
    name: Annotated[
        str, typer.Option("--name", help="Name of the network, kept in its files.")
    ] = "arbitrary",
    resume: Resume = False,
) -> None:
    """Train a network that gives any photo the style of any picture.

    restyle train arbitrary --content photos/ --style artworks/ --teacher vgg19.safetensors
    --encoder encoder.safetensors -o my.safetensors
    """
    _needs_torch()
    from restyle.nn.arbitrary import ArbitraryNetwork, save_arbitrary
    from restyle.training.arbitrary import ArbitraryTask

    _suffix(output)
    task = ArbitraryTask(content, style, teacher, encoder, exact, recipe, seed=options.seed, start=start)
    model = _fit(task, output, options, resume)
    if model is not None:
        assert isinstance(model, ArbitraryNetwork)
        save_arbitrary(model, output, name)
        typer.echo(str(output))


def _needs_torch() -> None:
    import importlib.util

    from restyle.errors import MissingExtraError

    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("safetensors") is None:
        raise MissingExtraError("`restyle train`", "torch")


def _suffix(output: Path) -> None:
    from restyle.errors import OptionError

    if output.suffix != ".safetensors":
        raise OptionError(f"output '{output}' must end in .safetensors")


def _fit(task: Task, output: Path, options: TrainOptions, resume: bool) -> Any:
    """Train with a live line; None on all ranks but the first, which have nothing to write."""
    import os

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from restyle.training.engine import Step, fit, leave

    for folder in getattr(task, "folders", ()):
        for path, reason in folder.skipped:
            typer.echo(f"restyle: skipped {path}: {reason}", err=True)
    learnt = sum(p.numel() for p in task.model.parameters() if p.requires_grad)
    first = int(os.environ.get("RANK", "0")) == 0
    console = Console(stderr=True, quiet=not first)
    console.print(f"{task.name}: {learnt / 1e3:.0f} k parameters learn; run in {output}.run", highlight=False)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task(task.name, total=options.steps, note="")

        def report(step: Step) -> None:
            losses = "  ".join(f"{name} {value:.3f}" for name, value in step.losses.items())
            left = f"{step.seconds:.2f} s a step, {step.seconds_left / 60:.0f} min left"
            progress.update(bar, completed=step.step, note=f"{losses}  {left}")
            if not console.is_terminal:
                console.print(f"step {step.step}: {losses}  {left}", highlight=False, soft_wrap=True)

        model = fit(task, f"{output}.run", options, resume=resume, callback=report)
    leave()
    return model if first else None
