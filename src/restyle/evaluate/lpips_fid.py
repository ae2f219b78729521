"""LPIPS on AlexNet and the features of FID, from torchmetrics and torch-fidelity (extra `metrics`).

Their networks do not ship with restyle and are never downloaded on the way: `restyle models pull lpips-alex`
and `restyle models pull inception-fid` fetch the published files, or take them with `--from`. Figures on
restyle's own encoder have other names.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from restyle.errors import MissingExtraError, ModelError, OptionError
from restyle.models import catalog
from restyle.models.session import as_batch
from restyle.types import FloatArray

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


def load(names: Sequence[str]) -> Standard:
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
    """Return LPIPS of two pictures; see `load` for errors."""
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
    """Return the features [2048] that FID compares, of a picture; see `load` for errors."""
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
