"""`restyle train style` and `restyle train preview-data`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from restyle.cli.flags import with_flags
from restyle.options.train import ENCODERS, NetworkOptions, StyleOptions, StyleTrainOptions

Content = Annotated[Path, typer.Option("--content", metavar="FOLDER", help="Photos.")]
Styles = Annotated[
    list[Path],
    typer.Option(
        "--style", metavar="PICTURE|FOLDER", help="A picture a style; a folder gives all of its own."
    ),
]
ContentAugment = Annotated[
    str,
    typer.Option(
        "--content-augment",
        metavar="CHANGES",
        help="How photos are varied, over the usual: scale=1-2,flip=0.5,brightness=0.2,contrast=0.2,"
        "saturation=0.3,hue=0.05,colour=0.3,degrees=5,rotate=0.1; or none.",
        rich_help_panel="Preprocessing",
    ),
]
StyleAugment = Annotated[
    str,
    typer.Option(
        "--style-augment",
        metavar="CHANGES",
        help="The same for style pictures.",
        rich_help_panel="Preprocessing",
    ),
]
Batch = Annotated[int, typer.Option("--batch", min=1, max=4096, help="Photos a step.")]


@with_flags
def style(
    style: Styles,
    content: Content,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The network, as .restyle; the run is in FILE.run/."
        ),
    ],
    network: NetworkOptions,
    recipe: StyleOptions,
    options: StyleTrainOptions,
    batch: Batch = 4,
    epochs: Annotated[
        float, typer.Option("--epochs", min=0.0, help="How often each photo is seen; 0 goes by --steps.")
    ] = 0.0,
    add_to: Annotated[
        Path | None,
        typer.Option(
            "--add-to",
            metavar="FILE",
            help="A .restyle file: keep its styles, train but scale and shift of new ones, at a rate of 0.03"
            " unless --rate says another.",
        ),
    ] = None,
    encoder: Annotated[
        str,
        typer.Option(
            "--encoder",
            metavar="NAME|FILE",
            help="The perceptual encoder that judges; several, divided by commas, take turns.",
        ),
    ] = ENCODERS,
    content_augment: ContentAugment = "",
    style_augment: StyleAugment = "",
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint in FILE.run/.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace FILE and the run in FILE.run/, if there are any.")
    ] = False,
) -> None:
    """Train a network that paints photos in one style, or in a few.

    restyle train style --style starry.jpg --content photos/ -o starry.restyle --minutes 10

    restyle train style --style styles/ --content photos/ -o ten.restyle

    restyle train style --style new.jpg --add-to ten.restyle --content photos/ --steps 300 -o eleven.restyle

    restyle image photo.jpg --model starry.restyle
    """
    from restyle.cli.training_progress import TrainingBar
    from restyle.errors import require
    from restyle.files import check_output
    from restyle.models.network_files import check_suffix
    from restyle.train.style_network import StyleNetwork

    require("`restyle train`", "torch", "torch", "safetensors", "onnx")
    from restyle.train import style as training
    from restyle.train.distributed import processes
    from restyle.train.loop import leave

    check_suffix(output)
    check_output(output, overwrite=overwrite, inputs=[*style, *([add_to] if add_to else [])])
    if add_to:
        model = StyleNetwork.load(add_to)
    else:
        model = StyleNetwork(**{name: getattr(network, name) for name in network.__dict__}, seed=options.seed)
    world, rank = processes()
    own = {"steps", "optimizer"} | ({"rate"} if add_to and options.rate == StyleTrainOptions.rate else set())
    rest = {name: getattr(options, name) for name in options.__dict__ if name not in own}
    images = batch * world
    with TrainingBar("style", options.steps, images, quiet=rank > 0) as bar:
        model.fit(
            content,
            _pictures(style),
            **({"epochs": epochs} if epochs else {"steps": options.steps}),
            batch_size=batch,
            optimizer=options.optimizer,
            callbacks=[bar.at],
            add=add_to is not None,
            folder=f"{output}.run",
            resume=resume,
            overwrite=overwrite,
            recipe=recipe,
            encoder=encoder,
            content_augmentation=training.CONTENT.changed(content_augment),
            style_augmentation=training.OWN_STYLE.changed(style_augment),
            tell=lambda line: bar.say(f"restyle: {line}"),
            **rest,
        )
    leave()
    if rank == 0:
        model.save(output, overwrite=overwrite, inputs=style)
        typer.echo(str(output))


def preview_data(
    content: Content,
    style: Styles,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="PICTURE", help="The picture to draw.")
    ] = Path("training-data.jpg"),
    crop: Annotated[int, typer.Option(min=64, max=4096, help="As for train style.")] = StyleOptions.crop,
    style_size: Annotated[
        int, typer.Option(min=64, max=4096, help="As for train style.")
    ] = StyleOptions.style_size,
    content_augment: ContentAugment = "",
    style_augment: StyleAugment = "",
    seed: Annotated[int, typer.Option(min=0, help="Decides which crops.")] = 1,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace PICTURE if it exists.")] = False,
) -> None:
    """Draw what the network will see: crops of photos above, of style pictures below, varied as in training.

    restyle train preview-data --content photos/ --style styles/ --style-augment hue=0.1,colour=1 -o seen.jpg
    """
    from restyle.errors import require
    from restyle.files import writing

    require("`restyle train`", "torch", "torch", "safetensors")
    from restyle.train import style as training
    from restyle.train.data import Pictures
    from restyle.train.preview import data_picture

    photos = Pictures(str(content), training.CONTENT.changed(content_augment))
    pictures = Pictures(_pictures(style), training.OWN_STYLE.changed(style_augment), longest=2048)
    with writing(output, overwrite=overwrite, inputs=style) as temporary:
        data_picture(photos, pictures, crop, style_size, seed).save(temporary, quality=92)
    for path, reason in [*photos.skipped, *pictures.skipped]:
        typer.echo(f"restyle: skipped {path}: {reason}", err=True)
    typer.echo(str(output))


def _pictures(sources: list[Path]) -> list[str]:
    """Files that are given, and those in folders that are."""
    from restyle.errors import InputError
    from restyle.train.data import picture_paths

    found = []
    for source in sources:
        if not source.exists():
            raise InputError(f"there is no style picture or folder '{source}'")
        inside = picture_paths(str(source)) if source.is_dir() else [source]
        if not inside:
            raise InputError(f"the folder '{source}' holds no pictures")
        found += [str(path) for path in inside]
    return found
