"""Write sound files block by block.

libsndfile writes WAV, FLAC, Ogg, Opus, MP3, AIFF and the like; MP4 and Matroska go through PyAV. Every format
holds exactly the samples that were given: the run-up and the filling of lossy codecs are marked as such.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from restyle.errors import OutputError
from restyle.sounds.read import MAX_CHANNELS
from restyle.types import PathLike

Float = NDArray[np.float32]

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


class SoundWriter:
    """A sound file written in blocks. Give it the temporary path of `files.writing`.

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
        # In a coarser unit of time the length of an MP4 would be rounded.
        scale = {} if form == "matroska" else {"movie_timescale": str(self._sr)}
        self._container = av.open(os.fspath(path), "w", format=form, container_options=scale)
        self._stream = self._container.add_stream(
            _CONTAINERS[self._suffix], rate=self._sr, layout=layouts[channels]
        )
        if _CONTAINERS[self._suffix] == "aac":
            self._stream.bit_rate = 96000 * channels


def check_suffix(path: PathLike) -> str:
    """Return the suffix, or raise `OutputError` when no sound is written under it."""
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise OutputError(
            f"cannot write '{suffix}' sound to {os.fspath(path)}; choose one of {', '.join(SUFFIXES)}"
        )
    return suffix


def check_format(path: PathLike, sr: int, channels: int) -> None:
    """Raise `OutputError` when the format that the suffix names cannot hold such a sound."""
    suffix = check_suffix(path)
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
