"""How well a network does on photos that it never saw, by one yardstick whatever it was trained with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from restyle.nn.conditional import ConditionalTransformer
from restyle.options.train import ENCODERS, StyleOptions
from restyle.train.data import Pictures
from restyle.train.style import PLAIN, StyleTask


def held_out_losses(
    network: ConditionalTransformer,
    content: Sequence[str | Path],
    styles: Sequence[str | Path],
    crop: int = StyleOptions.crop,
    style_size: int = StyleOptions.style_size,
    encoder: str | Path = ENCODERS,
) -> dict[str, float]:
    """`total`, `style` and `content` on photos, with the usual weights and layers, uncut."""
    photos, pictures = Pictures(content, PLAIN), Pictures(styles, PLAIN, longest=2048)
    options = StyleOptions(crop=crop, style_size=style_size, held_out=0)
    task = StyleTask(network.eval(), photos, pictures, options, encoder=encoder)
    task.held_out, task.trained = task.trained, task.trained[:1]
    with torch.no_grad():
        found = task.evaluate(network)
    return {name: found[f"held out{tail}"] for name, tail in _TAILS.items()}


_TAILS = {"total": "", "style": " style", "content": " content"}
