"""Record the results of a checkout, over all media and options, and compare two records.

    python scripts/pinned.py --checkout . -o now.json       # run all cases and write the record
    python scripts/pinned.py --checkout . -o some.json -k video -k api
    python scripts/pinned.py compare before.json now.json   # exit code 1 if more than messages differ

It imports nothing from the package, so modules may be moved and renamed, but results must not change.
"""

# ruff: noqa: E501  (a command stays on one line)

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import io
import json
import os
import queue
import re
import shlex
import shutil
import struct
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
from PIL import Image, ImageCms

PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".avif"}
VIDEOS = {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".gif"}
SOUNDS = {".wav", ".flac", ".ogg", ".mp3"}
# Keys and columns that depend on the machine or the clock.
UNSTEADY = re.compile(
    r"second|minute|time|date|machine|commit|load|speed|python|numpy|onnxruntime|processor|^cores$|memory"
    r"|^ms\b|hash|sha256|elapsed|/s$|threads|^system$|^torch$|^pillow$|^note$",
    re.IGNORECASE,
)
SPANS = re.compile(r"\b\d[\d,.]*(?:e-?\d+)?\s?(?:s|ms|min|h|seconds?|minutes?|fps|\w+/s)\b(?!-)")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
TINY = 0.5  # of 255, or in percent: smaller differences come from rounding


# Inputs -----------------------------------------------------------------------------------------------------


