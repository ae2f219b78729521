"""What `fit`, `evaluate` and `predict` are given, looked at before hours are spent on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from restyle.errors import InputError, StyleError

BRIGHT = 2.0  # above what a photo in 0..1 reaches, with room for augmentation; far below 255


def check_batch(x: Any, styles: int) -> None:
    """Refuse photos, or a dataset of them, that a network would take for something else.

    Of a dataset the first batch is looked at; of a generator nothing, because what is taken from it is gone.

    Parameters
    ----------
    x : array [N, H, W, 3], mapping with `content` and `code`, or a dataset of batches
    styles : int
        Of the network.

    Raises
    ------
    InputError
        Photos without the axis of the batch, not of three channels, not in 0..1, or with NaN.
    StyleError
        A code that is missing, or of another number of styles.
    """
    if not isinstance(x, Mapping) and not hasattr(x, "shape"):
        x = _first(x)
    if isinstance(x, (tuple, list)) and x:  # (content,) or (content, target)
        x = x[0]
    content: Any = x.get("content") if isinstance(x, Mapping) else x
    code = x.get("code") if isinstance(x, Mapping) else None
    if not hasattr(content, "shape"):
        return
    _check_photos(content)
    if styles > 1:
        if code is None:
            raise StyleError(
                f"this network has {styles} styles: give {{'content': photos, 'code': weights}}, with weights"
                f" of shape (N, {styles})"
            )
        if tuple(code.shape) != (content.shape[0], styles):
            raise StyleError(
                f"code has shape {tuple(code.shape)}; for {content.shape[0]} photos and {styles} styles it is"
                f" ({content.shape[0]}, {styles})"
            )


def _first(dataset: Any) -> Any:
    """The first batch of a dataset."""
    if isinstance(dataset, keras.utils.PyDataset):
        return dataset[0] if len(dataset) else None
    if not hasattr(dataset, "__iter__") or isinstance(dataset, (str, tuple, list)):
        return dataset
    iterator = iter(dataset)
    return None if iterator is dataset else next(iterator, None)


def _check_photos(content: Any) -> None:
    shape = tuple(content.shape)
    if len(shape) == 3:
        raise InputError(f"photos have shape {shape}, without the axis of the batch: give photo[None]")
    if len(shape) != 4 or shape[3] != 3:
        raise InputError(f"photos have shape {shape}, not (N, height, width, 3)")
    if 0 in shape:
        raise InputError(f"photos have shape {shape}: there is none")
    values = keras.ops.convert_to_numpy(content)
    if not np.issubdtype(values.dtype, np.floating):
        raise InputError(f"photos are {values.dtype}; the network takes float32 in 0..1: give photos / 255")
    least, most = float(values.min()), float(values.max())
    if not np.isfinite([least, most]).all():
        raise InputError("photos have NaN or infinite values")
    if most > BRIGHT:
        raise InputError(f"photos reach {most:g}; the network takes 0..1: give photos / 255")
