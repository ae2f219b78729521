"""Build and check what a release publishes, into dist/.

    python -m scripts.release                    sdist, wheel, bill of materials, conda and Homebrew files;
                                                 checks the files that a repository needs
    python -m scripts.release --smoke PYTHON     also install the wheel alone for each PYTHON and run it
    python -m scripts.release --lowest           also with the lowest allowed versions of all dependencies
    python -m scripts.release --lowest flow      and with those of an extra; see EXTRAS
    python -m scripts.release --resolve 3.14     do all dependencies have wheels for that Python?

Needs `build`, `twine`, `pyyaml` and, for --lowest and --resolve, `uv`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).parent.parent
LARGEST_WHEEL = 60e6  # bytes
SMOKE = (
    ["--version"],
    ["styles"],
    ["image", "photo.png", "--style", "great-wave", "--method", "fast", "-o", "fast.png"],
    ["image", "photo.png", "--style", "great-wave", "--method", "paint", "-o", "paint.png"],
    ["compare", "fast.png", "great-wave"],
    ["video", "clip.gif", "--style", "great-wave", "-o", "clip.mp4"],
    ["audio", "rain.wav", "--style", "bells", "-o", "bells.wav"],
)
# What the commands need: a disc on a gradient, a moving picture of it, and noise.
PICTURES = """
from PIL import Image, ImageDraw
image = Image.linear_gradient("L").convert("RGB")
ImageDraw.Draw(image).ellipse((80, 80, 160, 160), "orange")
image.save("photo.png")
image.save("clip.gif", save_all=True, append_images=[image.rotate(10), image.rotate(20)])

