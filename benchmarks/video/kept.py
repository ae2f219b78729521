"""Figures that outlast a run, so that the benchmark can be run part by part and clip by clip."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.report import BUSY
from restyle.methods.arbitrary import Arbitrary


def keep_section(folder: Path, part: str, lines: Iterable[str]) -> Path:
    """Keep what one part found, below the facts of its run; replaces what it found before."""
    facts = machine.describe()
    head = [BUSY, ""] if machine.busy() else []
    told = ("processor", "cores", "load average at the start", "onnxruntime", "restyle", "commit")
    head += ["; ".join(f"{name} {facts[name]}" for name in told if name in facts) + ".", ""]
    title, *rest = lines
    path = folder / f"video-{part}.md"
    path.write_text("\n".join([title, "", *head, *rest]) + "\n", encoding="utf-8")
    return path


def write_report(folder: Path, parts: Iterable[str]) -> Path:
    """Join what is kept of all parts."""
    found = [path for part in parts if (path := folder / f"video-{part}.md").exists()]
    report = folder / "video.md"
    report.write_text("\n".join(path.read_text(encoding="utf-8") for path in found), encoding="utf-8")
    return report


class Rows:
    """Rows of figures under names, kept in a JSON file as long as what they were measured with is the same.

    Parameters
    ----------
    path : Path
    measured_with : mapping of name to value
        Weights, sizes and the like. Rows of an earlier run with others are thrown away.
    """

    def __init__(self, path: Path, measured_with: Mapping[str, Any]) -> None:
        self._path, self._with = path, json.loads(json.dumps(dict(measured_with)))
        self.rows: dict[str, list[float]] = {}
        if path.exists():
            earlier = json.loads(path.read_text(encoding="utf-8"))
            if earlier["with"] == self._with:
                self.rows = earlier["rows"]

    def add(self, name: str, values: Iterable[float]) -> None:
        """Keep a row, at once."""
        self.rows[name] = [float(value) for value in values]
        content = {"with": self._with, "rows": self.rows}
        self._path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def weights_of(method: Arbitrary) -> str:
    """Name and digest of the transformer: figures of other weights are others."""
    digest = method.record.file("transformer").sha256 or ""
    return f"{method.record.name} {digest[:12]}"
