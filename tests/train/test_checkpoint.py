import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from restyle.errors import InputError
from restyle.train.checkpoint import HeldOutWatch, State


def test_stops_when_it_has_not_become_better_for_long_enough() -> None:
    watch = HeldOutWatch(patience=2)
    for held_out, stop in ((1.0, False), (0.9, False), (0.95, False), (0.94, True), (0.8, False)):
        watch.update(0.5, held_out)
        assert watch.stop is stop


def test_does_not_stop_by_default() -> None:
    watch = HeldOutWatch()
    for held_out in (1.0, 2.0, 3.0, 4.0):
        assert watch.update(0.1, held_out) == ""
    assert not watch.stop


def test_warns_once_when_the_gap_stays_open() -> None:
    watch = HeldOutWatch(gap=0.3)
    warnings = [watch.update(1.0, 1.0 + gap) for gap in (0.1, 0.5, 0.2, 0.4, 0.5, 0.6, 0.9)]
    assert [bool(line) for line in warnings] == [False] * 5 + [True, False]
    assert "1.600 is 60% above the training loss 1.000" in warnings[5]


def test_state_is_restored() -> None:
    first, second = HeldOutWatch(3, 0.2), HeldOutWatch(3, 0.2)
    for value in (1.0, 1.5, 1.6):
        first.update(1.0, value)
    second.restore(first.state())
    assert second == first
    assert HeldOutWatch().state()["best"] == math.inf
    assert first.update(1.0, 1.7) == second.update(1.0, 1.7) != ""
    assert first.stop
    assert second.stop


def state() -> State:
    model = nn.Linear(2, 3)
    return State(model, torch.optim.Adam(model.parameters()), HeldOutWatch(), 0.9)


@pytest.mark.parametrize(
    "change",
    [
        None, 5, [], {}, {"model": []}, {"model": {"weight": 1}}, {"optimiser": None}, {"optimiser": {}},
        {"averaged": {}}, {"step": "many"}, {"step": -4}, {"step": None}, {"seconds": math.nan},
        {"watch": []}, {"watch": {}}, {"totals": 7}, {"totals": {"a": "b"}},
    ],
    ids=str,
)  # fmt: skip
def test_a_planted_checkpoint_is_one_line(tmp_path: Path, change: Any) -> None:
    path = tmp_path / "checkpoint.pt"
    state().save(path, 1.0, {})
    stored = torch.load(path, weights_only=True)
    torch.save({**stored, **change} if isinstance(change, dict) and change else change, path)
    with pytest.raises(InputError, match=r"checkpoint\.pt' (is damaged|belongs to another network)"):
        state().load(path, torch.device("cpu"))


@pytest.mark.parametrize("part", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_checkpoint_is_one_line(tmp_path: Path, part: float) -> None:
    path = tmp_path / "checkpoint.pt"
    state().save(path, 1.0, {})
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    with pytest.raises(InputError, match=r"checkpoint\.pt' is damaged"):
        state().load(path, torch.device("cpu"))
