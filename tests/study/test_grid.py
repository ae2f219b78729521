import pytest

from restyle.errors import OptionError
from restyle.study.grid import label, parse_vary, settings, shown


def test_values_have_the_type_of_their_option() -> None:
    vary = parse_vary(
        ["kernel-size=3,5", "content-weight=0.2,1", "normalisation=all,none", "optimizer=adam,sgd"]
    )
    assert vary == {
        "kernel_size": [3, 5],
        "content_weight": [0.2, 1.0],
        "normalisation": ["all", "none"],
        "optimizer": ["adam", "sgd"],
    }


def test_lists_of_layers_are_divided_by_semicolons() -> None:
    assert parse_vary(["style-layers=relu1_1,relu2_1; relu3_1"]) == {
        "style_layers": ["relu1_1,relu2_1", "relu3_1"]
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("depth=3", "'depth' is none of batch|'depth' is none of average"),
        ("kernel-size=4", "kernel-size 4 is even"),
        ("kernel-size=three", "not of type int"),
        ("kernel-size=", "write kernel-size=VALUE"),
        ("kernel-size=3..9", "a span goes with --search optuna"),
        ("width=2", "outside 4"),
        ("steps=10,20", "'steps' is none of"),
        ("normalisation=some", "none of blocks"),
    ],
)
def test_what_cannot_be_varied_is_one_line(text: str, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        parse_vary([text])


def test_all_combinations_or_some_of_them() -> None:
    vary = parse_vary(["kernel-size=3,5,7", "width=8,16"])
    assert len(settings(vary)) == 6
    assert settings(vary)[1] == {"kernel_size": 3, "width": 16}
    some = settings(vary, sample=4, seed=3)
    assert len(some) == 4
    assert some == settings(vary, sample=4, seed=3) != settings(vary, sample=4, seed=4)
    assert all(each in settings(vary) for each in some)
    assert len(settings(vary, sample=99)) == 6


def test_names_for_people_and_for_files() -> None:
    setting = {"kernel_size": 3, "style_layers": "relu1_1,relu2_1"}
    assert shown(setting) == "kernel-size 3, style-layers relu1_1,relu2_1"
    assert shown({"content_weight": 0.6385078921531967}) == "content-weight 0.6385"
    assert label(setting) == "kernel-size-3_style-layers-relu1_1+relu2_1"
