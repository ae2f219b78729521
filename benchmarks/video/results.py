"""Stored results, so that the benchmark can be run part by part and clip by clip."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.report import BUSY
from restyle.models.arbitrary import Arbitrary

TIMED = ("speed", "live")  # parts that depend on the load of the machine

HEADER = """# Video: results

Written by `python -m benchmarks.video --docs`. What is measured and how: [lab notes](../video.md).

## Summary
"""


def store_section(folder: Path, part: str, lines: Iterable[str]) -> Path:
    """Store the result of one part with the facts of its run; replaces its earlier result."""
    facts = machine.describe()
    head = [BUSY, ""] if part in TIMED and machine.busy() else []
    names = ("processor", "cores", "load average at the start", "onnxruntime", "restyle", "commit")
    head += ["; ".join(f"{name} {facts[name]}" for name in names if name in facts) + ".", ""]
    title, *rest = lines
    path = _section(folder, part)
    path.write_text("\n".join([title, "", *head, *rest]) + "\n", encoding="utf-8")
    return path


def write_report(folder: Path, parts: Iterable[str], report: Path | None = None) -> Path:
    """Join the results of all parts, the targets first; default: in the folder."""
    found = [path.read_text(encoding="utf-8") for part in parts if (path := _section(folder, part)).exists()]
    targets = [block for section in found for block in section.split("\n\n") if block.startswith("Target")]
    short = "\n".join("- " + block.replace("\n", "\n  ").rstrip() for block in targets)
    report = report or folder / "video.md"
    report.write_text("\n".join([HEADER, short + "\n", *found]), encoding="utf-8")
    return report


def _section(folder: Path, part: str) -> Path:
    return folder / f"video-{part}.md"


class Rows:
    """Rows of figures under names, in a JSON file, valid while the measuring setup is the same.

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
        """Store a row immediately."""
        self.rows[name] = [float(value) for value in values]
        content = {"with": self._with, "rows": self.rows}
        self._path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def weights_of(method: Arbitrary) -> str:
    """Return name and digest of the transformer; other weights have other figures."""
    digest = method.record.file("transformer").sha256 or ""
    return f"{method.record.name} {digest[:12]}"
