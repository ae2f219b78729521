"""Build hook: fetch the pinned onnxruntime-web by npm, and put its files into the wheel."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HERE = Path(__file__).parent


class NpmBuildHook(BuildHookInterface[Any]):
    """Adds the npm package to the wheel as the folder `restyle_web/package`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Fetch the files into a temporary folder, which `finalize` removes."""
        self._temporary = tempfile.mkdtemp()
        package = Path(self._temporary) / "package"
        fetch(package)
        build_data["force_include"][str(package)] = "restyle_web/package"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the temporary folder."""
        shutil.rmtree(self._temporary, ignore_errors=True)


def pinned() -> dict[str, Any]:
    """Return the pinned version of the npm package, its hash, and the files that are taken."""
    about = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))
    return {"version": about["project"]["version"], **about["tool"]["restyle-web"]}


def fetch(folder: Path) -> None:
    """Write the files of the pinned npm package to a new folder.

    Raises
    ------
    RuntimeError
        npm is missing or fails, or the archive is not the pinned one.
    """
    package, integrity, files = (pinned()[key] for key in ("package", "integrity", "files"))
    npm = shutil.which("npm")
    if npm is None:
        raise RuntimeError("npm is not installed; it fetches onnxruntime-web")
    with tempfile.TemporaryDirectory() as temporary:
        command = [npm, "pack", "--silent", package]
        done = subprocess.run(command, cwd=temporary, capture_output=True, text=True, timeout=300)
        archives = list(Path(temporary).glob("*.tgz"))
        if done.returncode or len(archives) != 1:
            last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise RuntimeError(f"npm cannot fetch {package}: {last}")
        digest = base64.b64encode(hashlib.sha512(archives[0].read_bytes()).digest()).decode()
        if f"sha512-{digest}" != integrity:
            raise RuntimeError(f"{package} is not the pinned archive: its hash is sha512-{digest}")
        with tarfile.open(archives[0]) as archive:
            for name in files:
                file = archive.extractfile(f"package/{name}")
                if file is None:
                    raise RuntimeError(f"{package} lacks {name}")
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(file.read())
    shutil.copyfile(HERE / "LICENSE", folder / "LICENSE")
