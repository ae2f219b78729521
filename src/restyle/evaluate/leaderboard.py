"""The leaderboard: committed rows of our methods, and how a new model does beside them.

A row is known by its settings and by the version of its model. A new version at the same settings is compared
with the row before it, pair by pair; what it loses is printed as a loss.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from restyle.errors import InputError
from restyle.evaluate.bootstrap import Interval, paired_difference
from restyle.evaluate.figures import BY_NAME, FIGURES, shown
from restyle.evaluate.report import (
    INTERVALS,
    NOTE,
    columns,
    interval_table,
    markdown_table,
    row_entry,
    row_of,
    table_rows,
)
from restyle.evaluate.runs import TRIVIAL
from restyle.evaluate.summary import RowSummary

FORMAT = "restyle-leaderboard/1"
# Facts of a row that say what it is; the others say how it was measured.
SETTINGS, VERSION, MEASURED = "settings", "version", "measured"


@dataclass(frozen=True)
class Board:
    """Rows that compare: of one suite, on one encoder, at one size.

    Parameters
    ----------
    suite, encoder : str
        `encoder` is its name and identity.
    size : int
    rows : tuple of RowSummary
    """

    suite: str
    encoder: str
    size: int
    rows: tuple[RowSummary, ...] = ()

    def compares_with(self, other: Board) -> bool:
        """Whether rows of the other board may stand in this one."""
        return (self.suite, self.encoder, self.size) == (other.suite, other.encoder, other.size)

    def merged(self, new: Sequence[RowSummary]) -> Board:
        """Put new rows in; one of the same settings and version is replaced. Trivial rows come last."""
        rows = {_identity(row): row for row in (*self.rows, *new)}
        ours = [row for row in rows.values() if row.name not in TRIVIAL]
        last = [row for row in rows.values() if row.name in TRIVIAL]
        order = list(dict.fromkeys(map(_settings, ours)))
        ours.sort(key=lambda row: order.index(_settings(row)))  # stable: older versions stay first
        return Board(self.suite, self.encoder, self.size, (*ours, *last))

    def committed(self, row: RowSummary) -> RowSummary | None:
        """The last row of these settings, be it of the same version or of another."""
        same = [each for each in self.rows if _settings(each) == _settings(row) and each.name not in TRIVIAL]
        others = [each for each in same if _identity(each) != _identity(row)]
        found = others or same
        return found[-1] if found else None


@dataclass(frozen=True)
class Change:
    """One figure of a row beside the committed one.

    Parameters
    ----------
    figure : str
    before, after : float
    difference : Interval or None
        Of the means over the pairs that both have, after less before; None for figures of a whole set.
    """

    figure: str
    before: float
    after: float
    difference: Interval | None

    @property
    def verdict(self) -> str:
        """`better`, `LOSS` or `same`; "(clear)" where the interval of the difference is on one side of 0."""
        if shown(self.figure, self.before) == shown(self.figure, self.after):
            return "same"
        worse = (self.after > self.before) != BY_NAME[self.figure].higher
        sure = self.difference is not None and (self.difference.above_zero or self.difference.below_zero)
        return f"{'LOSS' if worse else 'better'}{' (clear)' if sure else ''}"


def changes(new: RowSummary, old: RowSummary) -> list[Change]:
    """Compare two rows, figure by figure, on the pairs that both have; not time nor published losses."""
    both = [pair for pair in new.pairs if pair in old.pairs]
    found = []
    for figure in FIGURES:
        if (
            figure.published
            or figure.scope == "run"
            or figure.name not in new.figures.keys() & old.figures.keys()
        ):
            continue
        if figure.scope == "set":
            after, before = new.figures[figure.name].value, old.figures[figure.name].value
            found.append(Change(figure.name, before, after, None))
            continue
        ours, theirs = ([row.pairs[pair][figure.name] for pair in both] for row in (new, old))
        if ours:
            difference = paired_difference(ours, theirs)
            found.append(Change(figure.name, sum(theirs) / len(both), sum(ours) / len(both), difference))
    return found


def comparison(new: RowSummary, old: RowSummary) -> list[str]:
    """Lines that say how a row does beside the committed one: its losses first, then what is better."""
    found = changes(new, old)
    losses = [change for change in found if change.verdict.startswith("LOSS")]
    wins = [change for change in found if change.verdict.startswith("better")]
    lines = [
        f"{new.name} ({new.facts.get(VERSION, '-')}) beside {old.name} ({old.facts.get(VERSION, '-')}):"
        f" {len(wins)} better, {len(losses)} lost, {len(found) - len(wins) - len(losses)} the same"
    ]
    for change in losses + wins:
        before, after = shown(change.figure, change.before), shown(change.figure, change.after)
        span = ""
        if change.difference is not None and change.difference.low == change.difference.low:
            low, high = change.difference.low, change.difference.high
            span = f"  [{'+' if low >= 0 else ''}{shown(change.figure, low)}, "
            span += f"{'+' if high >= 0 else ''}{shown(change.figure, high)}]"
        lines.append(f"  {change.figure:11s} {before:>8s} -> {after:>8s}  {change.verdict}{span}")
    return lines


def read(path: Path) -> Board | None:
    """Read a board; None if there is none.

    Raises
    ------
    InputError
        The file is something else.
    """
    try:
        entry = json.loads(path.read_text(encoding="utf-8"))
        if entry["format"] != FORMAT:
            raise InputError(f"{path}: has the format '{entry['format']}', this restyle reads '{FORMAT}'")
        rows = tuple(row_of(row) for row in entry["rows"])
        return Board(str(entry["suite"]), str(entry["encoder"]), int(entry["size"]), rows)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: is not a leaderboard") from error


def as_json(board: Board) -> str:
    """The board as `read` takes it."""
    entry: dict[str, Any] = {
        "format": FORMAT,
        "suite": board.suite,
        "encoder": board.encoder,
        "size": board.size,
        "rows": [row_entry(row) for row in board.rows],
    }
    text = json.dumps(entry, indent=1, ensure_ascii=False, allow_nan=False)
    # A pair, and an interval, on one line each: the file is committed, and its changes are read.
    return (
        re.sub(r"[\[{][^\[\]{}\"]*[\]}]|{[^\[\]{}]*}", lambda inner: " ".join(inner[0].split()), text) + "\n"
    )


def markdown(board: Board) -> str:
    """The board for people."""
    rows = board.rows
    lines = [
        f"# Leaderboard: {board.suite}",
        "",
        f"Made by `restyle evaluate --suite {board.suite}`, not by hand. Pictures are painted and compared at"
        f" {board.size} px on the short side, on {board.encoder}. {NOTE}",
        "",
        *markdown_table(*table_rows(rows)),
        "",
        *[f"- `{each.name}`: {each.about}" for each in columns(rows)],
        "",
        "## What was measured",
        "",
        *markdown_table(
            ["row", "version", "settings", "measured"],
            [[row.name, *(row.facts.get(key, "-") for key in (VERSION, SETTINGS, MEASURED))] for row in rows],
            figures=False,
        ),
        "",
        "## Intervals",
        "",
        INTERVALS,
        "",
        *interval_table(rows),
    ]
    by_name = list(_successions(rows))
    if by_name:
        lines += ["", "## Versions beside each other", "", "```", *by_name, "```"]
    return "\n".join(lines) + "\n"


def _successions(rows: Sequence[RowSummary]) -> list[str]:
    """Comparison of each row with the one before it of the same settings."""
    lines: list[str] = []
    before: dict[str, RowSummary] = {}
    for row in rows:
        if row.name in TRIVIAL:
            continue
        if _settings(row) in before:
            lines += [*([""] if lines else []), *comparison(row, before[_settings(row)])]
        before[_settings(row)] = row
    return lines


def _settings(row: RowSummary) -> str:
    """What rows compare by: their settings; folders of results by their name."""
    return row.facts.get(SETTINGS, row.name)


def _identity(row: RowSummary) -> tuple[str, str]:
    return _settings(row), row.facts.get(VERSION, "")
