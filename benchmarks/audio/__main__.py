"""Scores the audio methods on real pairs: `python -m benchmarks.audio`.

Rows are kept in `rows.json` beside this file, so that one method can be run again alone; `RESULTS.md` is
written from all of them.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.audio.pairs import ALL_PAIRS, HELD_OUT, PAIRS, clip
from benchmarks.audio.scorecard import Scorecard
from benchmarks.audio.versions import version
from restyle.sounds.api import audio
from restyle.sounds.features import RATE
from restyle.sounds.loudness import loudness

Float = NDArray[np.float32]
Rows = dict[str, dict[str, dict[str, Any]]]  # pair, method, figure or version

HERE = Path(__file__).parent
BAR = 0.35
FIGURES = (
    "timbre",
    "pitch_rhythm",
    "mfcc",
    "mcdermott",
    "chroma",
    "onset",
    "mixture",
    "consistency",
    "seconds",
)
TITLES = (
    "timbre",
    "pitch and rhythm",
    "MFCC",
    "McDermott",
    "chroma",
    "onset",
    "mixture",
    "consistency, dB",
    "s",
)


def ulyanov_row(content: Float, style: Float) -> Float:
    """The baseline, at the content's loudness as all rows."""
    from benchmarks.audio.ulyanov import ulyanov

    y = ulyanov(content, style)
    return y * np.float32(10 ** ((loudness(content, RATE) - loudness(y, RATE)) / 20))


METHODS: dict[str, Callable[[Float, Float], Any]] = {
    "ulyanov": ulyanov_row,
    "mosaic": lambda content, style: audio(content, style, sr=RATE),
    "texture": lambda content, style: audio(content, style, sr=RATE, method="texture"),
}
TRIVIAL = ("content copy", "style copy", "50/50 mix")


def score(pairs: tuple[tuple[str, str], ...], names: list[str], rows: Rows, keep: Callable[[], None]) -> None:
    """Run methods over pairs and enter their figures, with the trivial rows; `keep` is called after each."""
    for content_name, style_name in pairs:
        content, style = clip(content_name), clip(style_name)
        card = Scorecard(content, style)
        pair = rows.setdefault(f"{content_name} -> {style_name}", {})
        for row, y in card.baselines().items():
            if row not in pair:
                pair[row] = asdict(card.score(y))
        for name in names:
            start = time.process_time()
            y = METHODS[name](content, style)
            seconds = time.process_time() - start
            pair[name] = {**asdict(card.score(y)), "seconds": seconds, "version": version(name)}
            print(f"{content_name} -> {style_name} {name}: {pair[name]}", flush=True)
            keep()


def met(figures: dict[str, Any]) -> bool:
    """Whether the issue's bar is reached."""
    return bool(figures["timbre"] <= BAR and figures["pitch_rhythm"] <= BAR)


def table(rows: Rows, names: tuple[str, ...]) -> str:
    """Markdown: a line for every pair and row."""
    text = f"| pair | row | {' | '.join(TITLES)} | both <= {BAR} |\n|---|---|{'--:|' * len(TITLES)}---|\n"
    for pair, found in rows.items():
        for name in names:
            if name not in found:
                continue
            figures = found[name]
            cells = [f"{figures[key]:.3f}" for key in FIGURES[:-2]]
            cells.append(f"{figures['consistency']:.0f}")
            cells.append(f"{figures['seconds']:.1f}" if "seconds" in figures else "")
            mark = "" if name in TRIVIAL else "yes" if met(figures) else "no"
            older = "" if figures.get("version") == version(name) else "*"
            text += f"| {pair} | {name}{older} | {' | '.join(cells)} | {mark} |\n"
    if "* |" in text:
        text += "\n\\* Made by an earlier state of the method than that of this checkout.\n"
    return text


def summary(rows: Rows, names: tuple[str, ...]) -> str:
    """Markdown: what each method comes to, and where it does not beat the baseline."""
    text = ""
    for name in names:
        found = {pair: figures[name] for pair, figures in rows.items() if name in figures}
        if not found:
            continue
        mean = {key: np.mean([figures[key] for figures in found.values()]) for key in FIGURES[:7]}
        text += (
            f"- {name}: mean timbre {mean['timbre']:.3f}, pitch and rhythm {mean['pitch_rhythm']:.3f}, "
            f"mixture {mean['mixture']:.3f}; both at or under {BAR} in "
            f"{sum(map(met, found.values()))} of {len(found)}"
        )
        base = {pair: figures["ulyanov"] for pair, figures in rows.items() if "ulyanov" in figures}
        if base and name in ("mosaic", "texture"):
            lost = [
                f"{pair} ({', '.join(axis.replace('_', ' and ') for axis in worse)})"
                for pair in base
                if pair in found
                and (worse := [axis for axis in FIGURES[:2] if found[pair][axis] >= base[pair][axis]])
            ]
            text += f"; behind Ulyanov on an axis: {', '.join(lost) or 'nowhere'}"
        text += "\n"
    return text


def report(data: dict[str, Rows]) -> str:
    """`RESULTS.md`."""
    names = (*TRIVIAL, *METHODS)
    text = (HERE / "INTRODUCTION.md").read_text() + "\n" + summary(data["pairs"], names)
    text += "\n" + table(data["pairs"], names)
    if data.get("held out"):
        text += "\n## The same pairs at other moments of the recordings\n\nAbove: what was chosen here.\n\n"
        text += summary(data["held out"], names) + "\n" + table(data["held out"], names)
    if data.get("all"):
        text += "\n## The mosaic on all 30 ordered pairs\n\n" + summary(data["all"], ("mosaic",)) + "\n"
        text += table(data["all"], ("mosaic",))
    return text


def main() -> None:
    """Run the named methods, keep the rows after each, write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--methods", nargs="*", default=list(METHODS), choices=list(METHODS))
    parser.add_argument("--pairs", nargs="*", default=["pairs"], choices=["pairs", "held out", "all"])
    given = parser.parse_args()
    kept = HERE / "rows.json"
    data: dict[str, Rows] = json.loads(kept.read_text()) if kept.exists() else {}
    sets = {"pairs": PAIRS, "held out": HELD_OUT, "all": ALL_PAIRS}
    for name in given.pairs:
        # All 30 take long: they are the mosaic's alone.
        methods = [each for each in given.methods if name != "all" or each == "mosaic"]
        rows = data.setdefault(name, {})
        score(sets[name], methods, rows, lambda: _write(kept, json.dumps(data, indent=1) + "\n"))
    _write(HERE / "RESULTS.md", report(data))


def _write(path: Path, text: str) -> None:
    path.write_text(text)


if __name__ == "__main__":
    main()
