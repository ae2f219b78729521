import numpy as np

from benchmarks.retrieval.report import Row, best_baseline, plot, table, values
from benchmarks.retrieval.scoring import Answers


def row(name: str, level: float, baseline: bool = False) -> Row:
    rng = np.random.default_rng(1)
    artists = np.repeat(["a", "b", "c", "d"], 5)
    precision = level * (0.8 + 0.4 * rng.random(20))
    return Row(name, "something", Answers(artists, precision, rng.random((20, 3)) < 0.5), baseline)


ROWS = [row("histogram", 0.1, True), row("gram", 0.12, True), row("style", 0.24), row("palette", 0.05)]


def test_rows_fall_and_losses_stay() -> None:
    assert best_baseline(ROWS).name == "gram"
    lines = table(ROWS).splitlines()[2:]
    assert [line.split("|")[1].strip() for line in lines] == [
        "**style**",
        "gram (baseline)",
        "histogram (baseline)",
        "palette",
    ]
    assert "| 2.00 | 2.00 to 2.00 |" in lines[0]
    assert "| 0.42 |" in lines[3]


def test_plot_and_values() -> None:
    picture = plot(ROWS, "a title")
    assert picture.width == 900
    assert 200 < picture.height < 400
    found = values(ROWS)
    assert [each["metric"] for each in found] == ["histogram", "gram", "style", "palette"]
    assert found[0]["baseline"] is True
