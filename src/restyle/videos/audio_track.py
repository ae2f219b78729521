"""A new sound for a video, in step with its picture: it replaces the first stream of sound."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restyle.errors import OutputError
from restyle.types import PathLike
from restyle.videos.encoding import CONTAINERS
from restyle.videos.transcode import Transcoder, holds, kept, set_back

Float = NDArray[np.float32]
Tell = Callable[[str], None]

CHUNK = 4096  # samples that are encoded at once
# formats that FFmpeg writes by another name, or well enough to be kept
_ENCODERS = {"mp3": "libmp3lame", "opus": "libopus"} | {
    name: name
    for name in ("aac", "ac3", "alac", "eac3", "flac", "pcm_f32le", "pcm_s16be", "pcm_s16le", "pcm_s24le")
}
_BROADCAST = {"mpegts", "mpeg", "vob"}  # their clocks start anywhere


@dataclass(frozen=True)
class NewSound:
    """What a video shall sound like.

    Parameters
    ----------
    blocks : iterator of np.ndarray [shape=(n, channels), float32, -1..1]
        As many channels as the sound that is replaced.
    sr : int
        That of the sound that is replaced.
    start : float
        Second of the first sample on the file's clock.
    """

    blocks: Iterator[Float]
    sr: int
    start: float = 0.0


class Dub(Transcoder):
    """The new sound, encoded as the packets of the old one come by.

    Parameters
    ----------
    container : av.container.OutputContainer
    source : av.AudioStream
        The old sound; its codec, channels and metadata are kept where the container allows.
    sound : NewSound
    shift : float
        Seconds by which the stamps of the packets were set back.
    """

    def __init__(self, container: Any, source: Any, sound: NewSound, shift: float = 0.0) -> None:
        super().__init__(container, source, codec_for(source, container))
        self._blocks, self._sr = sound.blocks, sound.sr
        self._layout = source.layout.name
        self._start = sound.start - shift
        self._done = 0  # samples
        self._rest: Float | None = None

    def add(self, packet: Any) -> None:
        """Encode as much as lasts until the end of a packet of the old sound."""
        if packet.pts is not None:
            until = float((packet.pts + (packet.duration or 0)) * packet.time_base)
            while self._start + self._done / self._sr < until and self._feed():
                pass

    def finish(self) -> None:
        """Encode the rest."""
        while self._feed():
            pass
        super().finish()

    def _feed(self) -> bool:
        """Encode the next chunk; tell whether there was one."""
        import av

        if self._rest is None or not len(self._rest):
            self._rest = next(self._blocks, None)
            if self._rest is None:
                return False
        part, self._rest = self._rest[:CHUNK], self._rest[CHUNK:]
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part.T), format="fltp", layout=self._layout)
        frame.sample_rate, frame.time_base = self._sr, Fraction(1, self._sr)
        frame.pts = round(self._start * self._sr) + self._done
        self._done += len(part)
        self._encode(self._resampler.resample(frame))
        return True


def copy_with_sound(content: PathLike, path: PathLike, sound: NewSound, tell: Tell) -> None:
    """Write a video anew with another sound; pictures, subtitles and all stamps are copied.

    Parameters
    ----------
    content : path
        A video with sound.
    path : path
        The temporary one of `files.writing`; its suffix picks the container.
    sound : NewSound
    tell : function of a line
        Called with what the container cannot hold.

    Raises
    ------
    OutputError
        The container cannot hold the picture.
    """
    import av

    suffix = Path(path).suffix.lower()
    kind = CONTAINERS[suffix]
    settings = {"avoid_negative_ts": "disabled"}
    if kind in ("mp4", "mov"):  # in thousandths of a second, as usual, a late beginning would be rounded
        settings = {"movflags": "+faststart", "movie_timescale": str(sound.sr)}
    with (
        av.open(os.fspath(content)) as source,
        av.open(os.fspath(path), "w", format=kind, container_options=settings) as target,
    ):
        late = source.format.name in _BROADCAST and source.start_time
        shift = Fraction(source.start_time, 1_000_000) if late else Fraction(0)
        old = source.streams.audio[0]
        target.metadata.update(kept(dict(source.metadata)))
        copies: dict[int, Any] = {}
        for stream in source.streams:
            if stream.index != old.index and stream.type in ("video", "audio", "subtitle"):
                copied = _copied(target, stream, suffix, tell)
                if copied is not None:
                    copies[stream.index] = copied
        dub = Dub(target, old, sound, float(shift))
        for packet in source.demux(*(stream for stream in source.streams if stream.index in copies), old):
            if not packet.size:
                continue
            if shift:
                set_back(packet, shift)
            if packet.stream.index == old.index:
                dub.add(packet)
                continue
            packet.dts = packet.pts if packet.dts is None else packet.dts
            packet.stream = copies[packet.stream.index]
            target.mux(packet)
        dub.finish()


def _copied(target: Any, stream: Any, suffix: str, tell: Tell) -> Any:
    """A stream of the new file for the packets of an old one; None where the container cannot hold it."""
    name = None if stream.codec_context is None else stream.codec_context.name
    if name is None or not holds(CONTAINERS[suffix], stream):
        if stream.type == "video":
            raise OutputError(f"'{suffix}' cannot hold {name or 'this'} video; write .mkv")
        tell(f"'{suffix}' cannot hold {name or 'unknown'} {stream.type}; it is left out")
        return None
    copied = target.add_stream_from_template(stream)
    copied.metadata.update(kept(dict(stream.metadata)))
    copied.disposition = stream.disposition
    return copied


def codec_for(source: Any, container: Any) -> str:
    """Encoder of the format that a stream of sound is in, or else of the usual one of the container."""
    format_name = source.codec_context.codec.canonical_name
    if format_name in _ENCODERS and format_name in container.supported_codecs:
        return _ENCODERS[format_name]
    return "libopus" if container.format.name == "webm" else "aac"
