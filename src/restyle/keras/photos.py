"""Photos from a folder as batches for `fit`, cut and varied anew in every epoch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from restyle.errors import OptionError
from restyle.train.augmentation import CONTENT, Augmentation
from restyle.train.data import Pictures
from restyle.types import PathLike


class Photos(keras.utils.PyDataset):  # type: ignore[misc]
    """A dataset of square crops, [batch, crop, crop, 3], float32, RGB, 0..1; every backend takes it.

    Parameters
    ----------
    source : folder, or sequence of files
        Pictures that cannot be read are left out and listed in `skipped`.
    batch_size : int
    crop : int
        Side of the crops in pixels, a multiple of 4.
    styles : int
        Above 1, each batch is `{"content": crops, "code": weights}`, each photo with one style, by chance.
    augmentation : Augmentation
        How photos are varied.
    seed : int
        Of order, crops and styles.
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
        self.pictures = Pictures(_source(source), augmentation)
        self.skipped = [f"{path}: {reason}" for path, reason in self.pictures.skipped]
        self.batch_size, self.crop, self.styles, self.seed = batch_size, crop, styles, seed
        self.epoch = 0

    def __len__(self) -> int:
        """Batches in an epoch, in which every photo comes once."""
        return -(-len(self.pictures) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[Any]:
        """One batch; the same whenever it is asked for within an epoch."""
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
        """Go on to another order and other crops."""
        self.epoch += 1


def _source(source: PathLike | Sequence[PathLike]) -> Any:
    if isinstance(source, (str, os.PathLike)):
        return os.fspath(source)
    return [os.fspath(each) for each in source]
