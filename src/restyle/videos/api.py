"""Stylize videos: `video` from file to file; `VideoStylizer` encodes the styles once for many videos.

read -> prepare -> paint -> steady -> finish -> write
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from restyle import pipeline
from restyle.errors import OptionError
from restyle.files import check_is_path, check_output, check_readable, result_name, writing
from restyle.images import formats as image_formats
from restyle.images.looks import load_look, look_name
from restyle.methods import table
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
    parse_size,
)
from restyle.pipeline import encoding_scale
from restyle.sounds.sources import parse_styles
from restyle.sounds.sources import style_paths as audio_style_paths
from restyle.types import PathLike, RegionsLike, Report, SoundStylesLike, TimedStylesLike
from restyle.videos import audio as video_audio
from restyle.videos import flow
from restyle.videos.formats import (
    ALPHA_CODECS,
    ENCODERS,
    SUFFIXES,
    Pixels,
    Tell,
    VideoInfo,
    check_format,
    pixel_format,
)
from restyle.videos.frames import (
    FolderReader,
    FolderWriter,
    FramePreview,
    GifWriter,
    WebPReader,
    check_folder,
    is_animated_webp,
)
from restyle.videos.painter import VideoPainter
from restyle.videos.read import VideoReader
from restyle.videos.runner import Reader, Segments, Writer, plan_of, run_or_save
from restyle.videos.stages import run_nice
from restyle.videos.styles import TimedStyles, VideoRegions, style_paths, timed_styles
from restyle.videos.write import VideoWriter

Watch = Callable[[int, int | None], None]
Show = Callable[[Pixels], None]

DEFAULT_FPS = 25.0  # of a folder of pictures

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
    report: Report = lambda fraction: None,
    tell: Tell = _log.warning,
    model: PathLike = EngineOptions.model,
    device: DeviceName = EngineOptions.device,
    threads: int | None = EngineOptions.threads,
    **options: Unpack[VideoKeywords],
) -> Path:
    """Apply the style of a picture to a video.

    The number of frames and their time stamps stay the same; audio and subtitles are copied. The suffix of
    the output selects the format (.mp4, .m4v, .mov, .mkv, .webm, .gif); an output that is a folder or ends
    in a slash becomes a folder of PNGs.

    Parameters
    ----------
    content : str or Path
        A video, an animated GIF, or a folder of pictures of one size.
    style : Style, str, Path, PIL.Image.Image, np.ndarray, or a list
        As for `restyle.image`. Texts `SECONDS:STYLE`, or a dict {seconds: style}, change it over time. None
        with `look`: the look is the only change.
    regions : dict {mask: style}, or a list of (mask, style) or of texts `MASK=STYLE[:WEIGHT]`, or None
        As for `restyle.image`; a mask may also be a video, an animated GIF, or a folder with one picture for
        each frame.
    audio_style : str, Path, or a list
        Style of the sound, as for `restyle.audio`. Without `style` the picture is copied.
    audio_options : dict
        See `options.AudioOptions`.
    output : path or None
        Default: `CONTENT-STYLE.SUFFIX` in the current folder.
    report : function of one float
        Called with the fraction done, 0..1.
    tell : function of one line
        Called with what was lost or repaired. Default: a warning in the log.
    {options}

    Returns
    -------
    Path
        The file or folder written. After Ctrl-C (KeyboardInterrupt) the frames done so far are in
        `NAME.partial.SUFFIX`.

    Examples
    --------
    >>> import restyle
    >>> restyle.video("clip.mp4", {0: "starry-night", 4.5: "great-wave"})  # doctest: +SKIP
    PosixPath('clip-starry-night-great-wave.mp4')
    """
    if (preview := options.get("preview")) is not None:
        options["preview"] = os.fspath(preview)
    image_options, video_options = from_keywords(options, ImageOptions, VideoOptions)
    stylizer = VideoStylizer(
        style,
        regions=regions,
        audio_style=audio_style,
        image_options=image_options,
        options=video_options,
        audio_options=AudioOptions(**(audio_options or {})),
        engine=EngineOptions(model=os.fspath(model), device=device, threads=threads),
    )

    def watch(done: int, total: int | None) -> None:
        if total:
            report(min(1.0, done / total))

    audio_report: Report = report if stylizer.only_audio else lambda fraction: None
    written = stylizer.write(content, output, watch=watch, report=audio_report, tell=tell)
    report(1.0)
    return written


class VideoStylizer:
    """Encodes styles once and applies them to any number of videos; see `video` for the parameters.

    `method` is a loaded model, instead of `engine`.
    """

    def __init__(
        self,
        style: TimedStylesLike | None = None,
        *,
        regions: RegionsLike | None = None,
        audio_style: SoundStylesLike | None = None,
        image_options: ImageOptions | None = None,
        options: VideoOptions | None = None,
        audio_options: AudioOptions | None = None,
        engine: EngineOptions | None = None,
        method: Arbitrary | None = None,
    ) -> None:
        self.image_options, self.options = image_options or ImageOptions(), options or VideoOptions()
        self.audio_options, engine = audio_options or AudioOptions(), engine or EngineOptions()
        self._device = engine.device
        self._notes: list[str] = []  # told with the first video
        pipeline.check_strength(self.options.method, self.image_options)
        self.only_audio = regions is None and video_audio.is_audio_only(
            style, audio_style, engine, self.image_options, self.options
        )
        if self.options.look is not None:
            load_look(self.options.look)  # raises now, not at the first video
        self.styles: TimedStyles = []
        self.regions: Regions | None = None
        if not self.only_audio:
            only_look = self.options.look is not None and regions is None and not _is_given(style)
            self._choose_steady(only_look)
            device = table.network_device(engine.device, self.options.method)
            self.method = method or arbitrary.load(engine.model, device, engine.threads)
            if not only_look:
                self._encode_styles(style, regions)
        self.audio_styles = [] if audio_style is None else parse_styles(audio_style)
        if self.options.preview is not None:
            image_formats.output_format(self.options.preview)
        self._inputs = [style, *region_paths(regions or []), *audio_style_paths(self.audio_styles)]
        self._inputs += [Path(look)] if (look := self.options.look) else []

    def default_output(self, content: PathLike) -> Path:
        """Return the default output: `clip.avi` and `great-wave` give `clip-great-wave.mp4`."""
        if self.only_audio:
            return video_audio.default_output(content, self.audio_styles)
        return default_output(content, self.styles, self.regions, self.options.look)

    def write(
        self,
        content: PathLike,
        output: PathLike | None = None,
        *,
        watch: Watch = lambda done, total: None,
        report: Report = lambda fraction: None,
        tell: Tell = _log.warning,
        show: Show = lambda pixels: None,
    ) -> Path:
        """Stylize a video and return the path of the result.

        `watch` takes the frames done and the number of frames or None; `report` the fraction of the sound
        that is done; `show` each stylized frame [shape=(H, W, 3), uint8 or uint16, RGB], in another thread.
        """
        check_is_path(content, "content")
        target = self.default_output(content) if output is None else output
        if self.only_audio:
            return video_audio.restyle_audio(
                content,
                self.audio_styles,
                target,
                self.audio_options,
                overwrite=self.options.overwrite,
                report=report,
                tell=tell,
            )
        while self._notes:
            tell(self._notes.pop())
        audio = None
        if self.audio_styles:
            video_audio.check_container(target)
            check_target(target, self.options, [content, *style_paths(self._inputs)])  # before any work
            audio = video_audio.new_audio(content, self.audio_styles, self.audio_options, report)
        return self._write_frames(content, target, audio, watch, tell, show)

    def _choose_steady(self, only_look: bool) -> None:
        """Set the default of `--steady`: flow if OpenCV is installed. A look alone is steady."""
        if only_look:
            if self.options.method != VideoOptions.method:
                raise OptionError(
                    f"--method {self.options.method} needs --style; without it --look is the only change"
                )
            self.options = replace(self.options, steady="none")
        if self.options.steady is not None or not table.find(self.options.method).network:
            return
        self.options = replace(self.options, steady="flow" if flow.is_installed() else "none")
        changes = self.image_options.strength > 0 and not self.image_options.colors_only
        if self.options.steady == "none" and changes:
            self._notes.append(
                "frames are not steadied; pip install 'restyle[flow]' for that, or give steady none"
            )

    def _encode_styles(self, style: TimedStylesLike | None, regions: RegionsLike | None) -> None:
        scale, has_style = encoding_scale(self.image_options, self.options.method), _is_given(style)
        if regions is not None:
            most = self.image_options.max_pixels
            self.regions = make_regions(
                regions, None, model=self.method, scale=scale, max_pixels=most, moving=True, rest=has_style
            )
        if regions is None or has_style:
            self.styles = timed_styles(style, self.method, scale)

    def _write_frames(
        self,
        content: PathLike,
        output: PathLike,
        audio: video_audio.NewAudio | None,
        watch: Watch,
        tell: Tell,
        show: Show,
    ) -> Path:
        options, image_options = self.options, self.image_options
        inputs = [content, *style_paths(self._inputs)]
        codec = check_target(output, options, inputs)
        with ExitStack() as stack:
            # Decoders and encoders start threads, which should have a low priority, too.
            reader = run_nice(lambda: open_content(content, options, tell, image_options.max_pixels))
            stack.callback(reader.close)
            if codec in ALPHA_CODECS:
                reader.keep_alpha()
            if codec:
                image_options = with_even_size(image_options, reader.info, codec)
            regions = None
            if self.regions is not None:
                regions = VideoRegions(self.regions, reader.info, image_options, tell)
                stack.callback(regions.close)
            # It comes before the segments: a refused option must not delete the frames of an earlier run.
            painter = VideoPainter(
                self.styles, self.method, image_options, options, reader.info, regions, self._device
            )
            painter.show = show if options.preview is None else FramePreview(options.preview, inputs, show)
            segments: Segments | None = None
            if codec != "gif":
                plan = plan_of(content, self.styles, self.method, image_options, options, self.regions)
                segments = Segments(output, plan, options.resume, tell)
                stack.callback(segments.leave)
                segments.restore(painter.restore)
            writer: Writer
            if not codec:
                writer = folder = FolderWriter(output, segments.folder / "frames" if segments else None)
                temporary = folder.temporary
            else:
                temporary = stack.enter_context(writing(output, options.overwrite, inputs))
                if segments:
                    segments.note_temporary(temporary)
                info, size = reader.info, pipeline.prepared_size(reader.info.size, image_options)
                source = reader if isinstance(reader, VideoReader) else None
                if codec == "gif":
                    writer = run_nice(lambda: GifWriter(temporary, info, size))
                else:
                    about = (info, size, codec, options.quality, source, tell, audio)
                    writer = run_nice(lambda: VideoWriter(temporary, *about))
            run_or_save(reader, painter, writer, segments, options.resume, temporary, output, watch, tell)
            if not codec:
                folder.move(Path(output))
        if segments:
            segments.remove()
        return Path(output)


def open_content(content: PathLike, options: VideoOptions, tell: Tell, max_pixels: int) -> Reader:
    """Open a video or a folder of pictures."""
    if os.path.isdir(content):
        return FolderReader(content, options.fps or DEFAULT_FPS, tell, max_pixels)
    if options.fps is not None:
        raise OptionError("fps is for folders of pictures; a video keeps its own time stamps")
    check_readable(content)
    if is_animated_webp(content):
        return WebPReader(content, tell, max_pixels)
    return VideoReader(content, tell, max_pixels)


def with_even_size(options: ImageOptions, info: VideoInfo, codec: str) -> ImageOptions:
    """Round the sides to even numbers if only the longest one is given and the codec needs it."""
    if options.size is None or isinstance(parse_size(options.size), tuple) or codec not in ENCODERS:
        return options
    if not ENCODERS[codec].even or "444" in pixel_format(ENCODERS[codec], info):
        return options
    height, width = (max(2, 2 * round(side / 2)) for side in pipeline.prepared_size(info.size, options))
    return replace(options, size=f"{width}x{height}")


def _is_given(style: TimedStylesLike | None) -> bool:
    return style is not None and not (isinstance(style, (list, tuple)) and not style)


def default_output(
    content: PathLike, styles: TimedStyles, regions: Regions | None = None, look: str | None = None
) -> Path:
    """Return the default output, named after the styles, or else the look: `clip-great-wave.mp4`."""
    path = Path(os.path.abspath(content)) if os.path.isdir(content) else Path(content)
    suffix = path.suffix if path.suffix.lower() in SUFFIXES and path.is_file() else ".mp4"
    named = [*(style for _, style in styles), *(regions.styles if regions else ())]
    names = "-".join(dict.fromkeys(style.name for style in named if style is not None))
    if look is not None and not named:
        names = look_name(look)
    return Path(result_name(f"{path.name}{suffix}" if path.is_dir() else path, names, suffix))


def is_folder(output: PathLike) -> bool:
    """Return whether an output means a folder of PNGs: it is a folder, or ends with a slash."""
    return os.path.isdir(output) or os.fspath(output).endswith(("/", os.sep))


def check_target(output: PathLike, options: VideoOptions, inputs: Sequence[PathLike]) -> str:
    """Check an output before any work; return the codec, "" for a folder."""
    if not is_folder(output):
        codec = check_format(output, options.codec, options.quality)
        if codec == "gif" and options.resume:
            raise OptionError("resume is not for GIFs; write .mp4 or a folder/, or leave it out")
        check_output(output, overwrite=options.overwrite, inputs=inputs)
        return codec
    if options.codec is not None or options.quality is not None:
        raise OptionError("a folder of PNGs has no codec or quality; leave them out")
    check_folder(output)
    return ""
