"""The baseline: Ulyanov and Lebedev's audio texture synthesis and style transfer (2016), from the paper.

log(1 + |S|) with an FFT of 2048 at 22.05 kHz, frequency bins as channels, one random 1 x 11 convolution with
ReLU, Gram matrix for style, activations for content, L-BFGS from noise, Griffin-Lim.

Differs from the original: 1,024 random filters (4,096 there) and 200 steps of Griffin-Lim (500 there, which
gave the same figures to .001 on sense -> plum), because the benchmark runs on a CPU. The seed is fixed.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from restyle.sounds.stft import istft, stft

Float = NDArray[np.float32]
N_FFT, HOP = 2048, 512


def ulyanov(
    content: Float,
    style: Float,
    *,
    filters: int = 1024,
    steps: int = 300,
    griffin_lim_steps: int = 200,
    content_weight: float = 1e-2,
    seed: int = 0,
) -> Float:
    """Transfer `style` onto `content`, both mono at 22.05 kHz; returns a waveform of the content's length."""
    generator = torch.Generator().manual_seed(seed)
    length = len(content)
    C, S = (torch.from_numpy(np.log1p(np.abs(stft(y, N_FFT, HOP)))).T[None] for y in (content, style))
    bins = C.shape[1]
    kernel = torch.randn(filters, bins, 11, generator=generator) * np.sqrt(4 / ((bins + filters) * 11))

    def features(x: torch.Tensor) -> torch.Tensor:
        return torch.relu(torch.nn.functional.conv1d(x, kernel))

    def gram(f: torch.Tensor) -> torch.Tensor:
        # Each is divided by its own number of frames, so that the lengths may differ.
        return f[0] @ f[0].T / f.shape[2]

    with torch.no_grad():
        wanted_content, wanted_gram = features(C), gram(features(S))
    x = (1e-3 * torch.randn(C.shape, generator=generator)).requires_grad_()
    optimizer = torch.optim.LBFGS(
        [x], max_iter=steps, max_eval=2 * steps, history_size=10, line_search_fn="strong_wolfe"
    )

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        f = features(x)
        loss = (gram(f) - wanted_gram).pow(2).sum() + content_weight * (f - wanted_content).pow(2).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    magnitude = np.expm1(np.clip(x.detach()[0].T.numpy(), 0, 12)).astype(np.float32)
    return griffin_lim(magnitude, length, griffin_lim_steps, seed)


def griffin_lim(S: Float, length: int, steps: int, seed: int) -> Float:
    """Waveform whose STFT magnitude is near `S` (Griffin and Lim 1984), from random phase."""
    phase = np.exp(2j * np.pi * np.random.default_rng(seed).random(S.shape)).astype(np.complex64)
    for _ in range(steps):
        D = stft(istft(S * phase, N_FFT, HOP, length), N_FFT, HOP)
        phase = D / np.maximum(np.abs(D), 1e-9)
    return istft(S * phase, N_FFT, HOP, length)
