"""The pictures that a network with styles of its own is trained on, and what should be known of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from restyle.errors import InputError
from restyle.models.presets import slug
from restyle.options.train import StyleOptions
from restyle.train.data import Augmentation, Pictures
from restyle.train.history import History
from restyle.train.style import CONTENT, OWN_STYLE, small_styles
from restyle.types import PathLike

FEW = 20  # photos: fewer than that are learnt by heart


@dataclass(frozen=True)
class OwnPictures:
    """What is trained on.

    Parameters
    ----------
    photos, styles : Pictures
    names : tuple of str
        Of the styles, after their files.
    recipe : StyleOptions
    """

    photos: Pictures
    styles: Pictures
    names: tuple[str, ...]
    recipe: StyleOptions


def read(
    content: PathLike | Sequence[PathLike],
    style: PathLike | Sequence[PathLike],
    recipe: StyleOptions | None,
    content_augmentation: Augmentation | None,
    style_augmentation: Augmentation | None,
    history: History,
    warn: Callable[[str], None],
) -> OwnPictures:
    """Read photos and style pictures.

    Parameters
    ----------
    content, style, recipe, content_augmentation, style_augmentation
        As for `StyleNetwork.fit`.
    history : History
        Its `skipped` is set.
    warn : function of one line
        Called with what should be known before hours are spent on them.

    Raises
    ------
    InputError
        There is no picture.
    """
    recipe = recipe or StyleOptions()
    photos = Pictures(_paths(content, always_folder=True), content_augmentation or CONTENT)
    styles = Pictures(_paths(style), style_augmentation or OWN_STYLE, longest=2048)
    history.skipped = [f"{path}: {reason}" for path, reason in [*photos.skipped, *styles.skipped]]
    for line in [*_about(photos, history.skipped), *small_styles(styles, recipe.style_size)]:
        warn(line)
    return OwnPictures(photos, styles, tuple(slug(path.stem) or "style" for path in styles.paths), recipe)


def _paths(source: PathLike | Sequence[PathLike], always_folder: bool = False) -> str | list[str]:
    """What `Pictures` takes: a folder, or a list of files."""
    if isinstance(source, (str, os.PathLike)):
        return os.fspath(source) if always_folder or os.path.isdir(source) else [os.fspath(source)]
    if not source:
        raise InputError("no picture is given")
    return [os.fspath(each) for each in source]


def _about(photos: Pictures, skipped: Sequence[str]) -> list[str]:
    """What should be known of the pictures."""
    lines = []
    if skipped:
        more = f" and {len(skipped) - 3} more" if len(skipped) > 3 else ""
        lines.append(
            f"{len(skipped)} pictures cannot be read and are left out: {'; '.join(skipped[:3])}{more}"
        )
    if photos.left_out:
        lines.append(f"memory is full: {photos.left_out} photos are left out, {len(photos)} are used")
    if len(photos) < FEW:
        lines.append(
            f"only {len(photos)} photo{'s' * (len(photos) > 1)}: the network may learn them by heart; some"
            " hundreds are better"
        )
    return lines
