import pytest

from restyle.errors import OptionError
from restyle.study.settings import Span, combinations, label, parse_space, title


def test_values_have_the_type_of_their_option() -> None:
    vary = parse_space(
        ["kernel-size=3,5", "content-weight=0.2,1", "normalization=all,none", "optimizer=adam,sgd"]
    )
    assert vary == {
        "kernel_size": [3, 5],
        "content_weight": [0.2, 1.0],
        "normalization": ["all", "none"],
        "optimizer": ["adam", "sgd"],
    }


def test_semicolons_separate_lists_of_layers() -> None:
    assert parse_space(["style-layers=relu1_1,relu2_1; relu3_1"]) == {
        "style_layers": ["relu1_1,relu2_1", "relu3_1"]
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("depth=3", "'depth' is not one of"),
        ("kernel-size=4", "kernel-size 4 is even"),
        ("kernel-size=three", "not of type int"),
        ("kernel-size=", "write kernel-size=VALUE"),
        ("kernel-size=3..9", "--search optuna"),
        ("width=2", "outside 4"),
        ("steps=10,20", "'steps' is not one of"),
        ("normalization=some", "normalization"),
    ],
)
def test_invalid_values_are_one_line(text: str, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        parse_space([text], spans=False)


def test_all_combinations_or_some_of_them() -> None:
    vary = parse_space(["kernel-size=3,5,7", "width=8,16"])
    assert len(combinations(vary)) == 6
    assert combinations(vary)[1] == {"kernel_size": 3, "width": 16}
    some = combinations(vary, sample=4, seed=3)
    assert len(some) == 4
    assert some == combinations(vary, sample=4, seed=3) != combinations(vary, sample=4, seed=4)
    assert all(each in combinations(vary) for each in some)
    assert len(combinations(vary, sample=99)) == 6


def test_names_for_people_and_for_files() -> None:
    setting = {"kernel_size": 3, "style_layers": "relu1_1,relu2_1"}
    assert title(setting) == "kernel-size 3, style-layers relu1_1,relu2_1"
    assert title({"content_weight": 0.6385078921531967}) == "content-weight 0.6385"
    assert label(setting) == "kernel-size-3_style-layers-relu1_1+relu2_1"


def test_spans_have_the_type_of_their_option() -> None:
    space = parse_space(["content-weight=0.2..2", "width=16..64/8", "blocks=2..6", "normalization=all,none"])
    assert space == {
        "content_weight": Span(0.2, 2.0),
        "width": Span(16, 64, 8),
        "blocks": Span(2, 6),
        "normalization": ["all", "none"],
    }
    assert [str(space[name]) for name in ("content_weight", "width", "blocks")] == [
        "0.2..2",
        "16..64/8",
        "2..6",
    ]


def test_wide_spans_of_floats_are_logarithmic() -> None:
    assert Span(0.001, 0.1).logarithmic
    assert not Span(0.5, 1.5).logarithmic
    assert not Span(0.0, 1.0).logarithmic
    assert not Span(1, 100).logarithmic
    assert not Span(0.1, 10.0, 0.1).logarithmic


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("depth=1..3", "'depth' is not one of"),
        ("width=64..16", "write width=LOW..HIGH"),
        ("width=16..64/0", "write width=LOW..HIGH"),
        ("width=16..64/x", "write width=LOW..HIGH"),
        ("width=16..x", "not of type int"),
        ("width=2..16", "outside 4"),
        ("kernel-size=3..9/1", "kernel-size 4 is even"),
        ("normalization=all..none", "normalization is not a number"),
        ("steps=10..20", "'steps' is not one of"),
    ],
)
def test_invalid_spans_are_one_line(text: str, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        parse_space([text])
