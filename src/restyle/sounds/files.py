"""The formats of sound files, writing them block by block, and their tags.

libsndfile writes WAV, FLAC, Ogg, Opus, AIFF, MP3 and similar formats, FFmpeg M4A, MP4 and Matroska. Title,
artist, cover and the like pass from the content to the result.
"""

from __future__ import annotations

import contextlib
import io
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np

from restyle.errors import OutputError
from restyle.sounds.stft import Float
from restyle.types import PathLike

MAX_CHANNELS = 32
CHUNK = 1 << 15  # libsndfile's Vorbis encoder keeps a block on the stack: larger ones crash it

# suffix: (libsndfile's format, subtype where the content's own depth does not fit)
LIBSNDFILE = {
    ".wav": ("WAV", "PCM_16"), ".flac": ("FLAC", "PCM_16"), ".ogg": ("OGG", "VORBIS"),
    ".oga": ("OGG", "VORBIS"), ".opus": ("OGG", "OPUS"), ".mp3": ("MP3", "MPEG_LAYER_III"),
    ".aiff": ("AIFF", "PCM_16"), ".aif": ("AIFF", "PCM_16"), ".caf": ("CAF", "PCM_16"),
    ".w64": ("W64", "PCM_16"),
}  # fmt: skip
# suffix: (FFmpeg's container, encoder)
FFMPEG = {".m4a": ("ipod", "aac"), ".mp4": ("mp4", "aac"), ".mka": ("matroska", "flac")}
SUFFIXES = (*LIBSNDFILE, *FFMPEG)
COVER_SUFFIXES = (".mp3", ".flac", ".m4a", ".mp4")
DEPTHS = {"s32": "PCM_24", "flt": "FLOAT", "dbl": "DOUBLE"}  # FFmpeg's format: libsndfile's subtype
LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 5: "5.0", 6: "5.1", 8: "7.1"}
_FULL = "cannot write the sound: the disk is full or the file is too large for its format"
_LINEAR = ("PCM_", "FLOAT", "DOUBLE")  # depths that a result keeps; WAV can hold MP3, too
_LOSSY = ("VORBIS", "OPUS", "MPEG_LAYER_III")
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
# Formats that FFmpeg may open. Playlists are not among them, because they name other files.
_FORMATS = (
    "mov,matroska,avi,mpegts,mpeg,mpegvideo,asf,flv,gif,ogg,dv,mxf,rm,nut,wtv,ivf,obu,h264,hevc,m4v,apng,"
    "yuv4mpegpipe,swf,bink,smk,roq,film_cpk,amv,webp,wav,mp3,aac,flac,aiff,caf,w64,ac3,eac3,dts,au,amr"
)


def open_file(path: PathLike) -> Any:
    """Open a file with FFmpeg; its name is never a URL, and it may not refer to other files."""
    import av

    options = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}
    container: Any = av.open(f"file:{os.fspath(path)}", options=options)
    for stream in container.streams.audio:
        context = stream.codec_context
        if context is not None and stream.layout.name == f"{context.channels} channels":
            context.layout = (LAYOUTS | {7: "6.1"}).get(context.channels, stream.layout.name)
    return container


class Part(io.RawIOBase):
    """A part of an open file, as a file of its own for libsndfile, with `corrected` bytes by their places."""

    def __init__(self, file: BinaryIO, start: int, end: int, corrected: Mapping[int, bytes]) -> None:
        super().__init__()
        self._file, self._start, self._size, self._place = file, start, end - start, 0
        self._corrected = corrected

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(0, origin + offset)
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: Any) -> int:
        self._file.seek(self._start + self._place)
        data = bytearray(self._file.read(max(0, min(len(buffer), self._size - self._place))))
        for place, right in self._corrected.items():
            for at, byte in enumerate(right, place - self._place):
                if 0 <= at < len(data):
                    data[at] = byte
        buffer[: len(data)] = bytes(data)
        self._place += len(data)
        return len(data)


