"""Suites of the leaderboard: fixed contents, styles and pairs, and settings that are always measured."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from restyle.errors import InputError, OptionError
from restyle.evaluate.run import Pair, listed, read_pairs

SHARED = "RESTYLE_SHARED"


@dataclass(frozen=True)
class Suite:
    """One suite.

    Parameters
    ----------
    name : str
    content, style, pairs : str
        Folders of contents and styles, and the list of pairs, below the shared folder.
    size : int
        Short side in px at which pictures are stylized and compared.
    settings : tuple of str
        For `--run`.
    """

    name: str
    content: str
    style: str
    pairs: str
    size: int
    settings: tuple[str, ...]


SUITES: Mapping[str, Suite] = {
    "dev": Suite(
        name="dev",
        content="data/dev/content",
        style="data/presets",
        pairs="data/dev/pairs.json",
        size=512,
        settings=("strength=1", "strength=0.6", "keep-colors=luminance", "colors-only"),
    )
}


def find(name: str) -> Suite:
    """Return a suite by its name."""
    if name not in SUITES:
        raise OptionError(f"suite '{name}' is none of {', '.join(SUITES)}")
    return SUITES[name]


def shared_folder() -> Path:
    """Folder of the data: `RESTYLE_SHARED`; default: `../shared`."""
    return Path(os.environ.get(SHARED) or Path.cwd().parent / "shared")


def pairs_of(suite: Suite) -> list[Pair]:
    """Return the pairs of a suite, with their files.

    Raises
    ------
    InputError
        The data is missing.
    """
    folder = shared_folder()
    for part in (suite.content, suite.style, suite.pairs):
        if not (folder / part).exists():
            raise InputError(
                f"the suite '{suite.name}' needs data that does not ship with restyle: there is no"
                f" '{folder / part}'; set {SHARED} to the folder that holds {suite.pairs.partition('/')[0]}/"
            )
    contents = listed([str(folder / suite.content)], "contents")
    styles = listed([str(folder / suite.style)], "styles")
    return read_pairs(folder / suite.pairs, contents, styles)
