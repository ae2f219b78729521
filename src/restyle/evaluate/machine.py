"""What a report says of the machine, the versions and the commit that its figures were taken with."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

LIBRARIES = ("restyle", "numpy", "onnxruntime", "torch", "pillow")


def describe() -> dict[str, str]:
    """Processor, cores, memory, load, versions, commit: name to text, in the order to print."""
    facts = {
        "processor": _processor(),
        "cores": str(cores()),
        "memory": _memory(),
        "load average at the start": f"{os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else "unknown",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
    }
    for library in LIBRARIES:
        try:
            facts[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue  # an extra that is not installed
    facts["commit"] = commit()
    return facts


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def busy() -> bool:
    """Whether something else keeps more than half a core at work."""
    return hasattr(os, "getloadavg") and os.getloadavg()[0] > 0.5


def commit(folder: Path = Path(__file__).parent) -> str:
    """Commit of the source, marked where the package or the benchmarks have changed since."""
    here = _git(folder, "rev-parse", "--short", "HEAD")
    if here is None:
        return "unknown: not a clone"
    root = _git(folder, "rev-parse", "--show-toplevel") or "."
    changed = _git(Path(root), "status", "--porcelain", "--untracked-files=no", "--", "src", "benchmarks")
    return here + (" with changes" if changed else "")


def _git(folder: Path, *arguments: str) -> str | None:
    """What git says; None where there is no git or no repository."""
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _memory() -> str:
    try:
        size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return "unknown"
    return f"{size / 2**30:.0f} GiB"