def _scene(height: int, width: int, seed: int, color: tuple[int, int, int] = (128, 128, 128)) -> Any:
    """Waves and noise around a color, [H, W, 3] in 0..1."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float64)
    rng = np.random.default_rng(seed)
    waves = np.stack([np.sin(rows / f) + np.cos(columns / g) for f, g in rng.uniform(4, 20, (3, 2))], -1)
    return np.clip((np.asarray(color) + 35 * waves + rng.normal(0, 8, (height, width, 3))) / 255, 0, 1)


def _picture(path: Path, pixels: Any, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((pixels * 255).round().astype(np.uint8)).save(path, **options)


def _deep(path: Path, pixels: Any, codec: str) -> None:
    """Write 16 bits per channel, which Pillow cannot."""
    form = "rgb48le" if codec == "tiff" else "rgb48be"
    values = np.ascontiguousarray((pixels * 65535).round().astype(np.uint16))
    with av.open(str(path), "w", format="image2", options={"update": "1"}) as container:
        stream: Any = container.add_stream(codec, rate=1)
        stream.width, stream.height, stream.pix_fmt = values.shape[1], values.shape[0], form
        frame = av.VideoFrame.from_ndarray(values, "rgb48le").reformat(format=form)
        container.mux([*stream.encode(frame), *stream.encode(None)])


def _clip(
    path: Path, codec: str = "libx264", sounding: bool = True, count: int = 8, gray: bool = False
) -> None:
    """A square that moves over a scene that changes after five frames."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=10, options={"crf": "10", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        voice: Any = container.add_stream("aac", rate=44100, layout="mono") if sounding else None
        for index in range(count):
            pixels = 0 * _scene(64, 96, 0) if gray else _scene(64, 96, 5 + (index > 4))
            pixels[20:44, 10 + 6 * index : 34 + 6 * index] = (1, 1, 1) if gray else (0.95, 0.8, 0.1)
            frame = av.VideoFrame.from_ndarray((pixels * 255).astype(np.uint8), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if voice is not None:
            wave = _tones(count * 4410, 44100, (440, 660)).astype(np.float32)
            for start in range(0, len(wave), 1024):
                part: Any = av.AudioFrame.from_ndarray(
                    wave[None, start : start + 1024].copy(), "fltp", "mono"
                )
                part.sample_rate, part.pts = 44100, start
                container.mux(voice.encode(part))
            container.mux(voice.encode(None))


def _tones(count: int, rate: int, pitches: tuple[int, ...]) -> Any:
    """Tones that swell and stop, one after another, and a little noise."""
    moment = np.arange(count) / rate
    pitch = np.asarray(pitches)[np.minimum((moment * 4).astype(int) % len(pitches), len(pitches) - 1)]
    noise = np.random.default_rng(count).normal(0, 0.004, count)
    return 0.3 * np.sin(2 * np.pi * pitch * moment) * np.abs(np.sin(2 * np.pi * 2 * moment)) + noise


def _teacher(path: Path) -> None:
    """A network as wide as VGG but less deep with random weights, as safetensors."""
    rng, before = np.random.default_rng(1), 3
    arrays = {"conv0.weight": np.eye(3)[:, :, None, None], "conv0.bias": np.zeros(3)}
    for block, width in enumerate((64, 128, 256, 512, 512), 1):
        arrays[f"conv{block}_1.weight"] = rng.normal(0, (2 / 9 / before) ** 0.5, (width, before, 3, 3))
        arrays[f"conv{block}_1.bias"] = np.zeros(width)
        before = width
    header: dict[str, dict[str, Any]] = {}
    body = b""
    for name, array in arrays.items():
        data = array.astype("<f4").tobytes()
        place = [len(body), len(body) + len(data)]
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": place}
        body += data
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def make_inputs(folder: Path, checkout: Path) -> None:
    """All that the commands read, in one folder."""
    folder.mkdir(parents=True)
    for name in ("coffee", "chelsea", "astronaut", "strokes"):
        places = [checkout / "docs" / part / f"{name}.jpg" for part in ("photos", "pictures")]
        shutil.copy(next(place for place in places if place.exists()), folder)
    shutil.copy(checkout / "docs" / "masks" / "astronaut.png", folder / "mask.png")
    scene = _scene(100, 140, 1)
    _picture(folder / "scene.png", scene)
    _picture(folder / "scene.webp", scene, quality=90)
    _picture(folder / "painting.png", _scene(120, 110, 2, (190, 110, 50)))
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36], profile[84:100] = bytes(12), bytes(16)  # when it was made, and a hash of that
    for tag in range(132, 132 + 12 * int.from_bytes(profile[128:132], "big"), 12):
        if profile[tag : tag + 4] == b"rXYZ":  # a wider red, so that it is not sRGB
            place = int.from_bytes(profile[tag + 4 : tag + 8], "big") + 8
            profile[place : place + 12] = struct.pack(
                ">3i", *(round(65536 * each) for each in (0.515, 0.241, -0.001))
            )
    exif = Image.Exif()
    exif[274], exif[271], exif[315] = 6, "pinned", "nobody"
    _picture(folder / "turned.jpg", scene, exif=exif, icc_profile=bytes(profile), quality=95, dpi=(300, 300))
    alpha = np.linspace(0, 1, 140)[None, :, None].repeat(100, 0)
    _picture(folder / "alpha.png", np.concatenate([scene, alpha], -1))
    _picture(folder / "grey.png", scene[..., 0])
    for name, height, width in (("spot", 100, 140), ("wide", 64, 96)):
        rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        _picture(folder / f"{name}.png", np.clip(1.5 - 2 * np.hypot(rows, columns), 0, 1))
    _deep(folder / "deep.png", scene, "png")
    _deep(folder / "deep.tif", scene, "tiff")
    _picture(folder / "large.jpg", np.kron(_scene(150, 175, 3), np.ones((10, 10, 1))), quality=80)
    for index in range(6):
        _picture(folder / "photos" / f"{index}.png", _scene(90 + 3 * index, 110 - index, 20 + index))
        _picture(
            folder / "art" / f"{index}.png",
            _scene(100, 96, 40 + index, (60 + 25 * index, 90, 200 - 25 * index)),
        )
    _picture(folder / "tree" / "a.png", _scene(64, 80, 8))
    _picture(folder / "tree" / "deeper" / "b.jpg", _scene(70, 66, 9))
    (folder / "tree" / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nnot a picture")
    for index in range(4):
        _picture(folder / "frames" / f"{index:03}.png", _scene(48, 64, 30 + index // 2))
    stills = [Image.open(each).convert("P") for each in sorted((folder / "frames").glob("*.png"))]
    stills[0].save(folder / "moving.gif", save_all=True, append_images=stills[1:], duration=120, loop=0)
    _clip(folder / "clip.mp4")
    _clip(folder / "silent.mkv", "ffv1", sounding=False)
    _clip(folder / "mask.mkv", "ffv1", sounding=False, gray=True)
    soundfile.write(folder / "tune.wav", _tones(33075, 22050, (330, 440, 550)), 22050, "PCM_16")
    both = np.stack([_tones(22050, 44100, (262, 392)), _tones(22050, 44100, (294, 440))], 1)
    soundfile.write(folder / "stereo.flac", both, 44100, "PCM_24")
    soundfile.write(folder / "drone.wav", _tones(44100, 44100, (110, 1760)), 44100, "PCM_16")
    _teacher(folder / "teacher.safetensors")


# Cases: the commands of each run in one folder, one after another. --------------------------------------------

_SHORT = "--held-out 2 --batch 1 --crop 64 --style-size 64 --width 4 --blocks 1 --log-every 1 --seed 3"
_BOTH = "--crop 64 --batch 1 --steps 2 --log-every 1"
CASES: dict[str, list[str]] = {
    "image-formats": [
        f"restyle image --method fast in/scene.png -s starry-night -o out.{suffix}"
        for suffix in ("jpg", "png", "webp", "tif", "bmp", "avif")
    ],
    "image-quality": ["restyle image --method fast in/scene.webp -s scream --quality 40 -o low.jpg"],
    "image-turned": [
        "restyle image --method fast in/turned.jpg -s great-wave",
        "restyle image --method fast in/turned.jpg -s scream -o a.png",
    ],
    "image-alpha": [
        "restyle image --method fast in/alpha.png -s great-wave",
        "restyle image --method fast in/alpha.png -r alpha=scream -s the-kiss -o region.png",
        "restyle image --method fast in/alpha.png -s great-wave -o flat.jpg",
    ],
    "image-grey": ["restyle image --method fast in/grey.png -s great-wave -o grey.png"],
    "image-deep": [
        f"restyle image --method fast in/deep.{each} -s irises -o deep.{each}" for each in ("png", "tif")
    ],
    "image-folder": ["restyle image --method fast in/tree in/scene.png -s starry-night --size 64 -o art/"],
    "image-mix": [
        "restyle image --method fast in/scene.png -s starry-night:2 -s in/painting.png:1 --strength 0.7 -o mixed.png"
    ],
    "image-strength": ["restyle image --method fast in/scene.png -s irises --strength 0 -o none.png"],
    "image-keep-colors": [
        "restyle image --method fast in/coffee.jpg --size 160 -s great-wave --keep-colors -o a.png",
        "restyle image --method fast in/coffee.jpg --size 160 -s great-wave --keep-colors statistics -o b.png",
    ],
    "image-colors-only": [
        "restyle image --method fast in/coffee.jpg --size 160 -s great-wave --colors-only -o a.png",
        "restyle image --method fast in/coffee.jpg --size 160 -s in/strokes.jpg --colors-only --strength 0.5 -o b.png",
    ],
    "image-region": [
        "restyle image --method fast in/astronaut.jpg --size 160 -s starry-night -r in/mask.png=keep -o person.png",
        "restyle image --method fast in/astronaut.jpg --size 160 -r in/mask.png=scream:0.5 -r in/mask.png=irises:0.2 --feather 5 -o other.png",
    ],
    "image-shape": [
        "restyle image --method fast in/chelsea.jpg -s the-kiss --crop 16:9 --size 128 --brightness 1.2 --contrast 0.8 -o a.png",
        "restyle image --method fast in/chelsea.jpg -s the-kiss --crop 50% --size 120x90 -o b.png",
        "restyle image --method fast in/chelsea.jpg -s the-kiss --crop 100x80 -o c.png",
    ],
    "image-strokes": [
        "restyle image --method fast in/coffee.jpg --size 160 -s scream --style-scale 2 -o a.png",
        "restyle image --method fast in/coffee.jpg --size 160 -s in/strokes.jpg --style-scale 0.5 -o b.png",
        "restyle image --method fast in/coffee.jpg --size 240 -s scream --paint-size 120 -o c.png",
    ],
    "image-own-style": [
        "restyle image --method fast in/scene.png -s in/painting.png",
        "restyle image --method fast in/scene.png -s in/strokes.jpg",
    ],
    "image-tiles": ["restyle image --method fast in/large.jpg -s scream -o large.png"],
    "image-optimize": [
        "restyle image in/scene.png -s in/painting.png --method optimize --steps 5 --size 80 -o a.png",
        "restyle image in/scene.png -s in/painting.png --method optimize --steps 3 --size 64"
        " --style-loss gram,patches:0.5 --content-loss structure --init noise --seed 3 --preview p.png -o b.png",
    ],
    "image-optimize-more": [
        "restyle image in/scene.png -s in/painting.png --method optimize --steps 3 --size 64 --save-every 2"
        " --optimizer adam --style-rotation 90 --large-forms 0 --smoothness 0.1 --style-loss gaussian,sliced -o a.png",
        "restyle image in/scene.png -s great-wave --method optimize --steps 2 -o b.png",
    ],
    "errors-image": [
        "restyle image --method fast missing.jpg -s starry-night",
        "restyle image --method fast in/scene.png",
        "restyle image --method fast in/scene.png -s starry-nigt",
        "restyle image --method fast in/scene.png -s missing.png",
        "restyle image --method fast in/tree/bad.png -s scream",
        "restyle image --method fast in/scene.png -s scream --strength 2",
        "restyle image --method fast in/scene.png -s scream --size 0",
        "restyle image --method fast in/scene.png -s scream --crop many",
        "restyle image --method fast in/scene.png -s scream --device cuda",
        "restyle image in/scene.png -s scream --model nothing",
        "restyle image --method fast in/scene.png -s scream --max-pixels 10",
        "restyle image --method fast in/scene.png -s scream -o out.gif",
        "restyle image --method fast in/scene.png -s scream -r missing.png=keep -o a.png",
        "restyle image --method fast in/scene.png -s scream --steps 3 -o a.png",
        "restyle image --method fast in/scene.png --nonsense",
    ],
    "errors-existing": [
        "restyle image --method fast in/scene.png -s scream -o a.png",
        "restyle image --method fast in/scene.png -s irises -o a.png",
        "restyle image --method fast in/scene.png -s irises -o a.png --overwrite",
        "restyle image --method fast a.png -s irises -o a.png --overwrite",
    ],
    "errors-other": [
        "restyle",
        "restyle nothing",
        "restyle video missing.mp4 -s scream",
        "restyle video in/clip.mp4 -s scream --steady much",
        "restyle video in/clip.mp4 -o a.mp4",
        "restyle audio in/tune.wav -s nothing",
        "restyle audio in/scene.png -s rain",
        "restyle audio in/tune.wav -s rain -o a.txt",
        "restyle compare in/scene.png",
        "restyle compare in/scene.png in/tune.wav",
        "restyle compare in/scene.png in/painting.png --metric tast",
        "restyle evaluate",
        "restyle models pull nothing",
        "restyle models pull vgg19",
        "restyle export missing.safetensors -o a",
        "restyle train style --style missing.jpg --content in/photos -o a.restyle",
        "restyle train style --style in/art/0.png --content in/photos --width 0 -o a.restyle",
    ],
    "styles": [
        "restyle styles",
        "restyle styles save in/painting.png --title Mine --artist Me --year 2020 -o mine.style",
        "restyle styles save great-wave:1 scream:2 --name both --style-scale 2 -o both.style",
        "restyle image --method fast in/scene.png -s mine.style -s both.style:0.5 -o out.png",
        "restyle styles save in/painting.png -o mine.style",
    ],
    "styles-sheet": ["restyle styles --sheet sheet.png --content in/photos/0.png"],
    "compare": [
        "restyle compare in/coffee.jpg in/strokes.jpg starry-night",
        "restyle compare in/painting.png in/strokes.jpg",
        "restyle compare in/painting.png in/strokes.jpg --layers",
        "restyle compare in/art/0.png in/art/1.png in/art/2.png --metric gram:relu3_1 -o a.csv",
        "restyle compare in/art/0.png in/art/1.png in/art/2.png --metric palette -o a.json",
        "restyle compare in/tune.wav in/drone.wav in/stereo.flac",
        "restyle compare in/tune.wav in/drone.wav",
    ],
    "compare-nearest": [
        "restyle compare in/strokes.jpg --nearest 5",
        "restyle compare in/scene.png --nearest 2 --in in/art -o near.csv",
    ],
    "compare-map": ["restyle compare in/art -o map/"],
    "evaluate": [
        "restyle evaluate --content in/photos/0.png --style in/art --size 96 -r strength=0.6 -r keep-colors -o report/",
        "restyle image --method fast in/photos/0.png -s in/art/0.png -o results/0-0.png",
        "restyle evaluate results --content in/photos/0.png --style in/art/0.png --size 96",
    ],
    "video-steady": [
        *(
            f"restyle video in/clip.mp4 -s great-wave --steady {each} --codec ffv1 -o {each}.mkv"
            for each in ("none", "statistics", "flow")
        ),
        "restyle video in/clip.mp4 -s great-wave",
    ],
    "video-kinds": [
        "restyle video in/moving.gif -s scream",
        "restyle video in/frames -s scream --fps 5 -o frames.mkv --codec ffv1",
        "restyle video in/silent.mkv -s scream --size 64 --codec vp9 -o a.webm",
        "restyle video in/silent.mkv -s scream --strength 0.5 --keep-colors -o frames/",
    ],
    "video-styles": ["restyle video in/silent.mkv -s 0:starry-night -s 0.5:great-wave --codec ffv1 -o a.mkv"],
    "video-regions": [
        "restyle video in/silent.mkv -s great-wave -r in/mask.mkv=keep --codec ffv1 -o a.mkv",
        "restyle video in/silent.mkv -r in/wide.png=scream --feather 3 --crop 1:1 --codec ffv1 -o b.mkv",
    ],
    "video-sound": [
        "restyle video in/clip.mp4 --audio-style rain -o a.mp4",
        "restyle video in/clip.mp4 -s scream --audio-style in/drone.wav --audio-strength 0.5 --quality 30 -o b.mp4",
    ],
    "video-resume": [
        "restyle video in/clip.mp4 -s scream --resume -o a.mp4",
        "restyle video in/clip.mp4 -s scream -o a.mp4",
        "restyle video in/clip.mp4 -s scream --resume -o a.mp4 --overwrite",
    ],
    "video-optimize": [
        "restyle video in/frames -s in/painting.png --method optimize --steps 2 --codec ffv1 -o a.mkv"
    ],
    "audio": [
        "restyle audio in/tune.wav -s rain",
        "restyle audio in/stereo.flac -s choir -s bells:0.3 --keep-pitch 1 --remix 0.2 -o a.flac",
        "restyle audio in/tune.wav -s in/drone.wav --strength 0.5 --keep-rhythm 0.3 --keep-loudness 0.4 -o b.wav",
        "restyle audio in/clip.mp4 -s organ -o c.ogg",
        "restyle audio in/tune.wav -s rain --plot plot.png -o d.wav",
    ],
    "audio-presets": [
        f"restyle audio in/tune.wav -s {each} -o {each}.wav"
        for each in ("bees", "brass", "eight-bit", "vinyl", "strings", "wind", "fire", "harp")
    ],
    "audio-texture": [
        "restyle audio in/tune.wav -s in/drone.wav --method texture --steps 3 --seed 2 -o a.wav"
    ],
    "live": ["restyle live in/clip.mp4 -s great-wave --size 64 --seconds 3 --mirror -o live.mp4"],
    "live-errors": [
        "restyle live in/clip.mp4 -s scream",
        "restyle live 77 -s scream -o a.mp4",
        "restyle live -s x -o a.gif",
    ],
    "models": ["restyle models"],
    "export": [
        "restyle export {checkout}/checkpoints/arbitrary-5.safetensors -o model/",
        "restyle image in/scene.png -s in/painting.png --model model/ -o a.png",
    ],
    "train-style": [
        f"restyle train style --style in/art/0.png --style in/art/1.png --content in/photos -o two.restyle --steps 3 {_SHORT}",
        "restyle image in/scene.png --model two.restyle -s 0 -o a.png",
        "restyle image in/scene.png --model two.restyle -s 0 -s 1:0.5 -o b.png",
        "restyle styles --model two.restyle",
        "restyle train style --style in/art/2.png --add-to two.restyle --content in/photos -o three.restyle --steps 2"
        " --held-out 2 --batch 1 --crop 64 --style-size 64 --log-every 1",
        "restyle export two.restyle -o two/",
        "restyle image in/scene.png --model two/ -s 1 -o c.png",
    ],
    "train-resume": [
        f"restyle train style --style in/art/0.png --content in/photos -o a.restyle --steps 2 {_SHORT}",
        f"restyle train style --style in/art/0.png --content in/photos -o a.restyle --steps 4 {_SHORT}",
        "python\nimport os; os.remove('a.restyle')",
        f"restyle train style --style in/art/0.png --content in/photos -o a.restyle --steps 4 {_SHORT}",
        f"restyle train style --style in/art/0.png --content in/photos -o a.restyle --steps 4 {_SHORT} --resume",
    ],
    "train-preview": [
        "restyle train preview-data --content in/photos --style in/art --style-augment hue=0.1 -o seen.png"
    ],
    "train-arbitrary": [
        f"restyle train encoder in/photos in/art --teacher in/teacher.safetensors --widths 4,6,8,8,8 --depths 1,1,1,1,1"
        f" -o encoder.safetensors {_BOTH}",
        f"restyle train arbitrary --content in/photos --style in/art --teacher in/teacher.safetensors"
        f" --encoder encoder.safetensors --bank 4 -o any.safetensors {_BOTH}",
    ],
    "study": [
        "restyle study styles --content in/photos --style in/art --counts 1,3 --held-out 2 --steps 2 --batch 1 --crop 64"
        " -o counts",
        "restyle study styles --content in/photos --style in/art --counts 9 --held-out 2 -o few",
        "restyle study network --content in/photos --style in/art/0.png --vary nothing=1 --held-out 2 -o kernels",
    ],
    "study-network": [
        "restyle study network --content in/photos --style in/art/0.png --vary kernel-size=3,5 --vary width=4 --budget 1"
        " --seeds 1 --held-out 2 --batch 1 --crop 64 --style-size 64 --encoder encoder-2 -o kernels"
    ],
    "help": [
        f"restyle {each} --help".replace("  ", " ")
        for each in (
            "",
            "image",
            "video",
            "audio",
            "styles",
            "compare",
            "evaluate",
            "live",
            "train",
            "train style",
            "study",
        )
    ],
    "api-image": [
        """python
import numpy as np, restyle
from PIL import Image
print(restyle.image("in/scene.png", "starry-night", method="fast"))
art = restyle.image(Image.open("in/scene.png"), "great-wave", method="fast", strength=0.5)
print(type(art).__name__, art.mode, art.size); art.save("pil.png")
pixels = np.asarray(Image.open("in/scene.png"))
for kind in (pixels, pixels.astype(np.uint16) * 257, pixels.astype(np.float32) / 255, pixels[..., 0]):
    out = restyle.image(kind, "in/painting.png", method="fast", size="64", colors_only=False)
    print(out.shape, out.dtype, round(float(out.mean(dtype=np.float64)), 4), round(float(out.std(dtype=np.float64)), 4))
print(restyle.image(pixels, [("irises", 0.3), "scream:2"], regions={"in/spot.png": "keep"}, output="regions.png", method="fast"))
""",
    ],
    "api-style": [
        """python
import numpy as np, restyle
strokes = restyle.Style.from_image("in/strokes.jpg")
mixed = restyle.Style.mix([(strokes, 0.6), ("great-wave", 0.4)])
print(strokes.name, mixed.name, round(strokes.distance(mixed), 5), mixed.scaled(2).name, repr(mixed)[:60])
print(mixed.save("mixed.style"), restyle.Style.load("mixed.style").distance(mixed) < 1e-6)
stylizer = restyle.Stylizer(threads=2)
for shade in (64, 128, 192):
    art = stylizer(np.full((60, 80, 3), shade, np.uint8), mixed, method="fast", strength=0.8)
    print(art.shape, round(float(art.mean()), 3))
print(len(restyle.styles()), restyle.styles()[0].name, restyle.__version__, restyle.__all__)
for pair in (("great-wave", "scream"), ("in/scene.png", "in/painting.png"), ("in/tune.wav", "in/drone.wav")):
    print(pair, round(restyle.similarity(*pair), 5))
for metric in ("gram", "moments", "wasserstein", "palette", "histogram", "cosine", "euclidean"):
    print(metric, round(restyle.similarity("in/scene.png", "in/painting.png", metric=metric), 5))
""",
    ],
    "api-media": [
        """python
import numpy as np, restyle
tone = 0.1 * np.sin(2 * np.pi * 440 * np.arange(22050) / 22050, dtype=np.float32)
out = restyle.audio(tone, "choir", sr=22050)
print(out.shape, out.dtype, round(float(np.sqrt((out ** 2).mean())), 5), restyle.audio("in/tune.wav", "rain:0.4"))
print(restyle.video("in/silent.mkv", "scream", output="a.mkv", codec="ffv1", steady="none"))
""",
    ],
    "api-errors": [
        """python
import restyle
for call in (
    lambda: restyle.image("missing.png", "scream"), lambda: restyle.image("in/scene.png", "nothing"),
    lambda: restyle.image("in/scene.png", "scream", strength=3), lambda: restyle.audio("in/tune.wav", "nothing"),
    lambda: restyle.similarity("scream", "irises", metric="gram"), lambda: restyle.Style.load("in/scene.png"),
    lambda: restyle.image(3, "scream"), lambda: restyle.video("in/clip.mp4", None),
):
    try:
        print(call())
    except restyle.RestyleError as error:
        print(type(error).__name__, error)
    except Exception as error:
        print("other", type(error).__name__)
""",
    ],
}
LOOSE = {
    "live",
    "study-network",
}  # what comes out hangs on how fast the machine is: exit code and names of files only
LONGEST = {"styles", "api-style", "study-network", "evaluate", "image-optimize"}  # they come first


# What is in a file ------------------------------------------------------------------------------------------


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:24]


def _short(value: Any) -> float:
    return float(f"{float(value):.6g}")


def _array(array: np.ndarray[Any, Any]) -> dict[str, Any]:
    flat = np.asarray(array, np.float64).ravel() if array.dtype.kind in "fiub" else np.zeros(0)
    sums = [_short(part.mean()) for part in np.array_split(flat, min(8, len(flat)))] if len(flat) else []
    return {
        "shape": list(array.shape),
        "dtype": str(array.dtype),
        "sha": _sha(array.tobytes()),
        "means": sums,
        "deviation": _short(flat.std()) if len(flat) else 0,
    }


def _thumbnail(pixels: np.ndarray[Any, Any], side: int = 16) -> list[float]:
    """Means over the cells of a grid, every channel, and deviations within them, 0..255."""
    scale = 255 / 65535 if pixels.dtype == np.uint16 else 1.0
    rows = np.array_split(pixels.astype(np.float64), min(side, pixels.shape[0]), 0)
    cells = [part for row in rows for part in np.array_split(row, min(side, row.shape[1]), 1)]
    means = np.asarray([part.mean((0, 1)) for part in cells])
    roughness = np.asarray([part.std((0, 1)).mean() for part in cells])
    return [round(float(each), 2) for each in np.concatenate([means.ravel(), roughness]) * scale]


def _metadata(image: Image.Image) -> dict[str, Any]:
    exif = {str(key): str(value) for key, value in sorted(image.getexif().items())}
    kept = {
        key: str(value)
        for key, value in sorted(image.info.items())
        if key in ("dpi", "gamma", "loop", "srgb")
    }
    profile = image.info.get("icc_profile")
    return {"format": image.format, "exif": exif, "icc": _sha(profile) if profile else None, **kept}


def picture(path: Path) -> dict[str, Any]:
    with Image.open(path) as image:
        found = {"kind": "picture", "mode": image.mode, "size": list(image.size), **_metadata(image)}
        pixels = np.asarray(image.convert("RGBA") if image.mode in ("P", "PA") else image)
    if path.suffix in (".png", ".tif", ".tiff"):  # Pillow reduces 16-bit color to 8
        with av.open(str(path)) as container:
            frame: Any = next(container.decode(video=0))
            found["depth"] = frame.format.name
            if "16" in frame.format.name or "48" in frame.format.name or "64" in frame.format.name:
                wanted = "rgba64le" if frame.format.name.startswith("rgba") else "rgb48le"
                pixels = frame.to_ndarray(format="gray16le" if "gray" in frame.format.name else wanted)
    if pixels.dtype == np.bool_:
        pixels = pixels.astype(np.uint8) * 255
    solid = pixels if pixels.ndim == 3 else pixels[..., None]
    return {**found, "sha": _sha(pixels.tobytes()), "thumbnail": _thumbnail(solid)}


def _samples(samples: np.ndarray[Any, Any], rate: int) -> dict[str, Any]:
    """`samples` is [n, channels], float."""
    loudness = [float(np.sqrt(np.mean(np.square(part)))) for part in np.array_split(samples, 32) if len(part)]
    return {
        "rate": rate,
        "shape": list(samples.shape),
        "sha": _sha(np.ascontiguousarray(samples).tobytes()),
        "percent": [round(100 * each, 3) for each in loudness],
    }


def sound(path: Path) -> dict[str, Any]:
    samples, rate = soundfile.read(path, always_2d=True)
    about = soundfile.info(path)
    return {"kind": "sound", "format": about.format, "subtype": about.subtype, **_samples(samples, rate)}


def video(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": "film", "streams": []}
    with av.open(str(path)) as container:
        found["metadata"] = {key: text for key, text in container.metadata.items() if "time" not in key}
        for stream in container.streams:
            context: Any = stream.codec_context
            size = f" {context.width}x{context.height} {context.pix_fmt}" if stream.type == "video" else ""
            found["streams"].append(f"{stream.type} {context.name if context else ''}{size}")
        # x264 decides slightly differently under load: of its frames, only thumbnails are recorded.
        exact = container.streams.video[0].codec_context.name in ("ffv1", "gif")
        stamps, shas, thumbnails = [], [], []
        for frame in container.decode(video=0):
            pixels = frame.to_ndarray(format="rgb24")
            stamps.append(str(Fraction(frame.pts or 0) * (frame.time_base or 1)))
            shas.append(_sha(pixels.tobytes()) if exact else "lossy")
            thumbnails.append(_thumbnail(pixels, 6 if exact else 1))
        found |= {"stamps": stamps, "sha": shas, "thumbnail": thumbnails}
    with av.open(str(path)) as container:
        if container.streams.audio:
            parts = [each.to_ndarray().astype(np.float64).T for each in container.decode(audio=0)]
            found["sound"] = _samples(
                np.concatenate(parts), container.streams.audio[0].codec_context.sample_rate
            )
    return found


def network(path: Path) -> dict[str, Any]:
    """Read a safetensors file without its library."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    kinds = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}
    about = header.pop("__metadata__", {})
    arrays = {}
    for name, entry in sorted(header.items()):
        start, end = entry["data_offsets"]
        if name != "graph":  # ONNX in a .restyle file: its names may be those of modules
            arrays[name] = np.frombuffer(body[start:end], kinds[entry["dtype"]]).reshape(entry["shape"])
    flat = np.concatenate([np.asarray(array, np.float32).ravel() for array in arrays.values()])
    names = [f"{name} {array.dtype} {array.shape}" for name, array in arrays.items()]
    return {"kind": "network", "about": _stable(about), "names": names, "values": _array(flat)}


def graph(path: Path) -> dict[str, Any]:
    import onnx
    from onnx import numpy_helper

    model = onnx.load(str(path))
    weights = [numpy_helper.to_array(each) for each in model.graph.initializer]
    sizes = [np.asarray(each, np.float64).ravel() for each in weights if each.dtype.kind == "f"]
    return {
        "kind": "graph",
        "inputs": [each.name for each in model.graph.input],
        "outputs": [each.name for each in model.graph.output],
        "operations": " ".join(node.op_type for node in model.graph.node),
        "metadata": {each.key: each.value for each in model.metadata_props},
        "values": _array(np.concatenate(sizes)),
    }


def _stable(value: Any, key: str = "") -> Any:
    """Return JSON without machine and clock, with rounded floats, and base64 arrays as statistics."""
    if UNSTEADY.search(key) and not isinstance(value, dict | list):
        return "<unsteady>"
    if isinstance(value, dict):
        return {name: _stable(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [_stable(each, key) for each in value]
    if isinstance(value, str) and len(value) > 100 and re.fullmatch(r"[A-Za-z0-9+/]+=*", value):
        data = base64.b64decode(value)
        return _array(np.frombuffer(data[: len(data) // 4 * 4], "<f4"))
    if isinstance(value, str) and value[:1] in ("{", "[") and value[-1:] in ("}", "]"):
        try:
            return _stable(json.loads(value))
        except ValueError:
            return value
    return _short(value) if isinstance(value, float) else value


def _table(text: str) -> list[list[str]]:
    rows = list(csv.reader(io.StringIO(text)))
    unsteady = {index for index, name in enumerate(rows[0] if rows else []) if UNSTEADY.search(name)}
    return [[cell for index, cell in enumerate(row) if index not in unsteady] for row in rows]


def contents(path: Path, plain: Any) -> dict[str, Any]:
    """Return the contents of a file of any kind."""
    suffix = path.suffix.lower()
    try:
        if suffix in PICTURES:
            return picture(path)
        if suffix in VIDEOS:
            return video(path)
        if suffix in SOUNDS:
            return sound(path)
        if suffix in (".safetensors", ".restyle"):
            return network(path)
        if suffix == ".onnx":
            return graph(path)
        if suffix in (".json", ".style"):
            return {"kind": "json", "value": _stable(json.loads(plain(path.read_text())))}
        if suffix == ".csv":
            return {"kind": "table", "value": _table(plain(path.read_text()))}
        if suffix in (".pt", ".npz", ".pkl") or ".events." in path.name or "tfevents" in path.name:
            return {"kind": "other"}
        return {"kind": "text", "value": _steady_rows(plain(path.read_text()).splitlines())}
    except (ValueError, OSError, KeyError, UnicodeDecodeError, av.FFmpegError) as error:
        return {"kind": f"unreadable: {type(error).__name__}", "bytes": path.stat().st_size}


# Running ----------------------------------------------------------------------------------------------------


# Runs commands one after another in one process, which spares importing torch for each. What they say, also
# from within libraries in C, goes to files.
DRIVER = """
import json, os, runpy, sys, traceback
said = sys.argv[1]
for index, words in enumerate(json.load(sys.stdin)):
    for stream in (1, 2):
        file = os.open(f"{said}/{index}.{stream}", os.O_CREAT | os.O_WRONLY)
        os.dup2(file, stream)
        os.close(file)
    code = 0
    sys.argv = ["restyle", *words[1:]]
    try:
        if words[0] == "restyle":
            runpy.run_module("restyle", run_name="__main__")
        else:
            exec(words[0], {"__name__": "__main__"})
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    with open(f"{said}/{index}.exit", "w") as file:
        file.write(str(code))
"""


def _steady_rows(lines: list[str]) -> list[str]:
    """Lines without the seconds in tables, and without facts of the machine."""
    steady: list[str] = []
    start, end = -1, 0
    for line in lines:
        fact = re.match(r"- ([\w ]+): ", line)
        if fact and UNSTEADY.search(fact[1]):
            continue
        head = re.search(r"\bseconds +(?=[|\w])", line)
        if head and line.count("  ") + line.count("|") > 4:
            start, end = (line[: head.start()].count("|") if "|" in line else head.start()), head.end()
        elif not line:
            start = -1
        elif start >= 0 and "|" in line:
            line = "|".join(["", *(each for at, each in enumerate(line.split("|")) if at != start)][1:])
        elif start >= 0:
            line = line[:start] + line[end:]
        steady.append(line)
    return steady


def _words(text: str, places: dict[str, str]) -> str:
    """Text without paths of this run, times and progress."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    for place, name in places.items():
        text = text.replace(place, name)
    text = re.sub(r"[^\n]*\r(?!\n)", "", text)
    return SPANS.sub("<span>", re.sub(r"\b\d{1,2}:\d\d(:\d\d)?\b", "<span>", text))


def run_case(name: str, checkout: Path, inputs: Path, folder: Path) -> dict[str, Any]:
    """Run the commands of a case in its own folder and return their results."""
    here, cache = folder / name, folder / f"{name}.cache"
    here.mkdir(parents=True)
    cache.mkdir()
    (here / "in").symlink_to(inputs)
    threads = {f"{each}_NUM_THREADS": "1" for each in ("OMP", "MKL", "OPENBLAS")}
    own = {key: text for key, text in os.environ.items() if not key.startswith(("RESTYLE", "PYTHON"))}
    environment = {
        **own,
        **threads,
        "PYTHONPATH": f"{checkout / 'src'}:{checkout}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "RESTYLE_OFFLINE": "1",
        "RESTYLE_HOME": str(cache / "home"),
        "XDG_CACHE_HOME": str(cache),
        "COLUMNS": "100",
        "NO_COLOR": "1",
        "TERM": "dumb",
    }
    for screen in ("DISPLAY", "WAYLAND_DISPLAY"):
        environment.pop(screen, None)
    places = {str(cache): "<cache>", str(here): "<here>", str(inputs): "<in>", str(checkout): "<checkout>"}

    def plain(text: str) -> str:
        return _words(text, places)

    lines = [line.replace("{checkout}", str(checkout)) for line in CASES[name]]
    said = cache / "said"
    said.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, str(said)],
        cwd=here,
        env=environment,
        input=json.dumps(
            [[line[7:]] if line.startswith("python\n") else shlex.split(line) for line in lines]
        ),
        text=True,
        check=False,
        timeout=1200,
    )
    commands: list[dict[str, Any]] = []
    for index, line in enumerate(CASES[name]):
        code, out, err = (said / f"{index}.{each}" for each in ("exit", "1", "2"))
        ended = int(code.read_text()) if code.exists() else done.returncode
        words = [plain(each.read_text()).splitlines() if each.exists() else [] for each in (out, err)]
        commands.append({"line": line, "exit": ended, "out": _steady_rows(words[0]), "err": words[1]})
    files = {}
    for path in sorted(each for each in here.rglob("*") if each.is_file()):
        place = path.relative_to(here)
        if place.parts[0] != "in":
            steps = re.sub(r"-\d{6}", "-N", str(place)) if name in LOOSE else str(place)
            files[steps] = {"kind": "any"} if name in LOOSE else contents(path, plain)
    if name in LOOSE:
        for command in commands:
            command["out"], command["err"] = [], [NUMBER.sub("N", each) for each in command["err"]]
    return {"commands": commands, "files": files}


def run_all(checkout: Path, names: list[str], jobs: int, kept: Path) -> dict[str, Any]:
    """Run these cases; their folders stay in `kept`."""
    shutil.rmtree(kept, ignore_errors=True)
    inputs = kept / "inputs"
    make_inputs(inputs, checkout)

    def timed(name: str) -> tuple[str, dict[str, Any]]:
        begun = time.monotonic()
        found = run_case(name, checkout, inputs, kept / "cases")
        ends = [command["exit"] for command in found["commands"]]
        print(f"{time.monotonic() - begun:6.1f} s  {name}  {ends}", file=sys.stderr, flush=True)
        return name, found

    # Each worker and its commands keep to one core: more threads than cores would wait for each other.
    cores: queue.SimpleQueue[int] = queue.SimpleQueue()
    for worker in range(jobs):
        cores.put(worker)

    def keep_to_core() -> None:
        if sys.platform == "linux":
            own = sorted(os.sched_getaffinity(0))
            os.sched_setaffinity(0, {own[cores.get() % len(own)]})

    with ThreadPoolExecutor(jobs, initializer=keep_to_core) as pool:
        return dict(sorted(pool.map(timed, sorted(names, key=lambda name: name not in LONGEST))))


# Comparing --------------------------------------------------------------------------------------------------


def _gap(a: Any, b: Any, key: str = "") -> tuple[float, list[str]]:
    """Largest difference of numbers and the places of all else that differs, but for hashes."""
    if isinstance(a, dict) and isinstance(b, dict):
        found = [(name, *_gap(a.get(name), b.get(name), name)) for name in sorted(a.keys() | b.keys())]
        worst = max((gap for _, gap, _ in found), default=0.0)
        return worst, [f"{name}{'.' if rest else ''}{rest}" for name, _, more in found for rest in more]
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        parts = [_gap(one, other, key) for one, other in zip(a, b, strict=True)]
        return max((gap for gap, _ in parts), default=0.0), sorted(
            {place for _, more in parts for place in more}
        )
    if a == b or key == "sha":
        return 0.0, []
    if isinstance(a, int | float) and isinstance(b, int | float):
        return abs(a - b), []
    if isinstance(a, str) and isinstance(b, str) and NUMBER.sub("N", a) == NUMBER.sub("N", b):
        pairs = zip(NUMBER.findall(a), NUMBER.findall(b), strict=True)
        return max(abs(float(one) - float(other)) for one, other in pairs), []
    return 0.0, [f": {json.dumps(a)[:90]} -> {json.dumps(b)[:90]}"]


def compare(before: dict[str, Any], after: dict[str, Any], *, whole: bool) -> int:
    """Print where two records differ, 1 if more than words and roundings do."""
    said: dict[str, list[str]] = {"BEHAVIOUR": [], "TINY": [], "WORDS": []}
    for name in sorted(before.keys() | after.keys()):
        if name not in before or name not in after:
            if whole:
                said["BEHAVIOUR"].append(f"{name}: only {'before' if name in before else 'after'}")
            continue
        a, b = before[name], after[name]
        for one, other in zip(a["commands"], b["commands"], strict=False):
            line = one["line"].replace("\n", "; ")[:70]
            if one["exit"] != other["exit"]:
                last = " ".join(other["err"][-1:])[:160]
                said["BEHAVIOUR"].append(f"{name}: exit {one['exit']} -> {other['exit']}: {line}: {last}")
            for stream in ("out", "err"):
                gap, places = _gap(one[stream], other[stream])
                if one[stream] != other[stream] and gap and not places:
                    title = "BEHAVIOUR" if gap > 1e-3 else "TINY"
                    said[title].append(f"{name}: figures on {stream} differ by up to {gap:.3g}: {line}")
                elif one[stream] != other[stream]:
                    old = [each for each in one[stream] if each not in other[stream]][:1]
                    new = [each for each in other[stream] if each not in one[stream]][:1]
                    said["WORDS"].append(
                        f"{name} {stream}: {' '.join(old)[:110]!r} -> {' '.join(new)[:110]!r}"
                    )
        for file in sorted(a["files"].keys() | b["files"].keys()):
            one, other = a["files"].get(file), b["files"].get(file)
            if one == other:
                continue
            if one is None or other is None:
                said["BEHAVIOUR"].append(f"{name}: {file} {'is new' if one is None else 'is gone'}")
                continue
            gap, places = _gap(one, other)
            kind, place = one["kind"], "; ".join(places)[:200]
            figures = f"up to {gap:.3g} in figures and thumbnails; " if gap or not place else ""
            text = f"{name}: {file} ({kind}): {figures}{place}"
            if kind == "text" and places:
                said["WORDS"].append(text)
            elif places or gap > (TINY if kind in ("picture", "film", "sound") else 1e-3):
                said["BEHAVIOUR"].append(text)
            else:
                said["TINY"].append(text)
    for title, lines in said.items():
        print(f"{title}: {len(lines) or 'none'}")
        for line in lines:
            print(f"  {line}")
    return int(bool(said["BEHAVIOUR"]))


def main() -> int:
    if sys.argv[1:2] == ["compare"]:
        parser = argparse.ArgumentParser(prog="pinned.py compare")
        parser.add_argument("before", type=Path)
        parser.add_argument("after", type=Path)
        parser.add_argument("-k", metavar="NAME", action="append", help="only cases with this in their name")
        chosen = parser.parse_args(sys.argv[2:])
        records = [json.loads(path.read_text()) for path in (chosen.before, chosen.after)]
        if chosen.k:
            records = [{n: r for n, r in each.items() if any(k in n for k in chosen.k)} for each in records]
        return compare(*records, whole=not chosen.k)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkout", type=Path, default=Path.cwd())
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.json")
    parser.add_argument("-k", metavar="NAME", action="append", help="only cases with this in their name")
    parser.add_argument("-j", type=int, default=2, metavar="N", help="cases at a time")
    chosen = parser.parse_args()
    names = [name for name in CASES if not chosen.k or any(each in name for each in chosen.k)]
    kept = chosen.output.resolve().with_suffix(".files")
    record = run_all(chosen.checkout.resolve(), names, chosen.j, kept)
    lines = [
        f"{json.dumps(name)}: {json.dumps(case, ensure_ascii=False, sort_keys=True)}"
        for name, case in record.items()
    ]
    chosen.output.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    commands = sum(len(case["commands"]) for case in record.values())
    print(f"{len(record)} cases, {commands} commands: {chosen.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
