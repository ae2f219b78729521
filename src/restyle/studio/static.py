"""`restyle studio --static FOLDER`: write the page with an engine that runs in the browser.

The folder needs no server of restyle's: any host of static files will do. It holds the page, the graphs of
the methods `fast` and `paint`, the presets, and onnxruntime-web, which comes from the package `restyle-web`
(extra `web`) or from an unpacked npm package.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from restyle import __version__
from restyle.errors import InputError, MissingExtraError, OutputError
from restyle.files import flush, make_folder, reason
from restyle.images import color, resize
from restyle.images.looks import LOOKS, look_table
from restyle.methods import fast
from restyle.methods.paint import cleanup, matching, network, painter
from restyle.models import arbitrary, catalog
from restyle.models.style_files import preset_artwork, preset_files
from restyle.options.image import PHOTO_SIZE
from restyle.studio import CONTENT_SECURITY_POLICY, PAGE
from restyle.style import styles
from restyle.types import PathLike, from_unit

FORMAT = "restyle-studio-static/1"
MANIFEST = "manifest.json"
WORKER = "service-worker.js"
NPM = "onnxruntime-web"
# Of the npm package; the files for WebGPU are fetched by browsers that have it.
RUNTIME = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
WEBGPU = (
    "ort.webgpu.min.mjs",
    "ort-wasm-simd-threaded.asyncify.mjs",
    "ort-wasm-simd-threaded.asyncify.wasm",
)
LEFT_OUT = (
    "videos, sounds, colors of other photos, boxes around subjects, TIFF, HEIC and 16-bit pictures;"
    " `restyle studio` has them"
)
_MODULES = (
    arbitrary,
    fast,
    resize,
    color,
    painter,
    matching,
    cleanup,
    network,
)
_PART = re.compile(r"\.restyle-[0-9a-f]+\.part")


@dataclass(frozen=True)
class Site:
    """A site that was written."""

    folder: Path
    files: int
    size: int  # in bytes
    runtime: str  # name and version of the npm package


def write(folder: PathLike, runtime: PathLike | None = None) -> Site:
    """Write the site to a folder, or bring one that this function wrote up to date.

    Everything is written under a temporary name first, so that an error changes nothing. Files of the user
    beside those of the site are kept.

    Parameters
    ----------
    folder : path
        New, empty, or written by this function; else, or if it cannot be written, OutputError.
    runtime : path or None
        Folder of an unpacked npm package onnxruntime-web; else InputError. None takes the one of the extra
        `web`; MissingExtraError if it is not installed.
    """
    package = Path(runtime) if runtime is not None else _installed_runtime()
    name = _runtime_name(package)
    target = Path(folder)
    old = _own_files(target)
    made = not target.exists()
    make_folder(target)
    part = target / f".restyle-{secrets.token_hex(6)}.part"
    try:
        part.mkdir()
        _fill(part, package)
        manifest = _describe(part, name)
        _replace(part, target, manifest, old)
    except OSError as error:
        raise OutputError(f"cannot write the site to {target}: {reason(error)}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
        if made:
            with contextlib.suppress(OSError):
                target.rmdir()  # only if it is still empty: nothing was written
    files = manifest["files"]
    return Site(target, len(files) + 2, sum(each["bytes"] for each in files), name)


def _installed_runtime() -> Path:
    try:
        import restyle_web
    except ModuleNotFoundError:
        raise MissingExtraError("restyle studio --static", "web") from None
    return Path(restyle_web.folder())


def _runtime_name(package: Path) -> str:
    """Check that a folder is the npm package, and return its name and version."""
    try:
        about = json.loads((package / "package.json").read_text(encoding="utf-8"))
        name, version = about["name"], about["version"]
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(
            f"runtime '{package}' is not an unpacked npm package: it has no package.json; "
            f"run `npm pack {NPM}`, unpack the file, and give its folder `package`"
        ) from None
    if name != NPM:
        raise InputError(f"runtime '{package}' is the npm package '{name}'; restyle needs '{NPM}'")
    for file in (*RUNTIME, *WEBGPU):
        if not (package / "dist" / file).is_file():
            raise InputError(f"runtime '{package}' ({NPM} {version}) lacks dist/{file}; use another version")
    return f"{name} {version}"


def _own_files(target: Path) -> list[str]:
    """Return the files that an earlier run wrote to a folder; OutputError if it holds anything else."""
    if not target.exists():
        return []
    if not target.is_dir():
        raise OutputError(f"cannot write the site to {target}: it is a file; name a folder")
    try:
        manifest = json.loads((target / MANIFEST).read_text(encoding="utf-8"))
        if manifest["format"] == FORMAT:
            return [str(each["path"]) for each in manifest["files"]]
    except (OSError, ValueError, KeyError, TypeError):
        pass
    if all(_PART.fullmatch(each.name) for each in target.iterdir()):  # left by a run that was killed
        return []
    raise OutputError(
        f"cannot write the site to {target}: the folder is not empty, and no site of restyle's; "
        "name a new folder"
    )


def _fill(part: Path, package: Path) -> None:
    """Write all files but the manifest."""
    for path in _walk(PAGE):
        inner = path.relative_to(PAGE)
        if inner.parts[0] not in ("server", "index.html") and inner.name != WORKER:
            (part / "page" / inner).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, part / "page" / inner)
    (part / "index.html").write_text(_index(), encoding="utf-8")
    shutil.copyfile(PAGE / "browser" / WORKER, part / WORKER)
    models = part / "models"
    models.mkdir()
    (models / "engine.json").write_text(json.dumps(_engine(), ensure_ascii=False), encoding="utf-8")
    for name in (catalog.DEFAULT, network.MODEL):
        for file in catalog.find(name).files:
            prefix = "" if name == catalog.DEFAULT else "painter_"
            (models / f"{prefix}{file.role}.onnx").write_bytes(file.read())
    (models / "looks").mkdir()
    for name in LOOKS:
        table = from_unit(look_table(name).nodes, np.uint16).astype("<u2")
        (models / "looks" / f"{name}.bin").write_bytes(table.tobytes())
    (models / "artworks").mkdir()
    for style in preset_files(catalog.find(catalog.DEFAULT)).values():
        if artwork := preset_artwork(style):
            shutil.copyfile(artwork, models / "artworks" / artwork.name)
    (part / "runtime").mkdir()
    for each in (*RUNTIME, *WEBGPU):
        shutil.copyfile(package / "dist" / each, part / "runtime" / each)
    license_file = package / "LICENSE"
    if license_file.is_file():
        shutil.copyfile(license_file, part / "runtime" / "LICENSE")


def _index() -> str:
    """The page, with the engine in the browser and the policy that the server sends as a header."""
    text = (PAGE / "index.html").read_text(encoding="utf-8")
    engine = '<meta name="restyle-engine" content="server">'
    if engine not in text:
        raise OutputError(f"the page lacks {engine}; reinstall restyle")
    # A page cannot forbid by itself that others frame it.
    policy = re.sub(r";?\s*frame-ancestors[^;]*", "", CONTENT_SECURITY_POLICY)
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    return text.replace(engine, f"{engine.replace('server', 'browser')}\n{meta}")


def _engine() -> dict[str, Any]:
    """Constants of the methods and codes of the presets, for the engine in the browser."""
    model = arbitrary.load()
    constants: dict[str, Any] = {each.__name__.rpartition(".")[2]: _constants(each) for each in _MODULES}
    constants["image"] = {"PHOTO_SIZE": PHOTO_SIZE}
    constants["model"] = {
        "stride": int(model.transformer.setting("stride")),
        "statistics": model.transformer.width("stats_in"),
        "style_size": model.style_size,
    }
    presets = [
        {
            "name": style.name,
            "title": style.title,
            "artist": style.artist,
            "year": style.year,
            "kind": "painting",
            "artwork": f"models/artworks/{style.name}.jpg",
            "code": base64.b64encode(style.code.astype("<f4").tobytes()).decode("ascii"),
        }
        for style in styles()
    ]
    words = {"artist": "", "year": "", "kind": "look", "artwork": None}
    looks = [
        {"name": name, "title": look.title, "table": f"models/looks/{name}.bin", **words}
        for name, look in LOOKS.items()
    ]
    return {"constants": constants, "presets": presets, "looks": looks}


def _constants(module: ModuleType) -> dict[str, Any]:
    plain = (int, float, str)

    def is_constant(value: object) -> bool:
        if isinstance(value, dict):  # tables of objects are not for the browser
            return all(isinstance(each, plain) for each in value.values())
        return isinstance(value, (int, float, tuple, np.ndarray))

    return {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in vars(module).items()
        if re.fullmatch("[A-Z][A-Z0-9_]*", name) and is_constant(value)
    }


def _describe(part: Path, runtime: str) -> dict[str, Any]:
    """Return the manifest; its version, a hash of all files, goes into the service worker too."""
    worker = part / WORKER
    files = [_entry(part, path) for path in _walk(part) if path != worker]
    script = worker.read_text(encoding="utf-8")
    listing = json.dumps([files, script]).encode()
    version = hashlib.sha256(listing).hexdigest()[:16]
    worker.write_text(script.replace('"development"', f'"{version}"'), encoding="utf-8")
    return {"format": FORMAT, "version": version, "restyle": __version__, "runtime": runtime, "files": files}


def _walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path


def _entry(part: Path, path: Path) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "path": path.relative_to(part).as_posix(),
        "bytes": path.stat().st_size,
        "sha256": catalog.file_sha256(path),
    }
    return {**entry, "optional": "webgpu"} if path.name in WEBGPU else entry


def _replace(part: Path, target: Path, manifest: dict[str, Any], old: list[str]) -> None:
    """Move the files into place: the manifest first, so that an interrupted run can be repeated.

    The service worker comes last; until then, browsers keep the version that they have.
    """
    (part / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    new = [each["path"] for each in manifest["files"]]
    for path in (MANIFEST, *new, WORKER):
        flush(part / path)
    for path in (MANIFEST, *new, WORKER):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        os.replace(part / path, target / path)
    for path in set(old) - set(new):
        gone = target / path
        if gone.resolve().is_relative_to(target.resolve()):  # a manifest can be edited
            gone.unlink(missing_ok=True)
    for folder in sorted((each for each in target.rglob("*") if each.is_dir()), reverse=True):
        if folder.relative_to(target).parts[0] in ("page", "models", "runtime"):
            with contextlib.suppress(OSError):
                folder.rmdir()  # if it is empty now
