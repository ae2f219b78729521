from pathlib import Path

from benchmarks.optimize.finished import Finished


def test_what_was_done_is_there_for_the_same_job_and_gone_for_another(tmp_path: Path) -> None:
    path = tmp_path / "new" / "rows.json"
    done = Finished(path, {"size": 512})
    assert done.rows() == {}
    done.add("a", 1.5)
    Finished(path, {"size": 512}).add("b", [1, 2])  # another process
    assert done.rows() == {"a": 1.5, "b": [1, 2]}
    other = Finished(path, {"size": 256})
    assert other.rows() == {}
    other.add("c", 3)
    assert (done.rows(), other.rows()) == ({}, {"c": 3})
