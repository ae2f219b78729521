"""The slower audio method: statistics of the style, optimised on the waveform itself.

The sound is seen through its complex STFT with compressed magnitudes, real and imaginary part as channels
(Caracalla and Roebel 2019), so the gradient reaches the samples and no phase has to be found. Style are

- Gram matrices of random convolutions over time at several widths (Ulyanov and Lebedev 2016; the widths as
  in Antognini et al. 2019), on the levels of half critical bands and on the compressed complex STFT;
- statistics of the critical bands' envelopes (McDermott and Simoncelli 2011): mean, deviation, skew,
  kurtosis, correlation between bands, power by modulation rate; and mean and spread of the cepstrum.

Content are chroma, weighted by energy, and the rise of the band levels over time (onsets). The start is the
mosaic (`sounds.mosaic`), so few steps suffice.

Differs from the papers: all statistics are compared relative to the style's own magnitude, so one weight
serves any pair.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from restyle.errors import MissingExtraError
from restyle.sounds.mosaic import WHOLE, Mosaic
from restyle.sounds.stft import Float
from restyle.types import Report

try:
    import torch

    from restyle.sounds.texture_losses import SoundLosses
except ModuleNotFoundError as error:
    raise MissingExtraError("--method texture", "torch") from error

Tensor = torch.Tensor

LEVEL = 0.1  # RMS that every sound is brought to before it is looked at
RATE = 0.03  # of Adam, relative to the size of what moves
PATIENCE = 12  # steps without a better loss
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
    """One or several styles at one sample rate, optimised onto content block by block.

    Parameters
    ----------
    styles, sr, strength, keep_pitch, keep_rhythm, keep_loudness
        As for `sounds.mosaic.Mosaic`.
    steps : int
    seed : int
        Of the random convolutions.
    report : function of one float
        Called after every step with the fraction done of the block.
    preview : function of (step, waveform), optional
        Called after every step.
    """

    def __init__(
        self,
        styles: Sequence[tuple[Float, float]],
        sr: int,
        *,
        steps: int = 100,
        seed: int = 0,
        strength: float = 1.0,
        keep_pitch: float | None = None,
        keep_rhythm: float | None = None,
        keep_loudness: float = 0.0,
        report: Report = lambda part: None,
        preview: Callable[[int, Float], None] | None = None,
    ) -> None:
        self.mosaic = Mosaic(
            styles,
            sr,
            strength=strength,
            keep_pitch=keep_pitch,
            keep_rhythm=keep_rhythm,
            keep_loudness=keep_loudness,
        )
        self.steps, self.strength = steps, strength
        self.report, self.preview = report, preview
        self.losses = SoundLosses(sr, seed)
        with torch.no_grad():
            each = [(self.losses.statistics(_levelled(y)), weight) for y, weight in styles]
        shared = set.intersection(*(set(found) for found, _ in each))
        self.wanted = {
            name: torch.stack([weight * found[name] for found, weight in each]).sum(0)
            for name in sorted(shared)
            if len({found[name].shape for found, _ in each}) == 1
        }

    @property
    def hop(self) -> int:
        """As `Mosaic.hop`."""
        return self.mosaic.hop

    @property
    def reach(self) -> int:
        """As `Mosaic.reach`."""
        return self.mosaic.reach

    def analyse(self, y: Float, part: slice = WHOLE) -> Float:
        """As `Mosaic.analyse`."""
        return self.mosaic.analyse(y, part)

    def learn(self, levels: Float) -> None:
        """As `Mosaic.learn`."""
        self.mosaic.learn(levels)

    def settle(self, y: Float) -> None:
        """As `Mosaic.settle`."""
        self.mosaic.settle(y)

    def __call__(self, y: Float) -> Float:
        """Restyle a block [shape=(n, channels), float32]; its loudness is not set here."""
        mosaic = self.mosaic
        y, ends = mosaic.mirrored(y)
        target = mosaic.target(y)
        content = y.mean(axis=1)
        voice = mosaic.place(mosaic.carrier(y, target), content[:, None], target)
        voice = mosaic.edged(voice, content[:, None])[:, 0]
        if not float(np.abs(content).max()) or ends.stop - ends.start < 4 * self.losses.n_fft:
            return mosaic.place(voice, y, target)[ends]
        level = float(np.sqrt(np.mean(voice.astype(np.float64) ** 2)))
        made = self.optimised(voice, content, ends) * np.float32(level / LEVEL)
        if y.shape[1] == 1:
            return made[ends, None]
        return mosaic.place(made, y, mosaic.levels(made[:, None]))[ends]

    def optimised(self, start: Float, content: Float, shown: slice) -> Float:
        """Descend from `start` [shape=(n,), float32] to RMS near `LEVEL`; previews are the part `shown`."""
        losses, reference = self.losses, _levelled(content)
        with torch.no_grad():
            chroma, onsets = losses.chroma(reference), losses.onsets(reference)
            wanted = self.wanted
            if self.strength < 1:
                own = losses.statistics(reference)
                wanted = {
                    name: torch.lerp(own[name], wanted[name], self.strength)
                    for name in wanted
                    if name in own and own[name].shape == wanted[name].shape
                }
            weight = torch.sqrt((chroma**2).sum(1))
            weight = weight / weight.sum()
        first = _levelled(start)
        spectrum, swell = losses.relief(first)
        free = torch.fft.irfft(torch.fft.rfft(first / swell) / spectrum, len(first)).requires_grad_()
        optimizer = torch.optim.Adam([free], betas=(0.9, 0.99))
        best, best_free, best_loss, best_step = first, free.detach().clone(), float("inf"), 0
        rate = RATE
        for step in range(self.steps):
            if step - best_step >= PATIENCE:  # the steps are too long for this sound: go back, tread softly
                rate, best_step = rate / 3, step
                with torch.no_grad():
                    free.copy_(best_free)
                optimizer = torch.optim.Adam([free], betas=(0.9, 0.99))
            optimizer.param_groups[0]["lr"] = rate * (
                0.02 + 0.98 * np.cos(np.pi / 2 * step / self.steps) ** 2
            )
            optimizer.zero_grad()
            y = torch.fft.irfft(torch.fft.rfft(free) * spectrum, len(first)) * swell
            found = losses.statistics(y)
            loss = torch.zeros(())
            grams = max(1, sum(name.startswith("gram") for name in wanted))
            for name, aim in wanted.items():
                kind = name.rstrip("0123456789")
                gap = (found[name] - aim).norm() / (aim.norm() + 1e-6)
                loss = loss + WEIGHTS[kind] * gap / (grams if kind == "gram" else 1)
            loss = (
                loss + 3 * self.mosaic.keep_pitch * (weight * (1 - _cosine(losses.chroma(y), chroma))).sum()
            )
            alike = _cosine(losses.onsets(y)[None], onsets[None])[0]
            loss = loss + (0.5 + self.mosaic.keep_rhythm) * 2 * (1 - alike)
            loss.backward()  # type: ignore[no-untyped-call]
            if float(loss.detach()) < best_loss:
                best, best_free = y.detach().clone(), free.detach().clone()
                best_loss, best_step = float(loss.detach()), step
            optimizer.step()
            self.report((step + 1) / self.steps)
            if self.preview is not None:
                self.preview(step, best.numpy()[shown])
        return best.numpy()


def _levelled(y: Float) -> Tensor:
    level = float(np.sqrt(np.mean(y.astype(np.float64) ** 2)))
    return torch.from_numpy((y * (LEVEL / max(level, 1e-9))).astype(np.float32))


def _cosine(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(1) / torch.sqrt((a**2).sum(1) * (b**2).sum(1) + 1e-12)
