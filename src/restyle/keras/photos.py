"""Photos for `fit`, `evaluate` and `predict`: a dataset of random crops, and a check of what is passed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from restyle.errors import InputError, OptionError, StyleError
from restyle.train.augmentation import CONTENT, Augmentation
from restyle.train.data import Pictures
from restyle.types import PathLike

BRIGHT = 2.0  # more than a photo in 0..1 reaches after augmentation; far below 255


class Photos(keras.utils.PyDataset):  # type: ignore[misc]
    """A dataset of square crops, [batch, crop, crop, 3], float32, RGB, 0..1, for every backend.

    source : folder, or files; unreadable pictures are left out and listed in `skipped`
    crop : side of the crops in px, a multiple of 4
    styles : above 1, each batch is `{"content": crops, "code": weights}` with one random style per photo
    seed : of order, crops and styles
    """

    def __init__(
        self,
        source: PathLike | Sequence[PathLike],
        batch_size: int = 4,
        *,
        crop: int = 160,
        styles: int = 1,
        augmentation: Augmentation = CONTENT,
        seed: int = 0,
        **keywords: Any,
    ) -> None:
        super().__init__(**keywords)
        if batch_size < 1 or crop < 32 or crop % 4:
            raise OptionError(
                f"batch_size {batch_size} must be above 0, crop {crop} a multiple of 4 from 32 up"
            )
        self.pictures = Pictures(source, augmentation)
        self.skipped = [f"{path}: {reason}" for path, reason in self.pictures.skipped]
        self.batch_size, self.crop, self.styles, self.seed = batch_size, crop, styles, seed
        self.epoch = 0

    def __len__(self) -> int:
        """Return the number of batches in an epoch, in which every photo occurs once."""
        return -(-len(self.pictures) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[Any]:
        """Return a batch; it stays the same within an epoch."""
        order = np.random.default_rng([self.seed, self.epoch]).permutation(len(self.pictures))
        chosen = order[index * self.batch_size : (index + 1) * self.batch_size]
        rng = np.random.default_rng([self.seed, self.epoch, index])
        crops = [np.asarray(self.pictures.crop(each, self.crop, rng)) for each in chosen]
        content = np.stack(crops).astype(np.float32) / 255
        if self.styles == 1:
            return (content,)
        code = np.eye(self.styles, dtype=np.float32)[rng.integers(self.styles, size=len(crops))]
        return ({"content": content, "code": code},)

    def on_epoch_end(self) -> None:
        """Change the order and the crops."""
        self.epoch += 1


def check_batch(x: Any, styles: int) -> None:
    """Reject photos that a network would silently misinterpret.

    Checks the first batch of a dataset, and nothing of a generator, which would lose the batch.

    x : array [N, H, W, 3], mapping with `content` and `code`, or a dataset of batches
    styles : number of styles of the network

    Raises InputError if photos have no batch axis, not three channels, values outside 0..1, or NaN;
    StyleError if the code is missing, or has the wrong shape.
    """
    if not isinstance(x, Mapping) and not hasattr(x, "shape"):
        x = _first_batch(x)
    if isinstance(x, (tuple, list)) and x:  # (content,) or (content, target)
        x = x[0]
    content: Any = x.get("content") if isinstance(x, Mapping) else x
    code: Any = x.get("code") if isinstance(x, Mapping) else None
    if not hasattr(content, "shape"):
        return
    count = _check_photos(content)
    if styles > 1 and code is None:
        raise StyleError(
            f"this network has {styles} styles: give {{'content': photos, 'code': weights}}, with weights of"
            f" shape (N, {styles})"
        )
    if styles > 1 and tuple(code.shape) != (count, styles):
        raise StyleError(
            f"code has shape {tuple(code.shape)}; {count} photos and {styles} styles need ({count}, {styles})"
        )


def _first_batch(dataset: Any) -> Any:
    if isinstance(dataset, keras.utils.PyDataset):
        return dataset[0] if len(dataset) else None
    if not hasattr(dataset, "__iter__") or isinstance(dataset, (str, tuple, list)):
        return dataset
    iterator = iter(dataset)
    return None if iterator is dataset else next(iterator, None)


def _check_photos(content: Any) -> int:
    """Return the number of photos; raises InputError if they are unusable."""
    shape: tuple[int, ...] = tuple(content.shape)
    if len(shape) == 3:
        raise InputError(f"photos have shape {shape}, without a batch axis: give photo[None]")
    if len(shape) != 4 or shape[3] != 3:
        raise InputError(f"photos have shape {shape}, not (N, height, width, 3)")
    if 0 in shape:
        raise InputError(f"photos have shape {shape}: there are none")
    values = keras.ops.convert_to_numpy(content)
    if not np.issubdtype(values.dtype, np.floating):
        raise InputError(f"photos are {values.dtype}; the network takes float32 in 0..1: give photos / 255")
    if not np.isfinite([values.min(), values.max()]).all():
        raise InputError("photos have NaN or infinite values")
    if values.max() > BRIGHT:
        raise InputError(f"photos reach {values.max():g}; the network takes 0..1: give photos / 255")
    return shape[0]
