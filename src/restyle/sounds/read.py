"""Read sound files block by block, at their own sample rate, channels and bit depth.

libsndfile reads WAV, FLAC, Ogg, Opus, AIFF and similar formats; FFmpeg reads MP4, M4A, Matroska, WebM, MP3,
and what is left of a damaged FLAC file. Encoder delay and padding are never part of the sound. A file may
consist of links, which are complete files. What is missing or left out is reported: its end, gaps, further
streams.
"""

from __future__ import annotations

import mmap
import os
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any, BinaryIO

import numpy as np

from restyle.errors import InputError
from restyle.files import Closing, check_readable
from restyle.sounds.effects import regroup, with_last
from restyle.sounds.files import DEPTHS, MAX_CHANNELS, Part, native_path, open_file, stated_sizes
from restyle.sounds.stft import Float
from restyle.types import PathLike

RATES = (2000, 768000)
LARGEST = 1e6  # sample; integers stored as floats are below it, values of damaged files are not
GAP = 0.1  # seconds without packets in a container that are filled with silence
MOST_SILENCE = 3600.0  # seconds of all gaps together; longer ones are left out
CODEC_FRAME = 4096  # samples of the longest frame of a codec
# Formats that state how long they are; of others FFmpeg guesses it from the first packets.
_STATING = ("mov", "matroska", "asf", "avi", "flac", "wav", "caf", "aiff")
_UNKNOWN = 0x7FFF0000  # bytes; programs that write to a pipe state a size from here up
_SHORT = 0.5  # seconds by which a file may be shorter than it says
_CHUNKS = {b"RIFF": "<I", b"FORM": ">I"}  # how formats made of chunks (WAV, AIFF) write a size
_OGG, _OGG_HEADER, _OGG_PAGE = b"OggS", 27, 1 << 16  # capture pattern; bytes of a header, of the longest page


@dataclass(frozen=True)
class SoundInfo:
    """Properties of a sound file."""

    sr: int
    channels: int
    frames: int | None  # where the file says
    depth: str  # libsndfile's name: "PCM_16", "FLOAT", "VORBIS"


