"""Pictures for training: files and folders read into memory, random crops, augmented."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from restyle.errors import InputError, OptionError
from restyle.images.formats import find_images
from restyle.images.picture import load_image
from restyle.train.augmentation import (
    Brightness,
    Contrast,
    Flip,
    Hue,
    Pipeline,
    QuarterTurn,
    Rotate,
    Saturation,
    ScaledCrop,
    Sometimes,
    Step,
)
from restyle.types import from_unit

if TYPE_CHECKING:
    import torch

MEMORY = 4 << 30  # bytes of decoded pictures that one folder may take


@dataclass(frozen=True)
class Augmentation:
    """How a picture is varied before a crop is taken; every range is drawn from evenly.

    scale : short side in pixels as a multiple of the crop, (low, high); drawn evenly in its logarithm
    flip : chance of a mirror image
    rotate : chance of a quarter turn
    degrees : largest turn beside quarter turns, either way
    brightness, contrast, saturation : largest relative change
    hue : largest turn of the colour circle, in circles
    colour : chance that the four colour changes are applied at all
    enlarge : most that a picture is enlarged, so that strokes stay sharp; a crop larger than it still fits
    sharpen : how much of its crispness an enlarged picture gets back
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
    degrees: float = 0.0
    sharpen: float = 0.0

    def pipeline(self, crop: int) -> Pipeline:
        """The same as steps: turn, scale and crop, flip, quarter turn, colours."""
        steps: list[Step] = [Rotate(self.degrees)] if self.degrees else []
        steps += [ScaledCrop(crop, self.scale, self.enlarge, self.sharpen)]
        steps += [Flip(self.flip), QuarterTurn(self.rotate)]
        colours: list[tuple[type[Brightness | Contrast | Saturation | Hue], float]] = [
            (Brightness, self.brightness),
            (Contrast, self.contrast),
            (Saturation, self.saturation),
            (Hue, self.hue),
        ]
        return Pipeline(
            [*steps, Sometimes(self.colour, [kind(amount) for kind, amount in colours if amount])]
        )

    def changed(self, text: str) -> Augmentation:
        """This one with what a text says, such as ``scale=1-2,flip=0,hue=0.1,colour=1``; ``none`` changes
        nothing and only crops.

        Raises OptionError when a name or a value is none.
        """
        if text.strip() == "none":
            return Augmentation(scale=(1.0, 1.0), flip=0.0)
        values: dict[str, float | tuple[float, float]] = {}
        known = {each.name for each in fields(self)}
        for part in filter(None, (each.strip() for each in text.split(","))):
            name, _, value = part.partition("=")
            if name not in known:
                raise OptionError(f"augmentation '{part}': '{name}' is none of {', '.join(sorted(known))}")
            try:
                numbers = [float(each) for each in value.split("-")]
            except ValueError:
                numbers = []
            pair = name == "scale"
            most = {"scale": 16.0, "degrees": 45.0, "enlarge": 16.0}.get(name, 1.0)
            least = 1.0 if name in ("scale", "enlarge") else 0.0
            if len(numbers) not in ((1, 2) if pair else (1,)) or not all(
                least <= each <= most for each in numbers
            ):
                raise OptionError(f"augmentation '{part}': write {name}=NUMBER of {least:g} to {most:g}")
            values[name] = (numbers[0], max(numbers)) if pair else numbers[0]
        return replace(self, **values)  # type: ignore[arg-type]


CONTENT = Augmentation(scale=(1.0, 1.7), brightness=0.25, contrast=0.25, saturation=0.3, colour=0.3)
LARGE = replace(CONTENT, scale=(1.0, 2.6), enlarge=2.2, sharpen=0.5)  # photos as near as people show them
STYLE = Augmentation(
    scale=(1.0, 1.9),
    rotate=0.1,
    brightness=0.2,
    contrast=0.2,
    saturation=0.5,
    hue=0.5,
    colour=0.25,
    enlarge=2.3,  # artworks are shown to a network at 512 px and more, and their strokes are broad there
    sharpen=0.8,
)


def augment(picture: Image.Image, how: Augmentation, crop: int, rng: np.random.Generator) -> Image.Image:
    """One random crop of `crop` x `crop` pixels."""
    return how.pipeline(crop)(picture, rng)


class Pictures:
    """Pictures decoded once and kept in memory as uint8.

    Raises InputError when there is no picture; a picture that cannot be read is named in `skipped` and left
    out. What is more than `memory` is left out too, and counted in `left_out`.

    source : folder, read with the folders inside it; or files
    longest : side in px that larger pictures are reduced to
    memory : bytes
    """

    def __init__(
        self,
        source: str | Path | Sequence[str | Path],
        how: Augmentation,
        longest: int = 640,
        memory: int = MEMORY,
    ) -> None:
        paths = picture_paths(source)
        self.how = how
        self.left_out = 0
        self.skipped: list[tuple[Path, str]] = []
        self.pictures: list[Image.Image] = []
        self.paths: list[Path] = []

        def read(path: Path) -> Image.Image | str:
            try:
                loaded = load_image(path)
            except InputError as error:
                return str(error)
            picture = Image.fromarray(from_unit(loaded.pixels, np.uint8))
            if max(picture.size) > longest:
                picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
            return picture

        taken = 0
        with ThreadPoolExecutor(4) as pool:
            for some in _parts(paths, 64):
                if taken > memory:
                    self.left_out += len(some)
                    continue
                for path, result in zip(some, pool.map(read, some), strict=True):
                    if isinstance(result, str):
                        self.skipped.append((path, result))
                    else:
                        self.pictures.append(result)
                        self.paths.append(path)
                        taken += 3 * result.width * result.height
        if not self.pictures:
            unread = f"; {len(self.skipped)} could not be read" if self.skipped else ""
            raise InputError(f"no readable picture in {_shown(source)}{unread}")

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


def picture_paths(source: str | Path | Sequence[str | Path]) -> list[Path]:
    """Files that `source` names, those of a folder sorted by name; see `restyle.images.formats.find_files`.

    Raises InputError when it is neither a folder nor files that are there.
    """
    if isinstance(source, (str, Path)):
        root = Path(source)
        if not root.is_dir():
            raise InputError(f"{str(source)!r} is not a folder of pictures")
        return sorted(find_images(root))
    for each in source:
        if not Path(each).is_file():
            raise InputError(f"there is no picture {str(each)!r}")
    return [Path(each) for each in source]


def _parts(paths: Sequence[Path], size: int) -> Iterator[list[Path]]:
    iterator = iter(paths)
    while some := list(itertools.islice(iterator, size)):
        yield some


def _shown(source: str | Path | Sequence[str | Path]) -> str:
    return repr(str(source)) if isinstance(source, (str, Path)) else ", ".join(repr(str(s)) for s in source)


def to_tensor(pictures: Sequence[Image.Image]) -> torch.Tensor:
    """Pillow pictures of one size -> [N, 3, H, W] float32, RGB 0..1."""
    import torch  # here, because the Keras port reads pictures too and does without

    stacked = np.stack([np.asarray(p, np.uint8) for p in pictures])
    return torch.from_numpy(stacked).permute(0, 3, 1, 2).float().div_(255)
