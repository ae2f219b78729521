"""Plain tables."""

from restyle.cli.table import table


def test_columns_are_aligned_and_lines_not_padded() -> None:
    text = table(["name", "year"], [["a", "1"], ["longer name", ""]])
    assert text.splitlines() == ["name         year", "a            1", "longer name"]


def test_wide_characters_take_two_columns() -> None:
    lines = table(["a", "b"], [["神奈川", "x"], ["e\u0301e", "y"]]).splitlines()
    assert lines == ["a       b", "神奈川  x", "e\u0301e      y"]
