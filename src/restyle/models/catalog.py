"""The catalog of models: one record each in `catalog.toml`, verified on every load.

Most files ship with the package. Those with a `url` are downloaded to the user's cache folder by `restyle
models pull`, which may keep only some of their tensors; the hash of the result is stored next to it.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import tomllib
import urllib.parse
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from restyle.errors import ModelError
from restyle.models import network_files
from restyle.models.network_files import NetworkRecord
from restyle.options import EngineOptions
from restyle.types import PathLike

HERE = Path(__file__).parent
CATALOG = HERE / "catalog.toml"
DEFAULT: str = EngineOptions.model

State = Literal["ok", "missing", "damaged"]


@dataclass(frozen=True)
class Download:
    """A published file that `restyle models pull` downloads.

    Parameters
    ----------
    url : str
    sha256 : str [64 hexadecimal digits]
    size : int or None [bytes]
    keep : tuple of str or None
        If not None, the file is a torch state dict, and the tensors whose names begin with one of these are
        written as safetensors. If None, the file is used as it is.
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

    Parameters
    ----------
    role : str
        Its function in the model: `style_encoder`, `transformer`, `encoder`, ...
    path : Path
        Absolute.
    sha256 : str or None [64 hexadecimal digits]
        None in a folder of the user's own, and for a download, whose hash is in the file `receipt`.
    size : int or None [bytes]
    download : Download or None
        None for a file that ships with the package.
    """

    role: str
    path: Path
    sha256: str | None = None
    size: int | None = None
    download: Download | None = None

    def read(self) -> bytes:
        """Read the file and verify its hash.

        Raises
        ------
        ModelError
            The file is missing or damaged.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            raise ModelError(f"weights are missing: there is no '{self.path}'; {_cure(self)}") from None
        except OSError as error:
            raise ModelError(f"weights cannot be read: '{self.path}' ({error.strerror})") from error
        expected = self.expected()
        if expected is not None:
            actual = hashlib.sha256(content).hexdigest()
            if actual != expected:
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

    Parameters
    ----------
    name : str
        As in `--model` and in its style files.
    title, method, license, origin, paper : str
    files : tuple of ModelFile
    styles : Path or None
        Folder of its preset style files.
    contract : dict
        Input: value range, channel order, stride, smallest side.
    own_styles : tuple of str
        Names of the styles inside a network with its own styles.
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


def find(model: PathLike | NetworkRecord) -> Record:
    """Return the record of a model in the catalog, or create one for the user's own folder or file.

    Parameters
    ----------
    model : str, path or NetworkRecord
        A name in the catalog; or a folder with `style_encoder.onnx` and `transformer.onnx` from
        `restyle export`, with presets in its subfolder `styles`; or a `.restyle` file from
        `restyle train style`, or its content. A network with its own styles has no style encoder.

    Raises
    ------
    ModelError
        It is none of these.
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
    return Record(
        name=str(folder),
        title="a folder",
        method="arbitrary",
        license="yours",
        origin=str(folder),
        paper="",
        files=tuple(ModelFile(role, folder.resolve() / f"{role}.onnx") for role in roles),
        styles=styles.resolve() if styles.is_dir() else None,
    )


@dataclass(frozen=True)
class NetworkFile(ModelFile):
    """The graph inside a `.restyle` file, or of a network in memory."""

    graph: bytes | None = None

    def read(self) -> bytes:
        """Return the graph; read it and verify its hash if it is in a file."""
        return network_files.read(self.path).graph if self.graph is None else self.graph


def _network(path: Path, network: NetworkRecord | None = None) -> Record:
    graph, styles = (network.graph, network.styles) if network else (None, network_files.read(path).styles)
    return Record(
        name=str(path),
        title="a network with its own styles",
        method="arbitrary",
        license="yours",
        origin=str(path),
        paper="after Johnson et al. 2016, Dumoulin et al. 2017",
        files=(NetworkFile("transformer", path.resolve(), graph=graph),),
        own_styles=styles,
    )


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


def _record(name: str, entry: dict[str, Any], downloads: Path) -> Record:
    return Record(
        name=name,
        title=entry["title"],
        method=entry["method"],
        license=entry["license"],
        origin=entry["origin"],
        paper=entry["paper"],
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
