"""Where the frames of a film come from and go to: opening sources and results, their sizes and names."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from restyle import pipeline
from restyle.errors import OptionError
from restyle.files import check_output
from restyle.images import picture
from restyle.methods.regions import Regions
from restyle.options import ImageOptions, VideoOptions, parse_size
from restyle.types import PathLike
from restyle.videos.audio_track import NewSound
from restyle.videos.encoding import ENCODERS, SUFFIXES, check_format
from restyle.videos.frames import FolderReader, FolderWriter, GifWriter, check_folder
from restyle.videos.info import VideoInfo
from restyle.videos.read import Tell, VideoReader
from restyle.videos.timeline import TimedStyles
from restyle.videos.write import VideoWriter

Reader = VideoReader | FolderReader
Writer = VideoWriter | GifWriter | FolderWriter

USUAL_FPS = 25.0


def open_content(content: PathLike, film: VideoOptions, tell: Tell) -> Reader:
    """Open a video or a folder of pictures."""
    if os.path.isdir(content):
        return FolderReader(content, film.fps or USUAL_FPS)
    if film.fps is not None:
        raise OptionError("fps is for folders of pictures; a video keeps its own time stamps")
    return VideoReader(content, tell)


def open_writer(
    path: PathLike,
    reader: Reader,
    codec: str,
    pictures: ImageOptions,
    film: VideoOptions,
    tell: Tell,
    sound: NewSound | None = None,
) -> VideoWriter | GifWriter:
    """Open the file that the frames go to; its size follows from the options."""
    size = prepared_size(reader.info, pictures)
    if codec == "gif":
        return GifWriter(path, reader.info, size)
    source = reader if isinstance(reader, VideoReader) else None
    return VideoWriter(path, reader.info, size, codec, film.quality, source, tell, sound=sound)


def prepared_size(info: VideoInfo, pictures: ImageOptions) -> tuple[int, int]:
    """Height and width of frames that are cropped and resized."""
    blank = picture.from_array(np.zeros((*info.size, 3), np.uint8))
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


def default_output(content: PathLike, styles: TimedStyles, regions: Regions | None = None) -> Path:
    """`clip.avi` and `great-wave` -> `clip-great-wave.mp4` in the current folder."""
    path = Path(os.path.abspath(content)) if os.path.isdir(content) else Path(content)
    suffix = path.suffix if path.suffix.lower() in SUFFIXES and path.is_file() else ".mp4"
    named = [*(style for _, style in styles), *(regions.styles if regions else ())]
    names = "-".join(dict.fromkeys(style.name for style in named if style is not None))
    return Path(f"{path.name if path.is_dir() else path.stem}-{names}{suffix}")


def is_folder(output: PathLike) -> bool:
    """Tell whether an output means a folder of PNGs: it is a folder, or ends with a slash."""
    return os.path.isdir(output) or os.fspath(output).endswith(("/", os.sep))


def checked(output: PathLike, film: VideoOptions, kept: Sequence[PathLike]) -> str:
    """Refuse an output before any work; return the codec, "" for a folder."""
    if not is_folder(output):
        codec = check_format(output, film.codec, film.quality)
        if codec == "gif" and film.resume:
            raise OptionError("resume is not for GIFs; write .mp4 or a folder/, or leave it out")
        check_output(output, overwrite=film.overwrite, inputs=kept)
        return codec
    if film.codec is not None or film.quality is not None:
        raise OptionError("a folder of PNGs has neither codec nor quality; leave them out")
    check_folder(output)
    return ""
