"""Where downloaded models live: a folder of the user's, never one of the package's."""

from __future__ import annotations

import os
from pathlib import Path


def models_folder() -> Path:
    """Folder that holds one folder for each downloaded model; it need not exist.

    `RESTYLE_HOME`, if set, names the parent; otherwise it is `restyle` in the user's cache folder
    (`XDG_CACHE_HOME`, by default `~/.cache`; `LOCALAPPDATA` on Windows).
    """
    return home() / "models"


def home() -> Path:
    """Folder of everything that restyle keeps for a user."""
    own = os.environ.get("RESTYLE_HOME")
    if own:
        return Path(own).expanduser().absolute()
    cache = os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME", "")
    # A relative path is to be ignored (XDG Base Directory Specification).
    base = Path(cache) if os.path.isabs(cache) else Path(os.path.expanduser("~"), ".cache")
    return base / "restyle"
