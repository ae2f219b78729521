"""Small clips made on the spot, with all that real ones have: odd stamps, sound, subtitles, turns, depth."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from restyle.videos.stages import SEGMENT

TIME_BASE = Fraction(1, 12800)
SIZE = (48, 64)
RATE = 44100

_WORDS_HEADER = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize
Style: Default,Arial,16

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""

Frames = Sequence[NDArray[Any]]


_SIGNALLED = """
import os, sys
from restyle.videos import painter, runner
painter.SEGMENT = runner.SEGMENT = int(sys.argv[3])
write_items = runner.write_items

def write_until(*about):
    for done in write_items(*about):
        yield done
        if done == int(sys.argv[2]):
            os.kill(os.getpid(), int(sys.argv[1]))

runner.write_items = write_until
from restyle.cli import main
main(sys.argv[4:])
"""


def signalled(number: int, frames: int, segment: int = SEGMENT) -> list[str]:
    """Return the begin of a `restyle` command that gets a signal when it has written so many frames.

    `segment` is the length of its segments.
    """
    return [sys.executable, "-c", _SIGNALLED, str(int(number)), str(frames), str(segment)]


def even_stamps(count: int, step: int = 512) -> list[int]:
    """25 frames a second in units of `TIME_BASE`."""
    return [step * index for index in range(count)]


def uneven_stamps(count: int) -> list[int]:
    """Stamps of a variable frame rate, from 0."""
    steps = [400, 512, 1100, 130, 777]
    return [0, *np.cumsum([steps[index % len(steps)] for index in range(count - 1)]).tolist()]


def moving(count: int, size: tuple[int, int] = SIZE) -> list[NDArray[np.uint8]]:
    """A bright square that moves over a gradient, [H, W, 3] each; its column tells the time."""
    height, width = size
    rows, columns = np.mgrid[0:height, 0:width]
    ground = np.stack([columns * 200 // width, rows * 200 // height, 0 * rows + 60], -1).astype(np.uint8)
    frames = []
    for index in range(count):
        frame = ground.copy()
        left = (2 * index) % (width - 8)
        frame[height // 3 : height // 3 + 8, left : left + 8] = (250, 240, 30)
        frames.append(frame)
    return frames


def make_clip(
    path: Path,
    frames: Frames,
    stamps: Sequence[int] | None = None,
    *,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    time_base: Fraction = TIME_BASE,
    last: int = 512,
    sound: str | None = None,
    subtitles: bool = False,
    turn: tuple[int, bool] | None = None,
    aspect: Fraction | None = None,
    colors: tuple[int, int, int, int] | None = None,
    metadata: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
    fragmented: bool = False,
) -> Path:
    """Write a clip.

    Parameters
    ----------
    frames : arrays [H, W, 3], uint8 (or uint16), RGB
    stamps : in units of `time_base`; 25 a second if not given
    last : how long the last frame shows
    sound : codec of a 440 Hz tone of the same length
    turn : quarter turns counter-clockwise and mirrored, as a display matrix
    colors : range, matrix, transfer, primaries
    """
    stamps = even_stamps(len(frames)) if stamps is None else stamps
    height, width = frames[0].shape[:2]
    flags = {"movflags": "frag_keyframe+empty_moov"} if fragmented else {}
    with av.open(str(path), "w", container_options=flags) as container:
        quick = {"preset": "ultrafast", "crf": "12"} if codec == "libx264" else {}
        stream: Any = container.add_stream(codec, rate=25, options={**quick, **(options or {})})
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = width, height, pix_fmt
        context.time_base = stream.time_base = time_base
        if turn is not None:
            stream.set_display_rotation(90 * turn[0], hflip=turn[1])
        if aspect is not None:
            context.sample_aspect_ratio = aspect
        if colors is not None:
            context.color_range, context.colorspace, context.color_trc, context.color_primaries = colors
        tone: Any = None
        if sound is not None:
            tone = container.add_stream(sound, rate=48000 if sound == "libopus" else RATE, layout="mono")
            tone.metadata["language"] = "fra"
        words: Any = (
            container.add_stream("subrip" if path.suffix == ".mkv" else "mov_text") if subtitles else None
        )
        if words is not None:
            words.codec_context.subtitle_header = _WORDS_HEADER
        container.metadata.update(metadata or {})
        ends = [*stamps[1:], stamps[-1] + last]
        if words is not None:
            container.start_encoding()
            _add_words(container, words)
        for pixels, stamp, end in zip(frames, stamps, ends, strict=True):
            shape = "rgb24" if pixels.dtype == np.uint8 else "rgb48le"
            picture: Any = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), shape)
            if colors is not None:
                picture = picture.reformat(
                    format=pix_fmt, src_color_range=2, dst_color_range=colors[0], dst_colorspace=colors[1]
                )
            else:
                picture = picture.reformat(format=pix_fmt)
            picture.pts, picture.time_base = stamp, time_base
            for packet in stream.encode(picture):
                packet.duration = end - stamp
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
        if tone is not None:
            _add_tone(container, tone, float(ends[-1] * time_base))
    return path


def _add_tone(container: Any, stream: Any, seconds: float) -> None:
    rate = stream.codec_context.sample_rate
    time = np.arange(int(seconds * rate)) / rate
    samples = (0.3 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    size = stream.codec_context.frame_size or 1024
    for start in range(0, len(samples), size):
        part = samples[None, start : start + size]
        frame: Any = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = rate, start
        form = stream.codec_context.format.name
        converter = av.AudioResampler(format=form, layout="mono", rate=rate)
        for each in converter.resample(frame):
            for packet in stream.encode(each):
                container.mux(packet)
    for packet in stream.encode(None):
        container.mux(packet)


def _add_words(container: Any, stream: Any) -> None:
    for index, text in enumerate(("one", "two")):
        data = (
            text.encode()
            if stream.codec_context.name == "subrip"
            else len(text).to_bytes(2, "big") + text.encode()
        )
        packet: Any = av.Packet(data)
        packet.stream = stream
        packet.time_base = Fraction(1, 1000)
        packet.pts = packet.dts = 200 * index
        packet.duration = 150
        container.mux(packet)


def stamps_of(path: Path) -> list[tuple[Fraction, Fraction]]:
    """Start and length in seconds of every frame of a file."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        base = stream.time_base
        assert base is not None
        return [(Fraction(frame.pts) * base, frame.duration * base) for frame in container.decode(stream)]  # type: ignore[arg-type]


def packets_of(path: Path, kind: str) -> list[bytes]:
    """The data of every packet of the first stream of a kind."""
    with av.open(str(path)) as container:
        stream = getattr(container.streams, kind)[0]
        return [bytes(packet) for packet in container.demux(stream) if packet.size]


def frames_of(path: Path) -> list[NDArray[np.uint8]]:
    """Every frame as RGB, as it is stored."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]  # type: ignore[misc]
