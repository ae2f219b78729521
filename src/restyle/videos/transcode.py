"""Sound that a container cannot hold, decoded and encoded anew, in step with the picture."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

_GAP = 0.1  # seconds without sound that are filled with silence
# Said by the container that wrote them, not of the film.
_NOT_COPIED = {
    "major_brand", "minor_version", "compatible_brands", "encoder", "duration", "handler_name", "vendor_id",
    "number_of_bytes", "number_of_frames", "bps",
}  # fmt: skip


class Transcoder:
    """One stream of sound, decoded and encoded anew.

    Parameters
    ----------
    container : av.container.OutputContainer
    source : av.AudioStream
    codec : str
    """

    def __init__(self, container: Any, source: Any, codec: str) -> None:
        import av

        rate = 48000 if codec == "libopus" else source.codec_context.sample_rate
        self._container = container
        self._stream = container.add_stream(codec, rate=rate, layout=source.layout.name)
        self._stream.bit_rate = 96000 * max(1, source.codec_context.channels)
        self._stream.metadata.update(kept(dict(source.metadata)))
        self._resampler = av.AudioResampler(
            format=self._stream.codec_context.format.name, layout=source.layout.name, rate=rate
        )
        self._fifo = av.AudioFifo()
        self._rate = rate
        self._next: int | None = None  # stamp of the sample that comes next into the fifo
        self._out = 0

    def add(self, packet: Any) -> None:
        """Decode a packet and write what comes of it."""
        import av

        try:
            frames = packet.decode()
        except av.FFmpegError:
            return
        for frame in frames:
            self._encode(self._resampler.resample(frame))

    def finish(self) -> None:
        """Write what is held back."""
        self._encode(self._resampler.resample(None))
        rest = self._fifo.read()
        if rest is not None:
            self._mux(rest)
        for packet in self._stream.encode(None):
            self._container.mux(packet)

    def _encode(self, frames: list[Any]) -> None:
        for frame in frames:
            if frame.pts is not None:
                stamp = round(frame.pts * frame.time_base * self._rate)
                if self._next is None:
                    self._next = self._out = stamp
                if stamp - self._next > _GAP * self._rate:
                    self._fill(frame, stamp - self._next)
            frame.pts = None
            self._next = (self._next or 0) + frame.samples
            self._fifo.write(frame)
        size = self._stream.codec_context.frame_size or 1024
        while (frame := self._fifo.read(size)) is not None:
            self._mux(frame)

    def _fill(self, like: Any, samples: int) -> None:
        """Put silence where the source has none to play, so that what follows stays in step."""
        import av

        self._next = (self._next or 0) + samples
        while samples > 0:
            count = min(samples, self._rate)
            silence = av.AudioFrame(format=like.format.name, layout=like.layout.name, samples=count)
            for plane in silence.planes:
                plane.update(bytes(plane.buffer_size))
            silence.sample_rate = self._rate
            self._fifo.write(silence)
            samples -= count

    def _mux(self, frame: Any) -> None:
        frame.pts, frame.time_base = self._out, Fraction(1, self._rate)
        self._out += frame.samples
        for packet in self._stream.encode(frame):
            self._container.mux(packet)


def kept(metadata: dict[str, str]) -> dict[str, str]:
    """Metadata of a source, less what its container said of itself."""
    return {key: value for key, value in metadata.items() if key.lower() not in _NOT_COPIED}


def holds(container: str, stream: Any) -> bool:
    """Try whether a container takes the packets of a stream; what it claims to hold it may still refuse."""
    import av

    try:
        with av.open(io.BytesIO(), "w", format=container) as trial:
            trial.add_stream_from_template(stream)
            trial.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    return True


def set_back(packet: Any, shift: Fraction) -> None:
    """Move the stamps of a packet `shift` seconds towards the start."""
    units = round(shift / packet.time_base)
    packet.pts = None if packet.pts is None else packet.pts - units
    packet.dts = None if packet.dts is None else packet.dts - units
