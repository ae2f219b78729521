"""Spans of numbers that a search chooses from."""

import pytest

from restyle.errors import OptionError
from restyle.study.space import Span, parse_space


def test_spans_have_the_type_of_their_option_and_values_stay_values() -> None:
    space = parse_space(["content-weight=0.2..2", "width=16..64/8", "blocks=2..6", "normalisation=all,none"])
    assert space == {
        "content_weight": Span(0.2, 2.0),
        "width": Span(16, 64, 8),
        "blocks": Span(2, 6),
        "normalisation": ["all", "none"],
    }
    assert [str(space[name]) for name in ("content_weight", "width", "blocks")] == [
        "0.2..2",
        "16..64/8",
        "2..6",
    ]


def test_wide_spans_of_floats_are_searched_by_their_logarithm() -> None:
    assert Span(0.001, 0.1).logarithmic
    assert not Span(0.5, 1.5).logarithmic
    assert not Span(0.0, 1.0).logarithmic
    assert not Span(1, 100).logarithmic
    assert not Span(0.1, 10.0, 0.1).logarithmic


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("depth=1..3", "'depth' is none of"),
        ("width=64..16", "write width=LOW..HIGH"),
        ("width=16..64/0", "write width=LOW..HIGH"),
        ("width=16..64/x", "write width=LOW..HIGH"),
        ("width=16..x", "not of type int"),
        ("width=2..16", "outside 4"),
        ("kernel-size=3..9/1", "kernel-size 4 is even"),
        ("normalisation=all..none", "normalisation is no number"),
        ("steps=10..20", "'steps' is none of"),
    ],
)
def test_what_is_no_span_is_one_line(text: str, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        parse_space([text])
