"""The catalog of models: one record each in `catalog.toml`, verified on every load, and their download.

Most files ship with the package. Those with a `url` are downloaded to the user's cache folder by `restyle
models pull`, which may keep only some of their tensors; the hash of the result is stored next to it. A torch
file is opened once, by the loader that creates only tensors, and is deleted after conversion.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import posixpath
import shutil
import tomllib
import urllib.parse
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from restyle.errors import InputError, ModelError, OutputError, require
from restyle.files import DISK_ERRORS, make_folder, reason, writing
from restyle.models import network_files
from restyle.models.network_files import NetworkRecord
from restyle.options import EngineOptions
from restyle.types import PathLike

HERE = Path(__file__).parent
CATALOG = HERE / "catalog.toml"
DEFAULT: str = EngineOptions.model

_YOURS = ("arbitrary", "yours")  # method and license of the user's own models
State = Literal["ok", "missing", "damaged"]


@dataclass(frozen=True)
class Download:
    """A published file that `restyle models pull` downloads.

    size : in bytes
    keep : if not None, the file is a torch state dict, and the tensors whose names begin with one of these
        are written as safetensors; if None, the file is used as it is
    """

    url: str
    sha256: str
    size: int | None
    keep: tuple[str, ...] | None = None

    @property
    def name(self) -> str:
        """Name of the published file."""
        return urllib.parse.unquote(posixpath.basename(urllib.parse.urlsplit(self.url).path))


@dataclass(frozen=True)
class ModelFile:
    """One file of a model.

    role : its function in the model: `style_encoder`, `transformer`, `encoder`, ...
    path : absolute
    sha256 : None in a folder of the user's own, and for a download, whose hash is in the file `receipt`
    size : in bytes
    download : None for a file that ships with the package
    """

    role: str
    path: Path
    sha256: str | None = None
    size: int | None = None
    download: Download | None = None

    def read(self) -> bytes:
        """Read the file and verify its hash; ModelError if it is missing or damaged."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            raise ModelError(f"weights are missing: there is no '{self.path}'; {_cure(self)}") from None
        except OSError as error:
            raise ModelError(f"weights cannot be read: '{self.path}' ({error.strerror})") from error
        expected = self.expected()
        if expected is not None and (actual := hashlib.sha256(content).hexdigest()) != expected:
            raise ModelError(
                f"weights are damaged: '{self.path}' has SHA-256 {actual[:12]}..., "
                f"its record says {expected[:12] or 'nothing'}...; {_cure(self)}"
            )
        return content

    @property
    def receipt(self) -> Path:
        """File next to a download with its SHA-256, in the format of `sha256sum`."""
        return self.path.with_name(f"{self.path.name}.sha256")

    def expected(self) -> str | None:
        """Return the SHA-256 that the file must have; empty for a download without receipt, None for any."""
        if self.download is None:
            return self.sha256
        try:
            return self.receipt.read_text(encoding="utf-8")[:64]
        except (OSError, UnicodeDecodeError):
            return ""

    def state(self) -> State:
        """Check whether the file exists and has the recorded hash."""
        try:
            self.read()
        except ModelError:
            return "damaged" if self.path.exists() else "missing"
        return "ok"


@dataclass(frozen=True)
class Record:
    """One model: its files, origin, and input contract.

    name : as in `--model` and in its style files
    styles : folder of its preset style files
    contract : of the input: value range, channel order, stride, smallest side
    own_styles : names of the styles inside a network with its own styles
    """

    name: str
    title: str
    method: str
    license: str
    origin: str
    paper: str
    files: tuple[ModelFile, ...]
    styles: Path | None = None
    contract: dict[str, Any] | None = None
    own_styles: tuple[str, ...] = ()

    def has(self, role: str) -> bool:
        """Tell whether there is a file with this role."""
        return any(each.role == role for each in self.files)

    def file(self, role: str) -> ModelFile:
        """Return the file with this role."""
        for each in self.files:
            if each.role == role:
                return each
        raise ModelError(f"model '{self.name}' has no {role}; it has {', '.join(f.role for f in self.files)}")

    @property
    def size(self) -> int:
        """Bytes on disk, as recorded; for downloads, bytes to download."""
        return sum((each.download.size if each.download else each.size) or 0 for each in self.files)

    @property
    def downloaded(self) -> bool:
        """Whether any of its files is a download."""
        return any(each.download for each in self.files)


def records() -> dict[str, Record]:
    """Return the catalog, name -> record, in the order of the file."""
    return _records(CATALOG, models_folder())


@lru_cache(maxsize=4)
def _records(path: Path, downloads: Path) -> dict[str, Record]:
    try:
        parsed = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ModelError(f"cannot read the catalog '{path}' ({error}); reinstall restyle") from error
    return {name: _record(name, entry, downloads) for name, entry in parsed.items()}


def _record(name: str, entry: dict[str, Any], downloads: Path) -> Record:
    return Record(
        name=name,
        **{key: entry[key] for key in ("title", "method", "license", "origin", "paper")},
        files=tuple(_file(each, downloads / name) for each in entry["files"]),
        styles=HERE / entry["styles"] if "styles" in entry else None,
        contract=entry.get("input"),
    )


