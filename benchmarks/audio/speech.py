"""Can words be understood? `python -m benchmarks.audio.speech [--texture]` writes SPEECH.md and speech.json.

Two readers in five styles. STOI (Taal et al. 2011) predicts intelligibility from 0 to 1: it correlates the
levels of the result in bands with those of the speech. From about .7, most words are understood. It is a
prediction from levels; nobody listened. Timbre, and pitch and rhythm, are those of the scorecard.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from pystoi import stoi

from benchmarks.audio.faults import preset
from benchmarks.audio.pairs import clip
from benchmarks.audio.scorecard import Scorecard
from restyle.options.video import AudioMethod
from restyle.sounds.api import audio
from restyle.sounds.features import RATE

SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "strength 0.5": {"strength": 0.5},
    "keep-speech 0.3": {"keep_speech": 0.3},
    "keep-speech 0.5": {"keep_speech": 0.5},
    "keep-speech 1": {"keep_speech": 1.0},
}
READERS = ("sense", "ashiel")


def measure(method: AudioMethod) -> dict[str, dict[str, tuple[float, float, float]]]:
    """STOI, timbre, pitch and rhythm of each pair and setting."""
    styles = {name: clip(name) for name in ("plum", "fishin")}
    styles |= {name: preset(name) for name in ("rain", "choir", "brass")}
    found: dict[str, dict[str, tuple[float, float, float]]] = {}
    for reader in READERS:
        content = clip(reader)
        for name, style in styles.items():
            card = Scorecard(content, style)
            row = found[f"{reader} -> {name}"] = {}
            for setting, options in SETTINGS.items():
                y = audio(content, style, sr=RATE, method=method, **options)
                score = card.score(y)
                row[setting] = (float(stoi(content, y, RATE)), score.timbre, score.pitch_rhythm)
            print(f"{reader} -> {name}: " + ", ".join(f"{key} {row[key][0]:.2f}" for key in row))
    return found


def table(found: dict[str, dict[str, tuple[float, float, float]]]) -> list[str]:
    """Markdown: STOI / timbre / pitch and rhythm."""
    lines = ["| pair | " + " | ".join(SETTINGS) + " |", "|---|" + "--:|" * len(SETTINGS)]
    for pair, row in found.items():
        lines.append(f"| {pair} | " + " | ".join(_cell(row[key]) for key in SETTINGS) + " |")
    means = (tuple(np.mean([row[key] for row in found.values()], axis=0)) for key in SETTINGS)
    return [*lines, "| **mean** | " + " | ".join(_cell(each) for each in means) + " |"]


def _cell(values: tuple[Any, ...]) -> str:
    return " / ".join(f"{value:.2f}" for value in values)


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--texture", action="store_true", help="also the texture method, a quarter of an hour"
    )
    arguments = parser.parse_args()
    lines = [
        "# Speech",
        "",
        *(__doc__ or "").splitlines()[2:],
        "",
        "Figures: STOI / timbre / pitch and rhythm.",
        "",
    ]
    methods: list[AudioMethod] = ["mosaic", "texture"] if arguments.texture else ["mosaic"]
    for method in methods:
        found = measure(method)
        lines += [f"## {method}", "", *table(found), ""]
        if method == "mosaic":
            kept = Path(__file__).parent / "speech.json"
            data = json.loads(kept.read_text()) if kept.exists() else {}
            data["now"] = {pair: {key: row[key][0] for key in row} for pair, row in found.items()}
            kept.write_text(json.dumps(data, indent=1) + "\n")
    (Path(__file__).parent / "SPEECH.md").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
