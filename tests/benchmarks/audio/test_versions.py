from __future__ import annotations

import pytest

from benchmarks.audio.versions import SOURCES, bare, version


def test_only_what_runs_counts() -> None:
    code = '"""What."""\n\ndef f(x):\n    """Why."""\n    return x  # how\n'
    assert bare(code) == bare("def f(x):\n    return x\n")
    assert bare(code) != bare("def f(x):\n    return -x\n")
    assert bare('class A:\n    """Only words."""\n') == bare("class A:\n    pass\n")


@pytest.mark.parametrize("method", SOURCES)
def test_methods_have_a_version(method: str) -> None:
    found = version(method)
    assert found is not None
    assert len(found) == 12
    assert version("ulyanov") is None
