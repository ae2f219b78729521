"""`restyle train`: train the networks that restyle ships, and networks with their own styles."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from restyle.cli.flags import with_flags
from restyle.cli.terminal import TrainingBar
from restyle.cli.train_style import Overwrite, Resume, preview_data, style
from restyle.errors import require
from restyle.options.train import ArbitraryOptions, EncoderOptions, TrainOptions

if TYPE_CHECKING:
    from restyle.train.loop import Task

app = typer.Typer(help="Train networks (needs the extra torch).", add_completion=False, no_args_is_help=True)
app.command()(style)
app.command()(preview_data)

Output = Annotated[
    Path,
    typer.Option(
        "--output", "-o", metavar="FILE", help="Network file, .safetensors; the run is in FILE.run/."
    ),
]
Teacher = typer.Option("--teacher", metavar="FILE", help="VGG-shaped network, .safetensors.")


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
    overwrite: Overwrite = False,
) -> None:
    """Distill a compact perceptual encoder from wider teachers.

    restyle train encoder photos/ artworks/ --teacher vgg19.safetensors -o encoder.safetensors
    """
    require("`restyle train`", "torch", "torch", "safetensors")
    from restyle.files import writing
    from restyle.nn.encoders import PerceptualEncoder, save_encoder
    from restyle.train.encoder import EncoderTask

    _check(output, resume or overwrite, teacher)
    task = EncoderTask(pictures, teacher, recipe, seed=options.seed)
    model = _fit(task, output, options, resume, overwrite)
    if model is not None:
        assert isinstance(model, PerceptualEncoder)
        with writing(output, overwrite=resume or overwrite, inputs=teacher) as temporary:
            save_encoder(model, temporary)
        typer.echo(str(output))


@app.command()
@with_flags
def arbitrary(
    content: Annotated[Path, typer.Option("--content", metavar="FOLDER", help="Photos.")],
    style: Annotated[Path, typer.Option("--style", metavar="FOLDER", help="Artworks.")],
    teacher: Annotated[Path, Teacher],
    encoder: Annotated[
        Path, typer.Option("--encoder", metavar="FILE", help="Style encoder, from `restyle train encoder`.")
    ],
    output: Output,
    recipe: ArbitraryOptions,
    options: TrainOptions,
    exact: Annotated[
        Path | None,
        typer.Option(
            "--exact", metavar="FILE", help="A wider teacher for the style loss, as deep as it goes."
        ),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option("--start", metavar="FILE", help="Start from the weights of this network."),
    ] = None,
    name: Annotated[
        str, typer.Option("--name", help="Name of the network, stored in its files.")
    ] = "arbitrary",
    resume: Resume = False,
    overwrite: Overwrite = False,
) -> None:
    """Train a network that gives any photo the style of any picture.

    restyle train arbitrary --content photos/ --style artworks/ --teacher vgg19.safetensors
    --encoder encoder.safetensors -o my.safetensors
    """
    require("`restyle train`", "torch", "torch", "safetensors")
    from restyle.files import writing
    from restyle.nn.arbitrary import ArbitraryNetwork, save_arbitrary
    from restyle.train.arbitrary import ArbitraryTask

    inputs = [each for each in (teacher, encoder, exact, start) if each is not None]
    _check(output, resume or overwrite, inputs)
    task = ArbitraryTask(content, style, teacher, encoder, exact, recipe, seed=options.seed, start=start)
    model = _fit(task, output, options, resume, overwrite)
    if model is not None:
        assert isinstance(model, ArbitraryNetwork)
        with writing(output, overwrite=resume or overwrite, inputs=inputs) as temporary:
            save_arbitrary(model, temporary, name)
        typer.echo(str(output))


def _check(output: Path, overwrite: bool, inputs: list[Path]) -> None:
    """Check that the result can be written, before hours of training."""
    from restyle.errors import OptionError
    from restyle.files import check_output

    if output.suffix != ".safetensors":
        raise OptionError(f"output '{output}' must end in .safetensors")
    check_output(output, overwrite=overwrite, inputs=inputs)


def _fit(task: Task, output: Path, options: TrainOptions, resume: bool, overwrite: bool) -> Any:
    """Train with a progress bar; return None on all ranks but the first, which write nothing."""
    from restyle.train.distributed import leave, processes
    from restyle.train.loop import fit

    for folder in getattr(task, "folders", ()):
        for path, reason in folder.skipped:
            typer.echo(f"restyle: skipped {path}: {reason}", err=True)
    trained = sum(p.numel() for p in task.model.parameters() if p.requires_grad)
    first = processes()[1] == 0
    with TrainingBar(task.name, options.steps, quiet=not first) as bar:
        bar.say(f"{task.name}: trains {trained / 1e3:.0f} k parameters; run in {output}.run")
        model = fit(task, f"{output}.run", options, resume=resume, callback=bar.show, overwrite=overwrite)
    leave()
    return model if first else None
