import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from restyle.errors import InputError, MissingExtraError, OptionError
from restyle.study import (
    LOG,
    Setting,
    Space,
    Span,
    check_plan,
    combinations,
    label,
    parse_space,
    run_all,
    search,
    title,
)


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


SPACE: Space = {
    "width": Span(4, 32, 2),
    "content_weight": Span(0.1, 10.0),
    "normalization": ["all", "none"],
}


def loss(setting: Setting) -> float:
    off = abs(setting["width"] - 12) / 8 + abs(setting["content_weight"] - 1)
    return float(off + (setting["normalization"] == "none"))


class Measure:
    """Counts what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[Setting] = []
        self.most = 0

    def __call__(self, settings: Sequence[Setting]) -> list[float]:
        self.asked += settings
        self.most = max(self.most, len(settings))
        return [loss(setting) for setting in settings]


def test_it_tries_allowed_settings_and_returns_the_best_first(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    measure = Measure()
    found = search(SPACE, 30, tmp_path, measure)
    assert len(measure.asked) == 30
    assert measure.most == 1
    for setting in measure.asked:
        assert setting["width"] in range(4, 33, 2)
        assert 0.1 <= setting["content_weight"] <= 10
        assert setting["normalization"] in ("all", "none")
    losses = [loss(setting) for setting in found]
    assert losses == sorted(losses)
    early, late = measure.asked[:10], measure.asked[20:]
    assert sum(map(loss, late)) < 0.7 * sum(map(loss, early))  # it learns from what was measured


def test_a_search_continues(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    first, again, more = Measure(), Measure(), Measure()
    search(SPACE, 4, tmp_path, first)
    assert (tmp_path / LOG).is_file()
    found = search(SPACE, 4, tmp_path, again)
    assert again.asked == []
    assert sorted(found, key=str) == sorted(first.asked, key=str)
    search(SPACE, 7, tmp_path, more)
    assert len(more.asked) == 3
    assert all(setting not in first.asked for setting in more.asked)


def test_a_search_that_was_killed_in_a_measurement_continues(tmp_path: Path) -> None:
    pytest.importorskip("optuna")

    def killed(settings: Sequence[Setting]) -> list[float]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(SPACE, 2, tmp_path, killed)
    measure = Measure()
    assert len(search(SPACE, 2, tmp_path, measure)) == 2
    assert len(measure.asked) == 2


def test_several_settings_at_once(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    measure = Measure()
    search(SPACE, 5, tmp_path, measure, at_once=2)
    assert measure.most == 2
    assert len(measure.asked) == 5


def test_without_optuna_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "optuna" else real(name, *rest)
    )
    with pytest.raises(MissingExtraError, match=r"pip install 'restyle\[study\]'"):
        search(SPACE, 1, tmp_path, Measure())


def square(number: int) -> dict[str, Any]:
    return {"square": number * number}


@pytest.mark.slow
def test_results_come_in_the_order_of_the_plans() -> None:
    finished: list[tuple[int, int]] = []
    results = run_all(square, [3, 1, 2], 2, lambda place, result: finished.append((place, result["square"])))
    assert [result["square"] for result in results] == [9, 1, 4]
    assert sorted(finished) == [(0, 9), (1, 1), (2, 4)]


def test_a_folder_holds_one_study(tmp_path: Path) -> None:
    check_plan(tmp_path / "study", {"budget": 3})
    check_plan(tmp_path / "study", {"budget": 3})
    with pytest.raises(InputError, match="other settings"):
        check_plan(tmp_path / "study", {"budget": 4})
