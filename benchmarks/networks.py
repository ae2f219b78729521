"""Candidates of the network benchmark: one call is one picture through one network; the style is encoded."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from torch import Tensor, nn

from benchmarks.peers.johnson import Johnson
from benchmarks.peers.microast import MicroAST, Signals, StyleBranch
from restyle.models.session import Session
from restyle.types import FloatArray

OURS = "restyle, ONNX Runtime"


@dataclass(frozen=True)
class Size:
    """Width and height of a picture in pixels, both multiples of 8."""

    width: int
    height: int

    @classmethod
    def parse(cls, text: str) -> "Size":
        """Parse text such as ``1280x720``."""
        width, _, height = text.partition("x")
        size = cls(int(width), int(height))
        if size.width % 8 or size.height % 8:
            raise ValueError(f"{text}: width and height must be multiples of 8")
        return size

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


class _MicroASTFlat(nn.Module):
    """MicroAST with the style's signals as eight separate inputs, as ONNX requires."""

    def __init__(self, network: MicroAST) -> None:
        super().__init__()
        self.network = network

    def forward(self, content: Tensor, *signals: Tensor) -> Tensor:
        pairs = [(signals[i], signals[i + 1]) for i in range(0, 8, 2)]
        out: Tensor = self.network(content, Signals(*pairs))
        return out


def transformer_file() -> Path:
    """Return the path of the shipped transformer graph."""
    return Path(str(resources.files("restyle.models") / "weights" / "transformer.onnx"))


def session(graph: Path, threads: int) -> ort.InferenceSession:
    """Create an ONNX Runtime session for a peer: CPU, default settings, all graph optimizations.

    Parameters
    ----------
    graph : Path
    threads : int
        Threads within an operator.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    return ort.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])


def transformer_inputs(transformer: Session, content: FloatArray) -> dict[str, FloatArray]:
    """Return inputs of our graph: a random style code, the picture's own statistics.

    Parameters
    ----------
    transformer : Session
        The lengths of the code and the statistics are read from it.
    content : np.ndarray [shape=(1, 3, H, W), float32, RGB, 0..1]
    """
    code = np.random.default_rng(0).standard_normal((1, transformer.width("code")))
    return {
        "content": content,
        "code": code.astype(np.float32),
        "stats_in": np.zeros((1, transformer.width("stats_in")), np.float32),
        "stats_weight": np.zeros((1, 1), np.float32),
    }


def exported(network: nn.Module, inputs: tuple[Tensor, ...], names: list[str], file: Path) -> Path:
    """Write a peer as an ONNX graph of one fixed size, which ONNX Runtime can optimize best."""
    with warnings.catch_warnings():
        # The tracing exporter is deprecated, but the new one needs another package.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network.eval(), inputs, str(file), input_names=names, dynamo=False, opset_version=17
        )
    return file


def peers(size: Size) -> tuple[dict[str, tuple[nn.Module, tuple[Tensor, ...]]], FloatArray]:
    """Return the rebuilt networks with their inputs, and the content picture, all from fixed seeds.

    Returns
    -------
    dict of name to (network, inputs)
    np.ndarray [shape=(1, 3, H, W), float32, RGB, 0..1]
    """
    torch.manual_seed(0)
    content = torch.rand(1, 3, size.height, size.width)
    with torch.no_grad():
        signals: Signals = StyleBranch().eval()(torch.rand(1, 3, 512, 512))
    flat = tuple(tensor for pair in signals for tensor in pair)
    networks: dict[str, tuple[nn.Module, tuple[Tensor, ...]]] = {
        "Johnson w32": (Johnson().eval(), (content,)),
        "MicroAST": (_MicroASTFlat(MicroAST()).eval(), (content, *flat)),
    }
    array: FloatArray = content.numpy()
    return networks, array


def candidates(size: Size, threads: int, folder: Path) -> dict[str, Callable[[], object]]:
    """Return all candidates of the network benchmark at one size.

    Parameters
    ----------
    size : Size
    threads : int
        Threads for every candidate; torch's own count is set to it, for the whole process.
    folder : Path
        Where the peers' ONNX files are written.
    """
    torch.set_num_threads(threads)
    networks, content = peers(size)
    # With the session settings of the package.
    ours = Session(transformer_file().read_bytes(), name="transformer", threads=threads)
    calls: dict[str, Callable[[], object]] = {OURS: partial(ours.run, **transformer_inputs(ours, content))}
    for name, (network, inputs) in networks.items():
        names = [f"input_{i}" for i in range(len(inputs))]
        file = exported(network, inputs, names, folder / f"{name}-{size}-{threads}.onnx")
        feed = {key: value.numpy() for key, value in zip(names, inputs, strict=True)}
        calls[f"{name}, torch"] = _torch_call(network, inputs)
        calls[f"{name}, ONNX Runtime"] = _onnx_call(session(file, threads), feed)
    return calls


def _onnx_call(network: ort.InferenceSession, feed: dict[str, FloatArray]) -> Callable[[], object]:
    return lambda: network.run(None, feed)


def _torch_call(network: nn.Module, inputs: tuple[Tensor, ...]) -> Callable[[], object]:
    def call() -> object:
        with torch.inference_mode():
            return network(*inputs)

    return call
