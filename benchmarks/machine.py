"""What a report says of the machine and the versions that its figures were taken with."""

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
        "load average at the start": f"{os.getloadavg()[0]:.2f}",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
    }
    for library in LIBRARIES:
        facts[library] = metadata.version(library)
    facts["commit"] = _commit()
    return facts


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


def busy() -> bool:
    """Whether something else keeps more than half a core at work."""
    return os.getloadavg()[0] > 0.5


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _memory() -> str:
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return f"{pages / 2**30:.0f} GiB"


def _commit() -> str:
    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", "../src", ".")
    return git("rev-parse", "--short", "HEAD") + (" with changes" if changed else "")
