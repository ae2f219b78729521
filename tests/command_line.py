"""The command line in this process: what a process of its own would give, without loading torch once more."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path

from restyle.cli import main


@dataclass(frozen=True)
class Done:
    """What is left of a command that has ended, by the names that `subprocess` has for it."""

    returncode: int
    stdout: str
    stderr: str


def restyle(folder: Path, *arguments: str) -> Done:
    """Run `restyle` with these arguments, as if one stood in `folder`."""
    out, err = io.StringIO(), io.StringIO()
    code: object = None
    with (
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main(arguments)
        except SystemExit as leaving:
            code = leaving.code
    return Done(int(code) if isinstance(code, int) else 0, out.getvalue(), err.getvalue())
