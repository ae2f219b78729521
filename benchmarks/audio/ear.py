"""Further measures that stand for an ear: `python -m benchmarks.audio.ear LABEL`.

All 30 pairs of recordings, and each preset on speech, music and pink noise. Beside the scorecard's timbre:

- modulation: distance of the modulation spectra of result and style, the mean over cochlear bands and rates
  of half an octave (0.5 to 181 Hz), in dB (Chi, Ru and Shamma 2005; McDermott and Simoncelli 2011). Does it
  flutter, rattle and swell like the style?
- roughness: share of the envelopes' power from 20 to 150 Hz, weighted by a peak at 70 Hz (Daniel and Weber
  1997), by loudness of the bands. The result's over the style's; 1 is alike.
- attack: rises of levels over falls, the result's over the style's; 1 is alike. Struck sounds rise fast and
  ring. The method decides by a similar property, so this measure is not independent.
- onsets: correlation of the spectral flux with the content's; 1 is the content's rhythm.

Figures are kept by label in `ear.json`; `EAR.md` shows all. An empty cell was not measured in that state.
Nobody listened.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.audio.faults import preset
from benchmarks.audio.pairs import ALL_PAIRS, clip
from benchmarks.audio.scorecard import Scorecard
from restyle.sounds.api import audio
from restyle.sounds.features import ENVELOPE_RATE, RATE, cochlear_envelopes, onset_correlation, texture
from restyle.sounds.sources import PRESETS
from restyle.sounds.stft import Float, power_of, smooth, stft

HERE = Path(__file__).parent
CONTENTS = ("sense", "fishin", "noise")
FIGURES = ("timbre", "modulation", "roughness", "attack", "onsets")
ROUGH, ROUGHEST = (20.0, 150.0), 70.0  # Hz
FAINT = 1e-3  # root of a share of modulation power below which it counts as this


def noise() -> Float:
    """Pink noise, 8 s [shape=(n,), float32]."""
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(8 * RATE))
    spectrum /= np.sqrt(np.maximum(np.fft.rfftfreq(8 * RATE, 1 / RATE), 30))
    y = np.fft.irfft(spectrum)
    result: Float = (0.1 * y / y.std()).astype(np.float32)
    return result


def modulation_distance(y: Float, style: Float) -> float:
    """Mean distance of the modulation spectra, in dB."""
    a, b = (20 * np.log10(np.maximum(texture(each).modulation, FAINT)) for each in (y, style))
    return float(np.abs(a - b).mean())


def roughness(y: Float) -> float:
    """Weighted share of fast modulation, 0..1."""
    e = cochlear_envelopes(y)
    power = np.abs(np.fft.rfft(e, axis=0)) ** 2
    rate = np.fft.rfftfreq(len(e), 1 / ENVELOPE_RATE)
    weight = (
        np.exp(-((np.log2(np.maximum(rate, 1) / ROUGHEST)) ** 2)) * (rate >= ROUGH[0]) * (rate <= ROUGH[1])
    )
    share = (weight[:, None] * power).sum(axis=0) / power.sum(axis=0)
    return float((share * e.mean(axis=0)).sum() / e.mean(axis=0).sum())


def attack(y: Float) -> float:
    """Rises over falls of the levels of 512 samples, each beyond 3 dB within 12 ms, by loudness."""
    level = 10 * np.log10(smooth(power_of(stft(y, 512, 128)).T, 5).T[:, ::4] + 1e-7)
    change = level[2:] - level[:-2]
    loudness = 10 ** (0.03 * (level[1:-1] - level.max()))
    rises, falls = ((np.maximum(sign * change - 3, 0) * loudness).sum() for sign in (1, -1))
    return float(rises / max(falls, 1e-9))


def rows() -> Iterator[tuple[str, dict[str, float]]]:
    """All pairs with their figures."""
    contents = {name: noise() if name == "noise" else clip(name) for name in CONTENTS}
    pairs = [(name, style, clip(name), clip(style)) for name, style in ALL_PAIRS]
    pairs += [(name, style, y, preset(style)) for style in PRESETS for name, y in contents.items()]
    for name, style_name, content, style in pairs:
        y = audio(content, style, sr=RATE)
        yield (
            f"{name} -> {style_name}",
            {
                "timbre": Scorecard(content, style).score(y).timbre,
                "modulation": modulation_distance(y, style),
                "roughness": roughness(y) / max(roughness(style), 1e-9),
                "attack": attack(y) / attack(style),
                "onsets": onset_correlation(y, content),
            },
        )


def report(data: dict[str, dict[str, dict[str, float]]]) -> str:
    """`EAR.md`: a column for each figure and label."""
    text = "# Audio: measures that stand for an ear\n\n"
    text += (__doc__ or "").split("\n\n", 1)[1].strip() + "\n\n"
    heads = [f"{figure}, {label}" for figure in FIGURES for label in data]
    text += f"| pair | {' | '.join(heads)} |\n|---|{'--:|' * len(heads)}\n"
    for pair in dict.fromkeys(pair for pairs in data.values() for pair in pairs):
        cells = [
            f"{data[label][pair][f]:.2f}" if pair in data[label] else "" for f in FIGURES for label in data
        ]
        text += f"| {pair} | {' | '.join(cells)} |\n"
    shared = set.intersection(*(set(pairs) for pairs in data.values()))
    means = (np.mean([data[label][pair][f] for pair in shared]) for f in FIGURES for label in data)
    heading = f"**mean** of the {len(shared)} pairs measured in all states"
    return text + f"| {heading} | {' | '.join(f'{mean:.2f}' for mean in means)} |\n"


def main() -> None:
    """Measure all pairs and write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("label")
    label = parser.parse_args().label
    kept = HERE / "ear.json"
    data = json.loads(kept.read_text()) if kept.exists() else {}
    data[label] = {}
    for pair, figures in rows():
        data[label][pair] = figures
        print(pair, {name: round(value, 3) for name, value in figures.items()}, flush=True)
    kept.write_text(json.dumps(data, indent=1) + "\n")
    (HERE / "EAR.md").write_text(report(data))


if __name__ == "__main__":
    main()
