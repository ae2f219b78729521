"""Rows of an evaluation, as tests of reports and of the leaderboard need them."""

from restyle.evaluate.summary import RowSummary, mean_interval

FACTS = {
    "date": "2026-11-22",
    "encoder": "encoder-1 (abc)",
    "size": "512 px on the short side",
    "processor": "abacus",
    "cores": "4",
    "commit": "1234567",
}


def measured_row(version: str, style: float) -> RowSummary:
    pairs = {f"c{index}__s": {"style": style + index / 1000} for index in range(5)}
    figures = {"style": mean_interval([each["style"] for each in pairs.values()])}
    facts = {"model": "arbitrary-1", "version": version, "settings": "strength=1"} if version else {}
    return RowSummary("arbitrary-1 strength=1" if version else "copy content", facts, figures, pairs)
