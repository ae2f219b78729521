"""Measure faults that one hears at once: `python -m benchmarks.audio.faults LABEL`.

- Offset: a constant offset or rumble below hearing in style or content. Timbre as in the scorecard, against
  the inputs without it; share of the energy below 60 Hz; correlation of the level (50 ms, in dB) with the
  content's.
- Silence: a second of noise at -88 dBFS within the content. How far the result's level there is above the
  content's, in dB.
- Gating: where the content's level is steady (within 2 dB over 300 ms and at most 30 dB below the loudest),
  how far the result's level departs from the content's plus a constant. The 95th percentile, in dB.

Figures are kept by label in `faults.json`, so that states of the code can be compared; `FAULTS.md` shows all.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.audio.pairs import clip
from benchmarks.audio.scorecard import Scorecard
from restyle.sounds.api import audio
from restyle.sounds.features import RATE, at_rate
from restyle.sounds.read import load_sound
from restyle.sounds.sources import PRESETS, preset_path
from restyle.sounds.stft import Float

HERE = Path(__file__).parent
STEP = RATE // 40  # 25 ms
FLOOR = 60.0  # dB below the loudest frame: deeper levels count as this
OFFSET = 0.35
SILENCE = 10 ** (-88 / 20)
LIMITS = {"timbre": "at most .2", "below 60 Hz": "", "level correlation": "at least .7"}


def preset(name: str) -> Float:
    """A preset style [shape=(n,), float32] at `RATE`."""
    return at_rate(*load_sound(preset_path(name)))


def rumble(length: int) -> Float:
    """A loud tone below hearing, 12 Hz [shape=(length,), float32]."""
    return (0.3 * np.sin(2 * np.pi * 12 * np.arange(length) / RATE)).astype(np.float32)


def pad() -> Float:
    """Sustained chords without gaps, 8 s [shape=(n,), float32]."""
    t = np.arange(2 * RATE) / RATE
    chords = ((220, 277.2, 329.6), (196, 246.9, 293.7), (174.6, 220, 261.6), (196, 246.9, 329.6))
    parts = [
        sum(np.sin(2 * np.pi * f * k * t) / k**1.5 for f in chord for k in range(1, 9)) for chord in chords
    ]
    return (0.05 * np.concatenate(parts)).astype(np.float32)


def drums() -> Float:
    """Bursts of noise and low thumps, nothing between them, 8 s [shape=(n,), float32]."""
    rng = np.random.default_rng(0)
    y = np.zeros(8 * RATE)
    for number, start in enumerate(np.arange(0, 8 * RATE - RATE // 4, RATE // 4)):
        t = np.arange(RATE // 4) / RATE
        noise = rng.standard_normal(len(t)) * np.exp(-t * 60)
        thump = np.sin(2 * np.pi * 80 * t * (1 + np.exp(-t * 40))) * np.exp(-t * 20)
        y[start : start + len(t)] += 0.2 * noise if number % 2 else 0.5 * thump
    return y.astype(np.float32)


def level(y: Float) -> Float:
    """Level of windows of 50 ms every 25 ms, at most `FLOOR` below the loudest [shape=(frames,), dB]."""
    power = np.convolve(y.astype(np.float64) ** 2, np.ones(2 * STEP) / (2 * STEP), "valid")[::STEP]
    decibel = 10 * np.log10(np.maximum(power, 1e-14))
    result: Float = np.maximum(decibel, decibel.max() - FLOOR).astype(np.float32)
    return result


def offset_rows() -> Iterator[tuple[str, dict[str, float]]]:
    """Pairs with something inaudible added to one side."""
    sense, ashiel, howl, plum = (clip(name) for name in ("sense", "ashiel", "howl", "plum"))
    cases = {
        "sense -> howl": (sense, howl, sense, howl),
        "sense -> howl + offset .35": (sense, howl + np.float32(OFFSET), sense, howl),
        "sense -> howl + rumble": (sense, howl + rumble(len(howl)), sense, howl),
        "ashiel -> plum": (ashiel, plum, ashiel, plum),
        "ashiel + offset .35 -> plum": (ashiel + np.float32(OFFSET), plum, ashiel, plum),
        "ashiel + rumble -> plum": (ashiel + rumble(len(ashiel)), plum, ashiel, plum),
    }
    for name, (content, style, clean_content, clean_style) in cases.items():
        y = audio(content, style, sr=RATE)
        spectrum = np.abs(np.fft.rfft(y.astype(np.float64))) ** 2
        low = spectrum[: round(60 * len(y) / RATE)].sum() / spectrum.sum()
        yield (
            name,
            {
                "timbre": Scorecard(clean_content, clean_style).score(y).timbre,
                "below 60 Hz": float(low),
                "level correlation": float(np.corrcoef(level(y), level(clean_content))[0, 1]),
            },
        )


def silence_rows() -> Iterator[tuple[str, dict[str, float]]]:
    """Speech with a silent second, in several styles."""
    content = clip("sense").copy()
    rng = np.random.default_rng(0)
    silent = slice(3 * RATE, 4 * RATE)
    content[silent] = SILENCE * rng.standard_normal(RATE)
    inside = slice(silent.start + RATE // 10, silent.stop - RATE // 10)
    for name in (*PRESETS, "plum", "howl"):
        style = preset(name) if name in PRESETS else clip(name)
        y = audio(content, style, sr=RATE)
        rise = 10 * np.log10(max(np.mean(y[inside] ** 2), 1e-14) / np.mean(content[inside] ** 2))
        yield f"sense with silence -> {name}", {"dB above the content": float(rise)}


def gating_rows() -> Iterator[tuple[str, dict[str, float]]]:
    """Contents with steady parts, in styles with and without."""
    contents = {"pad": pad(), "plum": clip("plum"), "fishin": clip("fishin")}
    styles = {
        "drums": drums(),
        "howl": clip("howl"),
        "ashiel": clip("ashiel"),
        **{name: preset(name) for name in ("rain", "bells", "eight-bit", "fire", "choir")},
    }
    for content_name, content in contents.items():
        for style_name, style in styles.items():
            y = audio(content, style, sr=RATE)
            score = Scorecard(content, style).score(y)
            yield (
                f"{content_name} -> {style_name}",
                {
                    "dB off": departure(y, content),
                    "timbre": score.timbre,
                    "pitch, rhythm": score.pitch_rhythm,
                },
            )


def departure(y: Float, content: Float) -> float:
    """Departure from the content's level where that is steady, 95th percentile in dB."""
    own, found = level(content), level(y)
    reach = 6
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(own, reach, mode="edge"), 2 * reach + 1)
    steady = (np.ptp(windows, axis=1) < 2) & (own > own.max() - 30)
    if steady.sum() < 10:
        return float("nan")
    gap = (found - own)[steady]
    return float(np.percentile(np.abs(gap - np.median(gap)), 95))


