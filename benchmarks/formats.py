"""`python -m benchmarks.formats`: print a table of the formats of pictures and sounds that restyle reads.

Each file is made here and read back. To compare versions, run it with the `src` of another one in PYTHONPATH.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
import tifffile
from PIL import Image

from restyle.errors import RestyleError
from restyle.images.decode import read_file

SIDE = 48
SR = 16000
MOST_PIXELS = 10**6
PILLOW: dict[str, dict[str, dict[str, Any]]] = {
    ".jpg": {"RGB": {}, "L": {}, "CMYK": {}, "RGB progressive": {"progressive": True}},
    ".png": {"RGB": {}, "RGBA": {}, "L": {}, "LA": {}, "P": {}, "1": {}, "I;16": {}},
    ".webp": {"RGB": {}, "RGBA": {}, "RGB lossless": {"lossless": True}},
    ".bmp": {"RGB": {}, "L": {}, "P": {}, "1": {}},
    ".gif": {"P": {}},
    ".avif": {"RGB": {}, "RGBA": {}},
    ".tif": {
        "LAB": {}, "CMYK": {}, "1 group4": {"compression": "group4"}, "RGB jpeg": {"compression": "jpeg"},
        "RGB lzw": {"compression": "tiff_lzw"}, "RGB packbits": {"compression": "packbits"},
        "RGB zstd": {"compression": "zstd"}, "RGBA zstd": {"compression": "zstd"},
        "I;16 zstd": {"compression": "zstd"},
    },
}  # fmt: skip
TIFF_KINDS = ("u1", "u2", "f4", "f8")
TIFF_CODECS = (None, "zlib", "lzma")
SOUNDS = ("WAV", "FLAC", "OGG", "MP3", "AIFF", "CAF", "W64", "AU", "RF64")
SUBTYPES = ("PCM_16", "PCM_24", "PCM_U8", "FLOAT", "DOUBLE", "ULAW", "ALAW", "IMA_ADPCM", "VORBIS", "OPUS")
CODECS = {".m4a": "aac", ".mka": "libopus", ".mp2": "mp2", ".ac3": "ac3", ".webm": "libopus"}

Made = tuple[str, Path]


def pictures(folder: Path) -> Iterator[Made]:
    """Write a picture in every format, mode and codec."""
    rng = np.random.default_rng(0)
    color = Image.fromarray(rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8))
    for suffix, modes in PILLOW.items():
        for name, options in modes.items():
            path = folder / f"{name}{suffix}".replace(";", "")
            mode = name.partition(" ")[0]
            gray = Image.fromarray(rng.integers(0, 65536, (SIDE, SIDE), np.uint16))
            (gray if mode == "I;16" else color.convert(mode)).save(path, **options)
            yield f"{suffix} {name}", path
    for kind, codec, big, planar in product(TIFF_KINDS, TIFF_CODECS, (False, True), ("contig", "separate")):
        samples = rng.random((SIDE, SIDE, 3))
        samples = samples.astype(kind) if kind[0] == "f" else (samples * 255 ** int(kind[1])).astype(kind)
        name = f"{kind} {codec or 'plain'}{' Big' if big else ''} {planar}"
        path = folder / f"{name}.tif"
        tifffile.imwrite(
            path,
            samples if planar == "contig" else samples.transpose(2, 0, 1),
            photometric="rgb",
            planarconfig=planar,
            compression=codec,
            bigtiff=big,
            byteorder=">" if big else "<",
        )
        yield f".tif {name}", path


def sounds(folder: Path) -> Iterator[Made]:
    """Write a sound in every format and codec that this machine can write."""
    y = np.random.default_rng(0).normal(0, 0.1, SR).astype(np.float32)
    for form, subtype in product(SOUNDS, (*SUBTYPES, "MPEG_LAYER_III")):
        if soundfile.check_format(form, subtype):
            path = folder / f"{form}-{subtype}.{form.lower()}"
            try:
                soundfile.write(str(path), y, SR, format=form, subtype=subtype)
            except soundfile.LibsndfileError:  # listed, but not written: MP3 in WAV
                continue
            yield f"{form} {subtype}", path
    for suffix, codec in CODECS.items():
        path = folder / f"a{suffix}"
        with av.open(str(path), "w") as container:
            stream: Any = container.add_stream(codec, rate=48000, layout="stereo")
            frame = av.AudioFrame.from_ndarray(np.zeros((2, 48000), np.float32), "fltp", "stereo")
            frame.sample_rate = 48000
            for packet in [*stream.encode(frame), *stream.encode(None)]:
                container.mux(packet)
        yield f"{suffix} {codec}", path


def read_sound(path: Path) -> None:
    """Read a sound with this version, or an older one."""
    try:
        from restyle.sounds.read import load_sound
    except ImportError:
        from restyle.sounds.files import load_sound  # type: ignore[attr-defined,no-redef]
    load_sound(path)


def table(made: Iterator[Made], read: Callable[[Path], object]) -> Iterator[str]:
    """Yield a row of the table for each file."""
    for name, path in made:
        try:
            read(path)
        except RestyleError as error:
            yield f"| {name} | no: {str(error).partition(': ')[2]} |"
        else:
            yield f"| {name} | yes |"


def main() -> None:
    """Print the table."""
    print("| format | read |\n| --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for line in table(pictures(Path(folder)), lambda path: read_file(path, MOST_PIXELS)):
            print(line)
        for line in table(sounds(Path(folder)), read_sound):
            print(line)


if __name__ == "__main__":
    main()
