"""The arbitrary-style network: a style encoder gives a code, which drives the transformer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from restyle.errors import ModelError
from restyle.nn.encoders import EncoderShape, PerceptualEncoder, read_tensors
from restyle.nn.transformer import COLORS, Transformer, TransformerShape, color_moments, color_root, halved

FORMAT = "restyle-arbitrary/1"
PROJECTED = 24  # channels of the projected Gram matrices
HIDDEN = 256


class StyleEncoder(nn.Module):
    """Style images [N, 3, H, W], RGB, 0..1, of any size from 32 px -> codes [N, 192 + 9].

    For each layer of the frozen perceptual encoder: mean and deviation of each channel (Huang and Belongie
    2017), and the Gram matrix (Gatys et al. 2016) of a random orthogonal projection of the features to 24
    channels, divided by its norm. These statistics are standardized over many images (`calibrate`), because
    what all images share says nothing about style. Two linear layers follow, and layer normalization. Nine
    more values are the palette: mean of the colors and root of their covariance.
    """

    def __init__(
        self, encoder: PerceptualEncoder, code: int = TransformerShape.code, projected: int = PROJECTED
    ) -> None:
        super().__init__()
        self.encoder = encoder.requires_grad_(False)
        widths = encoder.shape.widths
        self.projections = nn.ModuleList(nn.Conv2d(w, projected, 1, bias=False) for w in widths)
        for projection in self.projections:
            nn.init.orthogonal_(projection.weight)  # type: ignore[arg-type]
        self.projections.requires_grad_(False)
        upper = torch.triu_indices(projected, projected)
        self.upper: Tensor
        self.register_buffer("upper", upper[0] * projected + upper[1], persistent=False)
        size = 2 * sum(widths) + len(widths) * upper.shape[1]
        self.centre: Tensor  # mean and deviation over many images, named as in the files
        self.spread: Tensor
        self.register_buffer("centre", torch.zeros(size))
        self.register_buffer("spread", torch.ones(size))
        self.hidden = nn.Linear(size, HIDDEN)
        self.out = nn.Linear(HIDDEN, code)
        self.texture_size = code
        self.code_size = code + COLORS

    def statistics(self, features: Sequence[Tensor]) -> Tensor:
        """Means, log deviations and projected Gram matrices of the five layers, [N, size]."""
        parts = []
        for feature, projection in zip(features, self.projections, strict=True):
            mean = feature.mean((2, 3), keepdim=True)
            # From norm and mean, because centering would need a second copy of the features.
            squares = torch.linalg.vector_norm(feature, dim=(2, 3), keepdim=True).square()
            variance = squares / (feature.shape[2] * feature.shape[3]) - mean * mean
            deviation = (variance.clamp(min=0) + 1e-4).sqrt()
            projected = projection(feature).flatten(2)
            gram = (projected @ projected.transpose(1, 2) / projected.shape[2]).flatten(1)
            gram = gram / (gram.square().sum(1, keepdim=True) + 1e-8).sqrt()
            parts += [mean.flatten(1), deviation.log().flatten(1), gram.index_select(1, self.upper)]
        return torch.cat(parts, 1)

    @torch.no_grad()
    def calibrate(self, images: Iterable[Tensor]) -> None:
        """Set mean and deviation of the statistics from batches [N, 3, H, W], at least two images in all."""
        statistics = torch.cat([self.statistics(self.encoder.features(batch)) for batch in images])
        self.centre.copy_(statistics.mean(0))
        self.spread.copy_(statistics.std(0).clamp(min=1e-3))

    @torch.no_grad()
    def measure(self, style: Tensor) -> Tensor:
        """Everything before the trained layers, [N, 9 + size], which can be computed once and reused."""
        statistics = (self.statistics(self.encoder.features(style)) - self.centre) / self.spread
        return torch.cat([color_root(color_moments(halved(style))), statistics.clamp(-6, 6)], 1)

    def from_measured(self, measured: Tensor) -> Tensor:
        """Codes from the results of `measure`."""
        palette, statistics = measured[:, :COLORS], measured[:, COLORS:]
        texture: Tensor = self.out(F.leaky_relu(self.hidden(statistics), 0.1))
        return torch.cat([F.layer_norm(texture, (self.texture_size,)), palette], 1)

    def forward(self, style: Tensor) -> Tensor:
        return self.from_measured(self.measure(style))


class ArbitraryNetwork(nn.Module):
    """Style encoder and transformer, as they are trained and exported."""

    def __init__(self, encoder: PerceptualEncoder, shape: TransformerShape | None = None) -> None:
        super().__init__()
        shape = shape or TransformerShape()
        self.style = StyleEncoder(encoder, code=shape.code)
        self.transformer = Transformer(shape)

    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        """Stylize: content [N, 3, H, W], style [N, 3, h, w], RGB, 0..1 -> [N, 3, H, W], not clamped.

        The style can also be a result of `StyleEncoder.measure`, [N, ...].
        """
        code = self.style(style) if style.ndim == 4 else self.style.from_measured(style)
        picture: Tensor = self.transformer(content, code)[0]
        return picture


def save_arbitrary(network: ArbitraryNetwork, path: str | Path, name: str) -> None:
    """Write style encoder and transformer as one float16 safetensors file with their shapes."""
    tensors = {k: v.detach().half().cpu().contiguous() for k, v in network.state_dict().items()}
    metadata = {
        "format": FORMAT,
        "name": name,
        "transformer": json.dumps(asdict(network.transformer.shape)),
        "encoder": json.dumps(asdict(network.style.encoder.shape)),
    }
    save_file(tensors, path, metadata=metadata)


def load_arbitrary(path: str | Path) -> tuple[ArbitraryNetwork, str]:
    """Read a network written by `save_arbitrary`, weights as float32, and its name.

    Raises ModelError if the file is missing, damaged, or of another format.
    """
    if not Path(path).is_file():
        raise ModelError(f"{str(path)!r} does not exist: make one with `restyle train arbitrary`")
    metadata, tensors = read_tensors(path)
    if metadata.get("format") != FORMAT:
        raise ModelError(f"{str(path)!r} is not an arbitrary-style network of restyle")
    encoder = EncoderShape(**{k: tuple(v) for k, v in json.loads(metadata["encoder"]).items()})
    shape = TransformerShape(**json.loads(metadata["transformer"]))
    network = ArbitraryNetwork(PerceptualEncoder(encoder), shape)
    network.load_state_dict({k: v.float() for k, v in tensors.items()})
    return network.eval(), metadata["name"]
