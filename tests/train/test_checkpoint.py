import math

from restyle.train.checkpoint import HeldOutWatch


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
