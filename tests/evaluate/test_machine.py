"""The facts that a report states."""

from pathlib import Path

from restyle.evaluate import machine


def test_states_processor_cores_versions_and_commit() -> None:
    facts = machine.describe()
    assert int(facts["cores"]) == machine.cores() >= 1
    assert facts["processor"]
    assert facts["restyle"]
    assert facts["commit"]


def test_outside_a_clone_there_is_no_commit(tmp_path: Path) -> None:
    assert machine.commit(tmp_path) == "unknown: not a clone"
