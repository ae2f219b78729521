from pathlib import Path
from typing import Any

import pytest

from restyle.errors import InputError
from restyle.study.runs import check_plan, run_all


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
