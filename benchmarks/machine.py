"""Facts about the machine, the versions and the commit that figures were measured with."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import restyle
from restyle.evaluate.report import LIBRARIES, environment
from restyle.evaluate.report import is_busy as busy
from restyle.models.session import cores

__all__ = ["LIBRARIES", "busy", "commit", "cores", "describe"]
ROOT = Path(__file__).resolve().parent.parent


def describe() -> dict[str, str]:
    """Processor, cores, memory, load, versions, commit: name to text, in the order to print."""
    facts = environment()
    load = f"{os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else "unknown"
    first = {name: facts.pop(name) for name in ("processor", "cores")}
    return {**first, "memory": _memory(), "load average at the start": load, **facts, "commit": commit()}


def commit(root: Path = ROOT, package: Path | None = None) -> str:
    """Commit of the measured source, marked if the package or the benchmarks have changed since.

    Parameters
    ----------
    root : Path
        The clone. A repository that merely encloses it does not count.
    package : Path or None
        Folder of the measured package, which must be `src/restyle` of the clone. None: the imported one.
    """
    top = _git(root, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != root.resolve():
        return "unknown: not a clone"
    package = Path(restyle.__file__).parent if package is None else package
    if package.resolve() != (root / "src" / "restyle").resolve():
        return f"unknown: restyle is imported from {package}"
    changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", "src", "benchmarks")
    return f"{_git(root, 'rev-parse', '--short', 'HEAD')}{' with changes' if changed else ''}"


def _git(folder: Path, *arguments: str) -> str | None:
    """Output of git; None without git or without a repository."""
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _memory() -> str:
    try:
        size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return "unknown"
    return f"{size / 2**30:.0f} GiB"