import numpy as np
import soundfile
soundfile.write("rain.wav", np.random.default_rng(0).normal(0, 0.1, 22050), 22050)
"""
# What an extra adds, as commands of restyle or lines of Python. Those with PyTorch are left out: its wheels
# for CPUs are not on PyPI.
EXTRAS = {
    "plots": (["compare", "photo.png", "fast.png", "paint.png", "-o", "charts"],),
    "flow": (
        ["image", "photo.png", "-s", "scream", "--region", "box:20%,20%,50%,50%=keep", "-o", "box.png"],
        ["video", "clip.gif", "-s", "scream", "--steady", "flow", "-o", "flow.mp4"],
    ),
    "studio": (
        "from restyle.options.studio import StudioOptions; from restyle.studio.server import make_app;"
        " assert make_app(StudioOptions()).openapi()['paths']",
    ),
    "cluster": (["batch", "photo.png", "-s", "scream", "--method", "fast", "--engine", "ray", "-o", "out"],),
    "keras": (
        "import numpy as np; from restyle.keras import StyleNetwork;"
        " assert StyleNetwork(width=4, blocks=1).predict(np.zeros((1, 32, 32, 3), np.float32)).shape[0] == 1",
    ),
}

# What a repository that others use has, besides code and docs.
FILES = (
    "LICENSE",
    "README.md",
    "README.zh-CN.md",
    "CHANGELOG.md",
    "CITATION.cff",
    "CONTRIBUTING.md",
    "SECURITY.md",
    ".github/ISSUE_TEMPLATE/bug.yml",
    ".github/ISSUE_TEMPLATE/idea.yml",
    ".github/workflows/ci.yml",
)


def repository_faults(root: Path, version: str) -> list[str]:
    """What a release of this version lacks: files, a changelog entry, scripts that the workflows call."""
    faults = [f"{name} is missing" for name in FILES if not (root / name).is_file()]
    if faults:
        return faults
    texts = {name: (root / name).read_text(encoding="utf-8") for name in FILES}
    newest = re.search(r"^## \[(.+?)\] - \d{4}-\d\d-\d\d$", texts["CHANGELOG.md"], re.MULTILINE)
    for name, found in (
        ("CHANGELOG.md", newest and newest[1]),
        ("CITATION.cff", yaml.safe_load(texts["CITATION.cff"])["version"]),
    ):
        if found != version:
            faults.append(f"{name} is of version {found}, the package of {version}")
    for name, text in texts.items():
        if name.startswith(".github/ISSUE_TEMPLATE"):
            form = yaml.safe_load(text)
            faults += [f"{name} has no {key}" for key in ("name", "description", "body") if not form.get(key)]
    jobs = yaml.safe_load(texts[".github/workflows/ci.yml"])["jobs"]
    for command in (step["run"] for job in jobs.values() for step in job["steps"] if "run" in step):
        script = re.match(r"(?:python -m )?((?:scripts|\.ci)[./]\w+)", command)
        path = script[1].replace("scripts.", "scripts/") if script else ""
        known = any((root / f"{path}{suffix}").is_file() for suffix in ("", ".py"))
        if not known and not command.startswith("python -m pip install "):
            faults.append(f"the workflow runs what is no script of the repository: {command}")
    return faults


def package_faults(recipe: str, formula: str, version: str, sdist: Path) -> list[str]:
    """What is wrong with the conda recipe and the Homebrew formula, as files."""
    digest = hashlib.sha256(sdist.read_bytes()).hexdigest()
    read = yaml.safe_load(recipe)
    named = dict(re.findall(r'^  (\w+) "(.+)"$', formula, re.MULTILINE))
    opened = len(re.findall(r"^ *(?:class|def|test do)\b", formula, re.MULTILINE))
    checks = {
        "recipe.yaml: version": read["package"]["version"] == version,
        "recipe.yaml: sha256": read["source"]["sha256"] == digest,
        "recipe.yaml: requirements": len(read["requirements"]["run"]) == 1 + len(requirements()),
        "restyle.rb: version": named.get("version") == version,
        "restyle.rb: sha256": named.get("sha256") == digest,
        "restyle.rb: url": named.get("url", "").endswith(sdist.name),
        "restyle.rb: blocks": opened == len(re.findall(r"^ *end$", formula, re.MULTILINE)),
    }
    return [name for name, right in checks.items() if not right]


def build(folder: Path) -> tuple[Path, Path]:
    """Build both archives, check their metadata, and return (sdist, wheel)."""
    folder.mkdir(exist_ok=True)
    for old in folder.glob("restyle-*"):
        old.unlink()
    run([sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT)], quiet=True)
    (sdist,), (wheel,) = folder.glob("restyle-*.tar.gz"), folder.glob("restyle-*.whl")
    run([sys.executable, "-m", "twine", "check", "--strict", str(sdist), str(wheel)])
    return sdist, wheel


def contents(archive: Path) -> Counter[str]:
    """Print and return the bytes in each folder of an archive, two levels deep."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            sizes = {entry.filename: entry.file_size for entry in wheel.infolist()}
    else:
        with tarfile.open(archive) as sdist:
            sizes = {entry.name.partition("/")[2]: entry.size for entry in sdist if entry.isfile()}
    folders: Counter[str] = Counter()
    for name, size in sizes.items():
        folders["/".join(name.split("/")[:-1][:3]) or "."] += size
    print(f"\n{archive.name}: {archive.stat().st_size / 1e6:.1f} MB, {len(sizes)} files")
    for name, size in folders.most_common(12):
        print(f"  {size / 1e6:8.2f} MB  {name}")
    return folders


