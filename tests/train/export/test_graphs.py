import pytest

from restyle.errors import ModelError
from restyle.train.export.graphs import check_agreement


def test_small_differences_pass() -> None:
    check_agreement({"a": 1e-6, "b": 0.002}, 0.002)


@pytest.mark.parametrize("difference", [0.0021, float("inf"), float("nan")])
def test_large_differences_and_none_that_are_numbers_are_named(difference: float) -> None:
    with pytest.raises(ModelError, match=r"differ by .* in b, more than the tolerance 0.002"):
        check_agreement({"a": 1e-6, "b": difference, "c": 0.0}, 0.002)
