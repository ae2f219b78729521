"""What `sounds.texture` hears in a sound, differentiable: statistics of style, chroma and onsets of content.

The papers are named there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from restyle.sounds.stft import erb_bank, hann

Tensor = torch.Tensor

FILTERS = 64  # of each random convolution


@dataclass(frozen=True)
class Seen:
    """One sound as the losses see it, every field [frames, bins or bands]; levels are in dB."""

    fine: Tensor
    compressed: Tensor
    envelopes: Tensor
    levels: Tensor


class SoundLosses:
    """The features at one sample rate: everything fixed, from a seed."""

    def __init__(self, sr: int, seed: int) -> None:
        self.sr = sr
        self.n_fft = 2 ** max(6, round(np.log2(0.046 * sr)))
        self.hop = self.n_fft // 4
        self.window = torch.from_numpy(hann(self.n_fft).copy())
        bank = erb_bank(sr, self.n_fft)
        self.bank = torch.from_numpy(bank / np.maximum(bank.sum(axis=1, keepdims=True), 1e-6)).T
        half = erb_bank(sr, self.n_fft, 2.0)
        self.half_bank = torch.from_numpy(half / np.maximum(half.sum(axis=1, keepdims=True), 1e-6)).T
        bands = self.bank.shape[1]
        order = np.arange(1, 13)[:, None] * (np.arange(bands) + 0.5) / bands
        self.cosines = torch.from_numpy((np.cos(np.pi * order) * np.sqrt(2 / bands)).astype(np.float32)).T
        frequency = np.fft.rfftfreq(self.n_fft * 2, 1 / sr)
        pitch = 69 + 12 * np.log2(np.maximum(frequency, 1) / 440)
        near = np.clip(1 - np.abs((pitch[:, None] - np.arange(12) + 6) % 12 - 6), 0, None)
        near[(frequency < 65) | (frequency > 2100)] = 0
        self.classes = torch.from_numpy(near.astype(np.float32))
        self.long_window = torch.from_numpy(hann(2 * self.n_fft).copy())
        generator = torch.Generator().manual_seed(seed)
        self.kernels = [
            (part, torch.randn(FILTERS, rows, width, generator=generator) / np.sqrt(rows * width))
            for part, rows, widths in (
                ("fine", len(half), (2, 8, 24)),
                ("compressed", self.n_fft + 2, (2, 8)),
            )
            for width in widths
        ]

    def see(self, y: Tensor) -> Seen:
        """Look at a waveform [n]."""
        D = torch.stft(
            y, self.n_fft, self.hop, window=self.window, return_complex=True, pad_mode="constant"
        ).T
        power = D.real**2 + D.imag**2 + 1e-9
        root = power**-0.35  # magnitude to the power 0.3, with the phase
        bands = power @ self.bank
        return Seen(
            torch.relu(10 * torch.log10(power @ self.half_bank) + 80) / 20,
            torch.cat([D.real * root, D.imag * root], dim=1),
            bands**0.15,
            10 * torch.log10(bands),
        )

    def statistics(self, y: Tensor) -> dict[str, Tensor]:
        """What style is [each a tensor of any shape]."""
        seen = self.see(y)
        found: dict[str, Tensor] = {}
        for number, (part, kernel) in enumerate(self.kernels):
            x = getattr(seen, part)
            if len(x) < kernel.shape[2]:
                continue
            f = torch.relu(torch.nn.functional.conv1d(x.T[None], kernel))[0]
            found[f"gram{number}"] = f @ f.T / f.shape[1]
        e = seen.envelopes
        mean = e.mean(0)
        centred = e - mean
        deviation = torch.sqrt((centred**2).mean(0) + 1e-8)
        z = centred / deviation
        found |= {
            "mean": mean,
            "deviation": deviation,
            "skew": (z**3).mean(0),
            "kurtosis": torch.log((z**4).mean(0) + 0.1),
            "correlation": z.T @ z / len(z),
            "modulation": torch.sqrt(self._modulation(z) + 1e-6),
        }
        total = 10 * torch.log10((10 ** (seen.levels / 10)).sum(1, keepdim=True))
        # Frames 40 dB under the loudest hardly count, nor do bands 70 dB under: silence has no timbre.
        weight = torch.sigmoid((total - total.max().detach() + 40) / 3)
        weight = weight / weight.sum()
        c = torch.maximum(seen.levels, seen.levels.max().detach() - 70) @ self.cosines
        mean = (weight * c).sum(0)
        found["cepstrum"] = torch.cat([mean, torch.sqrt((weight * (c - mean) ** 2).sum(0) + 1e-6)])
        return found

    def _modulation(self, z: Tensor) -> Tensor:
        """Share of each envelope's power by modulation rate, in half octaves from 0.5 Hz."""
        window = torch.hann_window(len(z))[:, None]
        power = torch.fft.rfft(z * window, dim=0).abs() ** 2
        rate = torch.fft.rfftfreq(len(z), self.hop / self.sr)
        top = self.sr / self.hop / 2
        centres = 0.5 * 2.0 ** (torch.arange(int(2 * np.log2(max(top, 1.0) / 0.5)) + 1) / 2)
        octave = torch.log2(torch.clamp(rate, min=1e-3)[None] / centres[:, None])
        bank = torch.cos(torch.clamp(octave, -1, 1) * (np.pi / 2)) ** 2
        share: Tensor = bank @ power / (power.sum(0) + 1e-9)
        return share

    def relief(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Average spectrum [n // 2 + 1] and slow envelope [n] of a waveform.

        Steps are taken on the waveform without them: every sample and every frequency then moves in
        proportion to its own size, and silence and faint bands do not fill with noise.
        """
        levels = self.see(y).levels.numpy().astype(np.float64)
        mean = 10 * np.log10((10 ** (levels / 10)).mean(0))
        bank = erb_bank(self.sr, self.n_fft)
        centres = (bank @ np.arange(self.n_fft // 2 + 1)) / np.maximum(bank.sum(1), 1e-6)
        bins = np.arange(len(y) // 2 + 1) * (self.n_fft / len(y))
        spectrum = 10 ** (np.interp(bins, centres, np.maximum(mean, mean.max() - 70)) / 20)
        total = 10 * np.log10((10 ** (levels / 10)).sum(1))
        total = np.convolve(np.pad(total, 4, mode="edge"), np.ones(9) / 9, "valid")
        swell = 10 ** (np.maximum(total, total.max() - 50) / 20)
        swell = np.interp(np.arange(len(y)), np.arange(len(swell)) * self.hop, swell / swell.max())
        flat = np.fft.irfft(np.fft.rfft(y.numpy() / swell) / spectrum, len(y))
        spectrum = spectrum * np.sqrt(np.mean(flat**2))
        return torch.from_numpy(spectrum.astype(np.float32)), torch.from_numpy(swell.astype(np.float32))

    def chroma(self, y: Tensor) -> Tensor:
        """Pitch classes, each frame without its mean [frames, 12]."""
        D = torch.stft(
            y, 2 * self.n_fft, 2 * self.hop, window=self.long_window, return_complex=True, pad_mode="constant"
        ).T
        classes = torch.sqrt(D.real**2 + D.imag**2 + 1e-9) @ self.classes
        return classes - classes.mean(1, keepdim=True)

    def onsets(self, y: Tensor) -> Tensor:
        """Rise of the band levels, without its mean [frames]."""
        levels = self.see(y).levels
        smooth = torch.nn.functional.avg_pool1d(levels.T[None], 3, 1, 1)[0].T if len(levels) > 3 else levels
        rise = torch.relu(smooth[2:] - smooth[:-2]).mean(1)
        return rise - rise.mean()