class SoundReader(Closing):
    """Read a sound file, or the sound of a video, from its start in blocks.

    `tell` takes one line about each thing that is missing from the file or left out.

    Raises
    ------
    InputError
        The file is missing, empty, not a sound, or has an unsupported rate or number of channels.
    """

    def __init__(self, path: PathLike, tell: Callable[[str], None] = lambda line: None) -> None:
        check_readable(path)
        self.path, self.tell = path, tell
        self.start = 0.0  # time of the first sample in a container; known once it is decoded
        self._sound: Any = None
        self._container: Any = None
        self._file: Any = None
        if not _is_mp3(path):
            self._links, self._complete, self._streams = find_links(path)
            self._sound = self._open_sound()
        if self._sound is None:
            self.info = self._open_container()
        else:
            frames = self._sound.frames if 0 <= self._sound.frames < 2**60 and len(self._links) < 2 else None
            self.info = SoundInfo(self._sound.samplerate, self._sound.channels, frames, self._sound.subtype)
        if not 1 <= self.info.channels <= MAX_CHANNELS or not RATES[0] <= self.info.sr <= RATES[1]:
            self.close()
            raise InputError(
                f"{os.fspath(path)}: {self.info.channels} channels at {self.info.sr} Hz; restyle takes up to "
                f"{MAX_CHANNELS} channels at {RATES[0]} to {RATES[1]} Hz"
            )

    def close(self) -> None:
        """Close the file."""
        for handle in (self._sound, self._container, self._file):
            if handle is not None:
                handle.close()

    def blocks(self, frames: int) -> Iterator[Float]:
        """Yield blocks of `frames` samples [shape=(n, channels), float32]; the last one may be shorter.

        InputError: a sample is NaN, infinite or beyond `LARGEST`, or nothing of the file can be decoded.
        """
        done = 0
        for block in regroup(self._raw(frames), frames):
            if not (good := np.abs(block) <= LARGEST).all():
                first = int(np.nonzero(~good.all(axis=1))[0][0])
                raise InputError(
                    f"{os.fspath(self.path)}: sample {block[first][~good[first]][0]:g} "
                    f"{(done + first) / self.info.sr:.3f} s from the start; export the sound again, "
                    "in the range -1 to 1"
                )
            done += len(block)
            yield block

    def _raw(self, frames: int) -> Iterator[Float]:
        if self._sound is None:
            yield from self._decode()
            return
        import soundfile

        done = 0
        while True:
            try:
                block = self._sound.read(frames, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError as error:
                yield from self._decode_rest(done, error.error_string)
                return
            done += len(block)
            if len(block):
                yield block
            elif not self._next_link(done):
                break
        # libsndfile corrects the sizes in a header to those of the file, and notes both.
        stated = map(int, re.findall(r": (\d+) \(should be", self._sound.extra_info))
        if not self._complete or any(0 < size < _UNKNOWN for size in stated):
            self._tell(f"is truncated after {done / self.info.sr:.1f} s; so is the result")
        if self._streams > 1:
            self._tell(f"has {self._streams} streams; the first sound is read")

    def _tell(self, line: str) -> None:
        self.tell(f"{os.fspath(self.path)}: {line}")

    def _open_sound(self) -> Any:
        """Open the file, or the first link of a chained one, with libsndfile; None if it cannot."""
        corrected = stated_sizes(self.path)
        if len(self._links) < 2 and not corrected:
            return _sound_file(native_path(self.path))
        self._file = open(self.path, "rb")  # noqa: SIM115, closed by `close`
        start, end = self._links[0] if self._links else (0, os.path.getsize(self.path))
        return _sound_file(Part(self._file, start, end, corrected))

    def _next_link(self, done: int) -> bool:
        """Go on with the next link of a chained file; False if there is none."""
        self._links = self._links[1:]
        if not self._links:
            return False
        link = _sound_file(Part(self._file, *self._links[0], {}))
        if link is None or (link.samplerate, link.channels) != (self.info.sr, self.info.channels):
            why = "damaged" if link is None else f"{link.channels} channels at {link.samplerate} Hz"
            self._tell(f"what follows after {done / self.info.sr:.1f} s is left out ({why})")
            return False
        self._sound.close()
        self._sound = link
        return True

    def _decode_rest(self, done: int, reason: str) -> Iterator[Float]:
        """Go on with FFmpeg, which skips what is damaged, after the samples that libsndfile has read."""
        try:
            self._open_container()
            for block in self._decode():
                if len(block) > done:
                    yield block[done:]
                done = max(0, done - len(block))
        except InputError as error:
            raise InputError(f"{os.fspath(self.path)}: damaged sound file ({reason})") from error

    def _open_container(self) -> SoundInfo:
        import av

        shown = os.fspath(self.path)
        try:
            self._container = open_file(shown)
        except (av.FFmpegError, ValueError) as error:
            raise InputError(
                f"{shown}: not a sound that restyle can read; try WAV, FLAC, OGG or MP3"
            ) from error
        stream = next(iter(self._container.streams.audio), None)
        if stream is None or stream.codec_context is None:
            self.close()
            unknown = "its sound codec is unknown to restyle; convert it first"
            raise InputError(f"{shown}: {'has no sound' if stream is None else unknown}")
        context = stream.codec_context
        length = None
        if stream.duration is not None and stream.time_base is not None:
            length = round(float(stream.duration * stream.time_base) * (context.sample_rate or 0))
        name = str(context.format.name).removesuffix("p") if context.format else ""
        lossy = "pcm" not in context.name and context.name not in ("flac", "alac")
        depth = "PCM_16" if lossy else DEPTHS.get(name, "PCM_16")
        return SoundInfo(int(context.sample_rate or 0), int(context.channels or 0), length, depth)

    def _decode(self) -> Iterator[Float]:
        """Yield blocks of any size, without encoder delay and padding, gaps filled with silence."""
        done = 0
        for (block, end), last in with_last(self._decode_packets()):
            if last:
                block = block[: max(1, self._true_length(done + len(block), end) - done)]
            done += len(block)
            yield block
        if not done:
            raise InputError(f"{os.fspath(self.path)}: damaged sound; nothing of it can be decoded")

    def _decode_packets(self) -> Iterator[tuple[Float, int]]:
        """Yield blocks, and the end of each one's packet in samples."""
        import av

        rate, stream = self.info.sr, self._container.streams.audio[0]
        resampler = av.AudioResampler(format="fltp", layout=stream.layout.name, rate=rate)
        first: float | None = None
        position = end = silence = 0
        left_out = 0.0  # seconds
        for packet, frames in self._packets(stream):
            for frame in frames:
                at = None if frame.pts is None else float(frame.pts * frame.time_base)
                if first is None:
                    first = self.start = at or 0.0
                missing = 0 if at is None else round((at - first) * rate) - position
                if missing > GAP * rate and silence + missing > MOST_SILENCE * rate:
                    first, left_out = first + missing / rate, left_out + missing / rate
                elif missing > GAP * rate:
                    for start in range(0, missing, rate):
                        yield np.zeros((min(rate, missing - start), self.info.channels), np.float32), end
                    position, silence = position + missing, silence + missing
                if packet.pts is not None and packet.duration:
                    end = round((float((packet.pts + packet.duration) * packet.time_base) - first) * rate)
                frame.pts = None
                for part in resampler.resample(frame):
                    position += part.samples
                    yield part.to_ndarray().T.astype(np.float32, copy=False), end
        if left_out:
            self._tell(f"gaps of {left_out:,.0f} s in the sound are left out")
        if len(self._container.streams.audio) > 1:
            self._tell(f"has {len(self._container.streams.audio)} streams of sound; the first is read")

    def _packets(self, stream: Any) -> Iterator[tuple[Any, list[Any]]]:
        """Yield the packets of a stream with their frames; report if the file ends before it says."""
        import av

        end = 0.0
        packets = self._container.demux()
        while True:
            packet = None
            try:
                if (packet := next(packets, None)) is None:
                    break
                if packet.pts is not None and packet.time_base is not None:
                    end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
                if packet.stream_index == stream.index:
                    yield packet, packet.decode()
            except (av.FFmpegError, ValueError):
                if packet is None or packet.pts is None:
                    break  # the file is truncated
                # a damaged packet: the next time stamp tells how much is missing
        container = self._container
        length = float(Fraction((container.duration or 0) + max(0, container.start_time or 0), 1_000_000))
        if _states_length(self.path, container) and end < length - _SHORT:
            self._tell(f"is truncated after {end:.1f} of {length:.1f} s; so is the result")

    def _true_length(self, decoded: int, end: int) -> int:
        """Subtract the padding of the last frame in MP4, which FFmpeg leaves in."""
        if not self._container.format.name.startswith("mov"):
            return decoded
        tags = {**self._container.streams.audio[0].metadata, **self._container.metadata}
        # Apple writes zero, delay, padding and true length, in hexadecimal.
        words = tags.get("iTunSMPB", "").split()
        if len(words) > 3 and re.fullmatch("[0-9A-Fa-f]{1,16}", words[3]):
            end = int(words[3], 16)
        return end if 0 < decoded - end < CODEC_FRAME else decoded


def load_sound(path: PathLike, seconds: float | None = None) -> tuple[Float, int]:
    """Load a sound [shape=(n, channels), float32, -1..1], at most the first `seconds`; and its rate."""
    with SoundReader(path) as reader:
        sr, parts, count = reader.info.sr, [], 0
        most = None if seconds is None else round(seconds * sr)
        for block in reader.blocks(1 << 18):
            parts.append(block)
            count += len(block)
            if most is not None and count >= most:
                break
        if not parts:
            raise InputError(f"{os.fspath(path)}: has no samples")
        return np.concatenate(parts)[:most], sr


def _sound_file(source: Any) -> Any:
    """Open with libsndfile; None where it cannot."""
    import soundfile

    try:
        return soundfile.SoundFile(source)
    except RuntimeError:
        return None


def _is_mp3(path: PathLike) -> bool:
    """Tell whether a file begins like MP3; libsndfile reads it as well, but prints to standard error."""
    with open(path, "rb") as file:
        head = file.read(3)
    return head == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0)


