"""What an evaluation leaves behind: a report with its contact sheet, and the leaderboard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image

from restyle.evaluate import leaderboard, report
from restyle.evaluate.bench import Bench
from restyle.evaluate.encoder import DEFAULT
from restyle.evaluate.leaderboard import Board
from restyle.evaluate.runs import TRIVIAL
from restyle.evaluate.suite import Suite
from restyle.evaluate.summary import RowSummary
from restyle.files import check_output, make_folder, writing
from restyle.images import picture
from restyle.models.style_files import slug

REPORT = ("report.md", "report.csv", "report.json", "sheet.jpg")


def facts_of(bench: Bench, machine: Mapping[str, str], busy: bool) -> dict[str, str]:
    """What a report says of how it was made."""
    facts = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "encoder": f"{bench.encoder.name} ({bench.encoder.identity})",
        "size": f"{bench.size} px on the short side, smaller pictures as they are",
        **machine,
    }
    if busy:
        facts["note"] = "the machine had other work: seconds are no measurement"
    return facts


def check_report(folder: Path, overwrite: bool, inputs: Sequence[Path]) -> None:
    """Refuse, before any work, a folder where the report cannot be written."""
    make_folder(folder)
    for name in REPORT:
        check_output(folder / name, overwrite=overwrite, inputs=inputs)


def write_report(
    folder: Path,
    rows: Sequence[RowSummary],
    facts: Mapping[str, str],
    failures: Sequence[str],
    sheet: Image.Image,
    inputs: Sequence[Path],
) -> Iterator[Path]:
    """Write the four files; yield each when it is there."""
    texts = {
        "report.md": f"# Evaluation\n\n{report.markdown(rows, facts, failures)}\n![Results](sheet.jpg)\n",
        "report.csv": report.as_csv(rows),
        "report.json": report.as_json(rows, facts, failures),
    }
    for name, text in texts.items():
        yield _write(folder / name, text, inputs)
    yield picture.save_image(
        picture.from_pil(sheet), folder / "sheet.jpg", quality=88, overwrite=True, inputs=inputs
    )


def update_leaderboard(
    folder: Path, suite: Suite, rows: Sequence[RowSummary], facts: Mapping[str, str]
) -> Iterator[str]:
    """Compare rows with the committed ones, put them in, and yield lines that say how they do.

    Another encoder than the default one has a board of its own. Rows that were measured on other weights of
    the same encoder, or at another size, do not compare, and are dropped.
    """
    name = suite.name
    if not facts["encoder"].startswith(f"{DEFAULT} "):
        name += f"-{slug(facts['encoder'].partition(' ')[0])}"  # a board of its own
    path = folder / f"{name}.json"
    size = int(facts["size"].split()[0])
    new = Board(suite.name, facts["encoder"], size)
    old = leaderboard.read(path)
    if old is None:
        yield f"{path}: no committed rows to compare with; this is the first board"
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
            yield from leaderboard.comparison(row, before)
    board = old.merged(stated)
    make_folder(folder)
    for target, text in (
        (path, leaderboard.as_json(board)),
        (folder / f"{name}.md", leaderboard.markdown(board)),
    ):
        _write(target, text, ())
        yield str(target)


def _stated(row: RowSummary, measured: str, timed: bool) -> RowSummary:
    """A row as the board has it: its version in the name, so that two stay apart; seconds if they count."""
    figures = {name: each for name, each in row.figures.items() if timed or name != "seconds"}
    facts = {**row.facts, leaderboard.MEASURED: measured}
    version, model = row.facts.get(leaderboard.VERSION), row.facts.get("model", "")
    name = row.name if not version else row.name.replace(model, f"{model}@{version}", 1)
    return replace(row, name=name, facts=facts, figures=figures)


def _write(path: Path, text: str, inputs: Sequence[Path]) -> Path:
    with writing(path, overwrite=True, inputs=inputs) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path
