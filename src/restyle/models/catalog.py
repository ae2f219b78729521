"""What models there are: one record each in `catalog.toml`, checked against the files on every load.

Most files ship with the package. Those with `urls` are fetched into the user's own folder by `restyle models
pull`, which may keep only some tensors of them; what it wrote is then checked against the hash that it wrote
beside it.
"""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from restyle.errors import ModelError
from restyle.models import network_files
from restyle.models.folder import models_folder
from restyle.options import EngineOptions

HERE = Path(__file__).parent
CATALOG = HERE / "catalog.toml"
DEFAULT: str = EngineOptions.model

State = Literal["ok", "missing", "damaged"]


@dataclass(frozen=True)
class Download:
    """Where a file can be fetched, and what it is there.

    Parameters
    ----------
    urls : tuple of str
        The publisher's address first, then others of the same file.
    sha256 : str [8 to 64 hexadecimal digits]
        Of the published file, or the beginning of it.
    size : int or None [bytes]
    keep : tuple of str or None
        Not None: the file is a torch state dict, of which the tensors whose names begin with one of these are
        written as safetensors. None: the file stays as it is.
    """

    urls: tuple[str, ...]
    sha256: str
    size: int | None
    keep: tuple[str, ...] | None = None


@dataclass(frozen=True)
class ModelFile:
    """One file of a model, and how to know it.

    Parameters
    ----------
    role : str
        What the file is to the model: `style_encoder`, `transformer`, `encoder`.
    path : Path
        Absolute.
    sha256 : str or None [64 hexadecimal digits]
        None in a folder of the user's own, which nobody has recorded, and for a download, whose hash is in
        the file `receipt`.
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
        """Return the content, after checking that it is the recorded one.

        Raises
        ------
        ModelError
            The file is missing, or is not the one that the record describes.
        """
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            raise ModelError(f"weights are missing: there is no '{self.path}'; {_cure(self)}") from None
        except OSError as error:
            raise ModelError(f"weights cannot be read: '{self.path}' ({error.strerror})") from error
        expected = self.expected()
        if expected is not None:
            found = hashlib.sha256(content).hexdigest()
            if found != expected:
                raise ModelError(
                    f"weights are damaged: '{self.path}' has SHA-256 {found[:12]}..., "
                    f"its record says {expected[:12] or 'nothing'}...; {_cure(self)}"
                )
        return content

    @property
    def receipt(self) -> Path:
        """File beside a download that holds its SHA-256, as `sha256sum` writes it."""
        return self.path.with_name(f"{self.path.name}.sha256")

    def expected(self) -> str | None:
        """Full SHA-256 that the file must have; empty if a download has no receipt, None if any will do."""
        if self.download is None:
            return self.sha256
        try:
            return self.receipt.read_text(encoding="utf-8")[:64]
        except (OSError, UnicodeDecodeError):
            return ""

    def state(self) -> State:
        """Tell whether the file is there and is the recorded one."""
        try:
            self.read()
        except ModelError:
            return "damaged" if self.path.exists() else "missing"
        return "ok"


@dataclass(frozen=True)
class Record:
    """One model: its files, where it comes from, and what pictures it takes.

    Parameters
    ----------
    name : str
        As given to `--model`, and as its style files name it.
    title, method, licence, origin, paper : str
    files : tuple of ModelFile
    styles : Path or None
        Folder of its preset style files.
    contract : dict
        What goes in: value range, colour order, stride, smallest side.
    own_styles : tuple of str
        Names of the styles inside a network that has styles of its own.
    """

    name: str
    title: str
    method: str
    licence: str
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
        """Bytes on disk, as recorded; of downloads, the bytes to fetch."""
        return sum((each.download.size if each.download else each.size) or 0 for each in self.files)

    @property
    def downloaded(self) -> bool:
        """Whether any of its files has to be fetched."""
        return any(each.download for each in self.files)


def records() -> dict[str, Record]:
    """Return the catalog: name -> record, in the order of the file."""
    return _records(CATALOG, models_folder())


@lru_cache(maxsize=4)
def _records(path: Path, downloads: Path) -> dict[str, Record]:
    try:
        parsed = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ModelError(f"cannot read the catalog '{path}' ({error}); reinstall restyle") from error
    return {name: _record(name, entry, downloads) for name, entry in parsed.items()}


def find(model: str | os.PathLike[str]) -> Record:
    """Return the record of a model by its name, or make one up for a folder of the user's own.

    Parameters
    ----------
    model : str or path
        A name of the catalog; or a folder with `style_encoder.onnx` and `transformer.onnx`, as
        `restyle export` writes it, whose presets, if any, are in its folder `styles`; or a `.restyle` file
        of `restyle train style`. A network with styles of its own has no style encoder.

    Raises
    ------
    ModelError
        Neither a name, nor such a folder, nor such a file.
    """
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
        licence="yours",
        origin=str(folder),
        paper="",
        files=tuple(ModelFile(role, folder.resolve() / f"{role}.onnx") for role in roles),
        styles=styles.resolve() if styles.is_dir() else None,
    )


class NetworkFile(ModelFile):
    """The graph inside a `.restyle` file."""

    def read(self) -> bytes:
        """Return the graph, after checking that it is the one that was written."""
        return network_files.read(self.path).graph


def _network(path: Path) -> Record:
    return Record(
        name=str(path),
        title="a network with styles of its own",
        method="arbitrary",
        licence="yours",
        origin=str(path),
        paper="after Johnson et al. 2016, Dumoulin et al. 2017",
        files=(NetworkFile("transformer", path.resolve()),),
        own_styles=network_files.read(path).styles,
    )


def refresh() -> list[str]:
    """Write the hash and size of every file that is there into `catalog.toml`; for those who train.

    Returns
    -------
    list of str
        Paths whose entry changed.
    """
    changed = []
    text = CATALOG.read_text(encoding="utf-8")
    lines = []
    for line in text.splitlines(keepends=True):
        new = line
        found = re.search(r'path = "([^"]+)"', line)
        if found and (HERE / found[1]).is_file():
            content = (HERE / found[1]).read_bytes()
            new = re.sub(r'sha256 = "[0-9a-f]*"', f'sha256 = "{hashlib.sha256(content).hexdigest()}"', new)
            new = re.sub(r"bytes = \d+", f"bytes = {len(content)}", new)
            if new != line:
                changed.append(found[1])
        lines.append(new)
    CATALOG.write_text("".join(lines), encoding="utf-8")
    _records.cache_clear()
    return changed


def _cure(file: ModelFile) -> str:
    if file.download is not None:
        return f"get them with `restyle models pull {file.path.parent.name}`"
    return "reinstall restyle" if file.path.is_relative_to(HERE) else "export the model again"


def _record(name: str, entry: dict[str, Any], downloads: Path) -> Record:
    return Record(
        name=name,
        title=entry["title"],
        method=entry["method"],
        licence=entry["licence"],
        origin=entry["origin"],
        paper=entry["paper"],
        files=tuple(_file(each, downloads / name) for each in entry["files"]),
        styles=HERE / entry["styles"] if "styles" in entry else None,
        contract=entry.get("input"),
    )


def _file(entry: dict[str, Any], folder: Path) -> ModelFile:
    """A file of the package has a `path`, one that is fetched a name in the model's own folder and `urls`."""
    if "urls" not in entry:
        return ModelFile(entry["role"], HERE / entry["path"], entry["sha256"], entry["bytes"])
    keep = tuple(entry["keep"]) if "keep" in entry else None
    download = Download(tuple(entry["urls"]), entry["sha256"], entry.get("bytes"), keep)
    return ModelFile(entry["role"], folder / entry["file"], download=download)
