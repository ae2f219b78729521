"""The state of an unfinished run, as a file; a resumed run gives the same picture."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from restyle.errors import InputError, OutputError
from restyle.files import writing

_FORMAT = "restyle-unfinished/1"


def fingerprint(*parts: object) -> str:
    """Hash everything that determines the result; arrays by their bytes."""
    digest = hashlib.sha256()
    for part in parts:
        if hasattr(part, "tobytes"):
            digest.update(repr(getattr(part, "shape", ())).encode())
            digest.update(part.tobytes())
        else:
            digest.update(repr(part).encode())
        digest.update(b"\0")
    return digest.hexdigest()


def write_state(path: Path, job: str, level: int, step: int, tensors: Mapping[str, Tensor]) -> None:
    """Write a state, atomically."""
    metadata = {"format": _FORMAT, "job": job, "level": str(level), "step": str(step)}
    plain = {name: each.detach().cpu().contiguous() for name, each in tensors.items()}
    with writing(path, overwrite=True) as temporary:
        try:
            save_file(plain, temporary, metadata)
        except SafetensorError as error:
            raise OutputError(f"cannot write {path}: {error}") from error


def read_state(path: Path, job: str) -> tuple[int, int, dict[str, Tensor]]:
    """Read the state of the same job: level, step, tensors.

    Raises
    ------
    InputError
        No such file; it is damaged; or it is from other pictures or options.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (FileNotFoundError, IsADirectoryError):
        raise InputError(f"there is nothing to resume: no '{path}'; start without --resume") from None
    except (OSError, SafetensorError) as error:
        raise InputError(f"'{path}' cannot be resumed ({error}); remove it and start again") from error
    if metadata.get("format") != _FORMAT:
        raise InputError(f"'{path}' is not the state of an unfinished run")
    if metadata.get("job") != job:
        raise InputError(
            f"'{path}' is from another run: content, styles or options differ; use the same, or start "
            "without --resume"
        )
    return int(metadata["level"]), int(metadata["step"]), tensors


def forget_state(path: Path) -> None:
    """Remove the state of a finished run."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
