import numpy as np

from restyle.cli.comparison_tables import every_metric, matrix_table
from restyle.compare.metrics import METRICS
from restyle.compare.subjects import Subject

CODE = np.array([1.0, 0.0], np.float32)
WAVE = Subject("great-wave", "preset", code=CODE, model="m")
SCREAM = Subject("scream", "preset", code=CODE[::-1].copy(), model="m")


def test_what_no_pair_has_is_named_below() -> None:
    text, pairs = every_metric([WAVE, SCREAM], [METRICS["cosine"], METRICS["palette"]])
    assert text.splitlines()[1].split()[:2] == ["cosine", "1.0000"]
    assert text.endswith("great-wave, scream are only codes, without pixels: no palette")
    assert pairs == [{"a": "great-wave", "b": "scream", "metric": "cosine", "distance": 1.0}]


def test_few_have_a_matrix_and_many_their_nearest() -> None:
    distances = np.array([[0, 1], [1, 0]], float)
    lines = matrix_table([WAVE, SCREAM], distances, METRICS["cosine"]).splitlines()
    assert lines[1].split() == ["great-wave", "0.000", "1.000"]
    many = [Subject(f"style-{index:02}", "preset", code=CODE, model="m") for index in range(12)]
    places = np.arange(12.0) ** 2
    lines = matrix_table(many, abs(places[:, None] - places), METRICS["cosine"]).splitlines()
    assert lines[0].split() == ["style", "nearest", "cosine"]
    assert lines[12].split() == ["style-11", "style-10", "21.0000"]
    assert lines[-1] == "cosine: style codes, angle"
