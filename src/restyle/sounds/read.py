"""Read sound files block by block, at their own rate, channels and depth.

libsndfile reads WAV, FLAC, Ogg, Opus, AIFF and the like. MP3 and what it does not know (MP4, M4A, MKV,
WebM: also the sound of a video) goes through PyAV. Nothing is resampled or mixed on the way.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restyle.errors import InputError
from restyle.sounds.container import Reader, check_readable
from restyle.types import PathLike

Float = NDArray[np.float32]

MAX_CHANNELS = 32
RATES = (2000, 768000)
GAP = 0.1  # seconds without sound in a container that are filled with silence
FRAME = 4096  # samples of the longest frame of a codec


@dataclass(frozen=True)
class SoundInfo:
    """What a sound file says of itself.

    sr : int, samples a second
    channels : int
    frames : int or None, samples of each channel, where the file knows
    depth : str, libsndfile's name: ``"PCM_16"``, ``"FLOAT"``, ``"VORBIS"``
    """

    sr: int
    channels: int
    frames: int | None
    depth: str


class SoundReader(Reader):
    """A sound file or the sound of a video, read from its start in blocks.

    Parameters
    ----------
    path : path

    Raises
    ------
    InputError
        The file is missing, empty, not a sound, or has a rate or number of channels beyond all use.
    """

    def __init__(self, path: PathLike) -> None:
        self.path = path
        check_readable(path)
        import soundfile

        self.start = 0.0  # second of the first sample on the clock of a container; known once it is decoded
        self._sound: Any = None
        self._container: Any = None
        try:
            self._sound = None if _is_mp3(path) else soundfile.SoundFile(os.fspath(path))
        except (soundfile.LibsndfileError, RuntimeError):
            self._sound = None
        if self._sound is None:
            self.info = self._open_container()
        else:
            frames = self._sound.frames
            self.info = SoundInfo(
                self._sound.samplerate,
                self._sound.channels,
                frames if 0 <= frames < 2**60 else None,
                self._sound.subtype,
            )
        if not 1 <= self.info.channels <= MAX_CHANNELS or not RATES[0] <= self.info.sr <= RATES[1]:
            self.close()
            raise InputError(
                f"{os.fspath(path)}: {self.info.channels} channels at {self.info.sr} Hz; restyle takes up to "
                f"{MAX_CHANNELS} channels at {RATES[0]} to {RATES[1]} Hz"
            )

    def close(self) -> None:
        """Let go of the file."""
        for handle in (self._sound, self._container):
            if handle is not None:
                handle.close()

    def blocks(self, frames: int) -> Iterator[Float]:
        """Blocks of `frames` samples, the last one shorter.

        Yields
        ------
        y : np.ndarray [shape=(n, channels), float32]

        Raises
        ------
        InputError
            A sample is NaN or infinite, or the file breaks off in a way that cannot be read past.
        """
        done = 0
        for block in self._raw(frames):
            if not np.isfinite(block).all():
                first = int(np.nonzero(~np.isfinite(block).all(axis=1))[0][0])
                raise InputError(
                    f"{os.fspath(self.path)}: NaN or infinite sample {(done + first) / self.info.sr:.3f} s "
                    "from the start; export the sound anew"
                )
            done += len(block)
            yield block

    def _raw(self, frames: int) -> Iterator[Float]:
        if self._sound is None:
            yield from _regrouped(self._decoded(), frames)
            return
        import soundfile

        while True:
            try:
                block = self._sound.read(frames, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError as error:
                raise InputError(
                    f"{os.fspath(self.path)}: damaged sound file ({error.error_string})"
                ) from error
            if not len(block):
                return
            yield block

    def _open_container(self) -> SoundInfo:
        import av

        shown = os.fspath(self.path)
        try:
            self._container = av.open(shown)
        except (av.FFmpegError, ValueError) as error:
            raise InputError(
                f"{shown}: not a sound that restyle can read; try WAV, FLAC, OGG or MP3"
            ) from error
        if not self._container.streams.audio:
            self.close()
            raise InputError(f"{shown}: has no sound")
        stream = self._container.streams.audio[0]
        context = stream.codec_context
        length = None
        if stream.duration is not None and stream.time_base is not None:
            length = round(float(stream.duration * stream.time_base) * (context.sample_rate or 0))
        bits = {"s16": "PCM_16", "s32": "PCM_24", "flt": "FLOAT", "dbl": "DOUBLE"}
        name = str(context.format.name).removesuffix("p") if context.format else ""
        lossy = "pcm" not in context.name and context.name not in ("flac", "alac")
        depth = "PCM_16" if lossy else bits.get(name, "PCM_16")
        return SoundInfo(int(context.sample_rate or 0), int(context.channels or 0), length, depth)

    def _decoded(self) -> Iterator[Float]:
        """Blocks of any size: without run-up and filling of the codec, holes filled with silence."""
        held: Float | None = None
        done, end = 0, 0  # samples given out; where the last packet ends
        for block, stamp in self._stamped():
            if held is not None:
                done += len(held)
                yield held
            held, end = block, stamp
        if held is None:
            raise InputError(f"{os.fspath(self.path)}: damaged sound; nothing of it can be decoded")
        yield held[: max(1, self._true_length(done + len(held), end) - done)]

    def _stamped(self) -> Iterator[tuple[Float, int]]:
        """Blocks, each with the end of its packet in samples from the first."""
        import av

        rate, stream = self.info.sr, self._container.streams.audio[0]
        resampler = av.AudioResampler(format="fltp", layout=stream.layout.name, rate=rate)
        first: float | None = None
        position = end = 0
        packets = self._container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                frames = packet.decode()
            except (av.FFmpegError, ValueError):
                if packet is None or packet.pts is None:
                    return  # the container breaks off
                continue  # one packet is damaged: the stamps of the next tell how much is missing
            for frame in frames:
                at = None if frame.pts is None else float(frame.pts * frame.time_base)
                if first is None:
                    first = self.start = at or 0.0
                missing = 0 if at is None else round((at - first) * rate) - position
                if missing > GAP * rate:
                    for start in range(0, missing, rate):
                        yield np.zeros((min(rate, missing - start), self.info.channels), np.float32), end
                    position += missing
                if packet.pts is not None and packet.duration:
                    end = round((float((packet.pts + packet.duration) * packet.time_base) - first) * rate)
                frame.pts = None
                for part in resampler.resample(frame):
                    position += part.samples
                    yield part.to_ndarray().T.astype(np.float32, copy=False), end

    def _true_length(self, decoded: int, end: int) -> int:
        """Samples less what fills the last frame of a codec in MP4, which FFmpeg leaves in."""
        said = {**self._container.streams.audio[0].metadata, **self._container.metadata}.get("iTunSMPB", "")
        if not self._container.format.name.startswith("mov"):
            return decoded
        if len(words := said.split()) > 3:  # Apple's: zero, run-up, filling, true length, in hexadecimal
            end = int(words[3], 16)
        return end if 0 < decoded - end < FRAME else decoded


def read(path: PathLike, seconds: float | None = None) -> tuple[Float, int]:
    """Read a sound into memory.

    Parameters
    ----------
    path : path
    seconds : float, optional
        Stop after that much.

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
    """Whether it begins like MP3, which libsndfile reads too, but not without talking on standard error."""
    with open(path, "rb") as file:
        head = file.read(3)
    return head == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0)


def _regrouped(parts: Iterator[Float], frames: int) -> Iterator[Float]:
    """The same samples in blocks of `frames`."""
    held: list[Float] = []
    count = 0
    for part in parts:
        held.append(part)
        count += len(part)
        while count >= frames:
            whole = np.concatenate(held)
            yield whole[:frames]
            held, count = [whole[frames:]], count - frames
    if count:
        yield np.concatenate(held)
