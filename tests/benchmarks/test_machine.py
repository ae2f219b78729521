"""The facts that a report states."""

from benchmarks import machine


def test_states_processor_cores_and_versions() -> None:
    facts = machine.describe()
    assert int(facts["cores"]) == machine.cores() >= 1
    assert all(facts[library] for library in machine.LIBRARIES)
    assert facts["processor"]
    assert facts["commit"]
