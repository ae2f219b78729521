"""Pictures for training: folders read into memory, random crops, augmented."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageEnhance, ImageOps

from restyle.errors import InputError

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}


@dataclass(frozen=True)
class Augmentation:
    """How a picture is varied before a crop is taken; every range is drawn from evenly.

    scale : short side in pixels as a multiple of the crop, (low, high); drawn evenly in its logarithm
    flip : chance of a mirror image
    rotate : chance of a quarter turn
    brightness, contrast, saturation : largest relative change
    hue : largest turn of the colour circle, in circles
    colour : chance that the four colour changes are applied at all
    enlarge : most that a picture is enlarged, so that strokes stay sharp; a crop larger than it still fits
    """

    scale: tuple[float, float] = (1.0, 2.0)
    flip: float = 0.5
    rotate: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    colour: float = 0.0
    enlarge: float = 1.5


CONTENT = Augmentation(scale=(1.0, 1.7), brightness=0.25, contrast=0.25, saturation=0.3, colour=0.3)
STYLE = Augmentation(
    scale=(1.0, 3.0),
    rotate=0.1,
    brightness=0.2,
    contrast=0.2,
    saturation=0.5,
    hue=0.5,
    colour=0.25,
    enlarge=1.3,
)


def _shift_hue(picture: Image.Image, turn: float) -> Image.Image:
    hue, saturation, value = picture.convert("HSV").split()
    turned = hue.point([round(h + turn * 256) % 256 for h in range(256)])
    return Image.merge("HSV", (turned, saturation, value)).convert("RGB")


def augment(picture: Image.Image, how: Augmentation, crop: int, rng: np.random.Generator) -> Image.Image:
    """One random crop of `crop` x `crop` pixels."""
    low, high = np.log(how.scale[0]), np.log(how.scale[1])
    target = crop * float(np.exp(rng.uniform(low, high)))
    side = min(target / min(picture.size), max(how.enlarge, crop / min(picture.size)))
    need = crop / side  # of the source
    width, height = picture.size
    left, top = rng.uniform(0, max(width - need, 0)), rng.uniform(0, max(height - need, 0))
    box = (left, top, min(left + need, width), min(top + need, height))
    out = picture.resize((crop, crop), Image.Resampling.BICUBIC, box=box, reducing_gap=2.0)
    if rng.random() < how.flip:
        out = ImageOps.mirror(out)
    if rng.random() < how.rotate:
        out = out.rotate(90 * int(rng.integers(1, 4)))
    if rng.random() < how.colour:
        changes = (
            (ImageEnhance.Brightness, how.brightness),
            (ImageEnhance.Contrast, how.contrast),
            (ImageEnhance.Color, how.saturation),
        )
        for enhance, amount in changes:
            if amount:
                out = enhance(out).enhance(1 + float(rng.uniform(-amount, amount)))
        if how.hue:
            out = _shift_hue(out, float(rng.uniform(-how.hue, how.hue)))
    return out


class Pictures:
    """The pictures of a folder, decoded once and kept in memory as uint8.

    Raises InputError when the folder is missing or has no picture; a picture that cannot be read is
    named in `skipped` and left out.
    """

    def __init__(self, folder: str | Path, how: Augmentation, longest: int = 640) -> None:
        root = Path(folder)
        if not root.is_dir():
            raise InputError(f"{str(folder)!r} is not a folder of pictures")
        paths = sorted(p for p in root.rglob("*") if p.suffix.lower() in SUFFIXES)
        self.how = how
        self.skipped: list[tuple[Path, str]] = []
        self.pictures: list[Image.Image] = []
        self.paths: list[Path] = []

        def read(path: Path) -> Image.Image | str:
            try:
                with Image.open(path) as file:
                    picture = ImageOps.exif_transpose(file).convert("RGB")
            except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
                return str(error)
            if max(picture.size) > longest:
                picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
            return picture

        with ThreadPoolExecutor(4) as pool:
            for path, result in zip(paths, pool.map(read, paths), strict=True):
                if isinstance(result, str):
                    self.skipped.append((path, result))
                else:
                    self.pictures.append(result)
                    self.paths.append(path)
        if not self.pictures:
            raise InputError(f"no readable picture in {str(folder)!r}")

    def __len__(self) -> int:
        return len(self.pictures)

    def batch(self, count: int, crop: int, rng: np.random.Generator) -> torch.Tensor:
        """[count, 3, crop, crop] float32, RGB 0..1."""
        return to_tensor(
            [
                augment(self.pictures[int(rng.integers(len(self.pictures)))], self.how, crop, rng)
                for _ in range(count)
            ]
        )


def to_tensor(pictures: Sequence[Image.Image]) -> torch.Tensor:
    """Pillow pictures of one size -> [N, 3, H, W] float32, RGB 0..1."""
    stacked = np.stack([np.asarray(p, np.uint8) for p in pictures])
    return torch.from_numpy(stacked).permute(0, 3, 1, 2).float().div_(255)
