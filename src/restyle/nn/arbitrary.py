"""The arbitrary-style network: style encoder and transformer together, as they are trained and exported."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from restyle.errors import ModelError
from restyle.nn.encoders import EncoderShape, PerceptualEncoder
from restyle.nn.style_encoder import StyleEncoder
from restyle.nn.transformer import Transformer, TransformerShape

FORMAT = "restyle-arbitrary/1"


class ArbitraryNetwork(nn.Module):
    """Any style in one network: the code of a style picture drives the transformer."""

    def __init__(self, encoder: PerceptualEncoder, shape: TransformerShape | None = None) -> None:
        super().__init__()
        shape = shape or TransformerShape()
        self.style = StyleEncoder(encoder, code=shape.code)
        self.transformer = Transformer(shape)

    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        """Content [N, 3, H, W] and style [N, 3, h, w], RGB 0..1 -> pictures [N, 3, H, W], not clamped.

        The style may also be what `StyleEncoder.observe` saw of it, [N, ...].
        """
        code = self.style(style) if style.ndim == 4 else self.style.from_observed(style)
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
    """The network of a file written by `save_arbitrary`, weights as float32, and its name.

    Raises ModelError when the file is missing, damaged or of another format.
    """
    if not Path(path).is_file():
        raise ModelError(f"{str(path)!r} does not exist: make one with `restyle train arbitrary`")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
        tensors = load_file(path)
    except SafetensorError as error:
        raise ModelError(f"{str(path)!r} is no readable safetensors file: {error}") from None
    if metadata.get("format") != FORMAT:
        raise ModelError(f"{str(path)!r} is not an arbitrary-style network of restyle")
    shape = EncoderShape(**{k: tuple(v) for k, v in json.loads(metadata["encoder"]).items()})
    network = ArbitraryNetwork(
        PerceptualEncoder(shape), TransformerShape(**json.loads(metadata["transformer"]))
    )
    network.load_state_dict({k: v.float() for k, v in tensors.items()})
    return network.eval(), metadata["name"]
