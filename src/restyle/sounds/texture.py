"""The slower method: optimize the waveform towards statistics of the style.

The losses use the complex STFT with compressed magnitudes, real and imaginary part as channels (Caracalla and
Roebel 2019), so gradients reach the samples and no phase retrieval is needed. Style is

- Gram matrices of random convolutions over time at several widths (Ulyanov and Lebedev 2016; the widths as
  in Antognini et al. 2019), on the levels of half critical bands and on the compressed complex STFT;
- statistics of the critical bands' envelopes (McDermott and Simoncelli 2011): mean, deviation, skew,
  kurtosis, correlation between bands, power by modulation rate; and mean and deviation of the cepstrum.

Content is chroma, weighted by energy, and the rise of the band levels (onsets). The optimization starts from
the mosaic (`sounds.mosaic`), so few steps suffice.

Differs from the papers: all statistics are compared relative to the style's magnitude, so the same weights
work for all pairs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from restyle.errors import MissingExtraError
from restyle.sounds.effects import hold_level
from restyle.sounds.mosaic import Mosaic
from restyle.sounds.stft import Float, erb_bank, hann
from restyle.types import Report

try:
    import torch
except ModuleNotFoundError as error:
    raise MissingExtraError("--method texture", "torch") from error

Tensor = torch.Tensor

LEVEL = 0.1  # RMS of a sound when it is measured
LEARNING_RATE = 0.03  # relative to the parameters' size
PATIENCE = 12  # steps without improvement
FILTERS = 64  # of each random convolution
WEIGHTS = {
    "gram": 1.0,
    "mean": 2.0,
    "deviation": 1.0,
    "skew": 0.3,
    "kurtosis": 0.3,
    "correlation": 1.0,
    "modulation": 1.0,
    "cepstrum": 4.0,
}


class TextureTransfer:
    """One or several styles at one sample rate, to be applied to content window by window.

    The seed is that of the random convolutions. After every step `report` is called with the fraction of the
    window that is done, and `preview` with the step and the waveform; `settings` are those of a `Mosaic`.
    """

    def __init__(
        self,
        styles: Sequence[tuple[Float, float]],
        sr: int,
        *,
        steps: int = 100,
        seed: int = 0,
        report: Report = lambda part: None,
        preview: Callable[[int, Float], None] | None = None,
        **settings: Any,
    ) -> None:
        self.mosaic = Mosaic(styles, sr, **settings)
        self.steps, self.strength = steps, self.mosaic.strength
        self.report, self.preview = report, preview
        self.losses = losses = SoundLosses(sr, seed)
        with torch.no_grad():
            each = [(losses.statistics(losses.features(_normalize(y))), weight) for y, weight in styles]
        shared = set.intersection(*(set(found) for found, _ in each))
        self.targets = {
            name: torch.stack([weight * found[name] for found, weight in each]).sum(0)
            for name in sorted(shared)
            if len({found[name].shape for found, _ in each}) == 1
        }
        self.hop, self.reach = self.mosaic.hop, self.mosaic.reach
        self.measure, self.fit = self.mosaic.measure, self.mosaic.fit
        self.choose_settings = self.mosaic.choose_settings

    def stylize(self, y: Float) -> Float:
        """As `Mosaic.stylize`."""
        mosaic = self.mosaic
        y, inside = mosaic.mirror_ends(y)
        target = mosaic.target(y)
        content = y.mean(axis=1)
        voice = mosaic.render(y, target)
        voice = mosaic.to_channels(voice, content[:, None], mosaic.let_decay(voice, target))
        voice = mosaic.sharpen(voice, content[:, None])[:, 0]
        if not float(np.abs(content).max()) or inside.stop - inside.start < 4 * self.losses.n_fft:
            return mosaic.to_channels(voice, y, target.levels)[inside]
        level = float(np.sqrt(np.mean(voice.astype(np.float64) ** 2)))
        with _one_thread():
            result = self.optimize(voice, content, inside) * np.float32(level / LEVEL)
        result = hold_level(result[:, None], content[:, None], mosaic.bands.sr)[:, 0]
        if mosaic.keep_speech:
            return mosaic.to_channels(result, y, target.levels)[inside]
        if y.shape[1] == 1:
            return result[inside, None]
        return mosaic.to_channels(result, y, mosaic.levels(result[:, None]))[inside]

    def optimize(self, start: Float, content: Float, shown: slice) -> Float:
        """Optimize a waveform [shape=(n,), float32] from `start`; previews show the part `shown`."""
        losses, reference = self.losses, _normalize(content)
        with torch.no_grad():
            own = losses.features(reference)
            chroma, onsets = losses.chroma(reference), losses.onsets(own)
            targets = self._blended(losses.statistics(own)) if self.strength < 1 else self.targets
            weight = torch.sqrt((chroma**2).sum(1))
            weight = weight / weight.sum()

        def loss_of(y: Tensor) -> Tensor:
            pitch = (weight * (1 - _cosine(losses.chroma(y), chroma))).sum()
            found = losses.features(y)
            rhythm = 1 - _cosine(losses.onsets(found)[None], onsets[None])[0]
            return (
                _style_loss(losses.statistics(found), targets)
                + 3 * self.mosaic.keep_pitch * pitch
                + (0.5 + self.mosaic.keep_rhythm) * 2 * rhythm
            )

        best = _normalize(start)
        spectrum, envelope = losses.whitening(best)
        free = torch.fft.irfft(torch.fft.rfft(best / envelope) / spectrum, len(best)).requires_grad_()
        optimizer = torch.optim.Adam([free], betas=(0.9, 0.99))
        best_free, best_loss, best_step = free.detach().clone(), float("inf"), 0
        rate = LEARNING_RATE
        for step in range(self.steps):
            if step - best_step >= PATIENCE:  # no improvement: back to the best, with smaller steps
                rate, best_step = rate / 3, step
                with torch.no_grad():
                    free.copy_(best_free)
                optimizer = torch.optim.Adam([free], betas=(0.9, 0.99))
            decay = 0.02 + 0.98 * np.cos(np.pi / 2 * step / self.steps) ** 2
            optimizer.param_groups[0]["lr"] = rate * decay
            optimizer.zero_grad()
            y = torch.fft.irfft(torch.fft.rfft(free) * spectrum, len(best)) * envelope
            loss = loss_of(y)
            loss.backward()  # type: ignore[no-untyped-call]
            if float(loss.detach()) < best_loss:
                best, best_free = y.detach().clone(), free.detach().clone()
                best_loss, best_step = float(loss.detach()), step
            optimizer.step()
            self.report((step + 1) / self.steps)
            if self.preview is not None:
                self.preview(step, best.numpy()[shown])
        return best.numpy()

    def _blended(self, own: dict[str, Tensor]) -> dict[str, Tensor]:
        """Targets between the content's own statistics and the style's, by `strength`."""
        return {
            name: torch.lerp(own[name], target, self.strength)
            for name, target in self.targets.items()
            if name in own and own[name].shape == target.shape
        }


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch use one thread: these tensors are small, and two threads take twice as long."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _style_loss(found: dict[str, Tensor], targets: dict[str, Tensor]) -> Tensor:
    loss = torch.zeros(())
    grams = max(1, sum(name.startswith("gram") for name in targets))
    for name, target in targets.items():
        kind = name.rstrip("0123456789")
        gap = (found[name] - target).norm() / (target.norm() + 1e-6)
        loss = loss + WEIGHTS[kind] * gap / (grams if kind == "gram" else 1)
    return loss


def _stft(y: Tensor, n_fft: int, window: Tensor) -> Tensor:
    """Complex STFT with a hop of a quarter window [frames, bins]."""
    return torch.stft(y, n_fft, n_fft // 4, window=window, return_complex=True, pad_mode="constant").T


def _normalize(y: Float) -> Tensor:
    level = float(np.sqrt(np.mean(y.astype(np.float64) ** 2)))
    return torch.from_numpy((y * (LEVEL / max(level, 1e-9))).astype(np.float32))


def _cosine(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(1) / torch.sqrt((a**2).sum(1) * (b**2).sum(1) + 1e-12)


# -------------------------------------------------------------------------------------------- statistics


@dataclass(frozen=True)
class Features:
    """What the statistics are computed from, each [frames, bins or bands]; levels are in dB."""

    fine: Tensor
    compressed: Tensor
    envelopes: Tensor
    levels: Tensor


class SoundLosses:
    """Differentiable statistics of style, chroma and onsets of content, at one sample rate."""

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
        shapes = [("fine", len(half), width) for width in (2, 8, 24)]
        shapes += [("compressed", self.n_fft + 2, width) for width in (2, 8)]
        self.kernels = [
            (part, torch.randn(FILTERS, rows, width, generator=generator) / np.sqrt(rows * width))
            for part, rows, width in shapes
        ]

    def features(self, y: Tensor) -> Features:
        """Compute the features of a waveform [n]."""
        D = _stft(y, self.n_fft, self.window)
        power = D.real**2 + D.imag**2 + 1e-9
        root = power**-0.35  # magnitude to the power 0.3, with the phase
        bands = power @ self.bank
        return Features(
            torch.relu(10 * torch.log10(power @ self.half_bank) + 80) / 20,
            torch.cat([D.real * root, D.imag * root], dim=1),
            bands**0.15,
            10 * torch.log10(bands),
        )

    def statistics(self, features: Features) -> dict[str, Tensor]:
        """Compute the statistics of style, each a tensor of any shape."""
        found: dict[str, Tensor] = {}
        for number, (part, kernel) in enumerate(self.kernels):
            x = getattr(features, part)
            if len(x) < kernel.shape[2]:
                continue
            f = torch.relu(torch.nn.functional.conv1d(x.T[None], kernel))[0]
            found[f"gram{number}"] = f @ f.T / f.shape[1]
        e = features.envelopes
        mean = e.mean(0)
        centered = e - mean
        deviation = torch.sqrt((centered**2).mean(0) + 1e-8)
        z = centered / deviation
        found |= {
            "mean": mean,
            "deviation": deviation,
            "skew": (z**3).mean(0),
            "kurtosis": torch.log((z**4).mean(0) + 0.1),
            "correlation": z.T @ z / len(z),
            "modulation": torch.sqrt(self._modulation(z) + 1e-6),
        }
        total = 10 * torch.log10((10 ** (features.levels / 10)).sum(1, keepdim=True))
        # Frames 40 dB below the loudest hardly count, nor do bands 70 dB below: silence has no timbre.
        weight = torch.sigmoid((total - total.max().detach() + 40) / 3)
        weight = weight / weight.sum()
        c = torch.maximum(features.levels, features.levels.max().detach() - 70) @ self.cosines
        mean = (weight * c).sum(0)
        found["cepstrum"] = torch.cat([mean, torch.sqrt((weight * (c - mean) ** 2).sum(0) + 1e-6)])
        return found

    def _modulation(self, z: Tensor) -> Tensor:
        """Share of each envelope's power by modulation rate, in half octaves from 0.5 Hz."""
        window = torch.hann_window(len(z))[:, None]
        power = torch.fft.rfft(z * window, dim=0).abs() ** 2
        rate = torch.fft.rfftfreq(len(z), self.hop / self.sr)
        top = self.sr / self.hop / 2
        centers = 0.5 * 2.0 ** (torch.arange(int(2 * np.log2(max(top, 1.0) / 0.5)) + 1) / 2)
        octave = torch.log2(torch.clamp(rate, min=1e-3)[None] / centers[:, None])
        bank = torch.cos(torch.clamp(octave, -1, 1) * (np.pi / 2)) ** 2
        share: Tensor = bank @ power / (power.sum(0) + 1e-9)
        return share

    def whitening(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Average spectrum [n // 2 + 1] and slow envelope [n] of a waveform.

        The optimized waveform is divided by them. So samples and frequencies change in proportion to their
        size, and silence and faint bands do not fill with noise.
        """
        levels = self.features(y).levels.numpy().astype(np.float64)
        mean = 10 * np.log10((10 ** (levels / 10)).mean(0))
        bank = erb_bank(self.sr, self.n_fft)
        centers = (bank @ np.arange(self.n_fft // 2 + 1)) / np.maximum(bank.sum(1), 1e-6)
        bins = np.arange(len(y) // 2 + 1) * (self.n_fft / len(y))
        spectrum = 10 ** (np.interp(bins, centers, np.maximum(mean, mean.max() - 70)) / 20)
        total = 10 * np.log10((10 ** (levels / 10)).sum(1))
        total = np.convolve(np.pad(total, 4, mode="edge"), np.ones(9) / 9, "valid")
        envelope = 10 ** (np.maximum(total, total.max() - 50) / 20)
        frames = np.arange(len(envelope)) * self.hop
        envelope = np.interp(np.arange(len(y)), frames, envelope / envelope.max())
        flat = np.fft.irfft(np.fft.rfft(y.numpy() / envelope) / spectrum, len(y))
        spectrum = spectrum * np.sqrt(np.mean(flat**2))
        return torch.from_numpy(spectrum.astype(np.float32)), torch.from_numpy(envelope.astype(np.float32))

    def chroma(self, y: Tensor) -> Tensor:
        """Pitch classes minus each frame's mean [frames, 12]."""
        D = _stft(y, 2 * self.n_fft, self.long_window)
        classes = torch.sqrt(D.real**2 + D.imag**2 + 1e-9) @ self.classes
        return classes - classes.mean(1, keepdim=True)

    def onsets(self, features: Features) -> Tensor:
        """Rise of the band levels minus its mean [frames]."""
        levels = features.levels
        smooth = torch.nn.functional.avg_pool1d(levels.T[None], 3, 1, 1)[0].T if len(levels) > 3 else levels
        rise = torch.relu(smooth[2:] - smooth[:-2]).mean(1)
        return rise - rise.mean()
