"""`restyle video`."""

from __future__ import annotations

from typing import Annotated

import typer

from restyle.cli.flags import with_flags
from restyle.options import DubOptions, EngineOptions, ImageOptions, VideoOptions


@with_flags
def video(
    content: Annotated[
        list[str],
        typer.Argument(
            help="Videos, animated GIFs, and folders that hold the frames of one.", metavar="CONTENT..."
        ),
    ],
    *,
    style: Annotated[
        list[str] | None,
        typer.Option(
            "--style",
            "-s",
            metavar="[SECONDS:]STYLE[:WEIGHT]",
            help="A preset of `restyle styles`, a picture, or a saved style. Several are mixed by weight;"
            " those with a time hold at that time, with a blend in between. A network of `restyle train"
            " style` has its own, by name.",
        ),
    ] = None,
    region: Annotated[
        list[str] | None,
        typer.Option(
            "--region",
            "-r",
            metavar="MASK=STYLE[:WEIGHT]",
            help="Another style where a mask is white, as for restyle image; the mask may be a video, too, or"
            " a folder with a picture for each frame. STYLE `keep` leaves the film as it is there; --style"
            " is that of the rest.",
        ),
    ] = None,
    audio_style: Annotated[
        list[str] | None,
        typer.Option(
            "--audio-style",
            metavar="STYLE[:WEIGHT]",
            help="A style of the sound, as --style of restyle audio. Given alone, the picture is copied.",
            rich_help_panel="Sound",
        ),
    ] = None,
    options: ImageOptions,
    film: VideoOptions,
    engine: EngineOptions,
    dubbing: DubOptions,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE|FOLDER/",
            help="Where to write: .mp4, .m4v, .mov, .mkv, .webm, .gif, or a folder for frames as PNG; of"
            " several contents a folder for all. By default CONTENT-STYLE beside where you stand.",
        ),
    ] = None,
) -> None:
    """Give videos the style of pictures, steadily; sound, subtitles and time stamps are kept.

    restyle video clip.mp4 --style great-wave

    restyle video clip.mp4 --style 0:starry-night --style 4.5:great-wave -o art.mp4

    restyle video clip.mp4 --style great-wave --region dancer-mask.mp4=keep

    restyle video clip.mp4 --style great-wave --audio-style choir

    restyle video clip.mov --style my-painting.jpg --strength 0.7 --size 1280 --codec h265 -o art.mov
    """
    from pathlib import Path

    from restyle import videos as films
    from restyle.cli.batch import Batch
    from restyle.cli.terminal import Bar
    from restyle.errors import OutputError
    from restyle.files import make_folder
    from restyle.methods.regions import region_paths
    from restyle.sounds.styles import parse_styles, style_paths
    from restyle.videos.audio_track import NewSound
    from restyle.videos.dub import check_container, dub, is_only_sound, new_sound
    from restyle.videos.dub import default_output as dub_output

    several = len(content) > 1
    if several and output is not None and not films.is_folder(output):
        raise OutputError(f"cannot write several videos to '{output}'; give a folder, or end it with /")
    sounds = parse_styles(audio_style) if audio_style else []
    only_sound = not region and is_only_sound(style or None, audio_style or None, engine, options, film)
    if not only_sound:
        method = films.method_for(engine)
        with Bar(1, "starting"):
            styles, regions = films.styles_of(style, region, method, options, film)
    targets: dict[Path, str] = {}
    with Batch(len(content), "videos") as batch:
        for name in content:
            with batch.each(name):
                usual = (
                    dub_output(name, sounds) if only_sound else films.default_output(name, styles, regions)
                )
                target = Path(output or usual)
                place: str | Path = target
                if output is not None and (several or (only_sound and films.is_folder(output))):
                    make_folder(Path(output))
                    place = target = Path(output) / usual
                elif output is not None:
                    place = output  # as it was typed: a slash at its end says folder
                if target in targets:
                    raise OutputError(f"{name}: would be written to {target}, as is {targets[target]}")
                targets[target] = name
                sound: NewSound | None = None
                with Bar(1, f"sound of {Path(name).name}") as bar:
                    if only_sound:
                        place = dub(
                            name,
                            sounds,
                            output=place,
                            overwrite=film.overwrite,
                            options=dubbing.of_sound,
                            report=bar.at,
                            tell=bar.note,
                        )
                    elif sounds:
                        check_container(place)
                        sound = new_sound(name, sounds, dubbing.of_sound, bar.at)
                if only_sound:
                    typer.echo(str(place))
                    continue
                with Bar(label=Path(name).name) as bar:
                    written = films.make(
                        name,
                        styles,
                        place,
                        method,
                        options,
                        film,
                        regions=regions,
                        inputs=[*(style or []), *region_paths(region or []), *style_paths(sounds)],
                        watch=bar.frames,
                        tell=bar.note,
                        sound=sound,
                    )
                typer.echo(str(written))
