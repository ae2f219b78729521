"""The networks of the figures: the perceptual encoder, and those of LPIPS and FID (extra `metrics`).

Our encoder runs in ONNX Runtime, others in torch. The networks of LPIPS and FID do not ship with restyle and
are never downloaded on the way: `restyle models pull lpips-alex` and `restyle models pull inception-fid`
fetch the published files, or take them with `--from`. Figures on our encoder have other names.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from restyle.errors import MissingExtraError, ModelError, OptionError, require
from restyle.evaluate.metrics import Features
from restyle.models import catalog
from restyle.models.session import FeatureEncoder, as_batch
from restyle.types import FloatArray

DEFAULT = "encoder-1"
SUFFIX = ".safetensors"
METRICS = ("lpips-alex", "fid")


@dataclass(frozen=True)
class Encoder:
    """A perceptual encoder: features of a picture [shape=(H, W, 3), float32, range 0..1, RGB]."""

    name: str
    identity: str  # hash of the weights, 16 digits: figures of different weights are not comparable
    features: Callable[[FloatArray], Features]


def load_encoder(name: str = DEFAULT, threads: int | None = None) -> Encoder:
    """Load an encoder: ours, `vgg19` after `restyle models pull`, or a file of weights (`.safetensors`).

    Raises
    ------
    ModelError
        The encoder is unknown, or its weights are missing or damaged.
    MissingExtraError
        It needs torch, which is not installed.
    """
    needs_torch = (f"restyle evaluate --encoder {name}", "torch", "torch", "safetensors")
    source: str | Path = name
    if name.endswith(SUFFIX):
        require(*needs_torch)
        source = Path(name)
        try:
            weights = source.read_bytes()
        except OSError as error:
            raise ModelError(f"{name}: {(error.strerror or 'cannot be read').lower()}") from error
        name = source.stem
    else:
        known = {each.name: each for each in catalog.records().values() if each.method == "encoder"}
        if name not in known:
            raise ModelError(f"unknown encoder '{name}'; use one of {', '.join(known)}")
        record = known[name]
        file = record.file("features" if record.has("features") else "encoder")
        weights = file.read()
        if record.has("features"):
            return Encoder(name, _identity(weights), FeatureEncoder(file, threads=threads).features)
        require(*needs_torch)
    from restyle.nn.encoders import ArrayEncoder

    return Encoder(name, _identity(weights), ArrayEncoder(source).features)


def _identity(weights: bytes) -> str:
    return hashlib.sha256(weights).hexdigest()[:16]


@dataclass(frozen=True)
class Standard:
    """The standard metrics that are measured, on pictures [shape=(H, W, 3), float32, range 0..1, RGB]."""

    lpips: Callable[[FloatArray, FloatArray], float] | None = None  # of two pictures (Zhang et al. 2018)
    inception: Callable[[FloatArray], FloatArray] | None = None  # features [2048] (Heusel et al. 2017)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of these metrics."""
        measured = (self.lpips is not None, self.inception is not None)
        return tuple(name for name, is_measured in zip(METRICS, measured, strict=True) if is_measured)


def load_standard(names: Sequence[str]) -> Standard:
    """Load the networks of the given metrics.

    Raises
    ------
    OptionError
        There is no such metric.
    ModelError
        Its network was not pulled (the message says how), or is damaged.
    MissingExtraError
        torchmetrics or torch-fidelity is not installed.
    """
    if unknown := [name for name in names if name not in METRICS]:
        raise OptionError(f"metric '{unknown[0]}' is none of {', '.join(METRICS)}")
    return Standard(
        _load_lpips() if "lpips-alex" in names else None, _load_inception() if "fid" in names else None
    )


def _load_lpips() -> Callable[[FloatArray, FloatArray], float]:
    """Return LPIPS 0.1 on AlexNet."""
    path = _pulled("lpips-alex")
    with _needs_extra("lpips-alex"):
        import torch
        from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

        previous = torch.hub.get_dir()
        torch.hub.set_dir(str(path.parents[1]))  # where torchvision finds the file and downloads nothing
        try:
            metric = LearnedPerceptualImagePatchSimilarity(net_type="alex", normalize=True)
        except RuntimeError as error:
            raise ModelError(f"'{path}' cannot be used for lpips-alex: {error}") from error
        finally:
            torch.hub.set_dir(previous)

    def lpips(result: FloatArray, content: FloatArray) -> float:
        with torch.inference_mode():
            value = float(metric(*(torch.from_numpy(as_batch(each)) for each in (result, content))))
        metric.reset()
        return value

    return lpips


def _load_inception() -> Callable[[FloatArray], FloatArray]:
    """Return the features that FID compares."""
    path = _pulled("inception-fid")
    with _needs_extra("fid"):
        import torch
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

        try:
            network = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], str(path))
        except RuntimeError as error:
            raise ModelError(f"'{path}' cannot be used for fid: {error}") from error

    def inception(picture: FloatArray) -> FloatArray:
        with torch.inference_mode():
            (features,) = network((torch.from_numpy(as_batch(picture)) * 255).round().to(torch.uint8))
        found: FloatArray = features[0].numpy()
        return found

    return inception


def _pulled(model: str) -> Path:
    """Return the published file of a model, with its hash verified."""
    file = catalog.find(model).file("network")
    file.read()
    return file.path


@contextlib.contextmanager
def _needs_extra(metric: str) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:  # torchmetrics raises it as well where torchvision is missing
        raise MissingExtraError(f"the metric {metric}", "metrics") from error
