"""Tags and cover pictures: title, artist and the like pass from the content to the result."""

from __future__ import annotations

import contextlib
import io
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from restyle.sounds.containers import open_file
from restyle.types import PathLike

# What describes the file, or the loudness of its sound, and not the music.
_TECHNICAL = {
    "major_brand", "minor_version", "compatible_brands", "encoder", "encoded_by", "duration", "handler_name",
    "vendor_id", "language", "creation_time", "coding_history", "time_reference", "itunsmpb", "itunnorm",
    "itunes_cddb_1", "bps", "number_of_bytes", "number_of_frames", "tlen", "length",
}  # fmt: skip
_LOUDNESS = ("replaygain_", "r128_")
# FFmpeg's key: libsndfile's
TEXTS = {
    "title": "title",
    "artist": "artist",
    "album": "album",
    "date": "date",
    "genre": "genre",
    "track": "tracknumber",
    "tracknumber": "tracknumber",
    "comment": "comment",
    "copyright": "copyright",
    "license": "license",
}
ID3 = {
    "title": b"TIT2",
    "artist": b"TPE1",
    "album": b"TALB",
    "date": b"TDRC",
    "genre": b"TCON",
    "track": b"TRCK",
    "tracknumber": b"TRCK",
    "comment": b"COMM",
    "copyright": b"TCOP",
    "album_artist": b"TPE2",
    "composer": b"TCOM",
    "performer": b"TPE3",
    "disc": b"TPOS",
    "publisher": b"TPUB",
}
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
            text = {key.lower(): value for key, value in found.items() if _is_about_music(key.lower())}
            for picture in container.streams.video:
                if picture.disposition & Disposition.attached_pic:
                    cover = next((bytes(packet) for packet in container.demux(picture) if packet.size), b"")
                    return Tags(text, cover if cover[:2] in COVERS else None)
            return Tags(text)
    except (av.FFmpegError, ValueError):
        return Tags()


def _is_about_music(key: str) -> bool:
    return key not in _TECHNICAL and not key.startswith(_LOUDNESS)


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
    block = (
        struct.pack(">2I", FRONT, len(mime)) + mime + struct.pack(">6I", 0, 0, 0, 0, 0, len(cover)) + cover
    )
    return struct.pack(">I", 6 << 24 | len(block)) + block
