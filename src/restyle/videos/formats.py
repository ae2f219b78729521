"""What video files hold: frames and their colors, containers, codecs, and packets with their time stamps."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restyle.errors import InputError, OptionError, OutputError
from restyle.types import PathLike

Pixels = NDArray[np.uint8] | NDArray[np.uint16]
Tell = Callable[[str], None]  # takes one line about something that was lost or repaired

MOST_PIXELS = 2**26  # of a frame: twice those of 8K; painting takes about 70 bytes for each
_BROADCAST = {"mpegts", "mpeg", "vob"}  # formats whose clock does not start at 0
_MAX_HELD = 64  # packets
MOST_PAUSE = 3600  # seconds between two packets of a stream

# Numbers of ITU-T H.273
RGB, BT709, UNSPECIFIED, BT601 = 0, 1, 2, 6
LIMITED, FULL = 1, 2
_KNOWN_MATRICES = {1, 4, 5, 6, 7, 9}


@dataclass(frozen=True)
class ColorTags:
    """How YUV values map to colors, as numbers of ITU-T H.273."""

    range: int = 0  # unspecified, LIMITED or FULL
    matrix: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    primaries: int = UNSPECIFIED

    def working_matrix(self, height: int) -> int:
        """Return the matrix to convert with; if unspecified, BT.709 from 720 rows up and BT.601 below."""
        if self.matrix in _KNOWN_MATRICES:
            return self.matrix
        return BT709 if height >= 720 else BT601


@dataclass(frozen=True)
class Turn:
    """How to turn stored frames upright: quarter turns counterclockwise, then mirrored left to right."""

    quarters: int = 0
    mirrored: bool = False

    def upright(self, pixels: Pixels) -> Pixels:
        """Turn a stored frame [H, W, 3] upright."""
        turned: Any = np.rot90(pixels, self.quarters)
        return np.ascontiguousarray(turned[:, ::-1] if self.mirrored else turned)

    def stored(self, pixels: Pixels) -> Pixels:
        """Turn an upright frame [H, W, 3] back to its stored orientation."""
        mirrored: Any = pixels[:, ::-1] if self.mirrored else pixels
        return np.ascontiguousarray(np.rot90(mirrored, -self.quarters))


@dataclass(frozen=True)
class VideoInfo:
    """Properties of the picture of a video."""

    size: tuple[int, int]  # (height, width), upright
    time_base: Fraction  # unit of `VideoFrame.pts`, in seconds
    rate: Fraction | None  # average frames per second
    frames: int | None  # that the file claims to hold
    depth: int = 8  # bits per channel
    chroma: str = "420"  # or 422, 444
    alpha: bool = False  # whether frames have an alpha channel, which the result keeps
    aspect: Fraction = Fraction(1)  # width of an upright pixel divided by its height
    colors: ColorTags = ColorTags()
    turn: Turn = Turn()
    metadata: dict[str, str] = field(default_factory=dict)
    stream_metadata: dict[str, str] = field(default_factory=dict)


@dataclass
class VideoFrame:
    """One frame, upright: RGB [H, W, 3], or with straight alpha [H, W, 4] if `VideoInfo.alpha`."""

    pixels: Pixels | None  # None if the frame is damaged or skipped
    pts: int  # in units of `VideoInfo.time_base`; it increases from frame to frame
    duration: int  # in the same units
    skipped: bool = False  # whether its pixels were not requested


def check_pixels(shown: str, size: tuple[int, int], max_pixels: int | None) -> None:
    """Raise InputError where frames of (height, width) have more than `max_pixels`, or `MOST_PIXELS`."""
    most = MOST_PIXELS if max_pixels is None else min(max_pixels, MOST_PIXELS)
    if size[0] * size[1] > most:
        cure = "make them smaller first" if most == MOST_PIXELS else "raise max-pixels if you trust the file"
        raise InputError(f"{shown}: its frames of {size[1]}x{size[0]} have more than {most:,} pixels; {cure}")


def turn_of(frame: Any) -> Turn:
    """Return how a decoded frame is turned, from its display matrix."""
    from av.sidedata.sidedata import Type

    data = frame.side_data.get(Type.DISPLAYMATRIX)
    if data is None:
        return Turn()
    # The matrix maps a stored pixel: (x, y) -> (a x + c y, b x + d y).
    a, b, _, c, d = np.sign(np.frombuffer(bytes(data), np.int32)[:5]).tolist()
    for quarters, signs in enumerate(((1, 0, 0, 1), (0, -1, 1, 0), (-1, 0, 0, -1), (0, 1, -1, 0))):
        if signs == (a, b, c, d):
            return Turn(quarters)
        if signs == (-a, b, -c, d):
            return Turn(quarters, mirrored=True)
    return Turn()  # not a quarter turn: players ignore it, too


def with_alpha(pixels: NDArray[Any]) -> NDArray[Any]:
    """Add an opaque alpha channel to [H, W, 3]; return [H, W, 4] unchanged."""
    if pixels.shape[-1] == 4:
        return pixels
    return np.concatenate([pixels, np.full_like(pixels[..., :1], np.iinfo(pixels.dtype).max)], axis=-1)


def over_black(pixels: NDArray[Any]) -> NDArray[Any]:
    """Composite [H, W, 4] over black; the colors of transparent pixels are arbitrary, and must not appear."""
    opacity, top = pixels[..., 3:], np.iinfo(pixels.dtype).max
    if opacity.min() == top:
        return pixels[..., :3]
    return (pixels[..., :3] * (opacity / np.float32(top)) + np.float32(0.5)).astype(pixels.dtype)


def scaling() -> Any:
    """Return flags of swscale for conversion between YUV and RGB that uses every chroma sample."""
    from av.video.reformatter import Interpolation

    return Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


@dataclass(frozen=True)
class Encoder:
    """An encoder and its settings."""

    name: str  # in FFmpeg
    suffixes: tuple[str, ...]  # of the containers that can hold its codec
    worst: int = 0  # constant rate factor of quality 0; 0 if the encoder has no quality setting
    options: tuple[tuple[str, str], ...] = ()
    even: bool = True  # whether frames with subsampled chroma must have even sides


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
CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
SUFFIXES = (*CONTAINERS, ".gif")
DEFAULT_QUALITY = 64  # constant rate factor 18 of H.264, hard to tell from the original

# Metadata that describes the file it came from.
_NOT_COPIED = {
    "major_brand", "minor_version", "compatible_brands", "encoder", "duration", "handler_name", "vendor_id",
    "number_of_bytes", "number_of_frames", "bps",
}  # fmt: skip


def check_format(path: PathLike, codec: str | None, quality: int | None) -> str:
    """Return the codec for an output; OutputError or OptionError if its suffix cannot hold it."""
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        problem = f"cannot write '{suffix}' videos" if suffix else "has no suffix that names a video format"
        raise OutputError(f"{os.fspath(path)}: {problem}; use one of {', '.join(SUFFIXES)}, or a folder/")
    if suffix == ".gif":
        if codec is not None or quality is not None:
            raise OptionError("a GIF has no codec or quality; leave them out, or write .mp4")
        return "gif"
    chosen = codec or ("vp9" if suffix == ".webm" else "h264")
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
    # MP4 stores the titles of chapters in a data stream, too.
    names = ("attachment", "video") if container.chapters() else ("data", "attachment", "video")
    kinds = [
        "cover picture" if stream.type == "video" and is_cover(stream) else stream.type
        for stream in container.streams
        if stream.type in names and stream.index != picture.index
    ]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    return f"streams that are left out: {counts}" if kinds else ""


def is_cover(stream: Any) -> bool:
    """Return whether a video stream is a picture that is shown beside the sound or in lists."""
    return bool(int(stream.disposition) & 0x400)  # AV_DISPOSITION_ATTACHED_PIC


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


def demux(container: Any, clock: Clock, *streams: Any) -> Iterator[Any]:
    """Yield the packets of some streams, with corrected time stamps."""
    held: dict[int, list[Any]] = {}  # packets before the first one with a dts
    started: set[int] = set()
    for packet in container.demux(*streams):
        clock.apply(packet)
        index = packet.stream_index
        waiting = held.setdefault(index, [])
        if index not in started and packet.dts is None and packet.size and len(waiting) < _MAX_HELD:
            waiting.append(packet)
            continue
        started.add(index)
        # Matroska has no dts, and FFmpeg does not know those of the first B-frames.
        step = max(1, packet.duration or 0)
        for place, each in enumerate(waiting):
            if packet.dts is not None:
                each.dts = packet.dts - step * (len(waiting) - place)
            yield each
        waiting.clear()
        yield packet
    for waiting in held.values():
        yield from waiting


class Clock:
    """Corrects the clock of broadcast files (TS, VOB), which starts anywhere and jumps where files join.

    Of other files it leaves out pauses of more than `MOST_PAUSE`, which no container could hold; `left_out`
    is their sum in seconds.
    """

    def __init__(self, container: Any) -> None:
        self._broadcast = container.format.name in _BROADCAST
        late = self._broadcast and container.start_time
        self.shift = Fraction(container.start_time, 1_000_000) if late else Fraction(0)  # seconds, at first
        self.left_out = Fraction(0)
        self._shifts = [self.shift]
        self._current: dict[int, Fraction] = {}  # shift of each stream
        self._last: dict[int, int] = {}  # last dts of each stream
        self._ends: dict[int, Fraction] = {}  # end of the last packet of each stream, in seconds

    def apply(self, packet: Any) -> None:
        """Correct the time stamps of a packet."""
        # Where B-frames are, the dts of other files may be guessed, and lag behind a jump.
        stamps = (packet.dts, packet.pts) if self._broadcast else (packet.pts, packet.dts)
        stamp = next((each for each in stamps if each is not None), None)
        if stamp is None:
            return
        index, time = packet.stream_index, stamp * packet.time_base
        shift, end = self._current.get(index, self.shift), self._ends.get(index)
        if end is not None and not self._follows(time - shift, end):
            # All streams jump at about the same place; they stay in sync if they use the same shift.
            known = (each for each in reversed(self._shifts) if self._follows(time - each, end))
            jump = time - max(self._ends.values()) if self._broadcast or time - shift > end else shift
            shift = next(known, jump)
            self._shifts.append(shift)
            if not self._broadcast:
                self.left_out = max(self.left_out, shift)
        self._current[index] = shift
        if (packet.duration or 0) * packet.time_base > MOST_PAUSE:
            packet.duration = round(Fraction(1, 25) / packet.time_base)
        self._ends[index] = time - shift + (packet.duration or 0) * packet.time_base
        if not (self._broadcast or shift):
            return
        units = round(shift / packet.time_base)
        if packet.dts is not None:
            packet.dts = max(packet.dts - units, self._last.get(index, packet.dts - units - 1) + 1)
            self._last[index] = packet.dts
        if packet.pts is not None:
            packet.pts -= units

    def _follows(self, time: Fraction, end: Fraction) -> bool:
        """Return whether a packet can follow one that ended at `end`, in seconds, without a correction."""
        if not self._broadcast:
            return abs(time - end) <= MOST_PAUSE
        return end - Fraction(1, 10) <= time <= end + 10
