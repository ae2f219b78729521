"""Compare `--method photo` with other color transfers on photo pairs.

    python -m benchmarks.photo --data ../shared/data

Writes the pictures of every method, `photo.md` and `photo.json` to `out/photo`. Photos of `pairs.json` are
resized to 640 px. Time is that of the method alone, without reading and writing, at 640 px; `--megapixels 12`
times one large photo instead.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

import restyle
from benchmarks.photo import measures, peers
from restyle.images.color import colors_only
from restyle.images.picture import Picture, load_image, save_image
from restyle.images.resize import fit_size, resize
from restyle.types import FloatArray, from_unit, to_unit

SIDE = 640
SKIES = 5

Transfer = Callable[[FloatArray, FloatArray], FloatArray]


def methods(stylizer: restyle.Stylizer) -> dict[str, Transfer]:
    """Return the methods by name; ours first."""

    def ours(content: FloatArray, style: FloatArray) -> FloatArray:
        return to_unit(stylizer(from_unit(content, np.uint8), style, method="photo"))

    return {
        "photo": ours,
        "colors-only": colors_only,
        "reinhard": peers.reinhard,
        "mkl": peers.mkl,
        "linear": peers.linear,
        "wavelet": peers.wavelet,
    }


def compare(data: Path, out: Path, threads: int | None) -> dict[str, dict[str, float]]:
    """Return the mean figures of every method over all pairs; write the pictures."""
    pairs = json.loads((Path(__file__).parent / "pairs.json").read_text(encoding="utf-8"))
    stylizer = restyle.Stylizer(threads=threads)
    table = methods(stylizer)
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in ["content", *table]}
    for index, names in enumerate(pairs):
        content, style = (_load(data / name) for name in names)
        floor = measures.split_distance(style)
        for name, transfer in {"content": lambda a, b: a, **table}.items():
            start = perf_counter()
            result = transfer(content, style)
            seconds = perf_counter() - start
            rows[name].append(
                {
                    "color distance": measures.color_distance(result, style),
                    "excess": max(0.0, measures.color_distance(result, style) - floor),
                    "edge SSIM": measures.edge_ssim(result, content),
                    "reversals %": 100 * measures.reversals(result, content),
                    "seconds": seconds,
                }
            )
            save_image(Picture(result), _folder(out, name) / f"{index:02}.png", overwrite=True)
        print(index, *names, flush=True)
    means = {
        name: {key: float(np.mean([row[key] for row in found])) for key in found[0]}
        for name, found in rows.items()
    }
    styles = [_load(data / names[1]) for names in pairs[:SKIES]]
    for dtype, key in ((np.uint8, "step, 8 bits"), (np.uint16, "step, 16 bits")):
        for name, transfer in table.items():
            on_sky = partial(stylizer, method="photo") if name == "photo" else partial(_on_sky, transfer)
            steps = [
                measures.banding(partial(_swapped, on_sky, style), seed, dtype)
                for seed, style in enumerate(styles)
            ]
            means[name][key] = max(after for _, after in steps)
            means["content"][key] = max(before for before, _ in steps)
    return means


def time_large(data: Path, megapixels: float, threads: int | None, rounds: int = 3) -> float:
    """Return the median seconds of `--method photo` on a photo of so many megapixels."""
    names = json.loads((Path(__file__).parent / "pairs.json").read_text(encoding="utf-8"))[0]
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    content = from_unit(resize(_load(data / names[0]), (height, round(height * 4 / 3)), "bilinear"), np.uint8)
    style = restyle.Style.from_image(_load(data / names[1]))
    stylizer = restyle.Stylizer(threads=threads)
    seconds = []
    for _ in range(rounds + 1):
        start = perf_counter()
        stylizer(content, style, method="photo")
        seconds.append(perf_counter() - start)
    return float(np.median(seconds[1:]))


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.photo", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with dev/content and train/content")
    parser.add_argument("--out", type=Path, default=Path("out/photo"))
    parser.add_argument("--threads", type=int)
    parser.add_argument("--megapixels", type=float, help="only time a photo of this size")
    given = parser.parse_args()
    if given.megapixels:
        seconds = time_large(given.data, given.megapixels, given.threads)
        print(f"{given.megapixels:g} megapixels: {seconds:.2f} s")
        return
    means = compare(given.data, given.out, given.threads)
    keys = list(means["photo"])
    lines = ["| method | " + " | ".join(keys) + " |", "| --- |" + " ---: |" * len(keys)]
    lines += [
        f"| {name} | " + " | ".join(f"{row[key]:.3f}" if key in row else "" for key in keys) + " |"
        for name, row in means.items()
    ]
    (given.out / "photo.json").write_text(json.dumps(means, indent=1) + "\n", encoding="utf-8")
    (given.out / "photo.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


def _on_sky(transfer: Transfer, sky: npt.NDArray[Any], style: FloatArray) -> npt.NDArray[Any]:
    return from_unit(transfer(to_unit(sky), style), sky.dtype)


def _swapped(transfer: Callable[..., Any], style: FloatArray, sky: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.asarray(transfer(sky, style))


def _load(path: Path) -> FloatArray:
    pixels = load_image(path).pixels
    return resize(pixels, fit_size((pixels.shape[0], pixels.shape[1]), long=SIDE))


def _folder(out: Path, name: str) -> Path:
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


if __name__ == "__main__":
    main()
