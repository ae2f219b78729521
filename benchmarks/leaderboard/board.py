"""The leaderboard: committed rows of our methods, and comparisons of new models with them.

A row is identified by its settings and by the version of its model. A new version is compared with the
previous one at the same settings, pair by pair; worse figures are printed as LOSS.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from restyle.errors import InputError
from restyle.evaluate.networks import DEFAULT
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
from restyle.evaluate.run import TRIVIAL
from restyle.evaluate.summary import BY_NAME, FIGURES, Interval, RowSummary, mean_interval, shown
from restyle.models.style_files import slug

FORMAT = "restyle-leaderboard/1"
# Facts of a row that say what it is; the others say how it was measured.
SETTINGS, VERSION, MEASURED = "settings", "version", "measured"


@dataclass(frozen=True)
class Board:
    """Rows of one suite, encoder and size.

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
        """Whether the rows of both boards compare."""
        return (self.suite, self.encoder, self.size) == (other.suite, other.encoder, other.size)

    def merged(self, new: Sequence[RowSummary]) -> Board:
        """Add rows; the same settings and version are replaced. Trivial rows come last."""
        rows = {_identity(row): row for row in (*self.rows, *new)}
        ours = [row for row in rows.values() if row.name not in TRIVIAL]
        last = [row for row in rows.values() if row.name in TRIVIAL]
        order = list(dict.fromkeys(map(_settings, ours)))
        ours.sort(key=lambda row: order.index(_settings(row)))  # stable: older versions stay first
        return Board(self.suite, self.encoder, self.size, (*ours, *last))

    def committed(self, row: RowSummary) -> RowSummary | None:
        """Return the latest row with the same settings, preferably of another version."""
        same = [each for each in self.rows if _settings(each) == _settings(row) and each.name not in TRIVIAL]
        others = [each for each in same if _identity(each) != _identity(row)]
        found = others or same
        return found[-1] if found else None


@dataclass(frozen=True)
class Change:
    """One figure of a row and of the committed row.

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
            difference = mean_interval([one - two for one, two in zip(ours, theirs, strict=True)])
            found.append(Change(figure.name, sum(theirs) / len(both), sum(ours) / len(both), difference))
    return found


def comparison(new: RowSummary, old: RowSummary) -> list[str]:
    """Lines that compare a row with the committed one: losses first, then improvements."""
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
    """Format a board as JSON, for `read`."""
    entry: dict[str, Any] = {
        "format": FORMAT,
        "suite": board.suite,
        "encoder": board.encoder,
        "size": board.size,
        "rows": [row_entry(row) for row in board.rows],
    }
    text = json.dumps(entry, indent=1, ensure_ascii=False, allow_nan=False)
    # Pairs and intervals on one line each, for readable diffs.
    return (
        re.sub(r"[\[{][^\[\]{}\"]*[\]}]|{[^\[\]{}]*}", lambda inner: " ".join(inner[0].split()), text) + "\n"
    )


def markdown(board: Board) -> str:
    """Format a board as Markdown."""
    rows = board.rows
    lines = [
        f"# Leaderboard: {board.suite}",
        "",
        f"Written by `python -m benchmarks.leaderboard --suite {board.suite}`. Pictures are stylized and"
        f" compared at {board.size} px on the short side, with {board.encoder}. {NOTE}",
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
        lines += ["", "## Versions compared", "", "```", *by_name, "```"]
    return "\n".join(lines) + "\n"


def _successions(rows: Sequence[RowSummary]) -> list[str]:
    """Compare each row with the previous one of the same settings."""
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
    """Settings of a row; for folders of results, the name."""
    return row.facts.get(SETTINGS, row.name)


def _identity(row: RowSummary) -> tuple[str, str]:
    return _settings(row), row.facts.get(VERSION, "")


def update(folder: Path, suite: str, rows: Sequence[RowSummary], facts: Mapping[str, str]) -> Iterator[str]:
    """Compare rows with the committed ones, add them, and yield lines of the comparison.

    Another encoder than the default has a board of its own. Rows measured with other weights of the same
    encoder, or at another size, do not compare and are dropped.
    """
    name = suite
    if not facts["encoder"].startswith(f"{DEFAULT} "):
        name += f"-{slug(facts['encoder'].partition(' ')[0])}"  # a board of its own
    path = folder / f"{name}.json"
    size = int(facts["size"].split()[0])
    new = Board(suite, facts["encoder"], size)
    old = read(path)
    if old is None:
        yield f"{path}: no committed rows; this is the first board"
        old = new
    elif not old.compares_with(new):
        yield (
            f"{path}: its {len(old.rows)} rows were measured on {old.encoder} at {old.size} px, these on"
            f" {new.encoder} at {new.size} px; they do not compare and are dropped"
        )
        old = new
    measured = ", ".join(facts[name] for name in ("date", "processor", "cores") if name in facts) + " cores"
    measured += f", commit {facts['commit']}" + (", machine busy" if "note" in facts else "")
    stated = [_stated(row, measured, timed="note" not in facts) for row in rows]
    for row in stated:
        before = None if row.name in TRIVIAL else old.committed(row)
        if before is not None:
            yield from comparison(row, before)
    board = old.merged(stated)
    folder.mkdir(parents=True, exist_ok=True)
    for target, text in (
        (path, as_json(board)),
        (folder / f"{name}.md", markdown(board)),
    ):
        target.write_text(text, encoding="utf-8")
        yield str(target)


def _stated(row: RowSummary, measured: str, timed: bool) -> RowSummary:
    """Return a row with its version in the name, how it was measured, and seconds of an idle machine."""
    figures = {name: each for name, each in row.figures.items() if timed or name != "seconds"}
    facts = {**row.facts, MEASURED: measured}
    version, model = row.facts.get(VERSION), row.facts.get("model", "")
    name = row.name if not version else row.name.replace(model, f"{model}@{version}", 1)
    return replace(row, name=name, facts=facts, figures=figures)
