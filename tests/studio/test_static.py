"""The folder that `restyle studio --static` writes. Here onnxruntime-web is some small files."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from restyle.errors import InputError, MissingExtraError, OutputError
from restyle.studio import static
from restyle.studio.static import write
from restyle.style import styles
from tests.command_line import restyle


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder with the names of the npm package's files."""
    folder = tmp_path / "package"
    (folder / "dist").mkdir(parents=True)
    (folder / "package.json").write_text('{"name": "onnxruntime-web", "version": "9.8.7"}')
    for name in (*static.RUNTIME, *static.WEBGPU):
        (folder / "dist" / name).write_text(f"content of {name}")
    return folder


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_manifest_lists_every_file(tmp_path: Path, package: Path) -> None:
    site = write(tmp_path / "site", package)
    manifest = read(site.folder / "manifest.json")
    found = contents(site.folder)
    listed = {each["path"]: each for each in manifest["files"]}
    assert set(listed) == set(found) - {"manifest.json", "service-worker.js"}
    for path, entry in listed.items():
        assert entry["sha256"] == hashlib.sha256(found[path]).hexdigest()
        assert entry["bytes"] == len(found[path])
        assert (entry.get("optional") == "webgpu") == (Path(path).name in static.WEBGPU)
    assert site.files == len(found)
    assert site.size == sum(each["bytes"] for each in manifest["files"])
    assert site.runtime == manifest["runtime"] == "onnxruntime-web 9.8.7"
    assert f'const VERSION = "{manifest["version"]}"'.encode() in found["service-worker.js"]


def test_page_uses_the_engine_in_the_browser(tmp_path: Path, package: Path) -> None:
    site = write(tmp_path / "site", package).folder
    page = (site / "index.html").read_text(encoding="utf-8")
    assert '<meta name="restyle-engine" content="browser">' in page
    assert "script-src 'self' 'wasm-unsafe-eval'" in page
    assert "frame-ancestors" not in page
    assert (site / "page" / "browser" / "engine.js").is_file()
    assert not (site / "page" / "server").exists()


def test_files_refer_to_files_of_the_site(tmp_path: Path, package: Path) -> None:
    """No module imports, and no page names, a file that is not there or another host."""
    site = write(tmp_path / "site", package).folder
    for path in [*site.glob("page/**/*.js"), site / "index.html"]:
        text = path.read_text(encoding="utf-8")
        names = re.findall(r"""(?:from|src=|href=|import\() ?["'](\.{0,2}/?[\w./-]+)["']""", text)
        missing = [name for name in names if not (path.parent / name).exists()]
        assert not missing, path
        assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", text), path


def test_engine_has_codes_and_constants(tmp_path: Path, package: Path) -> None:
    site = write(tmp_path / "site", package).folder
    engine = read(site / "models" / "engine.json")
    known = {style.name: style for style in styles()}
    assert [each["name"] for each in engine["presets"]] == list(known)
    for each in engine["presets"]:
        code = np.frombuffer(base64.b64decode(each["code"]), "<f4")
        np.testing.assert_array_equal(code, known[each["name"]].code)
        assert (site / each["artwork"]).is_file()
    # Every constant that a script uses is there.
    for script in (site / "page" / "browser").glob("*.js"):
        text = script.read_text(encoding="utf-8")
        text = re.sub(r"const P = C\.painter;", "", text).replace("P.", "C.painter.")
        for module, name in re.findall(r"\bC\.(\w+)\.(\w+)", text):
            assert name in engine["constants"][module], f"{script.name} uses C.{module}.{name}"


def test_update_keeps_files_of_the_user(tmp_path: Path, package: Path) -> None:
    target = tmp_path / "site"
    write(target, package)
    first = read(target / "manifest.json")
    (target / "CNAME").write_text("example.org")
    gone = target / "page" / "old" / "gone.js"
    gone.parent.mkdir()
    gone.write_text("old")
    changed = {
        **first,
        "files": [*first["files"], {"path": "page/old/gone.js"}, {"path": "../package/package.json"}],
    }
    (target / "manifest.json").write_text(json.dumps(changed))
    (package / "dist" / static.RUNTIME[0]).write_text("newer")
    write(target, package)
    second = read(target / "manifest.json")
    assert second["version"] != first["version"]
    assert (target / "CNAME").read_text() == "example.org"
    assert not gone.parent.exists()
    assert (package / "package.json").is_file()  # outside the site
    assert (target / "runtime" / static.RUNTIME[0]).read_text() == "newer"
    write(target, package)
    assert read(target / "manifest.json") == second


@pytest.mark.parametrize("content", ["", '{"format": "another"}', '{"name": "app"}'])
def test_another_folder_is_refused(tmp_path: Path, package: Path, content: str) -> None:
    target = tmp_path / "other"
    target.mkdir()
    (target / "manifest.json").write_text(content)
    with pytest.raises(OutputError, match="the folder is not empty"):
        write(target, package)
    assert contents(target) == {"manifest.json": content.encode()}
    with pytest.raises(OutputError, match="it is a file"):
        write(target / "manifest.json", package)


def test_failure_leaves_nothing(tmp_path: Path, package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "site"

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", fail)
        with pytest.raises(OutputError, match="the disk is full"):
            write(target, package)
        assert not target.exists()
    write(target, package)
    before = contents(target)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", fail)
        with pytest.raises(OutputError, match="the disk is full"):
            write(target, package)
    assert contents(target) == before


def test_killed_run_is_repeated(tmp_path: Path, package: Path) -> None:
    target = tmp_path / "site"
    (target / ".restyle-0123456789ab.part").mkdir(parents=True)
    assert write(target, package).files > 50


def test_runtime_is_checked(tmp_path: Path, package: Path) -> None:
    (package / "dist" / static.WEBGPU[0]).unlink()
    with pytest.raises(InputError, match=r"onnxruntime-web 9\.8\.7\) lacks dist/ort\.webgpu"):
        write(tmp_path / "site", package)
    (package / "package.json").write_text('{"name": "left-pad", "version": "1"}')
    with pytest.raises(InputError, match="is the npm package 'left-pad'"):
        write(tmp_path / "site", package)
    with pytest.raises(InputError, match="is not an unpacked npm package"):
        write(tmp_path / "site", tmp_path / "nothing")
    assert not (tmp_path / "site").exists()


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "restyle_web", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'restyle\[web\]'"):
        write(tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_command(tmp_path: Path, package: Path) -> None:
    done = restyle(tmp_path, "studio", "--static", "site", "--runtime", str(package))
    assert done.returncode == 0, done.stderr
    assert re.search(r"site: \d+ files, \d+ MB, with onnxruntime-web 9\.8\.7", done.stdout)
    assert "python -m http.server --directory site" in done.stdout
    assert "It has no videos" in done.stdout
    done = restyle(tmp_path, "studio", "--runtime", str(package))
    assert done.returncode != 0
    assert "add static FOLDER" in done.stderr


def test_product_graph_is_what_the_script_builds() -> None:
    script = pytest.importorskip("scripts.browser_graph", reason="needs the extra torch (onnx)")
    assert script.GRAPH.read_bytes() == script.build()
