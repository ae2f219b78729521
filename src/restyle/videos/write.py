"""Write videos: frames with the time stamps they came with, and the other streams as they were.

Sound and subtitles are copied packet by packet. Where the new container cannot hold a sound, it is encoded
anew; where it cannot hold a subtitle, that is left out. Either is told.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from restyle.errors import OutputError
from restyle.types import PathLike
from restyle.videos.audio_track import Dub, NewSound
from restyle.videos.encoding import CONTAINERS, Encoding
from restyle.videos.info import VideoFrame, VideoInfo
from restyle.videos.read import Tell, VideoReader
from restyle.videos.transcode import Transcoder, holds, kept

_REENCODED = {".webm": "libopus"}


class VideoWriter:
    """A video file written frame by frame. Give it the temporary path of `files.writing`.

    Parameters
    ----------
    path : path
    info : VideoInfo
        Of the source; time base, colours, orientation and metadata are kept.
    size : (height, width)
        Of the frames, upright.
    codec : str
        One of `encoding.ENCODERS`.
    quality : int or None
        1 to 100.
    source : VideoReader or None
        Whose other streams shall be copied.
    tell : function of a line
        Called with what the container cannot hold.
    keep : function of av.Packet
        Called with every packet of the encoder, its stamps final, before it is written.
    sound : NewSound or None
        What replaces the source's first stream of sound.
    """

    def __init__(
        self,
        path: PathLike,
        info: VideoInfo,
        size: tuple[int, int],
        codec: str,
        quality: int | None = None,
        source: VideoReader | None = None,
        tell: Tell = lambda line: None,
        keep: Callable[[Any], None] = lambda packet: None,
        sound: NewSound | None = None,
    ) -> None:
        import av

        self.frames, self.keep = 0, keep
        self.info, self.suffix = info, Path(path).suffix.lower()
        self._durations: dict[int, int] = {}
        self._stamps: list[int] = []  # of every frame so far; as decoding orders them only at the end
        self._delay = self._sent = 0  # frames by which decoding runs ahead of showing; packets so far
        self._first_segment = True
        self._encoder: Any = None
        self._held: Any = None
        self._began = self._end = 0
        # Sound begins before 0 where its codec needs a run-up; Matroska would shift the picture to make room.
        matroska = {"avoid_negative_ts": "disabled"}
        kind = CONTAINERS[self.suffix]
        self._by_decoding = kind in ("mp4", "mov")
        self.container: Any = av.open(
            os.fspath(path),
            "w",
            format=kind,
            container_options={"movflags": "+faststart"} if self._by_decoding else matroska,
        )
        try:
            self._encoding = Encoding(codec, info, size, quality)
            if self._encoding.cut:
                tell(self._encoding.cut)
            self._open_stream()
            self.container.metadata.update(kept(info.metadata))
            self._copies: dict[int, Any] = {}
            self._transcoders: dict[int, Transcoder] = {}
            if source is not None:
                self._add_others(source, sound, tell)
            self.container.start_encoding()
        except (av.FFmpegError, ValueError) as error:
            self.abort()
            raise OutputError(
                f"cannot write {codec} of {size[1]}x{size[0]} to '{self.suffix}': {error}"
            ) from error

    def write(self, frame: VideoFrame) -> None:
        """Append a frame; its pixels are there."""
        assert frame.pixels is not None
        if self._encoder is None:
            self._encoder = self._encoding.another(self.stream.codec_context)
        picture = self._encoding.converted(frame.pixels)
        picture.pts, picture.time_base = frame.pts, self.info.time_base
        self._durations[frame.pts] = frame.duration
        self._stamps.append(frame.pts)
        self.frames += 1
        self._mux(self._encoder.encode(picture))

    def end_segment(self) -> None:
        """Let the encoder finish: what follows does not lean on what was."""
        if self._encoder is None:
            return
        self._mux(self._encoder.encode(None))
        self._encoder = None
        self._first_segment = False

    def append(self, packets: Iterable[Any], stamps: Iterable[int]) -> None:
        """Append what was kept of a whole segment in an earlier run.

        Parameters
        ----------
        packets : iterable of av.Packet
        stamps : iterable of int
            Of its frames, as they are shown.
        """
        self._stamps.extend(stamps)
        self.frames = len(self._stamps)
        for packet in packets:
            packet.stream, packet.time_base = self.stream, self.info.time_base
            self._delay += self._first_segment and packet.dts < self._stamps[0]
            self._put(packet)
        self._encoder, self._first_segment = None, False

    def copy(self, packet: Any) -> None:
        """Append a packet of another stream of the source."""
        index = packet.stream.index
        if index in self._transcoders:
            self._transcoders[index].add(packet)
        elif index in self._copies:
            if packet.dts is None:
                packet.dts = packet.pts
            packet.stream = self._copies[index]
            self.container.mux(packet)

    def close(self) -> None:
        """Write what is held back, and finish the file."""
        try:
            self.end_segment()
            if self._held is not None:
                # Counted from the first stamp of decoding, the file ends when its last frame does.
                self._held.duration = max(1, self._end - self._began - self._held.dts)
                self.container.mux(self._held)
            for each in self._transcoders.values():
                each.finish()
        finally:
            self.container.close()

    def abort(self) -> None:
        """Let go of a file that nobody shall have."""
        import av

        try:
            self.container.close()
        except (av.FFmpegError, OSError):
            return

    def _open_stream(self) -> None:
        encoding, info = self._encoding, self.info
        self.stream: Any = self.container.add_stream(encoding.encoder.name, rate=encoding.rate)
        if encoding.turns:
            self.stream.set_display_rotation(90 * info.turn.quarters, hflip=info.turn.mirrored)
        self.stream.time_base = info.time_base
        self.stream.metadata.update(
            {key: value for key, value in info.stream_metadata.items() if key in ("language", "title")}
        )
        # Without this tag Apple's players refuse the file.
        tag = "hvc1" if encoding.encoder.name == "libx265" and self._by_decoding else None
        self._encoder = self.stream.codec_context
        encoding.open(self._encoder, tag)

    def _mux(self, packets: list[Any]) -> None:
        for packet in packets:
            packet.stream = self.stream
            packet.duration = self._durations.pop(packet.pts, packet.duration)
            if self._first_segment:
                self._delay += packet.dts < self._stamps[0]
            else:
                # Encoders of later segments know nothing of the frames before.
                packet.dts = self._stamps[self._sent - self._delay]
            self.keep(packet)
            self._put(packet)

    def _put(self, packet: Any) -> None:
        self._sent += 1
        if not self._by_decoding:
            self.container.mux(packet)
            return
        # These containers store how long a frame lasts in decoding order, so each waits for the next.
        end = packet.pts + packet.duration
        if self._held is None:
            self._began = packet.pts - packet.dts
        else:
            self._held.duration = packet.dts - self._held.dts
            self.container.mux(self._held)
        self._held = packet
        self._end = max(self._end, end)

    def _add_others(self, source: VideoReader, sound: NewSound | None, tell: Tell) -> None:
        for each in source.others:
            if sound is not None and each.type == "audio":
                self._transcoders[each.index] = Dub(self.container, each, sound, float(source.shift))
                sound = None  # further streams are copied
            else:
                self._add_other(each, tell)

    def _add_other(self, stream: Any, tell: Tell) -> None:
        name = None if stream.codec_context is None else stream.codec_context.name
        what = "sound" if stream.type == "audio" else "subtitles"
        if name is not None and holds(CONTAINERS[self.suffix], stream):
            copied = self.container.add_stream_from_template(stream)
            copied.metadata.update(kept(dict(stream.metadata)))
            copied.disposition = stream.disposition
            self._copies[stream.index] = copied
            return
        if stream.type == "audio" and name is not None:
            codec = _REENCODED.get(self.suffix, "aac")
            self._transcoders[stream.index] = Transcoder(self.container, stream, codec)
            tell(f"'{self.suffix}' cannot hold {name} sound; it is encoded anew as {codec}")
        else:
            tell(f"'{self.suffix}' cannot hold {name or 'unknown'} {what}; they are left out")
