"""Download the published models of the catalog, verify their hashes, and convert them to safetensors.

A torch file is opened once, by the loader that creates only tensors, and is deleted after conversion.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pickle
import shutil
import urllib.parse
from pathlib import Path

from restyle.errors import InputError, MissingExtraError, ModelError, OutputError
from restyle.files import DISK_ERRORS, make_folder, reason, writing
from restyle.models import catalog
from restyle.models.catalog import Download, ModelFile, file_sha256
from restyle.types import PathLike


def pull(
    model: str, *, source: PathLike | None = None, offline: bool = False, progress: bool = False
) -> list[Path]:
    """Make a model of the catalog ready for use on this machine.

    Parameters
    ----------
    model : str
        Its name in the catalog.
    source : path or None
        A copy of the published file, or a folder with copies under their published names; other files are
        downloaded. It is only read.
    offline : bool
        Do not download; neither if the environment variable `RESTYLE_OFFLINE` is set.
    progress : bool
        Show a progress bar on standard error.

    Returns
    -------
    list of Path
        The files of the model. Intact ones are not downloaded again.

    Raises
    ------
    ModelError
        Unknown model, failed download, or a file that is not the published one.
    OutputError
        The user's folder cannot be written.
    MissingExtraError
        torch is not installed.
    """
    known = catalog.records()
    if model not in known:
        names = ", ".join(name for name, each in known.items() if each.downloaded)
        raise ModelError(f"unknown model '{model}'; models to pull are {names}")
    record = known[model]
    if not record.downloaded:
        raise ModelError(f"model '{model}' ships with restyle; there is nothing to pull")
    files = [(file, file.download) for file in record.files if file.download]
    wanted = [(file, download) for file, download in files if file.state() != "ok"]
    if wanted and not _has_torch():
        raise MissingExtraError(f"pulling '{model}'", "torch")
    copies = {} if source is None else _find_copies(Path(source), [download for _, download in files])
    try:
        for file, download in wanted:
            make_folder(file.path.parent)
            copy = copies.get(download.url) or _fetch(download, file.path.parent, offline, progress)
            _install(copy, file, download)
            if copy.parent == file.path.parent and copy != file.path and download.url not in copies:
                copy.unlink()
    finally:
        for folder in {file.path.parent for file in record.files}:
            with contextlib.suppress(OSError):  # it is not empty
                folder.rmdir()
    return [file.path for file in record.files]


def convert(source: PathLike, target: PathLike, keep: tuple[str, ...]) -> None:
    """Write the tensors of a torch state dict as safetensors, at their precision.

    Parameters
    ----------
    source : path
        Written by `torch.save`, in the old format or the new.
    target : path
    keep : tuple of str
        Prefixes of the names to keep; "" keeps all.

    Raises
    ------
    ModelError
        It is not a state dict, contains other objects than tensors, or none to keep.
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


def _find_copies(source: Path, downloads: list[Download]) -> dict[str, Path]:
    """Return the user's copies of published files, by URL, with verified hashes."""
    names = [download.name for download in downloads]
    paths = [source]
    if source.is_dir():
        paths = [source / name for name in names if (source / name).is_file()]
        if not paths:
            raise InputError(f"the folder '{source}' holds no {' and no '.join(names)}")
    copies = {}
    for path in paths:
        try:
            sha256 = file_sha256(path)
        except OSError as error:
            raise InputError(f"'{path}' cannot be read: {reason(error)}") from error
        match = next((each for each in downloads if each.sha256 == sha256), None)
        if match is None:
            expected = " or ".join(f"{each.sha256[:12]}..." for each in downloads)
            raise ModelError(
                f"'{path}' is not {' or '.join(names)} as published: its SHA-256 is {sha256[:12]}..., "
                f"expected is {expected}"
            )
        copies[match.url] = path
    return copies


def _fetch(download: Download, folder: Path, offline: bool, progress: bool) -> Path:
    """Download a file to a folder."""
    by_hand = f"or download {download.url} yourself and pass it with --from FILE"
    if offline or os.environ.get("RESTYLE_OFFLINE", "") not in ("", "0"):
        why = "--offline was given" if offline else "RESTYLE_OFFLINE is set"
        raise ModelError(f"cannot download {download.name}: {why}; {by_hand}")
    import torch

    target = folder / download.name
    try:
        torch.hub.download_url_to_file(download.url, str(target), download.sha256, progress)
    except (OSError, RuntimeError) as error:  # a RuntimeError is another hash
        if isinstance(error, OSError) and error.errno in DISK_ERRORS:
            raise OutputError(f"cannot write {target}: {reason(error)}") from error
        host = urllib.parse.urlsplit(download.url).netloc
        raise ModelError(f"cannot download {download.name} from {host}: {error}; {by_hand}") from error
    return target


def _install(published: Path, file: ModelFile, download: Download) -> None:
    """Put a file of a model in place, and its hash next to it."""
    if published != file.path:
        with writing(file.path, overwrite=True, inputs=[published]) as temporary:
            if download.keep is not None:
                convert(published, temporary, download.keep)
            else:
                shutil.copyfile(published, temporary)
    with writing(file.receipt, overwrite=True) as temporary:
        temporary.write_text(f"{file_sha256(file.path)}  {file.path.name}\n", encoding="utf-8")


def _has_torch() -> bool:
    return all(importlib.util.find_spec(name) is not None for name in ("torch", "safetensors"))
