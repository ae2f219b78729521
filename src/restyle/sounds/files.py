"""Read and write sound files block by block, at their own sample rate, channels and bit depth.

libsndfile handles WAV, FLAC, Ogg, Opus, AIFF and similar formats, and writes MP3. PyAV handles MP4, M4A,
Matroska, WebM, and reads MP3. Encoder delay and padding are never part of the sound.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from restyle.errors import InputError, OutputError
from restyle.files import Closing, check_readable
from restyle.sounds.containers import open_file
from restyle.sounds.stft import Float
from restyle.sounds.tags import Tags, add_cover, insert_tags, set_text
from restyle.types import PathLike

MAX_CHANNELS = 32
RATES = (2000, 768000)
GAP = 0.1  # seconds without packets in a container that are filled with silence
CODEC_FRAME = 4096  # samples of the longest frame of a codec
CHUNK = 1 << 15  # libsndfile's Vorbis encoder keeps a block on the stack: larger ones crash it

# suffix: (libsndfile's format, subtype where the content's own depth does not fit)
LIBSNDFILE = {
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
# suffix: (FFmpeg's container, encoder)
FFMPEG = {".m4a": ("ipod", "aac"), ".mp4": ("mp4", "aac"), ".mka": ("matroska", "flac")}
SUFFIXES = (*LIBSNDFILE, *FFMPEG)
DEPTHS = {"s32": "PCM_24", "flt": "FLOAT", "dbl": "DOUBLE"}  # FFmpeg's format: libsndfile's subtype
LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 5: "5.0", 6: "5.1", 8: "7.1"}
_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_AAC_RATES = (7350, *_MP3_RATES, 64000, 88200, 96000)
# suffix: (most channels, sample rates); other formats take any rate
LIMITS = {
    ".mp3": (2, _MP3_RATES),
    ".opus": (8, (8000, 12000, 16000, 24000, 48000)),
    ".m4a": (8, _AAC_RATES),
    ".mp4": (8, _AAC_RATES),
    ".flac": (8, ()),
}


@dataclass(frozen=True)
class SoundInfo:
    """Properties of a sound file."""

    sr: int
    channels: int
    frames: int | None  # where the file says
    depth: str  # libsndfile's name: "PCM_16", "FLOAT", "VORBIS"


class SoundReader(Closing):
    """Read a sound file, or the sound of a video, from its start in blocks.

    Raises
    ------
    InputError
        The file is missing, empty, not a sound, or has an unsupported rate or number of channels.
    """

    def __init__(self, path: PathLike) -> None:
        import soundfile

        check_readable(path)
        self.path = path
        self.start = 0.0  # time of the first sample in a container; known once it is decoded
        self._sound: Any = None
        self._container: Any = None
        if not _is_mp3(path):
            try:
                self._sound = soundfile.SoundFile(os.fspath(path))
            except (soundfile.LibsndfileError, RuntimeError):
                self._sound = None
        if self._sound is None:
            self.info = self._open_container()
        else:
            frames = self._sound.frames if 0 <= self._sound.frames < 2**60 else None
            self.info = SoundInfo(self._sound.samplerate, self._sound.channels, frames, self._sound.subtype)
        if not 1 <= self.info.channels <= MAX_CHANNELS or not RATES[0] <= self.info.sr <= RATES[1]:
            self.close()
            raise InputError(
                f"{os.fspath(path)}: {self.info.channels} channels at {self.info.sr} Hz; restyle takes up to "
                f"{MAX_CHANNELS} channels at {RATES[0]} to {RATES[1]} Hz"
            )

    def close(self) -> None:
        """Close the file."""
        for handle in (self._sound, self._container):
            if handle is not None:
                handle.close()

    def blocks(self, frames: int) -> Iterator[Float]:
        """Yield blocks of `frames` samples [shape=(n, channels), float32]; the last one may be shorter.

        Raises
        ------
        InputError
            A sample is NaN or infinite, or the file is damaged.
        """
        done = 0
        for block in self._raw(frames):
            if not np.isfinite(block).all():
                first = int(np.nonzero(~np.isfinite(block).all(axis=1))[0][0])
                raise InputError(
                    f"{os.fspath(self.path)}: NaN or infinite sample {(done + first) / self.info.sr:.3f} s "
                    "from the start; export the sound again"
                )
            done += len(block)
            yield block

    def _raw(self, frames: int) -> Iterator[Float]:
        if self._sound is None:
            yield from regroup(self._decode(), frames)
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
        position = end = 0
        packets = self._container.demux(stream)
        while True:
            packet = None
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                frames = packet.decode()
            except (av.FFmpegError, ValueError):
                if packet is None or packet.pts is None:
                    return  # the file is truncated
                continue  # a damaged packet: the next time stamp tells how much is missing
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
        """Subtract the padding of the last frame in MP4, which FFmpeg leaves in."""
        tags = {**self._container.streams.audio[0].metadata, **self._container.metadata}
        if not self._container.format.name.startswith("mov"):
            return decoded
        # Apple writes zero, delay, padding and true length, in hexadecimal.
        if len(words := tags.get("iTunSMPB", "").split()) > 3:
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


# ---------------------------------------------------------------------------------------------- writing


class SoundWriter:
    """Write a sound file in blocks. Pass it the temporary path of `restyle.files.writing`.

    Parameters
    ----------
    path : path
        The suffix chooses the format; see `SUFFIXES`.
    sr, channels : int
    depth : str
        Bit depth of the content; used where the format supports it.
    tags : Tags
        Text for all formats but W64; the cover for MP3, FLAC, M4A and MP4.
    """

    def __init__(
        self, path: PathLike, sr: int, channels: int, depth: str = "PCM_16", tags: Tags | None = None
    ) -> None:
        check_format(path, sr, channels)
        self._path, self._tags = path, tags or Tags()
        self._sound: Any = None
        self._container: Any = None
        self._sr, self._position = sr, 0
        suffix = Path(path).suffix.lower()
        if suffix in FFMPEG:
            self._open_container(path, suffix, channels)
            return
        import soundfile

        kind, usual = LIBSNDFILE[suffix]
        if not soundfile.check_format(kind, depth) or usual in ("VORBIS", "OPUS", "MPEG_LAYER_III"):
            deep = {"FLOAT": "PCM_24", "DOUBLE": "PCM_24", "PCM_32": "PCM_24"}.get(depth, usual)
            depth = deep if soundfile.check_format(kind, deep) else usual
        try:
            self._sound = soundfile.SoundFile(
                os.fspath(path), "w", samplerate=sr, channels=channels, format=kind, subtype=depth
            )
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise OutputError(f"cannot write {os.fspath(path)}: {error}") from error
        if suffix != ".mp3":
            set_text(self._sound, self._tags)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._container is not None:
            if kind is None:
                self._container.mux(self._stream.encode(None))
            self._container.close()
        if self._sound is not None:
            self._sound.close()
            if kind is None:
                insert_tags(self._path, self._tags)

    def write(self, y: Float) -> None:
        """Append a block [shape=(n, channels), float32, -1..1]."""
        for start in range(0, len(y), CHUNK):
            part = y[start : start + CHUNK]
            if self._container is None:
                self._write_samples(part)
            else:
                self._encode(part)

    def _write_samples(self, y: Float) -> None:
        import soundfile

        try:
            self._sound.write(y)
        except (soundfile.LibsndfileError, AssertionError) as error:
            # libsndfile asserts that everything was written: this is how a full disk shows.
            raise OutputError(
                "cannot write the sound: the disk is full or the file is too large for its format"
            ) from error

    def _encode(self, y: Float) -> None:
        import av

        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(y.T), format="fltp", layout=self._stream.layout.name
        )
        frame.sample_rate, frame.pts = self._sr, self._position
        self._position += len(y)
        self._container.mux(self._stream.encode(frame))

    def _open_container(self, path: PathLike, suffix: str, channels: int) -> None:
        import av

        if channels not in LAYOUTS:
            raise OutputError(f"cannot write {channels} channels to '{suffix}'; use .flac or .wav")
        container, encoder = FFMPEG[suffix]
        cover = None if container == "matroska" else self._tags.cover
        if cover:
            container = "mp4"  # FFmpeg's `ipod` takes no pictures
        # In a coarser time unit the length of an MP4 would be rounded.
        scale = {} if container == "matroska" else {"movie_timescale": str(self._sr)}
        self._container = av.open(os.fspath(path), "w", format=container, container_options=scale)
        self._container.metadata.update(self._tags.text)
        self._stream = self._container.add_stream(encoder, rate=self._sr, layout=LAYOUTS[channels])
        if encoder == "aac":
            self._stream.bit_rate = 96000 * channels
        if cover:
            self._container.mux(add_cover(self._container, cover))


def check_suffix(path: PathLike) -> str:
    """Return the suffix; raise `OutputError` where restyle writes no sound of that format."""
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise OutputError(
            f"cannot write '{suffix}' sound to {os.fspath(path)}; use one of {', '.join(SUFFIXES)}"
        )
    return suffix


def check_format(path: PathLike, sr: int, channels: int) -> None:
    """Raise `OutputError` where the format cannot hold this rate or number of channels."""
    suffix = check_suffix(path)
    most, rates = LIMITS.get(suffix, (MAX_CHANNELS, ()))
    if channels > most or (rates and sr not in rates):
        raise OutputError(
            f"cannot write {os.fspath(path)}: '{suffix}' cannot hold {channels} channels at {sr} Hz; use .wav"
        )
