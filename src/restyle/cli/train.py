"""`restyle train`: train the networks that restyle ships, and networks with their own styles."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from restyle.cli.app import with_flags
from restyle.cli.terminal import TrainingBar
from restyle.errors import require
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
    from restyle.train.loop import Task
    from restyle.train.style_network import StyleNetwork

app = typer.Typer(help="Train networks (needs the extra torch).", add_completion=False, no_args_is_help=True)

PREPROCESSING = "Preprocessing"

Content = Annotated[Path, typer.Option("--content", metavar="FOLDER", help="Photos.")]
Styles = Annotated[
    list[Path],
    typer.Option(
        "--style", metavar="PICTURE|FOLDER", help="A style picture, or a folder of them; may be repeated."
    ),
]
Output = Annotated[
    Path,
    typer.Option("--output", "-o", metavar="FILE", help="Network file, .restyle; the run is in FILE.run/."),
]
Batch = Annotated[int, typer.Option("--batch", min=1, max=4096, help="Photos per step.")]
Epochs = Annotated[
    float, typer.Option("--epochs", min=0.0, help="How often each photo is used; 0 uses --steps instead.")
]
AddTo = Annotated[
    Path | None,
    typer.Option(
        "--add-to",
        metavar="FILE",
        help="Add styles to this .restyle file: train only scale and shift of the new styles. The default"
        " --rate is then 0.03.",
    ),
]
Encoder = Annotated[
    str,
    typer.Option(
        "--encoder",
        metavar="NAME|FILE",
        help="Perceptual encoder for the losses; several, separated by commas, alternate.",
    ),
]
ContentAugment = Annotated[
    str,
    typer.Option(
        "--content-augment",
        metavar="CHANGES",
        help="Change the augmentation of photos: scale=1-2,flip=0.5,brightness=0.2,contrast=0.2,"
        "saturation=0.3,hue=0.05,color=0.3,degrees=5,rotate=0.1; or none.",
        rich_help_panel=PREPROCESSING,
    ),
]
StyleAugment = Annotated[
    str,
    typer.Option(
        "--style-augment",
        metavar="CHANGES",
        help="The same for style pictures.",
        rich_help_panel=PREPROCESSING,
    ),
]
Resume = Annotated[bool, typer.Option("--resume", help="Continue from the checkpoint in FILE.run/.")]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace FILE and the run in FILE.run/, if they exist.")
]


@app.command()
@with_flags
def style(
    style: Styles,
    content: Content,
    output: Output,
    network: NetworkOptions,
    recipe: StyleOptions,
    options: StyleTrainOptions,
    batch: Batch = 4,
    epochs: Epochs = 0.0,
    add_to: AddTo = None,
    encoder: Encoder = ENCODERS,
    content_augment: ContentAugment = "",
    style_augment: StyleAugment = "",
    resume: Resume = False,
    overwrite: Overwrite = False,
) -> None:
    """Train a network that paints photos in one style, or in a few.

    restyle train style --style starry.jpg --content photos/ -o starry.restyle --minutes 10

    restyle train style --style styles/ --content photos/ -o ten.restyle

    restyle train style --style new.jpg --add-to ten.restyle --content photos/ --steps 300 -o eleven.restyle

    restyle image photo.jpg --model starry.restyle
    """
    from restyle.cli.terminal import TrainingBar
    from restyle.errors import require
    from restyle.files import check_output
    from restyle.models.network_files import check_suffix

    require("`restyle train`", "torch", "torch", "safetensors", "onnx")
    from restyle.train.augmentation import CONTENT, OWN_STYLE
    from restyle.train.data import style_paths
    from restyle.train.loop import leave, processes

    check_suffix(output)
    check_output(output, overwrite=overwrite, inputs=[*style, *([add_to] if add_to else [])])
    model = _network(add_to, network, options.seed)
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
            content_augmentation=CONTENT.override(content_augment),
            style_augmentation=OWN_STYLE.override(style_augment),
            tell=lambda line: bar.say(f"restyle: {line}"),
            **_fit_options(options, epochs, add_to is not None),
        )
    leave()
    if rank == 0:
        model.save(output, overwrite=overwrite, inputs=style)
        typer.echo(str(output))


def _network(add_to: Path | None, options: NetworkOptions, seed: int) -> StyleNetwork:
    from restyle.train.style_network import StyleNetwork

    return StyleNetwork.load(add_to) if add_to else StyleNetwork(**asdict(options), seed=seed)


def _fit_options(options: StyleTrainOptions, epochs: float, add: bool) -> dict[str, Any]:
    """Return keywords for `StyleNetwork.fit`, without those that have another default there."""
    given = asdict(options)
    if epochs:
        del given["steps"]
        given["epochs"] = epochs
    if add and options.rate == StyleTrainOptions.rate:
        del given["rate"]
    return given


@app.command()
@with_flags
def preview_data(
    content: Content,
    style: Styles,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="PICTURE", help="Output picture.")] = Path(
        "training-data.jpg"
    ),
    *,
    options: PreviewOptions,
    content_augment: ContentAugment = "",
    style_augment: StyleAugment = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace PICTURE if it exists.")] = False,
) -> None:
    """Draw training data: augmented crops of photos at the top, of style pictures below.

    restyle train preview-data --content photos/ --style styles/ --style-augment hue=0.1,color=1 -o seen.jpg
    """
    from restyle.errors import require
    from restyle.files import writing

    require("`restyle train`", "torch", "torch", "safetensors")
    from restyle.train.augmentation import CONTENT, OWN_STYLE
    from restyle.train.data import Pictures, preview_sheet, style_paths

    photos = Pictures(content, CONTENT.override(content_augment))
    pictures = Pictures(style_paths(style), OWN_STYLE.override(style_augment), longest=2048)
    with writing(output, overwrite=overwrite, inputs=style) as temporary:
        preview_sheet(photos, pictures, options.crop, options.style_size, options.seed).save(
            temporary, quality=92
        )
    for path, reason in [*photos.skipped, *pictures.skipped]:
        typer.echo(f"restyle: skipped {path}: {reason}", err=True)
    typer.echo(str(output))


NetworkOutput = Annotated[
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
    output: NetworkOutput,
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
    output: NetworkOutput,
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
    from restyle.train.loop import fit, leave, processes

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
