"""Training pictures: files and folders decoded into memory, and random crops of them."""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from PIL import Image

from restyle.errors import InputError
from restyle.images.figures import sheet
from restyle.images.formats import find_images
from restyle.images.picture import load_image
from restyle.train.augmentation import Augmentation, augment
from restyle.types import PathLike, from_unit

if TYPE_CHECKING:
    import torch

BatchT = TypeVar("BatchT")
MEMORY = 4 << 30  # bytes of decoded pictures per folder
CHUNK = 64  # pictures read at a time
COLUMNS, TILE = 8, 144  # of `preview_sheet`; px


class Pictures:
    """Pictures decoded once and kept in memory as uint8.

    Unreadable pictures are left out and listed in `skipped`; pictures that exceed `memory` are left out and
    counted in `left_out`. Raises InputError if no picture remains.

    source : folder, read with its subfolders; or files
    how : augmentation of the crops
    longest : larger pictures are reduced to this side, in px
    memory : in bytes
    """

    def __init__(
        self,
        source: PathLike | Sequence[PathLike],
        how: Augmentation,
        longest: int = 640,
        memory: int = MEMORY,
    ) -> None:
        self.how = how
        self.left_out = 0
        self.skipped: list[tuple[Path, str]] = []
        self.pictures: list[Image.Image] = []
        self.paths: list[Path] = []

        def read(path: Path) -> Image.Image | InputError:
            try:
                loaded = load_image(path)
            except InputError as error:
                return error
            picture = Image.fromarray(from_unit(loaded.pixels, np.uint8))
            if max(picture.size) > longest:
                picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
            return picture

        used = 0
        paths = iter(picture_paths(source))
        with ThreadPoolExecutor(4) as pool:
            while chunk := list(itertools.islice(paths, CHUNK)):
                if used > memory:
                    self.left_out += len(chunk)
                    continue
                for path, result in zip(chunk, pool.map(read, chunk), strict=True):
                    if isinstance(result, InputError):
                        self.skipped.append((path, str(result)))
                    else:
                        self.pictures.append(result)
                        self.paths.append(path)
                        used += 3 * result.width * result.height
        if not self.pictures:
            names = [source] if isinstance(source, (str, os.PathLike)) else source
            shown = ", ".join(repr(os.fspath(each)) for each in names)
            unreadable = f"; {len(self.skipped)} are unreadable" if self.skipped else ""
            raise InputError(f"no readable picture in {shown}{unreadable}")

    def __len__(self) -> int:
        return len(self.pictures)

    def crop(
        self, index: int, side: int, rng: np.random.Generator, how: Augmentation | None = None
    ) -> Image.Image:
        """Return a random crop of a picture, `side` px, augmented as `how` says instead of the usual way."""
        return augment(self.pictures[index], how or self.how, side, rng)

    def batch(self, count: int, side: int, rng: np.random.Generator) -> torch.Tensor:
        """Return crops of random pictures: [count, 3, side, side] float32, RGB 0..1."""
        return to_tensor([self.crop(int(rng.integers(len(self))), side, rng) for _ in range(count)])


def picture_paths(source: PathLike | Sequence[PathLike]) -> list[Path]:
    """Return the files that `source` names; those of a folder and its subfolders, sorted by name.

    Raises InputError if it is neither a folder nor existing files.
    """
    if isinstance(source, (str, os.PathLike)):
        root = Path(source)
        if not root.is_dir():
            raise InputError(f"{str(root)!r} is not a folder of pictures")
        return sorted(find_images(root))
    for each in source:
        if not Path(each).is_file():
            raise InputError(f"there is no picture {os.fspath(each)!r}")
    return [Path(each) for each in source]


def style_paths(sources: Sequence[PathLike]) -> list[Path]:
    """Return picture files: those given, and those in the given folders.

    Raises InputError if a source does not exist or a folder has no pictures.
    """
    found: list[Path] = []
    for source in sources:
        if not Path(source).exists():
            raise InputError(f"there is no style picture or folder '{os.fspath(source)}'")
        inside = picture_paths(source) if Path(source).is_dir() else [Path(source)]
        if not inside:
            raise InputError(f"the folder '{os.fspath(source)}' has no pictures")
        found += inside
    return found


def evenly_spaced(total: int, count: int) -> list[int]:
    """Return `count` evenly spaced places among `total`."""
    return [index * total // count for index in range(count)]


def to_tensor(pictures: Sequence[Image.Image]) -> torch.Tensor:
    """Stack Pillow images of one size into [N, 3, H, W] float32, RGB 0..1."""
    import torch  # only here: restyle.keras reads pictures without PyTorch

    stacked = np.stack([np.asarray(p, np.uint8) for p in pictures])
    return torch.from_numpy(stacked).permute(0, 3, 1, 2).float().div_(255)


def save_grid(rows: Sequence[Sequence[torch.Tensor]], path: Path) -> None:
    """Write pictures [3, H, W], RGB 0..1, as a grid."""
    import torch

    grid = torch.cat([torch.cat(list(row), 2) for row in rows], 1)
    pixels = grid.clamp(0, 1).mul(255).round().byte().permute(1, 2, 0)
    Image.fromarray(pixels.cpu().numpy()).save(path, quality=92)


def prefetch(
    create: Callable[[int], BatchT], steps: Iterable[int], ahead: int
) -> Generator[BatchT, None, None]:
    """Yield the batch of each step; `ahead` batches are prepared in threads meanwhile.

    Threads, not the processes of a `DataLoader`: these would copy the decoded pictures, up to 4 GB.
    """
    pool = ThreadPoolExecutor(ahead)
    queue: deque[Future[BatchT]] = deque()
    try:
        for step in steps:
            queue.append(pool.submit(create, step))
            if len(queue) > ahead:
                yield queue.popleft().result()
        while queue:
            yield queue.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def preview_sheet(photos: Pictures, styles: Pictures, crop: int, style_size: int, seed: int) -> Image.Image:
    """Draw crops as in training: three rows of photos, then a row for each of the first six styles."""
    rng = np.random.default_rng(seed)
    rows: list[list[Image.Image | None]] = []
    captions: list[list[str]] = []

    def add(heading: str, crops: list[Image.Image]) -> None:
        if heading:
            rows.append([None])
            captions.append([heading])
        rows.append([each.resize((TILE, TILE), Image.Resampling.LANCZOS) for each in crops])
        captions.append([""] * len(crops))

    for row in range(3):
        chosen = rng.integers(len(photos), size=COLUMNS)
        title = f"{len(photos)} photos, crops of {crop} px" if row == 0 else ""
        add(title, [photos.crop(int(index), crop, rng) for index in chosen])
    for index, (picture, path) in enumerate(zip(styles.pictures[:6], styles.paths[:6], strict=True)):
        title = f"{path.name}, {picture.width} x {picture.height} px, crops of {style_size} px"
        add(title, [styles.crop(index, style_size, rng) for _ in range(COLUMNS)])
    return sheet(rows, captions)
