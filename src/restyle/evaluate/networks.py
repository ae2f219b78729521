"""The networks of the figures: the perceptual encoder, and those of LPIPS and FID (extra `metrics`).

Our encoder runs in ONNX Runtime, others in torch. The networks of LPIPS and FID do not ship with restyle and
are never downloaded on the way: `restyle models pull lpips-alex` and `restyle models pull inception-fid`
fetch the published files, or take them with `--from`. Figures on our encoder have other names.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from restyle.errors import MissingExtraError, ModelError, OptionError
from restyle.evaluate.metrics import Features
from restyle.models import catalog
from restyle.models.features import FeatureEncoder
from restyle.models.session import as_batch
from restyle.types import FloatArray

DEFAULT = "encoder-1"
SUFFIX = ".safetensors"


@dataclass(frozen=True)
class Encoder:
    """A perceptual encoder.

    Parameters
    ----------
    name : str
        For reports.
    identity : str [16 hexadecimal digits]
        Hash of the weights: figures of different weights are not comparable.
    features : function of a picture [shape=(H, W, 3), float32, range 0..1, RGB]
        Returns layer -> [shape=(C, H, W), float32].
    """

    name: str
    identity: str
    features: Callable[[FloatArray], Features]


def load_encoder(name: str = DEFAULT, threads: int | None = None) -> Encoder:
    """Load an encoder: ours, `vgg19` after `restyle models pull`, or a file of weights.

    Parameters
    ----------
    name : str
        In the catalog, or a path that ends in `.safetensors`.
    threads : int or None
        CPU threads; None: all cores of the process.

    Raises
    ------
    ModelError
        The encoder is unknown, or its weights are missing or damaged.
    MissingExtraError
        It needs torch, which is not installed.
    """
    if name.endswith(SUFFIX):
        return _of_file(Path(name))
    known = {each.name: each for each in catalog.records().values() if each.method == "encoder"}
    if name not in known:
        raise ModelError(f"unknown encoder '{name}'; use one of {', '.join(known)}")
    record = known[name]
    role = "features" if record.has("features") else "encoder"
    identity = hashlib.sha256(record.file(role).read()).hexdigest()[:16]
    if role == "features":
        return Encoder(name, identity, FeatureEncoder(record.file(role), threads=threads).features)
    need_torch(f"restyle evaluate --encoder {name}")
    from restyle.nn.encoders import ArrayEncoder

    return Encoder(name, identity, ArrayEncoder(name).features)


def _of_file(path: Path) -> Encoder:
    """Load an encoder from a file."""
    need_torch(f"restyle evaluate --encoder {path}")
    try:
        identity = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise ModelError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from error
    from restyle.nn.encoders import ArrayEncoder

    return Encoder(path.stem, identity, ArrayEncoder(path).features)


def need_torch(what: str) -> None:
    """Raise MissingExtraError if torch or safetensors is not installed."""
    if any(importlib.util.find_spec(module) is None for module in ("torch", "safetensors")):
        raise MissingExtraError(what, "torch")


METRICS = ("lpips-alex", "fid")


@dataclass(frozen=True)
class Standard:
    """The standard metrics that are measured.

    Parameters
    ----------
    lpips : function of two pictures [shape=(H, W, 3), float32, range 0..1, RGB], or None
        LPIPS between them (Zhang et al. 2018, version 0.1 on AlexNet).
    inception : function of a picture [shape=(H, W, 3), float32, range 0..1, RGB], or None
        Its features [shape=(2048,), float32], which FID compares (Heusel et al. 2017).
    """

    lpips: Callable[[FloatArray, FloatArray], float] | None = None
    inception: Callable[[FloatArray], FloatArray] | None = None

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
    for name in names:
        if name not in METRICS:
            raise OptionError(f"metric '{name}' is none of {', '.join(METRICS)}")
    return Standard(
        load_lpips() if "lpips-alex" in names else None, load_inception() if "fid" in names else None
    )


def load_lpips() -> Callable[[FloatArray, FloatArray], float]:
    """Return LPIPS of two pictures; see `load_standard` for errors."""
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


def load_inception() -> Callable[[FloatArray], FloatArray]:
    """Return the features [2048] that FID compares, of a picture; see `load_standard` for errors."""
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
