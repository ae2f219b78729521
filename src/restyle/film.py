"""The stages of a film from file to file, overlapping. `video` does them all.

    read -> prepare, paint, finish (`pipeline`, `temporal.steadying`) -> write

Each stage has a thread of its own and is at most a few frames ahead, so memory does not grow with length.
What is no frame, sound and subtitles, passes through in its place.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from restyle import pipeline
from restyle.arrays import from_unit
from restyle.errors import OptionError, OutputError
from restyle.media import images
from restyle.media.moving_pictures import FolderReader, FolderWriter, GifWriter, check_folder
from restyle.media.outputs import check_output, writing
from restyle.media.video_codecs import ENCODERS, SUFFIXES, check_format
from restyle.media.video_files import VideoWriter
from restyle.media.video_info import VideoFrame, VideoInfo
from restyle.media.videos import Tell, VideoReader
from restyle.methods import arbitrary
from restyle.methods.arbitrary import Arbitrary
from restyle.moments import Moments, style_paths, timed_styles
from restyle.options import (
    DeviceName,
    EngineOptions,
    ImageOptions,
    VideoKeywords,
    VideoOptions,
    parse_size,
)
from restyle.stages import Stages
from restyle.temporal.scenes import SceneCuts
from restyle.temporal.steadying import SteadyPainter
from restyle.temporal.timeline import Timeline
from restyle.transforms.color_cube import ColorCube
from restyle.transforms.colors import palette_cube

PathLike = str | os.PathLike[str]
Report = Callable[[float], None]
Watch = Callable[[int, int | None], None]
Reader = VideoReader | FolderReader
Writer = VideoWriter | GifWriter | FolderWriter
Paint = Callable[[Iterator[Any]], Iterator[Any]]

AHEAD = 4  # frames that a stage may be ahead of the next
USUAL_FPS = 25.0
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}

_log = logging.getLogger("restyle")


def video(
    content: PathLike,
    style: Any = None,
    *,
    output: PathLike | None = None,
    report: Report = lambda part: None,
    tell: Tell = _log.warning,
    model: PathLike = EngineOptions.model,
    device: DeviceName = EngineOptions.device,
    threads: int | None = EngineOptions.threads,
    **options: Unpack[VideoKeywords],
) -> Path:
    """Give a video the style of a picture.

    Frames keep their number and time stamps; sound and subtitles are copied. Written is a file by its suffix
    (.mp4, .m4v, .mov, .mkv, .webm, .gif), or a folder of PNGs where `output` is a folder or ends in a slash.

    Parameters
    ----------
    content : str or Path
        A video, an animated GIF, or a folder of pictures of one size.
    style : Style, str, Path, PIL.Image.Image, np.ndarray, or a list
        As for `restyle.image`. Texts `SECONDS:STYLE`, or a dict {seconds: style}, change it over time.
    output : path or None
        None writes `CONTENT-STYLE.SUFFIX` in the current folder.
    report : function of one float
        Called with the fraction done, 0..1.
    tell : function of one line
        Called with what could not be kept; a warning in the log if not given.
    model, device, threads
        See `options.EngineOptions`.
    **options
        See `options.ImageOptions` and `options.VideoOptions`.

    Returns
    -------
    Path
        The file or folder written.

    Raises
    ------
    RestyleError
        One of its kinds, each with one line that says what is wrong and what to do.
    KeyboardInterrupt
        Ctrl-C; what was done by then is in a file named `NAME.partial.SUFFIX`, which `tell` has said.

    Examples
    --------
    >>> import restyle
    >>> restyle.video("clip.mp4", {0: "starry-night", 4.5: "great-wave"})  # doctest: +SKIP
    PosixPath('clip-starry-night-great-wave.mp4')
    """
    of_image = {each.name for each in fields(ImageOptions)}
    pictures = ImageOptions(**{k: v for k, v in options.items() if k in of_image})  # type: ignore[arg-type]
    film = VideoOptions(**{k: v for k, v in options.items() if k not in of_image})  # type: ignore[arg-type]
    engine = EngineOptions(model=os.fspath(model), device=device, threads=threads)

    def watch(done: int, total: int | None) -> None:
        if total:
            report(min(1.0, done / total))

    method = method_for(engine)
    styles = timed_styles(style, method, pictures.style_scale)
    target = default_output(content, styles) if output is None else output
    written = make(content, styles, target, method, pictures, film, inputs=[style], watch=watch, tell=tell)
    report(1.0)
    return written


def make(
    content: PathLike,
    styles: Moments,
    output: PathLike,
    method: Arbitrary,
    pictures: ImageOptions,
    film: VideoOptions,
    *,
    inputs: Sequence[Any] = (),
    watch: Watch = lambda done, total: None,
    tell: Tell = _log.warning,
) -> Path:
    """Do what `video` does, with option sets in place of keywords.

    Parameters
    ----------
    styles : list of (seconds, Style)
        Of `moments.timed_styles`.
    inputs : sequence
        Sources of the styles; the files among them, and the content, are never replaced.
    watch : function of (frames done, frames in all or None)
        Called after every frame.
    """
    kept = [content, *style_paths(inputs)]
    to_folder = is_folder(output)
    codec = _checked(output, film, kept)
    with ExitStack() as stack:
        reader = open_content(content, film, tell)
        stack.callback(reader.close)
        writer: Writer
        if to_folder:
            writer = folder = FolderWriter(output)
            temporary = folder.temporary
            stack.callback(folder.abort)
        else:
            temporary = stack.enter_context(writing(output, film.overwrite, kept))
            pictures = with_even_size(pictures, reader.info, codec)
            writer = open_writer(temporary, reader, codec, pictures, film, tell)
        items = painted(styles, method, pictures, film, reader.info)
        stopped = run(reader, items, writer, lambda done: watch(done, reader.info.frames))
        if stopped is not None:
            _keep_part(writer.frames, reader.info.frames, temporary, output, tell)
            raise stopped
        if to_folder:
            folder.move(Path(output))
    return Path(output)


def run(reader: Reader, paint: Paint, writer: Writer, watch: Callable[[int], None]) -> BaseException | None:
    """Read, paint and write, each in its thread, until all is done or somebody stops it.

    Returns
    -------
    KeyboardInterrupt, SystemExit (a termination signal, on the command line) or None
        What stopped it: the writer is finished all the same, with the frames that were done.
    """
    import av

    stages = Stages()
    stopped: BaseException | None = None
    try:
        frames = stages.ahead(paint(stages.ahead(reader.items(), AHEAD)), AHEAD)
        try:
            # The writer too has a thread, so that Ctrl-C, which arrives in this one, never cuts it in two.
            for done in stages.ahead(written(frames, writer), AHEAD):
                watch(done)
        except (KeyboardInterrupt, SystemExit) as signal:
            stopped = signal
        finally:
            stages.close()
        writer.close()
    except BaseException as error:
        writer.abort()
        if isinstance(error, OSError) and error.errno in _DISK:
            raise  # `writing` has the words for it
        if isinstance(error, (OSError, av.FFmpegError)):
            reason = (getattr(error, "strerror", None) or str(error)).lower()
            raise OutputError(f"cannot write the video: {reason}") from error
        raise
    return stopped


def painted(
    styles: Moments, method: Arbitrary, pictures: ImageOptions, film: VideoOptions, info: VideoInfo
) -> Paint:
    """Return the stage that paints frames and lets everything else through."""
    if pictures.colors_only and len(styles) > 1:
        raise OptionError("colors-only takes one style for the whole of a video; give one, without times")
    timeline = Timeline([(second, style.code) for second, style in styles])
    painter = SteadyPainter(method, pictures.strength, film.steady_seconds if film.steady != "none" else 0.0)
    cuts = SceneCuts()

    def paint(items: Iterator[Any]) -> Iterator[Any]:
        first: int | None = None
        cube: ColorCube | None = None
        last = VideoFrame(None, 0, 0)
        for item in items:
            if not isinstance(item, VideoFrame):
                yield item
                continue
            if item.pixels is None:  # damaged: the frame before stands in, which the reader tells
                yield replace(item, pixels=last.pixels)
                continue
            first = item.pts if first is None else first
            new_scene = cuts(item.pixels)
            if new_scene:
                painter.cut()
            content = pipeline.preprocess(images.from_array(item.pixels), pictures)
            code = timeline.at(float((item.pts - first) * info.time_base))
            elapsed = float((item.pts - last.pts) * info.time_base)
            if pictures.colors_only and pictures.strength > 0:
                if new_scene or cube is None:
                    # Fitted once, so that a colour becomes the same colour in every frame of a scene.
                    result = painter(pipeline.seen(content.pixels, pictures), code, elapsed)
                    cube = palette_cube(content.pixels, result)
                finished = cube.apply(content.pixels)
            else:
                result = painter(content.pixels, code, elapsed)
                finished = pipeline.postprocess(result, content, pictures).pixels
            last = replace(item, pixels=from_unit(finished, item.pixels.dtype))
            yield last

    return paint


def written(items: Iterator[Any], writer: Writer) -> Iterator[int]:
    """Write everything; yield how many frames are done after each."""
    for item in items:
        if isinstance(item, VideoFrame):
            writer.write(item)
            yield writer.frames
        else:
            writer.copy(item)


def open_content(content: PathLike, film: VideoOptions, tell: Tell) -> Reader:
    """Open a video or a folder of pictures."""
    if os.path.isdir(content):
        return FolderReader(content, film.fps or USUAL_FPS)
    if film.fps is not None:
        raise OptionError("fps is for folders of pictures; a video keeps its own time stamps")
    return VideoReader(content, tell)


def open_writer(
    path: PathLike, reader: Reader, codec: str, pictures: ImageOptions, film: VideoOptions, tell: Tell
) -> Writer:
    """Open the file that the frames go to; its size follows from the options."""
    size = prepared_size(reader.info, pictures)
    if codec == "gif":
        return GifWriter(path, reader.info, size)
    source = reader if isinstance(reader, VideoReader) else None
    return VideoWriter(path, reader.info, size, codec, film.quality, source, tell)


def prepared_size(info: VideoInfo, pictures: ImageOptions) -> tuple[int, int]:
    """Height and width of frames that are cropped and resized."""
    blank = images.from_array(np.zeros((*info.size, 3), np.uint8))
    height, width = pipeline.preprocess(blank, pictures).pixels.shape[:2]
    return height, width


def with_even_size(pictures: ImageOptions, info: VideoInfo, codec: str) -> ImageOptions:
    """Where only the longest side is asked for and the codec needs even sides, resize to such."""
    if pictures.size is None or isinstance(parse_size(pictures.size), tuple) or info.chroma == "444":
        return pictures
    if codec not in ENCODERS or not ENCODERS[codec].even:
        return pictures
    height, width = (max(2, 2 * round(side / 2)) for side in prepared_size(info, pictures))
    return replace(pictures, size=f"{width}x{height}")


def default_output(content: PathLike, styles: Moments) -> Path:
    """`clip.avi` and `great-wave` -> `clip-great-wave.mp4` in the current folder."""
    path = Path(os.path.abspath(content)) if os.path.isdir(content) else Path(content)
    suffix = path.suffix if path.suffix.lower() in SUFFIXES and path.is_file() else ".mp4"
    names = "-".join(dict.fromkeys(style.name for _, style in styles))
    return Path(f"{path.name if path.is_dir() else path.stem}-{names}{suffix}")


def is_folder(output: PathLike) -> bool:
    """Tell whether an output means a folder of PNGs: it is a folder, or ends with a slash."""
    return os.path.isdir(output) or os.fspath(output).endswith(("/", os.sep))


def method_for(engine: EngineOptions) -> Arbitrary:
    """Load the model that the options name."""
    return arbitrary.load(engine.model, engine.device, engine.threads)


def _checked(output: PathLike, film: VideoOptions, kept: Sequence[PathLike]) -> str:
    """Refuse an output before any work; return the codec."""
    if not is_folder(output):
        codec = check_format(output, film.codec, film.quality)
        check_output(output, overwrite=film.overwrite, inputs=kept)
        return codec
    if film.codec is not None or film.quality is not None:
        raise OptionError("a folder of PNGs has neither codec nor quality; leave them out")
    check_folder(output)
    return ""


def _keep_part(done: int, total: int | None, temporary: Path, output: PathLike, tell: Tell) -> None:
    """Name what is left after a stop `clip.partial.mp4`, and say so; nothing if no frame was done."""
    if not done:
        return
    path = Path(output)
    names = [
        path.with_name(f"{path.stem}.partial{n}{path.suffix}")
        for n in ("", *(f"-{i}" for i in range(2, 1000)))
    ]
    free = next(name for name in names if not name.exists())
    os.replace(temporary, free)
    said = f"{done} of {total} frames are in {free}" if total else f"{done} frames are in {free}"
    tell(said)
