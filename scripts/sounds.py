"""Synthesize the preset sound styles of restyle: `python -m scripts.sounds [FOLDER]`.

Every preset is computed from a fixed seed and has the license of the project. Pitched presets cover all
twelve semitones and several octaves, so that a mosaic finds a grain for every pitch of the content.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

Double = NDArray[np.float64]

SR = 44100
SECONDS = 8.0
N = round(SR * SECONDS)
ROOT = Path(__file__).parent.parent


def noise(rng: np.random.Generator, shape: Callable[[Double], Double], n: int = N) -> Double:
    """Return noise with the magnitude spectrum `shape(Hz)` and unit RMS."""
    spectrum = np.fft.rfft(rng.standard_normal(n)) * shape(np.maximum(np.fft.rfftfreq(n, 1 / SR), 1.0))
    y = np.fft.irfft(spectrum, n)
    unit: Double = y / np.sqrt(np.mean(y**2))
    return unit


def bump(center: float, octaves: float) -> Callable[[Double], Double]:
    """Return a bell curve over log frequency."""
    return lambda f: np.exp(-0.5 * (np.log2(f / center) / octaves) ** 2)


def slow(rng: np.random.Generator, rate: float, n: int = N) -> Double:
    """Return a random curve of mean 0 and deviation 1 that changes about `rate` times a second."""
    points = rng.standard_normal(max(4, round(n / SR * rate) + 3))
    position = np.linspace(0, len(points) - 2, n)
    whole = position.astype(int)
    part = 0.5 - 0.5 * np.cos(np.pi * (position - whole))
    curve: Double = points[whole] * (1 - part) + points[whole + 1] * part
    return curve


def place(y: Double, sound: Double, start: int) -> None:
    """Add a sound at a sample, wrapping around the end."""
    y[(start + np.arange(len(sound))) % len(y)] += sound


def hertz(midi: float) -> float:
    """Return the frequency of a MIDI note number."""
    return float(440 * 2 ** ((midi - 69) / 12))


def partials(
    f0: Double, amounts: Callable[[int, Double], Double], most: int, rng: np.random.Generator
) -> Double:
    """Return a harmonic tone with varying pitch (Hz over time) and partials, none above 18 kHz."""
    phase = 2 * np.pi * np.cumsum(f0) / SR
    y = np.zeros(len(f0))
    for number in range(1, min(most, int(18000 / float(f0.max()))) + 1):
        y += amounts(number, f0) * np.sin(number * phase + rng.uniform(0, 2 * np.pi))
    return y


def walk(rng: np.random.Generator, low: int, high: int, count: int) -> list[int]:
    """Return notes in random order that use every semitone before repeating one."""
    notes: list[int] = []
    while len(notes) < count:
        notes += [int(note) for note in rng.permutation(np.arange(low, high))]
    return notes[:count]


def rain(rng: np.random.Generator) -> Double:
    """A steady hiss and drops, each a short falling ring."""
    y = 0.25 * noise(rng, lambda f: (f / 1000) ** -0.25 * (f > 150) * np.exp(-((f / 14000) ** 2)))
    for _ in range(2600):
        length = int(rng.uniform(0.004, 0.03) * SR)
        t = np.arange(length) / SR
        pitch = rng.uniform(1200, 9000)
        drop = np.sin(2 * np.pi * pitch * t * (1 + 6 * t)) * np.exp(-t * rng.uniform(150, 500))
        place(y, drop * rng.exponential(0.35), int(rng.integers(N)))
    return y


def bees(rng: np.random.Generator) -> Double:
    """A swarm: buzzes around 230 Hz that come closer and go away."""
    y = np.zeros(N)
    for _ in range(14):
        f0 = rng.uniform(150, 320) * 2 ** (0.12 * slow(rng, 3) + 0.01 * slow(rng, 40))
        near = np.exp(0.9 * slow(rng, 1.2) - 0.5)
        y += near * partials(f0, lambda k, f: np.full(len(f), k**-0.9 * (1 if k % 2 else 0.7)), 28, rng)
    return y * (1 + 0.3 * slow(rng, 25)) + 0.15 * noise(rng, bump(4000, 1.0))


def brass(rng: np.random.Generator) -> Double:
    """Horns and trumpets: the louder, the brighter."""
    y = np.zeros(N)
    for number, note in enumerate(walk(rng, 46, 78, 32)):
        length = int(0.5 * SR)
        t = np.arange(length) / SR
        swell = (
            np.minimum(t / 0.06, 1) ** 1.5 * np.minimum((t[-1] - t) / 0.08, 1) * (0.8 + 0.2 * np.sin(9 * t))
        )
        f0 = hertz(note) * (1 + 0.004 * np.sin(2 * np.pi * 5.5 * t) - 0.03 * np.exp(-t * 40))

        def bright(k: int, f: Double, swell: Double = swell) -> Double:
            cutoff = 500 + 3800 * swell
            level: Double = np.exp(-k * f / cutoff) * (1 + 1.5 * np.exp(-(((k * f - 1300) / 600) ** 2)))
            result: Double = swell * level
            return result

        place(y, partials(f0, bright, 30, rng), int(number * N / 32))
    return y


def choir(rng: np.random.Generator) -> Double:
    """Voices on the vowels ah, oh, oo and eh, in a slow cluster."""
    vowels = {
        "ah": ((730, 1.0), (1090, 0.5), (2440, 0.12), (3400, 0.06)),
        "oh": ((500, 1.0), (850, 0.45), (2400, 0.06), (3300, 0.04)),
        "oo": ((320, 1.0), (700, 0.2), (2300, 0.03), (3200, 0.02)),
        "eh": ((560, 1.0), (1750, 0.35), (2500, 0.2), (3500, 0.07)),
    }
    y = np.zeros(N)
    for number, note in enumerate(walk(rng, 45, 74, 29)):
        length = int(1.2 * SR)
        t = np.arange(length) / SR
        swell = np.sin(np.pi * np.minimum(t / t[-1], 1)) ** 0.6
        formants = vowels[list(vowels)[number % 4]]

        def vowel(k: int, f: Double, swell: Double = swell, formants: object = formants) -> Double:
            level = np.full(len(f), 0.004)
            for center, height in formants:  # type: ignore[attr-defined]
                level = level + height / (1 + ((k * f - center) / (60 + center * 0.06)) ** 2)
            result: Double = swell * level * k**-0.25
            return result

        for _ in range(4):
            f0 = hertz(note + rng.normal(0, 0.12)) * (1 + 0.006 * np.sin(2 * np.pi * rng.uniform(4.5, 6) * t))
            place(y, partials(f0, vowel, 45, rng), int(number * N / 29 + rng.uniform(0, 0.05) * SR))
    breath = 0.01 * float(np.sqrt(np.mean(y**2)))
    return y + breath * noise(rng, bump(6000, 0.7))


def eight_bit(rng: np.random.Generator) -> Double:
    """A game console: two pulse voices, a triangle bass, a noise drum, in 64 steps."""
    y = np.zeros(N)
    step = N // 64
    melody, second = walk(rng, 60, 92, 64), walk(rng, 48, 80, 64)
    t = np.arange(step) / SR
    fade = np.minimum(1, np.minimum(t, t[-1] - t) / 0.002)
    for number in range(64):
        for note, duty, amount in ((melody[number], 0.25, 0.5), (second[number], 0.5, 0.3)):
            f0 = np.full(step, hertz(note))

            def pulse(k: int, f: Double, duty: float = duty) -> Double:
                return np.full(len(f), abs(np.sin(np.pi * k * duty)) / k)

            place(y, amount * fade * partials(f0, pulse, 90, rng) * (1 - 0.5 * t / t[-1]), number * step)
        bass = hertz(36 + melody[number // 4 * 4] % 12)
        place(y, 0.5 * fade * (2 / np.pi) * np.arcsin(np.sin(2 * np.pi * bass * t)), number * step)
        if number % 4 == 2:
            held = np.repeat(rng.choice([-1.0, 1.0], step // 4 + 1), 4)[:step]
            place(y, 0.4 * held * np.exp(-t * 30), number * step)
    coarse: Double = np.round(y * 12) / 12
    return coarse


def vinyl(rng: np.random.Generator) -> Double:
    """Crackle, pops and the rumble of an old record that turns once in 1.8 s."""
    y = 0.05 * noise(rng, lambda f: (f / 500) ** -0.4 * (f > 60)) + 0.12 * noise(rng, bump(45, 0.5))
    turn = 1 + 0.5 * np.sin(2 * np.pi * np.arange(N) / SR / 1.8)
    for _ in range(1500):
        at = int(rng.integers(N))
        length = int(rng.uniform(0.0006, 0.004) * SR)
        t = np.arange(length) / length
        click = noise(rng, bump(rng.uniform(1200, 7000), 0.8), max(length, 32))[:length] * (1 - t) ** 2
        place(y, click * rng.exponential(0.18) * turn[at], at)
    return y


def bells(rng: np.random.Generator) -> Double:
    """Struck bells: inharmonic partials that decay, high ones first."""
    y = np.zeros(N)
    ratios = (0.5, 1.0, 1.183, 1.506, 2.0, 2.514, 2.662, 3.011, 4.166, 5.433, 6.8, 8.2)
    for number, note in enumerate(walk(rng, 62, 94, 40)):
        t = np.arange(int(1.8 * SR)) / SR
        tone = np.zeros(len(t))
        for order, ratio in enumerate(ratios):
            pitch = hertz(note) * ratio
            if pitch < 17000:
                ring = np.exp(-t * (1.2 + 0.9 * order)) / (1 + 0.35 * order)
                tone += ring * np.sin(2 * np.pi * pitch * t + rng.uniform(0, 6.28))
        place(y, tone * np.minimum(t / 0.001, 1) * np.minimum((t[-1] - t) / 0.05, 1), int(number * N / 40))
    return y


def strings(rng: np.random.Generator) -> Double:
    """A string orchestra: bowed saws, detuned, with vibrato."""
    y = np.zeros(N)
    for number, note in enumerate(walk(rng, 43, 84, 41)):
        t = np.arange(int(0.9 * SR)) / SR
        bow = np.minimum(t / 0.12, 1) * np.minimum((t[-1] - t) / 0.2, 1)
        for _ in range(4):
            wave = 0.005 * np.sin(2 * np.pi * rng.uniform(5, 6.5) * t + rng.uniform(0, 6.28))
            f0 = hertz(note + rng.normal(0, 0.08)) * (1 + wave)

            def body(k: int, f: Double, bow: Double = bow) -> Double:
                h = k * f
                level: Double = (1 + 0.8 * np.exp(-(((h - 450) / 200) ** 2))) * np.exp(-h / 7000)
                result: Double = bow / k * level
                return result

            place(y, partials(f0, body, 40, rng), int(number * N / 41 + rng.uniform(0, 0.03) * SR))
    rosin = 0.02 * float(np.sqrt(np.mean(y**2)))
    return y + rosin * noise(rng, bump(5000, 1.0))


def wind(rng: np.random.Generator) -> Double:
    """Gusts: noise in bands that move and swell."""
    y = np.zeros(N)
    for center in (180, 320, 560, 900, 1500, 2600):
        gust = np.exp(0.8 * slow(rng, 0.8)) * (1 + 0.15 * slow(rng, 6))
        y += noise(rng, bump(center, 0.18)) * gust * (center / 300) ** -0.6
    return y + 0.1 * noise(rng, lambda f: (f / 400) ** -0.8)


def fire(rng: np.random.Generator) -> Double:
    """A low roar, hiss, and wood that snaps."""
    y = 0.5 * noise(rng, bump(90, 1.0)) * np.exp(0.3 * slow(rng, 5)) + 0.08 * noise(rng, bump(5000, 1.2))
    for _ in range(420):
        length = int(rng.uniform(0.002, 0.02) * SR)
        t = np.arange(length) / SR
        snap = noise(rng, bump(rng.uniform(800, 5000), 0.7), max(length, 64))[:length] * np.exp(-t * 350)
        place(y, snap * rng.pareto(2.2) * 0.35, int(rng.integers(N)))
    soft: Double = np.tanh(y)
    return soft


def organ(rng: np.random.Generator) -> Double:
    """Pipes at 8', 4', 2 2/3' and 2', with the chiff of their speech."""
    y = np.zeros(N)
    for number, note in enumerate(walk(rng, 41, 83, 42)):
        t = np.arange(int(0.8 * SR)) / SR
        wind_on = np.minimum(t / 0.03, 1) * np.minimum((t[-1] - t) / 0.06, 1)
        f0 = np.full(len(t), hertz(note))
        for stop, amount in ((1, 1.0), (2, 0.6), (3, 0.35), (4, 0.4)):

            def pipe(k: int, f: Double) -> Double:
                return np.full(len(f), k**-1.6)

            place(y, amount * wind_on * partials(f0 * stop, pipe, 10, rng), int(number * N / 42))
        chiff = noise(rng, bump(hertz(note) * 3, 0.5), len(t)) * np.exp(-t * 60)
        place(y, 0.3 * chiff, int(number * N / 42))
    return y


def harp(rng: np.random.Generator) -> Double:
    """Plucked strings: partials with the comb of the plucking position, each decaying at its own rate."""
    y = np.zeros(N)
    for number, note in enumerate(walk(rng, 45, 90, 64)):
        t = np.arange(int(1.2 * SR)) / SR
        f0 = hertz(note)
        tone = np.zeros(len(t))
        for k in range(1, min(36, int(17000 / f0)) + 1):
            stretched = f0 * k * np.sqrt(1 + 0.0002 * k * k)
            fall = np.exp(-t * (1.5 + 0.25 * k + f0 / 400))
            tone += np.sin(np.pi * k * 0.21) / k * fall * np.sin(2 * np.pi * stretched * t)
        place(y, tone * np.minimum(t / 0.002, 1) * np.minimum((t[-1] - t) / 0.05, 1), int(number * N / 64))
    return y


SOUNDS: dict[str, Callable[[np.random.Generator], Double]] = {
    "rain": rain,
    "bees": bees,
    "brass": brass,
    "choir": choir,
    "eight-bit": eight_bit,
    "vinyl": vinyl,
    "bells": bells,
    "strings": strings,
    "wind": wind,
    "fire": fire,
    "organ": organ,
    "harp": harp,
}


def synthesize(name: str) -> NDArray[np.float32]:
    """Return one preset at `SR`, mono, with a peak at -3 dB of full scale."""
    y = SOUNDS[name](np.random.default_rng(list(SOUNDS).index(name) + 1))
    scaled: NDArray[np.float32] = (y / np.abs(y).max() * 0.708).astype(np.float32)
    return scaled


def main() -> None:
    """Write all presets as Ogg Vorbis."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "src/restyle/sounds/recordings"
    folder.mkdir(parents=True, exist_ok=True)
    for name in SOUNDS:
        y = synthesize(name)
        with soundfile.SoundFile(folder / f"{name}.ogg", "w", SR, 1, format="OGG", subtype="VORBIS") as file:
            for start in range(0, len(y), 1 << 15):
                file.write(y[start : start + (1 << 15)])
        print(f"{name}: {(folder / f'{name}.ogg').stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
