"""The report prints ratios in both directions and says when the machine was busy."""

import json

from benchmarks.report import BUSY, Group, as_json, in_short, markdown
from benchmarks.timing import Timing

GROUP = Group(
    "Network", "ours", {"ours": Timing((0.1,) * 3), "slow": Timing((0.4,) * 3), "fast": Timing((0.05,) * 3)}
)


def test_losses_stay_in_the_table() -> None:
    text = markdown([GROUP], {"cores": "4"}, busy=False)
    assert "- cores: 4" in text
    assert "| slow | 400 | 400 to 400 | 4.00 |" in text
    assert "| fast | 50 | 50 to 50 | 0.50 |" in text
    assert BUSY not in text


def test_losses_and_missed_aims_are_named() -> None:
    group = Group("Network", "ours", GROUP.timings, targets={"slow": 6, "fast": 0.5}, limit=0.09)
    assert in_short([group]) == [
        "Network: 4.00 times as fast as slow, target 6 (missed)",
        "Network: 0.50 times as fast as fast, target 0.5 (met)",
        "Network: 100 ms, target 90 ms (missed)",
        "Loss. Network: fast takes 0.50 times as long as ours",
    ]
    assert in_short([Group("Import", "ours", GROUP.timings, rivals=False)])[0].startswith("No loss")


def test_busy_machine_is_the_first_line() -> None:
    assert markdown([GROUP], {}, busy=True).startswith(BUSY)


def test_json_holds_every_sample() -> None:
    report = json.loads(json.dumps(as_json([GROUP], {}, busy=False)))
    rows = report["groups"][0]["rows"]
    assert [row["name"] for row in rows] == ["ours", "slow", "fast"]
    assert rows[1]["samples"] == [0.4, 0.4, 0.4]
