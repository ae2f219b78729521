"""What was asked of sounds and what was measured: `python -m benchmarks.audio.summary`.

Reads `faults.json`, `ear.json` and `speech.json` beside this file, which the other modules write, and writes
`docs/lab/benchmarks/audio.md`. What was not measured in the last state has the figure of the state before,
and is marked as such.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from restyle.sounds.sources import PRESETS

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "lab" / "benchmarks" / "audio.md"
CONTENTS = {"sense": "speech", "fishin": "music", "noise": "noise"}
BAR = 0.35
EARLIER, LAST = "after", "now"  # labels in the files

Figures = dict[str, dict[str, float]]  # pair, figure


def read(name: str) -> Any:
    """A file of figures."""
    return json.loads((HERE / f"{name}.json").read_text())


def latest(states: dict[str, Figures]) -> tuple[Figures, int]:
    """Figures of every pair in the last state that was measured, and how many are of the very last."""
    last = states.get(LAST, {})
    return {**states[EARLIER], **last}, len(last)


def rows() -> list[tuple[str, str, bool]]:
    """Each question, its figure, and whether the limit is met."""
    faults = read("faults")
    tables: dict[str, tuple[Figures, int]] = {
        table: latest({label: tables[table] for label, tables in faults.items() if table in tables})
        for table in ("offset", "silence", "gating")
    }
    offset, silence, gating = (tables[table][0] for table in ("offset", "silence", "gating"))
    ear, _ = latest(read("ear"))
    presets = {
        pair: ear[pair] for style in PRESETS for pair in (f"{content} -> {style}" for content in CONTENTS)
    }
    again = sum(pair in presets for pair in read("ear")[LAST])
    speech, spoken = latest(read("speech"))
    timbre = [figures["timbre"] for figures in presets.values()]
    level = min(figures["level correlation"] for figures in offset.values())
    steady = max(figures["dB off"] for figures in gating.values())
    rise = max(figures["dB above the content"] for figures in silence.values())
    words = min(figures["keep-speech 0.5"] for figures in speech.values())
    return [
        (
            f"level correlation at least .7 with an offset or rumble ({_count(offset, tables['offset'][1])})",
            f"{level:.2f} at the lowest",
            level >= 0.7,
        ),
        (
            "level within 4 dB of the content's where it is steady, 95 % "
            f"({_count(gating, tables['gating'][1])})",
            f"{steady:.1f} dB at the worst",
            steady <= 4,
        ),
        (
            f"silence within 6 dB above the content's own ({_count(silence, tables['silence'][1])})",
            f"{rise:.1f} dB at the worst",
            rise <= 6,
        ),
        (
            f"timbre at most {BAR} for every preset on speech, music and noise ({_count(presets, again)})",
            f"{sum(value <= BAR for value in timbre)} of {len(timbre)}, {max(timbre):.2f} at the worst",
            max(timbre) <= BAR,
        ),
        (
            f"STOI at least .7 with `--keep-speech 0.5` ({_count(speech, spoken)})",
            f"{words:.2f} at the lowest",
            words >= 0.7,
        ),
    ]


def _count(found: Figures, last: int) -> str:
    old = len(found) - last
    return f"{len(found)} pairs" + (f", {old} of them measured only in the state before" if old else "")


def preset_table() -> str:
    """Markdown: timbre of each preset on each content, before, in the state before, and now."""
    ear = read("ear")
    text = f"| style | {' | '.join(CONTENTS.values())} |\n|---|{'--:|' * len(CONTENTS)}\n"
    for style in PRESETS:
        cells = []
        for content in CONTENTS:
            states = [ear[label].get(f"{content} -> {style}") for label in ("before", EARLIER, LAST)]
            cells.append(
                " -> ".join("not measured" if each is None else f"{each['timbre']:.2f}" for each in states)
            )
        text += f"| {style} | {' | '.join(cells)} |\n"
    return text


def report() -> str:
    """The page."""
    text = "# Sounds: results\n\nWritten by `python -m benchmarks.audio.summary`. "
    text += "What is measured and how: [lab notes](../audio.md).\n\n"
    text += "| asked | measured | met |\n|---|---|---|\n"
    for question, figure, met in rows():
        text += f"| {question} | {figure} | {'yes' if met else 'no'} |\n"
    text += (
        "\nThe texture method takes 1.6 to 1.8 s of processor time for a second of sound, measured once.\n"
    )
    text += "\n## Timbre of each preset\n\n0 is the style itself, 1 the content. Without events -> "
    text += "with events -> with steady noise, matched decays and no cut ends.\n\n" + preset_table()
    text += "\nAll tables: " + ", ".join(
        f"[{name}](../../../benchmarks/audio/{name}.md)" for name in ("RESULTS", "EAR", "FAULTS", "SPEECH")
    )
    return text + ".\n"


if __name__ == "__main__":
    PAGE.write_text(report())
