"""Sound files in and out, block by block, at their own rate, channels and depth.

libsndfile reads and writes WAV, FLAC, Ogg, Opus, MP3, AIFF and the like. What it does not know (MP4, M4A,
MKV, WebM: also the sound of a video) goes through PyAV. Nothing is resampled or mixed on the way.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from restyle.errors import InputError, OutputError

Float = NDArray[np.float32]
PathLike = str | os.PathLike[str]

MAX_CHANNELS = 32
RATES = (2000, 768000)
# libsndfile's Vorbis encoder keeps a block on the stack, so large ones crash it.
_CHUNK = 1 << 15

# suffix: (libsndfile's format, what is written when the content's own depth does not fit)
_FORMATS = {
    ".wav": ("WAV", "PCM_16"),
    ".flac": ("FLAC", "PCM_16"),
    ".ogg": ("OGG", "VORBIS"),
    ".oga": ("OGG", "VORBIS"),
    ".opus": ("OGG", "OPUS"),
    ".mp3": ("MP3", "MPEG_LAYER_III"),
    ".aiff": ("AIFF", "PCM_16"),
    ".aif": ("AIFF", "PCM_16"),
    ".caf": ("CAF", "PCM_16"),
    ".w64": ("W64", "PCM_16"),
}
# suffix: FFmpeg's encoder
_CONTAINERS = {".m4a": "aac", ".mp4": "aac", ".mka": "flac"}
SUFFIXES = (*_FORMATS, *_CONTAINERS)
_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_OPUS_RATES = (8000, 12000, 16000, 24000, 48000)
_AAC_RATES = (7350, 8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)


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


class SoundReader:
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
        _check_file(path)
        import soundfile

        self._sound: Any = None
        self._container: Any = None
        try:
            self._sound = soundfile.SoundFile(os.fspath(path))
        except (soundfile.LibsndfileError, RuntimeError):
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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

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
        import av

        stream = self._container.streams.audio[0]
        resampler = av.AudioResampler(format="fltp", layout=stream.layout.name, rate=self.info.sr)
        some = False
        try:
            for frame in self._container.decode(stream):
                frame.pts = None
                for part in resampler.resample(frame):
                    some = True
                    yield part.to_ndarray().T.astype(np.float32, copy=False)
            for part in resampler.resample(None):
                yield part.to_ndarray().T.astype(np.float32, copy=False)
        except (av.FFmpegError, ValueError) as error:
            if not some:
                raise InputError(f"{os.fspath(self.path)}: damaged sound ({error})") from error


class SoundWriter:
    """A sound file written in blocks. Give it the temporary path of `media.outputs.writing`.

    Parameters
    ----------
    path : path
        Its suffix picks the format; see `SUFFIXES`.
    sr, channels : int
    depth : str
        Depth of the content; kept where the format can hold it.
    """

    def __init__(self, path: PathLike, sr: int, channels: int, depth: str = "PCM_16") -> None:
        check_format(path, sr, channels)
        self._suffix = Path(path).suffix.lower()
        self._sound: Any = None
        self._container: Any = None
        self._sr = sr
        if self._suffix in _CONTAINERS:
            self._open_container(path, channels)
            return
        import soundfile

        kind, usual = _FORMATS[self._suffix]
        if not soundfile.check_format(kind, depth) or usual in ("VORBIS", "OPUS", "MPEG_LAYER_III"):
            deep = {"FLOAT": "PCM_24", "DOUBLE": "PCM_24", "PCM_32": "PCM_24"}.get(depth, usual)
            depth = deep if soundfile.check_format(kind, deep) else usual
        try:
            self._sound = soundfile.SoundFile(
                os.fspath(path), "w", samplerate=sr, channels=channels, format=kind, subtype=depth
            )
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise OutputError(f"cannot write {os.fspath(path)}: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._container is not None:
            if kind is None:
                for packet in self._stream.encode(None):
                    self._container.mux(packet)
            self._container.close()
        if self._sound is not None:
            self._sound.close()

    def write(self, y: Float) -> None:
        """Append a block [shape=(n, channels), float32, -1..1]."""
        import soundfile

        if self._container is None:
            for start in range(0, len(y), _CHUNK):
                try:
                    self._sound.write(y[start : start + _CHUNK])
                except (soundfile.LibsndfileError, AssertionError) as error:
                    # libsndfile asserts that all was written: a full disk shows here.
                    raise OutputError(
                        "cannot write the sound: the disk is full or the file grew too large"
                    ) from error
            return
        import av

        for start in range(0, len(y), _CHUNK):
            part = np.ascontiguousarray(y[start : start + _CHUNK].T)
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout=self._stream.layout.name)
            frame.sample_rate = self._sr
            frame.pts = self._position
            self._position += part.shape[1]
            for packet in self._stream.encode(frame):
                self._container.mux(packet)

    def _open_container(self, path: PathLike, channels: int) -> None:
        import av

        layouts = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 5: "5.0", 6: "5.1", 8: "7.1"}
        if channels not in layouts:
            raise OutputError(f"cannot write {channels} channels to {self._suffix}; choose .flac or .wav")
        form = {".m4a": "ipod", ".mp4": "mp4", ".mka": "matroska"}[self._suffix]
        self._position = 0
        self._container = av.open(os.fspath(path), "w", format=form)
        self._stream = self._container.add_stream(
            _CONTAINERS[self._suffix], rate=self._sr, layout=layouts[channels]
        )
        if _CONTAINERS[self._suffix] == "aac":
            self._stream.bit_rate = 96000 * channels


def check_format(path: PathLike, sr: int, channels: int) -> None:
    """Raise `OutputError` when the format that the suffix names cannot hold such a sound."""
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise OutputError(
            f"cannot write '{suffix}' sound to {os.fspath(path)}; choose one of {', '.join(SUFFIXES)}"
        )
    limits = {
        ".mp3": (2, _MP3_RATES),
        ".opus": (8, _OPUS_RATES),
        ".m4a": (8, _AAC_RATES),
        ".mp4": (8, _AAC_RATES),
    }
    most, rates = limits.get(suffix, (8 if suffix == ".flac" else MAX_CHANNELS, None))
    if channels > most or (rates is not None and sr not in rates):
        raise OutputError(
            f"cannot write {os.fspath(path)}: '{suffix}' cannot hold {channels} channels at {sr} Hz; use .wav"
        )


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


def _check_file(path: PathLike) -> None:
    shown = os.fspath(path)
    if not os.path.exists(path):
        raise InputError(f"{shown}: there is no such file")
    if not os.path.isfile(path):
        raise InputError(f"{shown}: is not a file")
    if os.path.getsize(path) == 0:
        raise InputError(f"{shown}: is empty")
    if not os.access(path, os.R_OK):
        raise InputError(f"{shown}: permission denied")


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
