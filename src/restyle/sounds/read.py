"""Read sound files block by block, at their own sample rate, channels and bit depth.

libsndfile reads WAV, FLAC, Ogg, Opus, AIFF and similar formats; FFmpeg reads MP4, M4A, Matroska, WebM, MP3,
and what is left of a damaged FLAC file. Encoder delay and padding are never part of the sound. What is
missing from a file or left out is reported: its end, gaps, further streams.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from restyle.errors import InputError
from restyle.files import Closing, check_readable
from restyle.sounds.containers import Part, count_streams, find_links, stated_sizes
from restyle.sounds.files import DEPTHS, MAX_CHANNELS, native_path, open_file
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
        self._links: list[tuple[int, int]] = []
        self._complete = True
        if not _is_mp3(path):
            self._links, self._complete = find_links(path)
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

        Raises
        ------
        InputError
            A sample is NaN, infinite or beyond `LARGEST`, or nothing of the file can be decoded.
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
        if (streams := count_streams(self.path)) > 1:
            self._tell(f"has {streams} streams; the first sound is read")

    def _tell(self, line: str) -> None:
        self.tell(f"{os.fspath(self.path)}: {line}")

    def _open_sound(self) -> Any:
        """Open the file, or the first link of a chained one, with libsndfile; None if it cannot."""
        import soundfile

        try:
            corrected = stated_sizes(self.path)
            if len(self._links) < 2 and not corrected:
                return soundfile.SoundFile(native_path(self.path))
            self._file = open(self.path, "rb")  # noqa: SIM115, closed by `close`
            start, end = self._links[0] if self._links else (0, os.path.getsize(self.path))
            return soundfile.SoundFile(Part(self._file, start, end, corrected))
        except (soundfile.LibsndfileError, RuntimeError):
            return None

    def _next_link(self, done: int) -> bool:
        """Go on with the next link of a chained file; False if there is none."""
        import soundfile

        self._links = self._links[1:]
        if not self._links:
            return False
        try:
            link = soundfile.SoundFile(Part(self._file, *self._links[0]))
        except (soundfile.LibsndfileError, RuntimeError):
            link = None
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
        if not self._container.streams.audio:
            self.close()
            raise InputError(f"{shown}: has no sound")
        stream = self._container.streams.audio[0]
        context = stream.codec_context
        if context is None:
            self.close()
            raise InputError(f"{shown}: its sound codec is unknown to restyle; convert it first")
        length = None
        if stream.duration is not None and stream.time_base is not None:
            length = round(float(stream.duration * stream.time_base) * (context.sample_rate or 0))
        name = str(context.format.name).removesuffix("p") if context.format else ""
        lossy = "pcm" not in context.name and context.name not in ("flac", "alac")
        depth = "PCM_16" if lossy else DEPTHS.get(name, "PCM_16")
        return SoundInfo(int(context.sample_rate or 0), int(context.channels or 0), length, depth)

    def _decode(self) -> Iterator[Float]:
        """Yield blocks of any size, without encoder delay and padding, gaps filled with silence."""
        previous: Float | None = None
        done, end = 0, 0  # samples yielded; end of the last packet
        for block, packet_end in self._decode_packets():
            if previous is not None:
                done += len(previous)
                yield previous
            previous, end = block, packet_end
        if previous is None:
            raise InputError(f"{os.fspath(self.path)}: damaged sound; nothing of it can be decoded")
        yield previous[: max(1, self._true_length(done + len(previous), end) - done)]

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
                packet = next(packets, None)
                if packet is None:
                    break
                if packet.pts is not None and packet.time_base is not None:
                    end = max(end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
                if packet.stream_index != stream.index:
                    continue
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
        tags = {**self._container.streams.audio[0].metadata, **self._container.metadata}
        if not self._container.format.name.startswith("mov"):
            return decoded
        # Apple writes zero, delay, padding and true length, in hexadecimal.
        words = tags.get("iTunSMPB", "").split()
        if len(words) > 3 and re.fullmatch("[0-9A-Fa-f]{1,16}", words[3]):
            end = int(words[3], 16)
        return end if 0 < decoded - end < CODEC_FRAME else decoded


def load_sound(path: PathLike, seconds: float | None = None) -> tuple[Float, int]:
    """Load a sound into memory, at most the first `seconds`.

    Returns
    -------
    y : np.ndarray [shape=(n, channels), float32, -1..1]
    sr : int
    """
    with SoundReader(path) as reader:
        rest = None if seconds is None else round(seconds * reader.info.sr)
        parts = []
        for block in reader.blocks(1 << 18):
            parts.append(block if rest is None else block[:rest])
            if rest is not None:
                rest -= len(block)
                if rest <= 0:
                    break
        if not parts:
            raise InputError(f"{os.fspath(path)}: has no samples")
        return np.concatenate(parts), reader.info.sr


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


def regroup(parts: Iterator[Float], frames: int) -> Iterator[Float]:
    """Yield the same samples in blocks of `frames`."""
    pending: list[Float] = []
    count = 0
    for part in parts:
        pending.append(part)
        count += len(part)
        while count >= frames:
            joined = np.concatenate(pending)
            yield joined[:frames]
            pending, count = [joined[frames:]], count - frames
    if count:
        yield np.concatenate(pending)
