"""The steps of the Dockerfile in a plain folder: what it copies is enough, and runs without any privilege."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import time
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
USER = 10001


def steps() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile: (word, rest)."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines]


def test_container_has_no_privilege_and_what_the_build_needs() -> None:
    words = dict(steps())
    assert words["USER"] == f"{USER}:{USER}"
    assert "healthz" in words["HEALTHCHECK"]
    bases = [rest.split()[0] for word, rest in steps() if word == "FROM"]
    assert all(re.fullmatch(r"python:3\.\d+-slim", base) for base in bases)
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    copied = {
        name
        for word, rest in steps()
        if word == "COPY" and "--from" not in rest
        for name in rest.split()[:-1]
    }
    assert {f"!{name}" for name in copied} <= set(ignored)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {project["readme"], *project["license-files"]} <= copied
    compose = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    assert "read_only: true" in compose
    assert "cap_drop: [ALL]" in compose


@pytest.mark.wheel
def test_steps_in_a_plain_folder(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "restyle"
    source.mkdir()
    for word, rest in steps():
        if word == "COPY" and "--from" not in rest:
            *names, place = rest.split()
            for name in names:
                if (ROOT / name).is_dir():
                    shutil.copytree(ROOT / name, source / place, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy(ROOT / name, source / place / name)
        elif word == "RUN":
            clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
            command = shlex.split(rest.replace("/opt/restyle", str(target)))
            clean["PIP_NO_COMPILE"] = "1"  # only a part of it is imported
            subprocess.run(command, cwd=source, env=clean, check=True, capture_output=True)

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    words = {word: rest.replace("7860", port) for word, rest in steps()}
    command = [*json.loads(words["ENTRYPOINT"]), *json.loads(words["CMD"])]
    check = json.loads(words["HEALTHCHECK"].partition("CMD ")[2])
    home = tmp_path / "home"
    home.mkdir()
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    home.chmod(0o777)
    environment = {
        "PATH": f"{target}/bin:/usr/bin:/bin",
        "HOME": str(home),
        "TMPDIR": str(home),
        "RESTYLE_TOKEN": "word",
    }
    # Another user cannot run an interpreter below a private folder, such as root's home.
    interpreter = (target / "bin" / "python").resolve()
    reachable = all(folder.stat().st_mode & 0o001 for folder in interpreter.parents)
    drop = os.getuid() == 0 and reachable
    user = {"user": USER, "group": USER, "extra_groups": []} if drop else {}
    server = subprocess.Popen(command, cwd="/", env=environment, stdout=subprocess.PIPE, text=True, **user)  # type: ignore[call-overload]
    try:
        for _ in range(600):
            if subprocess.run(check, env=environment, capture_output=True, check=False).returncode == 0:
                break
            time.sleep(0.5)
        photo = ROOT / "docs" / "photos" / "astronaut.jpg"
        form = ["-F", f"content=@{photo}", "-F", "style=great-wave", "-F", "size=128"]
        address = f"http://127.0.0.1:{port}/v1/images"
        asked = ["curl", "-s", "-o", str(tmp_path / "art.jpg"), "-w", "%{http_code}", *form, address]
        assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout == "401"
        asked += ["-H", "Authorization: Bearer word"]
        assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout == "200"
        assert (tmp_path / "art.jpg").read_bytes()[:3] == b"\xff\xd8\xff"
    finally:
        server.terminate()
        server.communicate(timeout=300)
    assert server.returncode == 0
    assert not list(home.iterdir())  # it has cleaned up
