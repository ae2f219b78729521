"""Bring a published model into the user's folder: fetched or given, hashed, and rid of pickle.

What restyle loads later is a safetensors file and the hash that was written beside it. A published torch file
is opened once, here, with the loader that builds nothing but tensors, and is not kept.
"""

from __future__ import annotations

import contextlib
import importlib.util
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

from restyle.errors import InputError, MissingExtraError, ModelError, OutputError
from restyle.files import make_folder, reason, writing
from restyle.models import catalog
from restyle.models.catalog import Download, ModelFile
from restyle.models.connections import published_name
from restyle.models.download import digest, fetch, is_recorded, with_mirrors
from restyle.types import PathLike

Report = Callable[[int, int | None, str], None]


def quiet(done: int, total: int | None, name: str) -> None:
    """Report no progress."""


def pull(
    model: str,
    *,
    source: PathLike | None = None,
    mirror: str | None = None,
    offline: bool = False,
    report: Report = quiet,
) -> list[Path]:
    """Make a model of the catalog ready for use on this machine.

    Parameters
    ----------
    model : str
        Its name in the catalog.
    source : path or None
        The published file, or a folder that holds it under its published name, where it is here already; what
        is not in it is fetched. It is read only.
    mirror : str or None
        A folder on a server to ask first; see `download.with_mirrors`.
    offline : bool
        Do not connect; nor is anything fetched if `RESTYLE_OFFLINE` is set.
    report : function of (bytes that are here, bytes in all or None, name of the file)

    Returns
    -------
    list of Path
        The model's files; those that were there and sound are left alone.

    Raises
    ------
    ModelError
        No such model; it cannot be fetched; a file is not the published one.
    OutputError
        The user's folder cannot be written.
    MissingExtraError
        The file has to be converted, and torch is not installed.
    """
    known = catalog.records()
    if model not in known:
        names = ", ".join(name for name, each in known.items() if each.downloaded)
        raise ModelError(f"no model is called '{model}'; those to pull are {names}")
    record = known[model]
    if not record.downloaded:
        raise ModelError(f"model '{model}' ships with restyle; there is nothing to pull")
    wanted = [file for file in record.files if file.state() != "ok"]
    if any(file.download and file.download.keep is not None for file in wanted) and not _has_torch():
        raise MissingExtraError(f"converting '{model}'", "torch")
    given = _Given(source, [file.download for file in record.files if file.download])
    try:
        for file in wanted:
            assert file.download is not None
            _bring(file, file.download, given.find(file.download), mirror, offline, report)
    finally:
        with contextlib.suppress(OSError):  # something is in it
            record.files[0].path.parent.rmdir()
    return [file.path for file in record.files]


def convert(source: PathLike, target: PathLike, keep: tuple[str, ...]) -> None:
    """Write the tensors of a torch state dict as safetensors, in the precision that they have.

    Parameters
    ----------
    source : path
        Written by `torch.save`, in the old format or the new.
    target : path
    keep : tuple of str
        Names begin with one of these; "" keeps all.

    Raises
    ------
    ModelError
        It is no state dict, or holds more than tensors, or none that is to be kept.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        loaded = torch.load(source, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, ValueError, TypeError) as error:
        why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(f"'{source}' is not a file of tensors that is safe to open ({why})") from error
    if not isinstance(loaded, dict):
        raise ModelError(f"'{source}' holds a {type(loaded).__name__}, not a state dict")
    kept = {
        name: value.contiguous().clone()
        for name, value in loaded.items()
        if isinstance(name, str) and name.startswith(keep) and isinstance(value, torch.Tensor)
    }
    if not kept:
        raise ModelError(f"'{source}' holds no tensor whose name begins with {' or '.join(keep)}")
    try:
        save_file(kept, target)
    except SafetensorError as error:
        raise OutputError(f"cannot write {target}: {error}") from error


class _Given:
    """Finds published files among those that the user has brought."""

    def __init__(self, source: PathLike | None, downloads: list[Download]) -> None:
        self.folder: Path | None = None
        self.file: Path | None = None
        self.hash = ""
        if source is None:
            return
        path = Path(source)
        if path.is_dir():
            self.folder = path
            names = [published_name(each.urls[0]) for each in downloads]
            if not any((path / name).is_file() for name in names):
                raise InputError(f"the folder '{path}' holds no {' and no '.join(names)}")
            return
        try:
            self.hash = digest(path)
        except OSError as error:
            raise InputError(f"'{path}' cannot be read: {reason(error)}") from error
        self.file = path
        if not any(is_recorded(self.hash, each.sha256) for each in downloads):
            names = [published_name(each.urls[0]) for each in downloads]
            raise ModelError(
                f"'{path}' is not {' or '.join(names)} as published: its SHA-256 is {self.hash[:12]}..., "
                f"recorded is {' or '.join(f'{each.sha256[:12]}...' for each in downloads)}"
            )

    def find(self, download: Download) -> Path | None:
        """Path of a published file, or None if it has to be fetched."""
        if self.file is not None and is_recorded(self.hash, download.sha256):
            return self.file
        if self.folder is None:
            return None
        path = self.folder / published_name(download.urls[0])
        if not path.is_file():
            return None
        found = digest(path)
        if not is_recorded(found, download.sha256):
            raise ModelError(
                f"'{path}' is not as published: its SHA-256 is {found[:12]}..., "
                f"recorded is {download.sha256[:12]}..."
            )
        return path


def _bring(
    file: ModelFile,
    download: Download,
    given: Path | None,
    mirror: str | None,
    offline: bool,
    report: Report,
) -> None:
    """Put one file of a model in its place, and its hash beside it."""
    name = published_name(download.urls[0])
    folder = file.path.parent
    published = given or fetch(
        with_mirrors(download.urls, mirror),
        folder / name,
        sha256=download.sha256,
        size=download.size,
        offline=offline,
        report=lambda done, total: report(done, total, name),
    )
    make_folder(folder)
    if published != file.path:
        with writing(file.path, overwrite=True, inputs=[published]) as temporary:
            if download.keep is not None:
                convert(published, temporary, download.keep)
            else:
                shutil.copyfile(published, temporary)
    with writing(file.receipt, overwrite=True) as temporary:
        temporary.write_text(f"{digest(file.path)}  {file.path.name}\n", encoding="utf-8")
    if given is None and published != file.path:
        published.unlink()


def _has_torch() -> bool:
    return all(importlib.util.find_spec(name) is not None for name in ("torch", "safetensors"))
