"""What models there are: one record each in `catalog.toml`, checked against the files on every load."""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from restyle.errors import ModelError
from restyle.options import EngineOptions

HERE = Path(__file__).parent
CATALOG = HERE / "catalog.toml"
DEFAULT: str = EngineOptions.model

State = Literal["ok", "missing", "damaged"]


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
        None in a folder of the user's own, which nobody has recorded.
    size : int or None [bytes]
    """

    role: str
    path: Path
    sha256: str | None = None
    size: int | None = None

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
        if self.sha256 is not None:
            found = hashlib.sha256(content).hexdigest()
            if found != self.sha256:
                raise ModelError(
                    f"weights are damaged: '{self.path}' has SHA-256 {found[:12]}..., "
                    f"its record says {self.sha256[:12]}...; {_cure(self)}"
                )
        return content

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

    def file(self, role: str) -> ModelFile:
        """Return the file with this role."""
        for each in self.files:
            if each.role == role:
                return each
        raise ModelError(f"model '{self.name}' has no {role}; it has {', '.join(f.role for f in self.files)}")

    @property
    def size(self) -> int:
        """Bytes on disk, as recorded."""
        return sum(each.size or 0 for each in self.files)


@cache
def records() -> dict[str, Record]:
    """Return the catalog: name -> record, in the order of the file."""
    try:
        parsed = tomllib.loads(CATALOG.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ModelError(f"cannot read the catalog '{CATALOG}' ({error}); reinstall restyle") from error
    return {name: _record(name, entry) for name, entry in parsed.items()}


def find(model: str | os.PathLike[str]) -> Record:
    """Return the record of a model by its name, or make one up for a folder of the user's own.

    Parameters
    ----------
    model : str or path
        A name of the catalog, or a folder with `style_encoder.onnx` and `transformer.onnx`, as
        `restyle export` writes it. Its presets, if any, are in its folder `styles`.

    Raises
    ------
    ModelError
        Neither a name nor such a folder.
    """
    known = records()
    if isinstance(model, str) and model in known:
        return known[model]
    folder = Path(model)
    if not folder.is_dir():
        names = ", ".join(f"'{name}'" for name, each in known.items() if each.method == "arbitrary")
        raise ModelError(f"no model '{model}': give a folder with exported weights, or one of {names}")
    roles = ("style_encoder", "transformer")
    for role in roles:
        if not (folder / f"{role}.onnx").is_file():
            raise ModelError(f"no model in '{folder}': there is no {role}.onnx; `restyle export` writes it")
    styles = folder / "styles"
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
    records.cache_clear()
    return changed


def _cure(file: ModelFile) -> str:
    return "reinstall restyle" if file.path.is_relative_to(HERE) else "export the model again"


def _record(name: str, entry: dict[str, Any]) -> Record:
    return Record(
        name=name,
        title=entry["title"],
        method=entry["method"],
        licence=entry["licence"],
        origin=entry["origin"],
        paper=entry["paper"],
        files=tuple(ModelFile(f["role"], HERE / f["path"], f["sha256"], f["bytes"]) for f in entry["files"]),
        styles=HERE / entry["styles"] if "styles" in entry else None,
        contract=entry.get("input"),
    )