def stated_sizes(path: PathLike) -> dict[int, bytes]:
    """Return the right sizes, by their places, for a WAV that states no size for its samples, or 0.

    Programs that write to a pipe leave such files. Empty for all other files. See EBU Tech 3306 (RF64).
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(12)
        if head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
            return {}
        wide, place, start = 0, 12, 0
        while place + 8 <= size and not start:
            file.seek(place)
            name, length = struct.unpack("<4sI", file.read(8))
            place += 8
            if name == b"data":
                start = place
                if wide:
                    file.seek(wide + 8)
                    length = int.from_bytes(file.read(8), "little")
                if 0 < length < 2**63:
                    return {}
            elif name == b"ds64":
                wide = place
            place += length + length % 2
        if not start or _are_chunks(file, start, size):
            return {}
    if wide:
        return {wide: struct.pack("<2Q", size - 8, size - start)}
    most = 2**32 - 1
    return {4: struct.pack("<I", min(most, size - 8)), start - 4: struct.pack("<I", min(most, size - start))}


def _are_chunks(file: BinaryIO, place: int, size: int) -> bool:
    """Tell whether a file consists of RIFF chunks from a place to its end."""
    while place + 8 <= size:
        file.seek(place)
        name, length = struct.unpack("<4sI", file.read(8))
        if not all(32 <= letter < 127 for letter in name):
            return False
        place += 8 + length + length % 2
    return place == size


class SoundWriter:
    """Write a sound file in blocks, to the temporary path of `restyle.files.writing`.

    The suffix chooses the format: see `SUFFIXES`. The content's bit depth and tags are used where the format
    supports them (text: all but W64; cover: `COVER_SUFFIXES`).
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
        if not depth.startswith(_LINEAR) or not soundfile.check_format(kind, depth) or usual in _LOSSY:
            deep = {"FLOAT": "PCM_24", "DOUBLE": "PCM_24", "PCM_32": "PCM_24"}.get(depth, usual)
            depth = deep if soundfile.check_format(kind, deep) else usual
        try:
            self._sound = soundfile.SoundFile(native_path(path), "w", sr, channels, depth, format=kind)
        except RuntimeError as error:
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
                self._check_length()
                insert_tags(self._path, self._tags)

    def _check_length(self) -> None:
        """Raise OutputError if samples are missing: libsndfile does not report a full disk for Ogg."""
        import soundfile

        try:
            with soundfile.SoundFile(native_path(self._path)) as found:
                written = found.frames
        except RuntimeError:
            written = 0
        if written < self._position:
            raise OutputError(_FULL)

    def write(self, y: Float) -> None:
        """Append a block [shape=(n, channels), float32, -1..1]."""
        for start in range(0, len(y), CHUNK):
            part = y[start : start + CHUNK]
            if self._container is None:
                self._write_samples(part)
            else:
                self._encode(part)
            self._position += len(part)

    def _write_samples(self, y: Float) -> None:
        import soundfile

        try:
            self._sound.write(y)
        except (soundfile.LibsndfileError, AssertionError) as error:
            # libsndfile asserts that everything was written: this is how a full disk shows.
            raise OutputError(_FULL) from error

    def _encode(self, y: Float) -> None:
        import av

        layout = self._stream.layout.name
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(y.T), format="fltp", layout=layout)
        frame.sample_rate, frame.pts = self._sr, self._position
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


def native_path(path: PathLike) -> str | bytes:
    """Return a path as libsndfile takes it; bytes, because a name may be no UTF-8."""
    return os.fspath(path) if os.name == "nt" else os.fsencode(path)


# What describes the file, or the loudness of its sound, and not the music.
_TECHNICAL = {
    "major_brand", "minor_version", "compatible_brands", "encoder", "encoded_by", "duration", "handler_name",
    "vendor_id", "language", "creation_time", "coding_history", "time_reference", "itunsmpb", "itunnorm",
    "itunes_cddb_1", "bps", "number_of_bytes", "number_of_frames", "tlen", "length",
}  # fmt: skip
_LOUDNESS = ("replaygain_", "r128_")
# FFmpeg's key: libsndfile's
TEXTS = {key: key for key in ("title", "artist", "album", "date", "genre", "comment", "copyright", "license")}
TEXTS |= {"track": "tracknumber", "tracknumber": "tracknumber"}
ID3 = {
    "title": b"TIT2", "artist": b"TPE1", "album": b"TALB", "date": b"TDRC", "genre": b"TCON",
    "track": b"TRCK", "tracknumber": b"TRCK", "comment": b"COMM", "copyright": b"TCOP", "disc": b"TPOS",
    "album_artist": b"TPE2", "composer": b"TCOM", "performer": b"TPE3", "publisher": b"TPUB",
}  # fmt: skip
COVERS = {b"\xff\xd8": "image/jpeg", b"\x89P": "image/png"}
FRONT = 3  # type of a picture in ID3 and FLAC: front cover


