"""Formats of written videos: containers, codecs, encoder settings, and what a container can hold."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from restyle.errors import OptionError, OutputError
from restyle.types import PathLike
from restyle.videos.info import VideoInfo


@dataclass(frozen=True)
class Encoder:
    """An encoder and its settings.

    name : FFmpeg's name
    suffixes : containers that can hold its codec
    worst : constant rate factor of quality 0; 0 if the encoder has no quality setting
    even : whether frames with subsampled chroma must have even sides
    """

    name: str
    suffixes: tuple[str, ...]
    worst: int = 0
    options: tuple[tuple[str, str], ...] = ()
    even: bool = True


_MP4 = (".mp4", ".m4v", ".mov")
ENCODERS = {
    # Half the work of `fast` for 1 dB less at the same size: encoding shares the CPU with the network.
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
ALPHA_CODECS = ("prores", "ffv1", "gif", "")  # that keep transparency; a folder of PNG has no codec
DEFAULT_CODEC = {".webm": "vp9"}
CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
SUFFIXES = (*CONTAINERS, ".gif")

DEFAULT_QUALITY = 64  # constant rate factor 18 of H.264, hard to tell from the original

# Metadata that describes the file it came from.
_NOT_COPIED = {
    "major_brand", "minor_version", "compatible_brands", "encoder", "duration", "handler_name", "vendor_id",
    "number_of_bytes", "number_of_frames", "bps",
}  # fmt: skip


def check_format(path: PathLike, codec: str | None, quality: int | None) -> str:
    """Return the codec for an output; without `codec`, the default one of its suffix.

    Raises OutputError or OptionError if the suffix is not that of a video, or the container cannot hold the
    codec.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        problem = f"cannot write '{suffix}' videos" if suffix else "has no suffix that names a video format"
        raise OutputError(f"{os.fspath(path)}: {problem}; use one of {', '.join(SUFFIXES)}, or a folder/")
    if suffix == ".gif":
        if codec is not None or quality is not None:
            raise OptionError("a GIF has no codec or quality; leave them out, or write .mp4")
        return "gif"
    chosen = codec or DEFAULT_CODEC.get(suffix, "h264")
    encoder = ENCODERS[chosen]
    if suffix not in encoder.suffixes:
        raise OptionError(f"'{suffix}' cannot hold codec {chosen}; use one of {', '.join(encoder.suffixes)}")
    if quality is not None and not encoder.worst:
        raise OptionError(f"codec {chosen} has no quality setting; leave it out")
    import av

    try:
        av.Codec(encoder.name, "w")
    except av.FFmpegError as error:
        raise OptionError(
            f"codec {chosen} is missing from this PyAV ({encoder.name}); choose another"
        ) from error
    return chosen


def pixel_format(encoder: Encoder, info: VideoInfo) -> str:
    """Return the encoder's pixel format that is nearest to the chroma and depth of the source."""
    import av

    known = {each.name for each in av.Codec(encoder.name, "w").video_formats or ()}
    if info.alpha and encoder.name == "prores_ks":
        return "yuva444p10le"
    if info.alpha and encoder.name == "ffv1":
        return "gbrap16le" if info.depth > 8 and "gbrap16le" in known else "bgra"
    deep = "10le" if info.depth > 8 else ""
    if encoder.name == "ffv1":
        return "gbrp16le" if deep and "gbrp16le" in known else "bgr0"
    # Phones and browsers play H.264 in 4:2:0 only.
    chroma = "420" if encoder.name == "libx264" else info.chroma
    candidates = [f"yuv{chroma}p{deep}", f"yuv420p{deep}", "yuv420p", "yuv422p10le"]
    return next(each for each in candidates if not known or each in known)


def copy_chapters(source: Any, target: Any) -> None:
    """Copy the chapters of an open input to an open output."""
    if chapters := source.chapters():
        target.set_chapters(chapters)


def left_out(container: Any, picture: Any) -> str:
    """Return a message about streams that are never copied: data, attachments, covers, further videos."""
    names = {"data": "data", "attachment": "attachment", "video": "video"}
    kinds = [
        "cover picture" if stream.type == "video" and is_cover(stream) else names[stream.type]
        for stream in container.streams
        # MP4 stores the titles of chapters in a data stream, too.
        if stream.type in names and stream.index != picture.index and not _holds_chapters(container, stream)
    ]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    return f"streams that are left out: {counts}" if kinds else ""


def is_cover(stream: Any) -> bool:
    """Return whether a video stream is a picture that is shown beside the sound or in lists."""
    return bool(int(stream.disposition) & 0x400)  # AV_DISPOSITION_ATTACHED_PIC


def _holds_chapters(container: Any, stream: Any) -> bool:
    return stream.type == "data" and bool(container.chapters())


def encoder_settings(encoder: Encoder) -> dict[str, str]:
    """Return the settings of an encoder on this CPU."""
    settings = dict(encoder.options)
    if encoder.name == "libx264" and _has_avx512():
        # Its macroblock tree reads uninitialized memory with AVX-512, so that equal frames give different
        # packets (docs/lab/video-reproducibility.md).
        settings["x264-params"] = "asm=avx2"
    return settings


def _has_avx512() -> bool:
    package = "numpy._core" if int(np.__version__.split(".")[0]) > 1 else "numpy.core"
    core = import_module(f"{package}._multiarray_umath")  # NumPy has no public function for it
    features: dict[str, bool] = getattr(core, "__cpu_features__", {})
    return features.get("AVX512F", False) and features.get("AVX2", False)


def copied_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return metadata without the entries that describe the source file itself."""
    return {key: value for key, value in metadata.items() if key.lower() not in _NOT_COPIED}


def copied_stream(container: Any, stream: Any) -> Any:
    """Add a copy of a stream to an open output, for its packets; return None if the output cannot hold it."""
    import av

    if stream.codec_context is None:
        return None
    try:  # containers refuse some codecs that they list
        with av.open(io.BytesIO(), "w", format=container.format.name) as trial:
            copied: Any = trial.add_stream_from_template(stream)
            trial.start_encoding()
    except (av.FFmpegError, ValueError):
        return None
    if stream.type == "audio" and "channels" in copied.layout.name and container.format.name == "mp4":
        return None  # MP4 needs a named channel layout
    copied = container.add_stream_from_template(stream)
    copied.metadata.update(copied_metadata(stream.metadata))
    copied.disposition = stream.disposition
    return copied
