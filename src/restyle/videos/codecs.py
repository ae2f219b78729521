"""Which codecs restyle writes, into which containers, with which settings."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from restyle.errors import OptionError, OutputError
from restyle.videos.info import VideoInfo

PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class Encoder:
    """One way to write a video.

    Parameters
    ----------
    name : str
        FFmpeg's name of the encoder.
    suffixes : tuple of str
        Containers that hold it.
    worst : int
        Constant rate factor of quality 0; 0 where quality means nothing.
    options : dict
        More settings of the encoder.
    even : bool
        Whether frames whose chroma is halved must have even sides.
    """

    name: str
    suffixes: tuple[str, ...]
    worst: int = 0
    options: tuple[tuple[str, str], ...] = ()
    even: bool = True


_MP4 = (".mp4", ".m4v", ".mov")
ENCODERS = {
    # Half the work of `fast` for about a decibel less at the same size: it runs beside the network.
    "h264": Encoder("libx264", (*_MP4, ".mkv"), 51, (("preset", "veryfast"),)),
    "h265": Encoder("libx265", (*_MP4, ".mkv"), 51, (("preset", "fast"), ("x265-params", "log-level=error"))),
    "vp9": Encoder(
        "libvpx-vp9",
        (".webm", ".mkv", ".mp4"),
        63,
        (("b:v", "0"), ("deadline", "good"), ("cpu-used", "4"), ("row-mt", "1")),
        even=False,
    ),
    "av1": Encoder("libsvtav1", (".webm", ".mkv", ".mp4"), 63, (("preset", "8"),)),
    "prores": Encoder("prores_ks", (".mov", ".mkv"), 0, (("profile", "hq"),)),
    "ffv1": Encoder("ffv1", (".mkv",), 0, (("level", "3"),)),
}
USUAL_CODEC = {".webm": "vp9"}
CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
SUFFIXES = (*CONTAINERS, ".gif")

USUAL_QUALITY = 64  # constant rate factor 18 of H.264, which few can tell from the original


def check_format(path: PathLike, codec: str | None, quality: int | None) -> str:
    """Return the codec for a path, the usual one of its suffix if none is named.

    Raises
    ------
    OutputError, OptionError
        No video is written under that suffix, or it cannot hold the codec.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        said = f"cannot write '{suffix}' videos" if suffix else "has no suffix that names a video format"
        raise OutputError(f"{os.fspath(path)}: {said}; use one of {', '.join(SUFFIXES)}, or a folder/")
    if suffix == ".gif":
        if codec is not None or quality is not None:
            raise OptionError("a GIF has neither codec nor quality; leave them out, or write .mp4")
        return "gif"
    chosen = codec or USUAL_CODEC.get(suffix, "h264")
    encoder = ENCODERS[chosen]
    if suffix not in encoder.suffixes:
        raise OptionError(
            f"'{suffix}' does not hold codec {chosen}; use one of {', '.join(encoder.suffixes)}"
        )
    if quality is not None and not encoder.worst:
        raise OptionError(f"codec {chosen} has no quality to choose; leave it out")
    import av

    try:
        av.Codec(encoder.name, "w")
    except av.FFmpegError as error:
        raise OptionError(
            f"codec {chosen} is missing from this PyAV ({encoder.name}); choose another"
        ) from error
    return chosen


def pixel_format(encoder: Encoder, info: VideoInfo) -> str:
    """The encoder's format that is nearest to the source's chroma and depth."""
    import av

    known = {each.name for each in av.Codec(encoder.name, "w").video_formats or ()}
    deep = "10le" if info.depth > 8 else ""
    if encoder.name == "ffv1":
        return "gbrp16le" if deep and "gbrp16le" in known else "bgr0"
    # Few players show 4:2:2 in H.264; a source in 4:4:4 is played by what plays 4:4:4.
    chroma = "420" if info.chroma == "422" and encoder.name == "libx264" else info.chroma
    wishes = [f"yuv{chroma}p{deep}", f"yuv420p{deep}", "yuv420p", "yuv422p10le"]
    return next(each for each in wishes if not known or each in known)