def _states_length(path: PathLike, container: Any) -> bool:
    """Tell whether the file itself states the duration; otherwise FFmpeg has guessed it."""
    if container.format.name != "mp3":
        return any(name in container.format.name for name in _STATING)
    with open(path, "rb") as file:
        head = file.read(10)
        if head[:3] == b"ID3":
            size = 0  # 7 bits in each byte
            for byte in head[6:10]:
                size = size << 7 | byte & 0x7F
            file.seek(10 + size)
        first = file.read(256)
    return b"Xing" in first or b"Info" in first


def find_links(path: PathLike) -> tuple[list[tuple[int, int]], bool, int]:
    """Find the links of an Ogg, FLAC, WAV or AIFF file.

    Returns
    -------
    links : list of (start, end)
        In bytes; empty if the file has another format.
    complete : bool
        Whether the last page of an Ogg file is marked as such.
    streams : int
        How many streams begin together at the start of an Ogg file.
    """
    complete, streams = True, 1
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        kind = file.read(4)
        if kind == _OGG:
            starts, complete, streams = _ogg_starts(file, size)
        elif kind == b"fLaC":
            starts = _flac_starts(file)
        else:
            starts = _chunk_starts(file, kind) if kind in _CHUNKS else []
    return list(pairwise([*starts, size])), complete, streams


