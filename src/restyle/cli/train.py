"""`restyle train`: train the networks that restyle ships, and networks with their own styles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from restyle.cli.app import flag, with_flags
from restyle.cli.terminal import TrainingBar
from restyle.errors import OptionError, require
from restyle.files import check_output, writing
from restyle.options.train import (
    ENCODERS,
    ArbitraryOptions,
    EncoderOptions,
    NetworkOptions,
    PreviewOptions,
    StyleOptions,
    StyleTrainOptions,
    TrainOptions,
)

if TYPE_CHECKING:
    from restyle.train.data import Pictures
    from restyle.train.loop import Task

app = typer.Typer(help="Train networks (needs the extra torch).", add_completion=False, no_args_is_help=True)

PREPROCESSING = "Preprocessing"

CONTENT = flag(..., "--content", "FOLDER", "Photos.")
STYLE = flag(..., "--style", "PICTURE|FOLDER", "A style picture, or a folder of them; may be repeated.")
CONTENT_AUGMENT = flag(
    "",
    "--content-augment",
    "CHANGES",
    "Change the augmentation of photos: scale=1-2,flip=0.5,brightness=0.2,contrast=0.2,"
    "saturation=0.3,hue=0.05,color=0.3,degrees=5,rotate=0.1; or none.",
    rich_help_panel=PREPROCESSING,
)
STYLE_AUGMENT = flag(
    "", "--style-augment", "CHANGES", "The same for style pictures.", rich_help_panel=PREPROCESSING
)
RESUME = typer.Option(False, "--resume", help="Continue from the checkpoint in FILE.run/.")
OVERWRITE = typer.Option(False, "--overwrite", help="Replace FILE and the run in FILE.run/, if they exist.")
OUTPUT = flag(..., "--output -o", "FILE", "Network file, .restyle; the run is in FILE.run/.")
ADD_TO = flag(
    None,
    "--add-to",
    "FILE",
    "Add styles to this .restyle file: train only scale and shift of the new styles. The default"
    " --rate is then 0.03.",
)


@app.command()
@with_flags
def style(
    *,
    style: list[Path] = STYLE,
    content: Path = CONTENT,
    output: Path = OUTPUT,
    network: NetworkOptions,
    recipe: StyleOptions,
    options: StyleTrainOptions,
    batch: int = typer.Option(4, "--batch", min=1, max=4096, help="Photos per step."),
    epochs: float = typer.Option(
        0.0, "--epochs", min=0.0, help="How often each photo is used; 0 uses --steps instead."
    ),
    add_to: Path | None = ADD_TO,
    encoder: str = flag(
        ENCODERS,
        "--encoder",
        "NAME|FILE",
        "Perceptual encoder for the losses; several, separated by commas, alternate.",
    ),
    content_augment: str = CONTENT_AUGMENT,
    style_augment: str = STYLE_AUGMENT,
    resume: bool = RESUME,
    overwrite: bool = OVERWRITE,
) -> None:
    """Train a network that paints photos in one style, or in a few.

    restyle train style --style starry.jpg --content photos/ -o starry.restyle --minutes 10

    restyle train style --style styles/ --content photos/ -o ten.restyle

    restyle train style --style new.jpg --add-to ten.restyle --content photos/ --steps 300 -o eleven.restyle

    restyle image photo.jpg --model starry.restyle
    """
    from restyle.models.network_files import check_suffix

    require("`restyle train`", "torch", "torch", "safetensors", "onnx")
    from restyle.train import augmentation
    from restyle.train.data import style_paths
    from restyle.train.loop import leave, processes
    from restyle.train.style_network import StyleNetwork

    check_suffix(output)
    check_output(output, overwrite=overwrite, inputs=[*style, *([add_to] if add_to else [])])
    model = StyleNetwork.load(add_to) if add_to else StyleNetwork(**asdict(network), seed=options.seed)
    world, rank = processes()
    with TrainingBar("style", options.steps, batch * world, quiet=rank > 0) as bar:
        model.fit(
            content,
            style_paths(style),
            batch_size=batch,
            callbacks=[bar.show],
            add=add_to is not None,
            folder=f"{output}.run",
            resume=resume,
            overwrite=overwrite,
            recipe=recipe,
            encoder=encoder,
            content_augmentation=augmentation.CONTENT.override(content_augment),
            style_augmentation=augmentation.OWN_STYLE.override(style_augment),
            tell=lambda line: bar.say(f"restyle: {line}"),
            **_fit_options(options, epochs, add_to is not None),
        )
    leave()
    if rank == 0:
        model.save(output, overwrite=overwrite, inputs=style)
        typer.echo(str(output))


def _fit_options(options: StyleTrainOptions, epochs: float, add: bool) -> dict[str, Any]:
    """Return keywords for `StyleNetwork.fit`, without those that have another default there."""
    given = asdict(options)
    if epochs:
        del given["steps"]
        given["epochs"] = epochs
    if add and options.rate == StyleTrainOptions.rate:
        del given["rate"]
    return given


PREVIEW_DATA_OUTPUT = flag(Path("training-data.jpg"), "--output -o", "PICTURE", "Output picture.")


@app.command()
@with_flags
def preview_data(
    *,
    content: Path = CONTENT,
    style: list[Path] = STYLE,
    output: Path = PREVIEW_DATA_OUTPUT,
    options: PreviewOptions,
    content_augment: str = CONTENT_AUGMENT,
    style_augment: str = STYLE_AUGMENT,
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace PICTURE if it exists."),
) -> None:
    """Draw training data: augmented crops of photos at the top, of style pictures below.

    restyle train preview-data --content photos/ --style styles/ --style-augment hue=0.1,color=1 -o seen.jpg
    """
    require("`restyle train`", "torch", "torch", "safetensors")
    from restyle.train import augmentation
    from restyle.train.data import Pictures, preview_sheet, style_paths

    photos = Pictures(content, augmentation.CONTENT.override(content_augment))
    pictures = Pictures(style_paths(style), augmentation.OWN_STYLE.override(style_augment), longest=2048)
    with writing(output, overwrite=overwrite, inputs=style) as temporary:
        preview_sheet(photos, pictures, options.crop, options.style_size, options.seed).save(
            temporary, quality=92
        )
    _print_skipped(photos, pictures)
    typer.echo(str(output))


NETWORK_OUTPUT = flag(..., "--output -o", "FILE", "Network file, .safetensors; the run is in FILE.run/.")
TEACHER = flag(..., "--teacher", "FILE", "VGG-shaped network, .safetensors.")
PICTURES = typer.Argument(help="Folders of pictures: photos and artworks.", metavar="FOLDER")


@app.command()
@with_flags
def encoder(
    *,
    pictures: list[Path] = PICTURES,
    teacher: list[Path] = TEACHER,
    output: Path = NETWORK_OUTPUT,
    recipe: EncoderOptions,
    options: TrainOptions,
    resume: bool = RESUME,
    overwrite: bool = OVERWRITE,
) -> None:
    """Distill a compact perceptual encoder from wider teachers.

    restyle train encoder photos/ artworks/ --teacher vgg19.safetensors -o encoder.safetensors
    """
    require("`restyle train`", "torch", "torch", "safetensors")
    from restyle.nn.encoders import save_encoder
    from restyle.train.encoder import EncoderTask

    _check(output, resume or overwrite, teacher)
    task = EncoderTask(pictures, teacher, recipe, seed=options.seed)
    _fit(task, output, options, resume, overwrite, teacher, save_encoder)


ARBITRARY_CONTENT = flag(..., "--content", "FOLDER", "Photos.")
ARBITRARY_STYLE = flag(..., "--style", "FOLDER", "Artworks.")
ENCODER = flag(..., "--encoder", "FILE", "Style encoder, from `restyle train encoder`.")
EXACT = flag(None, "--exact", "FILE", "A wider teacher for the style loss, as deep as it goes.")
START = flag(None, "--start", "FILE", "Start from the weights of this network.")


@app.command()
@with_flags
def arbitrary(
    *,
    content: Path = ARBITRARY_CONTENT,
    style: Path = ARBITRARY_STYLE,
    teacher: Path = TEACHER,
    encoder: Path = ENCODER,
    output: Path = NETWORK_OUTPUT,
    recipe: ArbitraryOptions,
    options: TrainOptions,
    exact: Path | None = EXACT,
    start: Path | None = START,
    name: str = typer.Option("arbitrary", "--name", help="Name of the network, stored in its files."),
    resume: bool = RESUME,
    overwrite: bool = OVERWRITE,
) -> None:
    """Train a network that gives any photo the style of any picture.

    restyle train arbitrary --content photos/ --style artworks/ --teacher vgg19.safetensors
    --encoder encoder.safetensors -o my.safetensors
    """
    require("`restyle train`", "torch", "torch", "safetensors")
    from restyle.nn.arbitrary import save_arbitrary
    from restyle.train.arbitrary import ArbitraryTask

    inputs = [each for each in (teacher, encoder, exact, start) if each is not None]
    _check(output, resume or overwrite, inputs)
    task = ArbitraryTask(content, style, teacher, encoder, exact, recipe, seed=options.seed, start=start)
    _fit(task, output, options, resume, overwrite, inputs, partial(save_arbitrary, name=name))


def _check(output: Path, overwrite: bool, inputs: list[Path]) -> None:
    """Check that the result can be written, before hours of training."""
    if output.suffix != ".safetensors":
        raise OptionError(f"output '{output}' must end in .safetensors")
    check_output(output, overwrite=overwrite, inputs=inputs)


def _print_skipped(*folders: Pictures) -> None:
    for folder in folders:
        for path, reason in folder.skipped:
            typer.echo(f"restyle: skipped {path}: {reason}", err=True)


def _fit(
    task: Task,
    output: Path,
    options: TrainOptions,
    resume: bool,
    overwrite: bool,
    inputs: list[Path],
    save: Callable[[Any, Path], None],
) -> None:
    """Train with a progress bar, and save the network; only the first rank writes."""
    from restyle.train.loop import fit, leave, processes

    _print_skipped(*getattr(task, "folders", ()))
    trained = sum(p.numel() for p in task.model.parameters() if p.requires_grad)
    first = processes()[1] == 0
    with TrainingBar(task.name, options.steps, quiet=not first) as bar:
        bar.say(f"{task.name}: trains {trained / 1e3:.0f} k parameters; run in {output}.run")
        model = fit(task, f"{output}.run", options, resume=resume, callback=bar.show, overwrite=overwrite)
    leave()
    if first:
        with writing(output, overwrite=resume or overwrite, inputs=inputs) as temporary:
            save(model, temporary)
        typer.echo(str(output))
