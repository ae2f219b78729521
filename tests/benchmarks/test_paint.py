"""The benchmark of paint: photos of the right size, and a row of medians."""

from pathlib import Path

import pytest
from PIL import Image

from benchmarks import paint
from benchmarks.large import Cost


def test_rows_are_medians_and_the_most_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = iter([Cost(3.0, 5.0, 1.0), Cost(1.0, 6.0, 1.25), Cost(2.0, 4.0, 0.5)])
    seen = []

    def cost(*words: str) -> Cost:
        with Image.open(words[0]) as photo:
            seen.append((photo.size, words[words.index("--method") + 1]))
        return next(runs)

    monkeypatch.setattr(paint, "cost", cost)
    assert paint.measure(tmp_path, ["48x32"], 3, []) == ["| 48x32 | 2.0 | 5.0 | 1.25 |"]
    assert seen == [((48, 32), "paint")] * 3