TABLES = {"offset": offset_rows, "silence": silence_rows, "gating": gating_rows}


def report(data: dict[str, dict[str, dict[str, dict[str, float]]]]) -> str:
    """`FAULTS.md`: a table for each fault, with columns for each label."""
    text = "# Audio: faults that one hears at once\n\n"
    text += (__doc__ or "").split("\n\n", 1)[1].strip() + "\n"
    for table in TABLES:
        found = {label: tables[table] for label, tables in data.items() if table in tables}
        if not found:
            continue
        first = next(iter(found.values()))
        figures = list(next(iter(first.values())))
        heads = [f"{figure}, {label}" for figure in figures for label in found]
        text += f"\n## {table.capitalize()}\n\n| pair | {' | '.join(heads)} |\n|---|{'--:|' * len(heads)}\n"
        for pair in dict.fromkeys(pair for pairs in found.values() for pair in pairs):
            cells = [
                f"{found[label][pair][figure]:.2f}" if pair in found[label] else ""
                for figure in figures
                for label in found
            ]
            text += f"| {pair} | {' | '.join(cells)} |\n"
    return text


def main() -> None:
    """Run the tables and write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("label")
    parser.add_argument("--tables", nargs="*", default=list(TABLES), choices=list(TABLES))
    given = parser.parse_args()
    kept = HERE / "faults.json"
    data = json.loads(kept.read_text()) if kept.exists() else {}
    for table in given.tables:
        rows = dict(TABLES[table]())
        for pair, figures in rows.items():
            print(pair, {name: round(value, 3) for name, value in figures.items()}, flush=True)
        data.setdefault(given.label, {})[table] = rows
    kept.write_text(json.dumps(data, indent=1) + "\n")
    (HERE / "FAULTS.md").write_text(report(data))


if __name__ == "__main__":
    main()
