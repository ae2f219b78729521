"""The facts that a report states."""

import subprocess
from pathlib import Path

from benchmarks import machine


def test_states_processor_cores_versions_and_commit() -> None:
    facts = machine.describe()
    assert int(facts["cores"]) == machine.cores() >= 1
    assert all(facts[library] for library in machine.LIBRARIES)
    assert facts["processor"]
    assert facts["commit"]


def repository(folder: Path) -> Path:
    """Make a repository with one commit."""
    folder.mkdir()
    for words in ("init -q", "-c user.name=a -c user.email=b commit -q --allow-empty -m one"):
        subprocess.run(["git", *words.split()], cwd=folder, check=True)
    return folder


def test_a_clone_has_a_commit_and_an_enclosing_repository_does_not_count(tmp_path: Path) -> None:
    root = repository(tmp_path / "clone")
    own = root / "src" / "restyle"
    own.mkdir(parents=True)
    assert "unknown" not in machine.commit(root, own)
    installed = root / ".venv" / "site-packages" / "restyle"
    installed.mkdir(parents=True)
    assert machine.commit(root, installed).startswith("unknown: restyle is imported from")
    assert machine.commit(installed.parent, installed) == "unknown: not a clone"
    assert machine.commit(tmp_path, own) == "unknown: not a clone"
