"""What readers of files have in common: the checks before opening, and `with`."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Self

from restyle.errors import InputError
from restyle.types import PathLike


class Reader:
    """A file that is open until `close`, or until the end of a `with` block."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        raise NotImplementedError


def check_readable(path: PathLike) -> None:
    """Raise `InputError` when there is no such file, or it is empty, a folder, or not to be read."""
    shown = os.fspath(path)
    if not os.path.exists(path):
        raise InputError(f"{shown}: there is no such file")
    if not os.path.isfile(path):
        raise InputError(f"{shown}: is not a file")
    if os.path.getsize(path) == 0:
        raise InputError(f"{shown}: is empty")
    if not os.access(path, os.R_OK):
        raise InputError(f"{shown}: permission denied")
