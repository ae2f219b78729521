"""`restyle video` and `restyle live`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import typer

from restyle.cli.app import flag, with_flags
from restyle.cli.terminal import Bar, SeveralFiles, print_path
from restyle.errors import OutputError
from restyle.files import make_folder
from restyle.options import DubOptions, EngineOptions, ImageOptions, VideoOptions
from restyle.options.video import LiveOptions

CONTENT = typer.Argument(
    help="Videos, animated GIFs, and folders with the frames of a video.", metavar="CONTENT..."
)
STYLE = flag(
    None,
    "--style -s",
    "[SECONDS:]STYLE[:WEIGHT]",
    "A preset of `restyle styles`, a picture, or a saved style. Several are mixed by weight. A style"
    " with a time applies at that second, with a transition to the next. A network of `restyle train"
    " style` has its own style, by name.",
)
REGION = flag(
    None,
    "--region -r",
    "MASK=STYLE[:WEIGHT]",
    "Give a part of the video another style, or `keep` it unchanged. MASK is white where STYLE"
    " applies: a picture, a video, or a folder with one picture for each frame. Repeatable. --style"
    " applies to the rest.",
)
AUDIO_STYLE = flag(
    None,
    "--audio-style",
    "STYLE[:WEIGHT]",
    "Style of the sound, as --style of restyle audio. Without --style the picture is copied.",
    rich_help_panel="Sound",
)


@with_flags
def video(
    *,
    content: list[str] = CONTENT,
    style: list[str] | None = STYLE,
    region: list[str] | None = REGION,
    audio_style: list[str] | None = AUDIO_STYLE,
    options: ImageOptions,
    video_options: VideoOptions,
    engine: EngineOptions,
    dubbing: DubOptions,
    output: str | None = flag(
        None,
        "--output -o",
        "FILE|FOLDER/",
        "Output: .mp4, .m4v, .mov, .mkv, .webm, .gif, or a folder for frames as PNG; for several"
        " contents a folder for all results. Default: CONTENT-STYLE in the current folder.",
    ),
) -> None:
    """Apply the style of pictures, or a look, to videos; sound, subtitles and time stamps are kept.

    restyle video clip.mp4 --style great-wave

    restyle video clip.mp4 --look golden-hour

    restyle video clip.mp4 --style 0:starry-night --style 4.5:great-wave -o art.mp4

    restyle video clip.mp4 --style great-wave --region dancer-mask.mp4=keep

    restyle video clip.mp4 --style great-wave --audio-style choir

    restyle video clip.mov --style my-painting.jpg --strength 0.7 --size 1280 --codec h265 -o art.mov
    """
    from restyle.videos import VideoStylizer, is_folder

    several = len(content) > 1
    if several and output is not None and not is_folder(output):
        raise OutputError(f"cannot write several videos to '{output}'; give a folder, or end it with /")
    with Bar(1, "starting"):
        stylizer = VideoStylizer(
            style or None,
            regions=region or None,
            audio_style=audio_style or None,
            image_options=options,
            options=video_options,
            audio_options=dubbing.of_sound,
            engine=engine,
        )
    # A folder holds several results, or the frames of one.
    into_folder = output is not None and (several or stylizer.only_audio) and is_folder(output)
    with SeveralFiles(len(content), "videos") as files:
        for name in content:
            with files.each(name):
                target: Path | str = stylizer.default_output(name) if output is None else output
                if output is not None and into_folder:
                    make_folder(output)
                    target = Path(output, stylizer.default_output(name))
                files.claim(Path(target), name)
                label = Path(name).name
                with Bar(label=label) as bar:
                    written = stylizer.write(
                        name,
                        target,
                        watch=bar.frames,
                        report=partial(bar.at, label=f"{label} | sound"),
                        tell=bar.note,
                    )
                print_path(written)


LIVE_STYLE = flag(
    ...,
    "--style -s",
    "STYLE[:WEIGHT]",
    "A preset of `restyle styles`, a picture, or a saved style. Several are mixed by weight.",
)


@with_flags
def live(
    *,
    content: str = typer.Argument(
        "0", help="Number or device of a camera, or a video that is played as one.", metavar="CAMERA"
    ),
    style: list[str] = LIVE_STYLE,
    options: ImageOptions,
    live_options: LiveOptions,
    engine: EngineOptions,
    output: str | None = flag(
        None,
        "--output -o",
        "FILE|DEVICE",
        "A video file, or a virtual camera such as /dev/video9. Default: a window.",
    ),
) -> None:
    """Stylize a camera in real time, in a window, to a file or to a virtual camera.

    Keys in the window: left and right change the style, w shows a wall of styles (1 to 9 choose), s saves a
    snapshot, r starts and stops a recording, q ends.

    restyle live --style great-wave

    restyle live 1 --style starry-night --mirror -o /dev/video9

    restyle live clip.mp4 --style my-painting.jpg --size 480 --seconds 30 -o art.mp4
    """
    from restyle.models import arbitrary
    from restyle.models.session import set_spinning
    from restyle.style import resolve_all, styles
    from restyle.videos.live import show

    set_spinning(False)  # the camera, the window and the encoder need the processor, too
    method = arbitrary.load(engine.model, engine.device, engine.threads)
    chosen = resolve_all(style, model=method)
    others = styles(method) if output is None else []  # a window lets the user choose
    with Bar(label=f"camera {content}" if content.isdigit() else content) as bar:
        summary = show(
            content,
            chosen,
            method,
            options,
            live_options,
            output,
            others=others,
            watch=lambda shown, delay, size: bar.frames(shown, None),
            tell=lambda line: typer.echo(f"restyle: {line}", err=True),
        )
    typer.echo(str(output) if output is not None else str(summary))
    if output is not None:
        typer.echo(f"restyle: {summary}", err=True)
