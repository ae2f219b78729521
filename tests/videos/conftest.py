"""What tests of films share."""

from __future__ import annotations

from typing import Any

import pytest

from restyle.models.arbitrary import Arbitrary
from restyle.types import FloatArray


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """(height, width) of each picture that the fast network paints, from here on."""
    found: list[tuple[int, ...]] = []
    paint = Arbitrary.stylize

    def watched(self: Arbitrary, content: FloatArray, *rest: Any) -> FloatArray:
        found.append(content.shape[:2])
        return paint(self, content, *rest)

    monkeypatch.setattr(Arbitrary, "stylize", watched)
    return found
