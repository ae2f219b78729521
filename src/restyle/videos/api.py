"""A film from file to file: `video` does all stages, overlapping.

    read -> prepare -> paint -> finish -> write

Each stage has a thread of its own and is at most a few frames ahead, so memory does not grow with length,
and the time of the shorter ones hides behind the longest. What is no frame, sound and subtitles, passes
through in its place.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Unpack

from restyle.files import writing
from restyle.methods.regions import Regions, make_regions, region_paths
from restyle.models import arbitrary
from restyle.models.arbitrary import Arbitrary
from restyle.options import (
    AudioKeywords,
    AudioOptions,
    DeviceName,
    EngineOptions,
    ImageOptions,
    VideoKeywords,
    VideoOptions,
    explain,
    from_keywords,
)
from restyle.pipeline import encoding_scale
from restyle.sounds.styles import parse_styles
from restyle.sounds.styles import style_paths as sound_paths
from restyle.types import PathLike, RegionsLike, Report, SoundStylesLike, TimedStylesLike
from restyle.videos.audio_track import NewSound
from restyle.videos.dub import check_container, dub, is_only_sound, new_sound
from restyle.videos.frames import FolderWriter
from restyle.videos.io import (
    Writer,
    checked,
    default_output,
    is_folder,
    open_content,
    open_writer,
    with_even_size,
)
from restyle.videos.masks import VideoRegions
from restyle.videos.painter import VideoPainter
from restyle.videos.read import Tell
from restyle.videos.resume import Segments, plan_of
from restyle.videos.runner import keep_part, run
from restyle.videos.stages import done_aside
from restyle.videos.timeline import TimedStyles, style_paths, timed_styles

Watch = Callable[[int, int | None], None]

_log = logging.getLogger("restyle")


@explain(EngineOptions, ImageOptions, VideoOptions)
def video(
    content: PathLike,
    style: TimedStylesLike | None = None,
    *,
    regions: RegionsLike | None = None,
    audio_style: SoundStylesLike | None = None,
    audio_options: AudioKeywords | None = None,
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
    regions : dict {mask: style}, or a list of (mask, style) or of texts `MASK=STYLE[:WEIGHT]`, or None
        As for `restyle.image`; a mask may also be a video, an animated GIF, or a folder with a picture for
        each frame.
    audio_style : str, Path, or a list
        Style of the sound, as for `restyle.audio`. Given alone, the picture is copied.
    audio_options : dict
        See `options.AudioOptions`.
    output : path or None
        None writes `CONTENT-STYLE.SUFFIX` in the current folder.
    report : function of one float
        Called with the fraction done, 0..1.
    tell : function of one line
        Called with what could not be kept; a warning in the log if not given.
    {options}

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
    pictures, film = from_keywords(options, ImageOptions, VideoOptions)
    engine = EngineOptions(model=os.fspath(model), device=device, threads=threads)

    def watch(done: int, total: int | None) -> None:
        if total:
            report(min(1.0, done / total))

    of_sound = AudioOptions(**(audio_options or {}))
    if regions is None and is_only_sound(style, audio_style, engine, pictures, film):
        return dub(
            content,
            audio_style,
            output=output,
            overwrite=film.overwrite,
            options=of_sound,
            report=report,
            tell=tell,
        )
    method = method_for(engine)
    styles, where = styles_of(style, regions, method, pictures, film)
    target = default_output(content, styles, where) if output is None else output
    inputs, sound = [style, *region_paths(regions or [])], None
    if audio_style is not None:
        check_container(target)
        sounds = parse_styles(audio_style)
        inputs += sound_paths(sounds)
        sound = new_sound(content, sounds, of_sound)
    written = make(
        content,
        styles,
        target,
        method,
        pictures,
        film,
        regions=where,
        inputs=inputs,
        watch=watch,
        tell=tell,
        sound=sound,
    )
    report(1.0)
    return written


def styles_of(
    style: Any, regions: Any, method: Arbitrary, pictures: ImageOptions, film: VideoOptions
) -> tuple[TimedStyles, Regions | None]:
    """Encode the styles of a film: those of the whole or the rest over time, and those of regions."""
    scale = encoding_scale(pictures, film.method)
    if regions is None:
        return timed_styles(style, method, scale), None
    rest = style is not None and not (isinstance(style, (list, tuple)) and not style)
    where = make_regions(
        regions,
        None,
        model=method,
        scale=scale,
        max_pixels=pictures.max_pixels,
        moving=True,
        rest=rest,
    )
    return timed_styles(style, method, scale) if rest else [], where


def make(
    content: PathLike,
    styles: TimedStyles,
    output: PathLike,
    method: Arbitrary,
    pictures: ImageOptions,
    film: VideoOptions,
    *,
    regions: Regions | None = None,
    inputs: Sequence[Any] = (),
    watch: Watch = lambda done, total: None,
    tell: Tell = _log.warning,
    sound: NewSound | None = None,
) -> Path:
    """Do what `video` does, with option sets in place of keywords.

    Parameters
    ----------
    styles : list of (seconds, Style)
        Of `styles_of`, as are the regions.
    regions : Regions or None
    inputs : sequence
        Sources of the styles; the files among them, and the content, are never replaced.
    watch : function of (frames done, frames in all or None)
        Called after every frame.
    sound : NewSound or None
        What replaces the first stream of sound.
    """
    kept = [content, *style_paths(inputs)]
    to_folder = is_folder(output)
    codec = checked(output, film, kept)
    with ExitStack() as stack:
        # Decoders and encoders start threads of their own, which are to stand aside, too.
        reader = done_aside(lambda: open_content(content, film, tell))
        stack.callback(reader.close)
        if not to_folder:
            pictures = with_even_size(pictures, reader.info, codec)
        where = None
        if regions is not None:
            where = VideoRegions(regions, reader.info, pictures, tell)
            stack.callback(where.close)
        # Before the segments: options that it refuses must not cost an earlier run its frames.
        painter = VideoPainter(styles, method, pictures, film, reader.info, regions=where)
        segments: Segments | None = None
        if codec != "gif":
            plan = plan_of(content, styles, method, pictures, film, regions)
            segments = Segments(output, plan, film.resume, tell)
            stack.callback(segments.leave)
            if (state := segments.state()) is not None:
                painter.restore(state)
        writer: Writer
        if to_folder:
            writer = folder = FolderWriter(output, segments.folder / "frames" if segments else None)
            temporary = folder.temporary
        else:
            temporary = stack.enter_context(writing(output, film.overwrite, kept))
            if segments:
                segments.note_temporary(temporary)
            writer = done_aside(lambda: open_writer(temporary, reader, codec, pictures, film, tell, sound))
        total = reader.info.frames
        try:
            stopped = run(reader, painter, writer, lambda done: watch(done, total), segments)
        except BaseException:
            if segments and not film.resume:
                segments.remove()
            raise
        if stopped is not None:
            goes_on = segments is not None and segments.count > 0
            keep_part(writer.frames, total, temporary, output, goes_on, tell)
            raise stopped
        if to_folder:
            folder.move(Path(output))
    if segments:
        segments.remove()
    return Path(output)


def method_for(engine: EngineOptions) -> Arbitrary:
    """Load the model that the options name."""
    return arbitrary.load(engine.model, engine.device, engine.threads)
