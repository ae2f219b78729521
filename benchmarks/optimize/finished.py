"""Finished rows of a long benchmark, stored in a file so that an interrupted run can be resumed."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Finished:
    """The finished rows of one job.

    Several processes may share the file: each row is added under a lock.

    Parameters
    ----------
    path : Path
        JSON; rewritten when the job is different.
    job : mapping of str to JSON
        What identifies the job: settings, encoder, and the machine if times are stored.
    """

    def __init__(self, path: Path, job: Mapping[str, Any]) -> None:
        self.path, self.job = path, dict(job)

    def rows(self) -> dict[str, Any]:
        """Return name -> row."""
        if not self.path.is_file():
            return {}
        stored = json.loads(self.path.read_text(encoding="utf-8") or "{}")
        return dict(stored["rows"]) if stored.get("job") == self.job else {}

    def add(self, name: str, row: Any) -> None:
        """Store a row."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            rows = {**self.rows(), name: row}
            made = self.path.with_suffix(".new")
            made.write_text(json.dumps({"job": self.job, "rows": rows}, indent=1) + "\n", encoding="utf-8")
            made.replace(self.path)
