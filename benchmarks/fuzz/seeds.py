"""Small intact files of every kind that restyle reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from PIL import Image, ImageCms

from restyle.batch.journal import Finished
from restyle.models import network_files, style_files

FRAMES = 6
VIDEOS = {
    "clip.mp4": ("mpeg4", "yuv420p"), "clip.mkv": ("libx264", "yuv420p"), "clip.avi": ("mjpeg", "yuvj420p"),
    "clip.webm": ("libvpx-vp9", "yuv420p"),
    "clip.mov": ("prores_ks", "yuv422p10le"), "clip.ts": ("mpeg2video", "yuv420p"),
}  # fmt: skip


def make_seeds(folder: Path) -> list[Path]:
    """Write all seeds; their names tell their readers, see `harness.READERS`."""
    folder.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0)
    pixels = noise.integers(0, 256, (24, 32, 3), np.uint8)
    _pictures(folder, pixels)
    for name, (codec, form) in VIDEOS.items():
        _video(folder / name, codec, form, noise)
    for name, subtype in (("a.wav", "PCM_16"), ("b.wav", "FLOAT"), ("a.flac", "PCM_16"), ("a.ogg", "VORBIS"),
                          ("a.mp3", "MPEG_LAYER_III"), ("a.opus", "OPUS"), ("a.aiff", "PCM_16")):  # fmt: skip
        soundfile.write(folder / name, noise.normal(0, 0.1, (4800, 2)), 48_000, subtype, format=_format(name))
    code = noise.normal(size=16).astype(np.float32)
    record = style_files.StyleRecord("tiny-1", "wave", code, "Wave", "somebody", "1889", {0.5: code})
    style_files.write(record, folder / "a.style")
    network = network_files.NetworkRecord(
        "tiny", {"kernel_size": 3, "width": 4, "blocks": 1, "normalization": "instance"}, ("one", "two"),
        {"scale": np.ones((2, 4), np.float32), "shift": np.zeros((2, 4), np.float32)},
        b"graph" * 20, {"steps": 3},
    )  # fmt: skip
    network_files.write(network, folder / "a.restyle")
    _lists(folder)
    return sorted(folder.iterdir())


def _format(name: str) -> str | None:
    return "OGG" if name.endswith(".opus") else None


def _pictures(folder: Path, pixels: np.ndarray[Any, Any]) -> None:
    picture = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = 6, "somebody"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for name, options in (
        ("a.png", {}), ("a.jpg", {}), ("prog.jpg", {"progressive": True}), ("a.webp", {}), ("a.bmp", {}),
        ("a.gif", {}), ("a.avif", {}), ("a.tif", {}), ("lzw.tif", {"compression": "tiff_lzw"}),
        ("big.tif", {"big_tiff": True}),
        ("deflate.tif", {"compression": "tiff_deflate"}),
    ):  # fmt: skip
        extra: dict[str, Any] = (
            {} if name.endswith((".bmp", ".gif")) else {"exif": exif, "icc_profile": profile}
        )
        picture.save(folder / name, **options, **extra)
    deep = Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    deep.save(folder / "deep.png")
    deep.save(folder / "deep.tif")
    picture.quantize(16).save(folder / "palette.png")
    picture.convert("RGBA").save(folder / "alpha.png")
    Image.fromarray((pixels[..., 0] > 99) * np.uint8(255)).save(folder / "mask.png")
    more = [Image.fromarray(np.roll(pixels, step, 0)) for step in range(1, 4)]
    picture.save(folder / "moving.webp", save_all=True, append_images=more, duration=40)
    picture.save(folder / "moving.gif", save_all=True, append_images=more, duration=40)


def _video(path: Path, codec: str, form: str, noise: np.random.Generator) -> None:
    import av

    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, form
        for _ in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(noise.integers(0, 256, (48, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _lists(folder: Path) -> None:
    rows = [{"content": "a.jpg", "style": ["scream", "wave:0.4"], "strength": 0.5, "output": "x/a.png"},
            {"content": "b.mp4", "style": "scream", "size": "640"}]  # fmt: skip
    (folder / "a.csv").write_text(
        "content,style,strength,output\na.jpg,scream;wave:0.4,0.5,x/a.png\nb.mp4,scream,,\n"
    )
    (folder / "a.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    (folder / "a.json").write_text(json.dumps(rows))
    (folder / "a.txt").write_text("a.jpg\n# no\nsub/b c.jpg\n")
    entries = [Finished(f"{n}.png", "k" * 64, "s" * 64, n, 1.5).line() for n in range(3)]
    (folder / "a.journal").write_bytes(b"".join(entries))
