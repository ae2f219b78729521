"""The sound of a video in a style: `dub` copies the picture, `new_sound` is for one that is being painted."""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from restyle.errors import InputError, OptionError, OutputError
from restyle.files import check_output, writing
from restyle.options import AudioOptions, EngineOptions, ImageOptions, VideoOptions
from restyle.sounds.api import stylized
from restyle.sounds.content import Content
from restyle.sounds.styles import joined_names, load_styles, parse_styles, style_paths
from restyle.types import PathLike, Report
from restyle.videos.audio_track import NewSound, copy_with_sound
from restyle.videos.encoding import CONTAINERS

Tell = Callable[[str], None]

_log = logging.getLogger("restyle")


def dub(
    content: PathLike,
    audio_style: Any,
    *,
    output: PathLike | None = None,
    overwrite: bool = False,
    options: AudioOptions | None = None,
    report: Report = lambda part: None,
    tell: Tell = _log.warning,
) -> Path:
    """Give the sound of a video a style; its picture, subtitles and further streams of sound are copied.

    Parameters
    ----------
    content : path
        A video with sound.
    audio_style
        As the style of `restyle.audio`.
    output : path or None
        .mp4, .m4v, .mov, .mkv or .webm; None writes `CONTENT-STYLE.SUFFIX` in the current folder.
    overwrite : bool
        Whether an existing file may be replaced. The input never is.
    options : AudioOptions
    report : function of one float
        Called with the fraction done, 0..1.
    tell : function of a line
        Called with what the container cannot hold.

    Returns
    -------
    Path
        The file written.
    """
    styles = parse_styles(audio_style)
    target = default_output(content, styles) if output is None else Path(output)
    if target.suffix.lower() not in CONTAINERS:
        raise OutputError(f"{target}: cannot hold a video with sound; use one of {', '.join(CONTAINERS)}")
    inputs = [content, *style_paths(styles)]
    check_output(target, overwrite=overwrite, inputs=inputs)
    check_moving(content)
    sound = new_sound(content, styles, options or AudioOptions(), report)
    with writing(target, overwrite=overwrite, inputs=inputs) as temporary:
        copy_with_sound(content, temporary, sound, tell)
    report(1.0)
    return target


def new_sound(
    content: PathLike,
    styles: Sequence[tuple[Any, float]],
    options: AudioOptions,
    report: Report = lambda part: None,
) -> NewSound:
    """Render the sound of a video in a style, all but the last step, which follows as it is written.

    Parameters
    ----------
    styles : sequence of (style, weight)
        See `sounds.styles.parse_styles`.
    """
    if os.path.isdir(content):
        raise InputError(f"{os.fspath(content)}: a folder of pictures has no sound; leave out --audio-style")
    source = Content(content)
    blocks = stylized(source, load_styles(styles, source.sr), options, report)
    first = next(blocks)
    return NewSound(itertools.chain([first], blocks), source.sr, source.start)


def is_only_sound(
    style: Any, audio_style: Any, engine: EngineOptions, pictures: ImageOptions, film: VideoOptions
) -> bool:
    """Tell whether the picture shall be copied: there is a style of the sound, and none of the picture."""
    if audio_style is None or style is not None or engine.model != EngineOptions.model:
        return False
    if pictures != ImageOptions() or replace(film, overwrite=False, resume=False) != VideoOptions():
        raise OptionError(
            "without a style of the picture it is copied, so options of the picture do nothing; give --style"
            " too, or leave them out"
        )
    return True


def check_container(output: PathLike) -> None:
    """Raise `OptionError` where a result has no sound."""
    if os.path.isdir(output) or Path(output).suffix.lower() not in CONTAINERS:
        raise OptionError(
            f"{os.fspath(output)}: has no sound for --audio-style; write one of {', '.join(CONTAINERS)}"
        )


def check_moving(content: PathLike) -> None:
    """Raise `InputError` where there is no picture beside the sound."""
    import av

    try:
        with av.open(os.fspath(content)) as container:
            only_sound = bool(container.streams.audio) and not container.streams.video
    except (av.FFmpegError, ValueError, OSError):
        return  # `SoundReader` has the words for it
    if only_sound:
        raise InputError(f"{os.fspath(content)}: has only sound, no moving picture; use restyle audio")


def default_output(content: PathLike, styles: Sequence[tuple[Any, float]]) -> Path:
    """`clip.avi` and `rain` -> `clip-rain.mp4` in the current folder."""
    path = Path(content)
    suffix = path.suffix if path.suffix.lower() in CONTAINERS else ".mp4"
    return Path(f"{path.stem}-{joined_names(styles, path.stem)}{suffix}")