def _ogg_starts(file: BinaryIO, size: int) -> tuple[list[int], bool, int]:
    """Reference: RFC 3533."""
    starts: list[int] = []
    complete = before_first = opening = True
    place = streams = 0
    while place < size:
        file.seek(place)
        head = file.read(_OGG_HEADER)
        table = file.read(head[-1]) if len(head) == _OGG_HEADER else b""
        if head[:4] != _OGG:  # damaged: look for the next page
            found = (head + table + file.read(_OGG_PAGE)).find(_OGG, 1)
            place += found if found > 0 else _OGG_PAGE
            opening = False
            continue
        begins, ends = bool(head[5] & 2), bool(head[5] & 4)
        opening = opening and begins and len(head) == _OGG_HEADER
        streams += opening
        if begins and before_first:
            starts.append(place)
        # Several streams may begin together: a link starts at the first of them.
        before_first = not begins
        place += len(head) + len(table) + sum(table)
        complete = ends and place <= size
    return starts, complete, streams


def _flac_starts(file: BinaryIO) -> list[int]:
    """A FLAC file states its size nowhere, so that the next one is found by its first bytes (RFC 9639)."""
    starts: list[int] = []
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        place = 0
        while place >= 0:
            kind, *length = data[place + 4 : place + 8] or (1, 0)
            if kind & 0x7F == 0 and bytes(length) == b"\0\0\x22":  # STREAMINFO of 34 bytes
                starts.append(place)
            place = data.find(b"fLaC", place + 4)
    return starts or [0]


def _chunk_starts(file: BinaryIO, kind: bytes) -> list[int]:
    starts, place = [0], 0
    while True:
        file.seek(place + 4)
        place += 8 + struct.unpack(_CHUNKS[kind], file.read(4).ljust(4, b"\0"))[0]
        for start in (place, place + 1):  # some programs pad to an even size
            file.seek(start)
            if file.read(4) == kind:
                starts.append(start)
                place = start
                break
        else:
            return starts