def bill_of_materials(wheel: Path, version: str) -> dict[str, Any]:
    """CycloneDX 1.6: what the wheel bundles, with license and hash, and what it requires."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    catalog = tomllib.loads((ROOT / "src/restyle/models/catalog.toml").read_text(encoding="utf-8"))
    presets = tomllib.loads((ROOT / "scripts/presets.toml").read_text(encoding="utf-8"))["preset"]
    parts: list[dict[str, Any]] = []
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        for name, model in catalog.items():
            files = [f"restyle/models/{each['path']}" for each in model.get("files", []) if "path" in each]
            for path in (each for each in files if each in names):
                parts.append(
                    component("machine-learning-model", f"{name}: {Path(path).name}", archive.read(path))
                    | {"licenses": [{"license": {"id": model["license"]}}]}
                )
        listed = {
            f"restyle/models/{each['path']}"
            for model in catalog.values()
            for each in model.get("files", [])
            if "path" in each
        }
        for path in sorted(names - listed):
            if path.endswith((".onnx", ".safetensors", ".npz")):
                parts.append(
                    component("file", path, archive.read(path)) | {"licenses": [{"license": {"id": "MIT"}}]}
                )
        for preset in presets:
            path = f"restyle/models/artworks/{preset['name']}.jpg"
            if path in names:
                made = ", ".join(part for part in (preset["artist"], preset["year"]) if part)
                title = f"{preset['title']} ({made})"
                parts.append(
                    component("data", title, archive.read(path))
                    | {"licenses": [{"license": {"name": "Public domain"}}]}
                )
    for requirement in project["dependencies"]:
        name = re.split(r"[<>=!~\[ ]", requirement, maxsplit=1)[0]
        parts.append(
            {"type": "library", "name": name, "version": requirement.removeprefix(name), "scope": "required"}
        )
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "restyle", "version": version}},
        "components": parts,
    }


def component(kind: str, name: str, content: bytes) -> dict[str, Any]:
    """A bundled file."""
    digest = hashlib.sha256(content).hexdigest()
    return {"type": kind, "name": name, "hashes": [{"alg": "SHA-256", "content": digest}]}


def conda_recipe(version: str, sdist: Path) -> str:
    """A recipe for rattler-build or conda-build 3 (recipe.yaml)."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    # Names that differ on conda-forge.
    renamed = {"av": "av", "soundfile": "pysoundfile", "pyvips-binary": "libvips", "pi-heif": "pi_heif"}
    needs = []
    for requirement in project["dependencies"]:
        name = re.split(r"[<>=!~\[ ]", requirement, maxsplit=1)[0]
        needs.append(f"    - {renamed.get(name, name)} {requirement.removeprefix(name)}")
    return f"""schema_version: 1
package:
  name: restyle
  version: "{version}"
source:
  path: {sdist.name}
  sha256: {hashlib.sha256(sdist.read_bytes()).hexdigest()}
build:
  noarch: python
  script: python -m pip install . --no-deps --no-build-isolation
requirements:
  host:
    - python >=3.11
    - pip
    - hatchling >=1.25
  run:
    - python >=3.11
{chr(10).join(needs)}
tests:
  - python:
      imports: [restyle]
  - script:
      - restyle styles
about:
  summary: {json.dumps(project["description"])}
  license: MIT
  license_file: LICENSE
"""


def homebrew_formula(version: str, sdist: Path) -> str:
    """A formula that installs the published archive into an environment of its own."""
    digest = hashlib.sha256(sdist.read_bytes()).hexdigest()
    return f"""class Restyle < Formula
  include Language::Python::Virtualenv

  desc "Style transfer for pictures, videos and sounds, offline"
  # The release replaces this with the address of the archive.
  url "file:///restyle/{sdist.name}"
  version "{version}"
  sha256 "{digest}"
  license "MIT"

  depends_on "python@3.13"

  def install
    system "python3.13", "-m", "venv", libexec
    system libexec/"bin/python", "-m", "pip", "install", buildpath
    bin.install_symlink libexec/"bin/restyle"
  end

  test do
    assert_match version.to_s, shell_output("#{{bin}}/restyle --version")
    assert_match "great-wave", shell_output("#{{bin}}/restyle styles")
  end
end
"""


