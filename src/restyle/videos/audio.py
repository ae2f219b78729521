"""The audio of a video: restyle it, copy it, or convert it where the container cannot hold it."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restyle.errors import InputError, OptionError, OutputError
from restyle.files import check_output, result_name, writing
from restyle.options import AudioOptions, EngineOptions, ImageOptions, VideoOptions
from restyle.sounds.api import stylized
from restyle.sounds.files import open_file
from restyle.sounds.read import GAP, MOST_SILENCE
from restyle.sounds.sources import Content, joined_names, load_styles, style_paths
from restyle.types import PathLike, Report
from restyle.videos.formats import (
    CONTAINERS,
    Clock,
    Tell,
    copied_metadata,
    copied_stream,
    copy_chapters,
    demux,
)

AudioStyles = Sequence[tuple[Any, float]]

CHUNK = 4096  # samples that are encoded at once
MOST_CHANNELS = 8  # that the encoders of converted sound take
# Encoders for the formats that are kept; FFmpeg's decoders have other names than its encoders.
_ENCODERS = {"mp3": "libmp3lame", "opus": "libopus"} | {
    name: name
    for name in ("aac", "ac3", "alac", "eac3", "flac", "pcm_f32le", "pcm_s16be", "pcm_s16le", "pcm_s24le")
}


@dataclass(frozen=True)
class NewAudio:
    """Samples that replace the first audio stream of a video."""

    blocks: Iterator[NDArray[np.float32]]  # [n, channels], -1..1, with the channels of that stream
    sr: int  # its sample rate in Hz
    start: float = 0.0  # time of the first sample in the source file, in seconds


def restyle_audio(
    content: PathLike,
    styles: AudioStyles,
    output: PathLike,
    options: AudioOptions,
    *,
    overwrite: bool = False,
    report: Report = lambda fraction: None,
    tell: Tell = lambda line: None,
) -> Path:
    """Restyle the first audio stream of a video; copy its picture, subtitles and other audio streams.

    `styles` are those of `sounds.sources.parse_styles`; the output is .mp4, .m4v, .mov, .mkv or .webm.
    `report` takes the fraction done, `tell` one line about a stream that the container cannot hold.
    """
    target = Path(output)
    if target.suffix.lower() not in CONTAINERS:
        raise OutputError(f"{target}: cannot hold a video with sound; use one of {', '.join(CONTAINERS)}")
    inputs = [content, *style_paths(styles)]
    check_output(target, overwrite=overwrite, inputs=inputs)
    _check_has_picture(content)
    audio = new_audio(content, styles, options, report)
    with writing(target, overwrite=overwrite, inputs=inputs) as temporary:
        copy_with_audio(content, temporary, audio, tell)
    report(1.0)
    return target


def new_audio(
    content: PathLike, styles: AudioStyles, options: AudioOptions, report: Report = lambda fraction: None
) -> NewAudio:
    """Restyle the audio of a video, except for the last pass, which runs while the blocks are written."""
    if os.path.isdir(content):
        raise InputError(f"{os.fspath(content)}: a folder of pictures has no sound; leave out --audio-style")
    source = Content(content)
    blocks = stylized(source, load_styles(styles, source.sr), options, report)
    first = next(blocks)  # the start is known once a block has been read
    return NewAudio(itertools.chain([first], blocks), source.sr, source.start)


def is_audio_only(
    style: Any, audio_style: Any, engine: EngineOptions, image: ImageOptions, options: VideoOptions
) -> bool:
    """Return whether only the audio is restyled; raise OptionError if options of the picture are set, too."""
    restyled = style is not None or options.look is not None or engine.model != EngineOptions.model
    if audio_style is None or restyled:
        return False
    if image != ImageOptions() or replace(options, overwrite=False, resume=False) != VideoOptions():
        raise OptionError(
            "without a style for the picture it is copied, so options of the picture have no effect;"
            " give --style too, or leave them out"
        )
    return True


def check_container(output: PathLike) -> None:
    """Raise OptionError if the output cannot hold audio."""
    if os.path.isdir(output) or Path(output).suffix.lower() not in CONTAINERS:
        raise OptionError(
            f"{os.fspath(output)}: has no sound for --audio-style; write one of {', '.join(CONTAINERS)}"
        )


def default_output(content: PathLike, styles: AudioStyles) -> Path:
    """Return the default output: `clip.avi` and `rain` give `clip-rain.mp4` in the current folder."""
    path = Path(content)
    suffix = path.suffix if path.suffix.lower() in CONTAINERS else ".mp4"
    return Path(result_name(path, joined_names(styles, path.stem), suffix))


def copy_with_audio(content: PathLike, path: PathLike, audio: NewAudio, tell: Tell) -> None:
    """Copy a video without decoding its frames, to a path of `files.writing`; replace its first audio stream.

    Raises OutputError if the container cannot hold the video codec.
    """
    import av

    suffix = Path(path).suffix.lower()
    kind = CONTAINERS[suffix]
    settings = {"avoid_negative_ts": "disabled"}
    if kind in ("mp4", "mov"):  # the default, milliseconds, would round the start of the audio
        settings = {"movflags": "+faststart", "movie_timescale": str(audio.sr)}
    with (
        open_file(content) as source,
        av.open(os.fspath(path), "w", format=kind, container_options=settings) as target,
    ):
        clock = Clock(source)
        old = source.streams.audio[0]
        target.metadata.update(copied_metadata(source.metadata))
        copy_chapters(source, target)
        copies: dict[int, Any] = {}
        kept = ("video", "audio", "subtitle")
        others = [each for each in source.streams if each.type in kept and each.index != old.index]
        for stream in others:
            if (copied := copied_stream(target, stream)) is not None:
                copies[stream.index] = copied
                continue
            name = None if stream.codec_context is None else stream.codec_context.name
            if stream.type == "video":
                raise OutputError(f"'{suffix}' cannot hold {name or 'this'} video; write .mkv")
            tell(f"'{suffix}' cannot hold {name or 'unknown'} {stream.type}; it is left out")
        replaced = ReplacedAudio(target, old, audio, float(clock.shift))
        for packet in demux(source, clock, *(each for each in others if each.index in copies), old):
            if not packet.size:
                continue
            if packet.stream.index == old.index:
                replaced.add(packet)
                continue
            packet.dts = packet.pts if packet.dts is None else packet.dts
            packet.stream = copies[packet.stream.index]
            target.mux(packet)
        replaced.finish()


class ConvertedAudio:
    """An audio stream that is decoded and encoded again by `codec`, in sync with the picture."""

    def __init__(self, container: Any, source: Any, codec: str, tell: Tell = lambda line: None) -> None:
        import av

        self._container, self._tell, self._layout = container, tell, source.layout.name
        self._rate = 48000 if codec == "libopus" else source.codec_context.sample_rate
        self._stream = container.add_stream(codec, rate=self._rate, layout=self._layout)
        self._stream.bit_rate = 96000 * max(1, source.codec_context.channels)
        self._stream.metadata.update(copied_metadata(source.metadata))
        self._resampler = av.AudioResampler(
            format=self._stream.codec_context.format.name, layout=self._layout, rate=self._rate
        )
        self._fifo = av.AudioFifo()
        self._next: int | None = None  # time of the next sample that enters the fifo, in samples
        self._silence = 0.0  # seconds of all gaps that were filled
        self._encoded = 0  # time of the next sample that is encoded, in samples

    def add(self, packet: Any) -> None:
        """Decode a packet of the source and encode its samples."""
        import av

        try:
            frames = packet.decode()
        except av.FFmpegError:
            return
        for frame in frames:
            self._add_samples(frame)

    def finish(self) -> None:
        """Encode the samples that are left and flush the encoder."""
        self._add_samples(None)
        if (rest := self._fifo.read()) is not None:
            self._encode(rest)
        for packet in self._stream.encode(None):
            self._container.mux(packet)

    def _add_samples(self, source: Any) -> None:
        for frame in self._resampler.resample(source):
            if frame.pts is not None:
                time = round(frame.pts * (frame.time_base or 0) * self._rate)
                if self._next is None:
                    self._next = self._encoded = time
                gap = (time - self._next) / self._rate
                if gap > GAP and self._silence + gap > MOST_SILENCE:
                    self._tell(f"a gap of {gap:,.0f} s in the sound is left out")
                    self._next = time
                elif gap > GAP:
                    self._silence += gap
                    self._add_silence(frame, time - self._next)
            frame.pts = None
            self._next = (self._next or 0) + frame.samples
            self._fifo.write(frame)
        size = self._stream.codec_context.frame_size or 1024
        while (chunk := self._fifo.read(size)) is not None:
            self._encode(chunk)

    def _add_silence(self, like: Any, samples: int) -> None:
        """Fill a gap of the source, so that what follows stays in sync."""
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

    def _encode(self, frame: Any) -> None:
        frame.pts, frame.time_base = self._encoded, Fraction(1, self._rate)
        self._encoded += frame.samples
        for packet in self._stream.encode(frame):
            self._container.mux(packet)


class ReplacedAudio(ConvertedAudio):
    """New samples, encoded in step with the packets of the stream that they replace.

    The codec, channels and metadata of `source` are kept where the container allows it. `shift` is the
    number of seconds that were subtracted from its time stamps.
    """

    def __init__(self, container: Any, source: Any, audio: NewAudio, shift: float = 0.0) -> None:
        super().__init__(container, source, encoder_for(source, container))
        self._sr, self._start, self._done = audio.sr, audio.start - shift, 0  # samples
        chunks = ((block[at : at + CHUNK] for at in range(0, len(block), CHUNK)) for block in audio.blocks)
        self._chunks = itertools.chain.from_iterable(chunks)

    def add(self, packet: Any) -> None:
        """Encode new samples up to the end of a packet of the old stream."""
        if packet.pts is not None:
            self._add_until(float((packet.pts + (packet.duration or 0)) * packet.time_base))

    def finish(self) -> None:
        """Encode the remaining samples."""
        self._add_until(math.inf)
        super().finish()

    def _add_until(self, end: float) -> None:
        """Encode the new samples before a time in seconds, in complete chunks."""
        import av

        while self._start + self._done / self._sr < end and (chunk := next(self._chunks, None)) is not None:
            samples = np.ascontiguousarray(chunk.T)
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout=self._layout)
            frame.sample_rate, frame.time_base = self._sr, Fraction(1, self._sr)
            frame.pts = round(self._start * self._sr) + self._done
            self._done += len(chunk)
            self._add_samples(frame)


def encoder_for(source: Any, container: Any) -> str:
    """Return the encoder for the format that an audio stream has, or the default one of the container."""
    format_name = source.codec_context.codec.canonical_name
    if format_name in _ENCODERS and format_name in container.supported_codecs:
        return _ENCODERS[format_name]
    return "libopus" if container.format.name == "webm" else "aac"


def _check_has_picture(content: PathLike) -> None:
    """Raise InputError if a file has audio and no picture."""
    import av

    only_sound = False
    with suppress(av.FFmpegError, ValueError, OSError), open_file(content) as container:  # reading reports it
        only_sound = bool(container.streams.audio) and not container.streams.video
    if only_sound:
        raise InputError(f"{os.fspath(content)}: has only sound, no moving picture; use restyle audio")