@dataclass(frozen=True)
class Tags:
    """Text by FFmpeg's key, and a cover as a JPEG or PNG file."""

    text: Mapping[str, str] = field(default_factory=dict)
    cover: bytes | None = None


def read_tags(path: PathLike) -> Tags:
    """Read the tags of a sound or video; none where FFmpeg cannot read the file."""
    import av
    from av.stream import Disposition

    try:
        with open_file(path) as container:
            found = dict(container.metadata)
            for stream in container.streams.audio[:1]:
                found |= stream.metadata
            lower = {key.lower(): value for key, value in found.items()}
            text = {key: lower[key] for key in lower if not (key in _TECHNICAL or key.startswith(_LOUDNESS))}
            for picture in container.streams.video:
                if picture.disposition & Disposition.attached_pic:
                    cover = next((bytes(packet) for packet in container.demux(picture) if packet.size), b"")
                    return Tags(text, cover if cover[:2] in COVERS else None)
            return Tags(text)
    except (av.FFmpegError, ValueError):
        return Tags()


def lost_text(path: PathLike, tags: Tags) -> list[str]:
    """Return the keys of the text that a written file does not hold."""
    kept = {TEXTS.get(key, key) for key in read_tags(path).text} if tags.text else set()
    return sorted(key for key in tags.text if TEXTS.get(key, key) not in kept)


def set_text(sound: Any, tags: Tags) -> None:
    """Set the text of a `soundfile.SoundFile` before samples are written; formats without tags ignore it."""
    import soundfile

    for key in TEXTS.keys() & tags.text.keys():
        with contextlib.suppress(soundfile.LibsndfileError):
            setattr(sound, TEXTS[key], tags.text[key])


def add_cover(container: Any, cover: bytes) -> Any:
    """Add a cover to an MP4 container that is being written; return the packet to write first."""
    import av
    from av.stream import Disposition

    with av.open(io.BytesIO(cover), "r") as picture:
        stream = container.add_stream_from_template(picture.streams.video[0])
        stream.disposition = Disposition.attached_pic
        packet = next(packet for packet in picture.demux() if packet.size)
    packet.stream, packet.pts, packet.dts = stream, 0, 0
    return packet


def insert_tags(path: PathLike, tags: Tags) -> None:
    """Insert what libsndfile does not write: text and cover of an MP3 file, the cover of a FLAC file."""
    suffix = Path(path).suffix.lower()
    if suffix == ".mp3" and (tags.text or tags.cover):
        Path(path).write_bytes(_id3(tags) + Path(path).read_bytes())
    elif suffix == ".flac" and tags.cover:
        data = Path(path).read_bytes()
        start = 8 + int.from_bytes(data[5:8], "big")  # after STREAMINFO, which comments always follow
        Path(path).write_bytes(data[:start] + _flac_picture(tags.cover) + data[start:])


def _id3(tags: Tags) -> bytes:
    """An ID3 tag, version 2.4, in UTF-8."""
    frames = b""
    for key, value in tags.text.items():
        name = ID3.get(key, b"TXXX")
        about = b"XXX\0" if name == b"COMM" else key.encode() + b"\0" if name == b"TXXX" else b""
        frames += _id3_frame(name, b"\3" + about + value.encode())
    if tags.cover:
        mime = COVERS[tags.cover[:2]].encode()
        frames += _id3_frame(b"APIC", b"\0" + mime + b"\0" + bytes([FRONT]) + b"\0" + tags.cover)
    return b"ID3\4\0\0" + _syncsafe(len(frames)) + frames


def _id3_frame(name: bytes, content: bytes) -> bytes:
    return name + _syncsafe(len(content)) + b"\0\0" + content


def _syncsafe(size: int) -> bytes:
    """Spread a size over the low 7 bits of 4 bytes."""
    return bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))


def _flac_picture(cover: bytes) -> bytes:
    """A PICTURE block; its size and colors may be left at 0."""
    mime = COVERS[cover[:2]].encode()
    block = struct.pack(f">2I{len(mime)}s6I", FRONT, len(mime), mime, 0, 0, 0, 0, 0, len(cover)) + cover
    return struct.pack(">I", 6 << 24 | len(block)) + block
