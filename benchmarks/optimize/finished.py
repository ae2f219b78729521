"""Rows of a long benchmark that are finished: kept in a file, so that a run that was cut off goes on."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Finished:
    """What is done of one job.

    Several processes may share the file: each row is added under a lock.

    Parameters
    ----------
    path : Path
        JSON; written anew when the job is another one.
    job : mapping of str to JSON
        What tells this job from another: settings, encoder, machine if times are kept.
    """

    def __init__(self, path: Path, job: Mapping[str, Any]) -> None:
        self.path, self.job = path, dict(job)

    def rows(self) -> dict[str, Any]:
        """Name -> row of all that is done."""
        if not self.path.is_file():
            return {}
        told = json.loads(self.path.read_text(encoding="utf-8") or "{}")
        return dict(told["rows"]) if told.get("job") == self.job else {}

    def add(self, name: str, row: Any) -> None:
        """Keep a row."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            rows = {**self.rows(), name: row}
            made = self.path.with_suffix(".new")
            made.write_text(json.dumps({"job": self.job, "rows": rows}, indent=1) + "\n", encoding="utf-8")
            made.replace(self.path)