def requirements(extra: str = "") -> list[str]:
    """What the base or an extra requires, from pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [*project["dependencies"], *(project["optional-dependencies"][extra] if extra else [])]


def resolve(version: str) -> None:
    """Check that the dependencies, also those of `EXTRAS`, have wheels for a version of Python."""
    with tempfile.TemporaryDirectory() as name:
        wanted = Path(name, "requirements.in")
        for extra in ("", *EXTRAS):
            wanted.write_text("\n".join(requirements(extra)), encoding="utf-8")
            # pyvips is published as source only; it has no compiled part.
            binary = ["--only-binary", ":all:", "--no-binary", "pyvips"]
            options = ["--quiet", "--python-version", version, *binary]
            run([sys.executable, "-m", "uv", "pip", "compile", *options, str(wanted)], quiet=True)
            print(f"resolve: {extra or 'base'} has wheels for Python {version}")


def smoke(wheel: Path, python: str, lowest: bool = False, extra: str = "") -> None:
    """Install the wheel alone in a fresh environment of an interpreter, and run its commands."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run([python, "-m", "venv", str(folder / "venv")])
        program = folder / "venv" / "bin"
        if lowest:
            command = ["uv", "pip", "install", "--quiet", "--resolution", "lowest-direct"]
            wanted = ["--python", str(program / "python"), *requirements(extra), str(wheel)]
            run([sys.executable, "-m", *command, *wanted])
        else:
            run([str(program / "python"), "-m", "pip", "install", "--quiet", str(wheel)])
        run([str(program / "python"), "-c", PICTURES], folder)
        commands = [*SMOKE, *EXTRAS.get(extra, ())]
        for words in commands:
            call = ["python", "-c", words] if isinstance(words, str) else ["restyle", *words]
            run([str(program / call[0]), *call[1:]], folder, quiet=True)
        versions = subprocess.run(
            [str(program / "python"), "-m", "pip", "list", "--format=freeze"],
            capture_output=True,
            text=True,
            check=True,
        )
        kind = f", lowest versions{', extra ' + extra if extra else ''}" if lowest else ""
        print(f"smoke: {python}{kind}: {len(commands)} commands passed")
        print("  " + ", ".join(versions.stdout.split()))


def run(command: list[str], folder: Path = ROOT, quiet: bool = False) -> None:
    """Run a command; a failure ends the script with the command's own message."""
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(command, cwd=folder, env=clean, capture_output=quiet, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed\n{done.stdout or ''}{done.stderr or ''}")


def main() -> None:
    """Build, check and write everything."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--smoke", nargs="+", default=[], metavar="PYTHON")
    parser.add_argument("--lowest", nargs="*", choices=[*EXTRAS], metavar="EXTRA")
    parser.add_argument("--resolve", nargs="+", default=[], metavar="VERSION")
    arguments = parser.parse_args()
    folder = ROOT / "dist"
    sdist, wheel = build(folder)
    version = wheel.name.split("-")[1]
    contents(sdist)
    inside = contents(wheel)
    strange = [name for name in inside if not name.startswith(("restyle", "."))]
    if strange or wheel.stat().st_size > LARGEST_WHEEL:
        raise SystemExit(f"the wheel holds {strange or 'too much'}")
    written = {
        f"restyle-{version}.cdx.json": json.dumps(
            bill_of_materials(wheel, version), indent=1, ensure_ascii=False
        ),
        "recipe.yaml": conda_recipe(version, sdist),
        "restyle.rb": homebrew_formula(version, sdist),
    }
    faults = repository_faults(ROOT, version)
    faults += package_faults(written["recipe.yaml"], written["restyle.rb"], version, sdist)
    if faults:
        raise SystemExit("\n".join(faults))
    for name, text in written.items():
        (folder / name).write_text(text, encoding="utf-8")
        print(f"dist/{name}")
    for python in arguments.smoke:
        smoke(wheel, python)
    for extra in ("", *arguments.lowest) if arguments.lowest is not None else ():
        smoke(wheel, sys.executable, lowest=True, extra=extra)
    for version in arguments.resolve:
        resolve(version)


if __name__ == "__main__":
    main()