def _file(entry: dict[str, Any], folder: Path) -> ModelFile:
    """Parse a file of the package, which has a `path`, or a download, which has a `url`."""
    if "url" not in entry:
        return ModelFile(entry["role"], HERE / entry["path"], entry["sha256"], entry["bytes"])
    keep = tuple(entry["keep"]) if "keep" in entry else None
    download = Download(entry["url"], entry["sha256"], entry.get("bytes"), keep)
    return ModelFile(entry["role"], folder / entry["file"], download=download)


def find(model: PathLike | NetworkRecord) -> Record:
    """Return the record of a model in the catalog, or create one for the user's own folder or file.

    model : a name in the catalog; or a folder with `style_encoder.onnx` and `transformer.onnx` from `restyle
        export`, with presets in its subfolder `styles`; or a `.restyle` file from `restyle train style`, or
        its content. A network with its own styles has no style encoder.

    Raises ModelError if it is none of these.
    """
    if isinstance(model, NetworkRecord):
        return _network(Path(f"{model.name}{network_files.SUFFIX}"), model)
    known = records()
    if isinstance(model, str) and model in known:
        return known[model]
    folder = Path(model)
    if network_files.is_network_file(model) and not folder.is_dir():
        return _network(folder)
    if not folder.is_dir():
        names = ", ".join(f"'{name}'" for name, each in known.items() if each.method == "arbitrary")
        raise ModelError(
            f"no model '{model}': give a folder with exported weights, a .restyle file, or one of {names}"
        )
    styles = folder / "styles"
    only_own = not (folder / "style_encoder.onnx").exists() and styles.is_dir()
    roles = ("transformer",) if only_own else ("style_encoder", "transformer")
    for role in roles:
        if not (folder / f"{role}.onnx").is_file():
            raise ModelError(f"no model in '{folder}': there is no {role}.onnx; `restyle export` writes it")
    files = tuple(ModelFile(role, folder.resolve() / f"{role}.onnx") for role in roles)
    presets = styles.resolve() if styles.is_dir() else None
    return Record(str(folder), "a folder", *_YOURS, str(folder), "", files, styles=presets)


@dataclass(frozen=True)
class NetworkFile(ModelFile):
    """The graph inside a `.restyle` file, or of a network in memory."""

    graph: bytes | None = None

    def read(self) -> bytes:
        """Return the graph; read it and verify its hash if it is in a file."""
        return network_files.read(self.path).graph if self.graph is None else self.graph


def _network(path: Path, network: NetworkRecord | None = None) -> Record:
    graph, styles = (network.graph, network.styles) if network else (None, network_files.read(path).styles)
    title, paper = "a network with its own styles", "after Johnson et al. 2016, Dumoulin et al. 2017"
    files = (NetworkFile("transformer", path.resolve(), graph=graph),)
    return Record(str(path), title, *_YOURS, str(path), paper, files, own_styles=styles)


def models_folder() -> Path:
    """Return the folder of downloaded models, which need not exist: `models` in `home`."""
    return home() / "models"


def home() -> Path:
    """Return the folder of all files that restyle stores for a user.

    `RESTYLE_HOME`, or else `restyle` in the user's cache folder (`XDG_CACHE_HOME`, by default `~/.cache`;
    `LOCALAPPDATA` on Windows).
    """
    own = os.environ.get("RESTYLE_HOME")
    if own:
        return Path(own).expanduser().absolute()
    cache = os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME", "")
    # Relative paths are ignored (XDG Base Directory Specification).
    base = Path(cache) if os.path.isabs(cache) else Path(os.path.expanduser("~"), ".cache")
    return base / "restyle"


def file_sha256(path: Path) -> str:
    """Compute the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _cure(file: ModelFile) -> str:
    if file.download is not None:
        return f"get them with `restyle models pull {file.path.relative_to(models_folder()).parts[0]}`"
    return "reinstall restyle" if file.path.is_relative_to(HERE) else "export the model again"


def pull(
    model: str, *, source: PathLike | None = None, offline: bool = False, progress: bool = False
) -> list[Path]:
    """Make a model of the catalog ready for use on this machine, and return its files.

    source : a copy of the published file, or a folder with copies under their published names, which are only
        read; other files are downloaded, but not intact ones again
    offline : do not download; neither if the environment variable `RESTYLE_OFFLINE` is set
    progress : show a progress bar on standard error

    Raises ModelError for an unknown model, a failed download, or a file that is not the published one;
    OutputError if the user's folder cannot be written; MissingExtraError if torch is not installed.
    """
    known = records()
    if model not in known:
        names = ", ".join(name for name, each in known.items() if each.downloaded)
        raise ModelError(f"unknown model '{model}'; models to pull are {names}")
    record = known[model]
    if not record.downloaded:
        raise ModelError(f"model '{model}' ships with restyle; there is nothing to pull")
    files = [(file, file.download) for file in record.files if file.download]
    wanted = [(file, download) for file, download in files if file.state() != "ok"]
    if wanted:
        require(f"pulling '{model}'", "torch", "torch", "safetensors")
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

    source : written by `torch.save`, in the old format or the new
    keep : prefixes of the names to keep; "" keeps all

    Raises ModelError if it is not a state dict, contains other objects than tensors, or none to keep.
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
