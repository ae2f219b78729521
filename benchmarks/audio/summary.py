"""What was asked of sounds and what was measured: `python -m benchmarks.audio.summary`.

Reads `faults.json`, `ear.json`, `speech.json` and `rows.json` beside this file, which the other modules
write, and writes `docs/lab/benchmarks/audio.md`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.audio.pairs import SECONDS
from restyle.sounds.styles import PRESETS

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "lab" / "benchmarks" / "audio.md"
CONTENTS = {"sense": "speech", "fishin": "music", "noise": "noise"}
BAR = 0.35

# question, figure, whether the limit is met
Row = tuple[str, str, bool]


def read(name: str) -> Any:
    """A file of figures."""
    return json.loads((HERE / f"{name}.json").read_text())


def preset_timbre(label: str) -> dict[str, dict[str, float]]:
    """Timbre of each preset on each content."""
    ear = read("ear")[label]
    return {
        style: {content: ear[f"{content} -> {style}"]["timbre"] for content in CONTENTS} for style in PRESETS
    }


def rows() -> list[Row]:
    """Each question with its figure."""
    faults, speech = read("faults")["after"], read("speech")["mosaic"]
    offset = faults["offset"]
    pairs = {name: name.replace(" + offset .35", "").replace(" + rumble", "") for name in offset}
    change = max(abs(offset[name]["timbre"] - offset[clean]["timbre"]) for name, clean in pairs.items())
    level = min(figures["level correlation"] for figures in offset.values())
    steady = max(figures["dB off"] for figures in faults["gating"].values())
    silence = max(figures["dB above the content"] for figures in faults["silence"].values())
    timbre = [value for found in preset_timbre("after").values() for value in found.values()]
    words = min(found["keep-speech 0.5"][0] for found in speech.values())
    plain = min(found["default"][0] for found in speech.values())
    texture = max(_seconds(("pairs", "held out")))
    return [
        (
            "offset or rumble on either side: level correlation at least .7",
            f"{level:.2f} at the lowest; timbre changes by at most {change:.2f}",
            level >= 0.7,
        ),
        (
            "level within 4 dB of the content's where it is steady (95 %)",
            f"{steady:.1f} dB in the worst of {len(faults['gating'])} pairs",
            steady <= 4,
        ),
        (
            "silence within 6 dB above the content's own",
            f"{silence:.1f} dB in the worst of {len(faults['silence'])} styles",
            silence <= 6,
        ),
        (
            f"timbre at most {BAR} for every preset on speech, music and noise",
            f"{sum(value <= BAR for value in timbre)} of {len(timbre)}, {max(timbre):.2f} at the worst",
            max(timbre) <= BAR,
        ),
        (
            "STOI at least .7 with `--keep-speech 0.5`",
            f"{words:.2f} at the lowest; {plain:.2f} without",
            words >= 0.7,
        ),
        (
            "texture: at most 2 s a second of sound",
            f"{texture:.1f} s of processor time, one thread, at the worst",
            texture <= 2,
        ),
    ]


def _seconds(sets: Iterable[str]) -> list[float]:
    """Processor time of the texture method for a second of sound, by pair; the robin is shorter."""
    data = read("rows")
    return [
        row["texture"]["seconds"] / SECONDS
        for name in sets
        for pair, row in data.get(name, {}).items()
        if "seconds" in row.get("texture", {}) and not pair.startswith("robin")
    ]


def report() -> str:
    """The page."""
    text = "# Sounds: results\n\nWritten by `python -m benchmarks.audio.summary`. "
    text += "What is measured and how: [lab notes](../audio.md).\n\n"
    text += "| asked | measured | met |\n|---|---|---|\n"
    for question, figure, met in rows():
        text += f"| {question} | {figure} | {'yes' if met else 'no'} |\n"
    text += (
        "\n## Timbre of each preset\n\n0 is the style itself, 1 the content; earlier state -> this one.\n\n"
    )
    text += f"| style | {' | '.join(CONTENTS.values())} |\n|---|{'--:|' * len(CONTENTS)}\n"
    before, after = preset_timbre("before"), preset_timbre("after")
    for style in PRESETS:
        cells = [f"{before[style][content]:.2f} -> {after[style][content]:.2f}" for content in CONTENTS]
        text += f"| {style} | {' | '.join(cells)} |\n"
    text += "\nAll tables: " + ", ".join(
        f"[{name}](../../../benchmarks/audio/{name}.md)" for name in ("RESULTS", "EAR", "FAULTS", "SPEECH")
    )
    return text + ".\n"


if __name__ == "__main__":
    PAGE.write_text(report())
