"""The losses of the method `optimize`, one row each. To add one, write a function and add its row here.

What a loss compares is its *measure*, which the objective collects for it, layer by layer:

- `moments`: mean and second moments of each region. `function(ours, style)`: two `Moments`; gives [R].
- `vectors`: feature vectors at random positions of each region. `function(ours, styles, generator)`: lists of
  [n, C] and [m, C]; gives [R].
- `calm vectors`: the same, at positions where the content is calm.
- `differences`: sums of squares. `function(sums, content)`: see `losses.feature_loss`; gives a scalar.
- `paired vectors`: vectors of picture and content at the same random positions. `function(ours, content)`:
  twice [n, C]; gives a scalar.

Style losses are averaged over layers and weighted by the area of each region.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

Kind = Literal["style", "content"]
Measure = Literal["moments", "vectors", "calm vectors", "differences", "paired vectors"]

ENCODER_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
GRAIN_LAYERS = ("grain1", "grain2", "grain4")
_ENCODER = dict.fromkeys(ENCODER_LAYERS, 1.0)
# Weights of content layers. Of a large picture only the first layer is compared, to save memory.
_CONTENT = {"relu4_1": 1.0, "relu3_1": 0.1}


@dataclass(frozen=True)
class Loss:
    """One loss.

    Parameters
    ----------
    name : str
        As `--style-loss` or `--content-loss` takes it.
    kind : "style" or "content"
    measure : Measure
    function : str
        A function in `methods.optimize.losses`, or `module:name`.
    layers : mapping of str to float
        Layers that are compared, with their weights.
    both_ways : bool
        Whether features of the transposed picture are compared as well, which doubles the channels.
    """

    name: str
    kind: Kind
    measure: Measure
    function: str
    layers: Mapping[str, float]
    both_ways: bool = True

    @property
    def random(self) -> bool:
        """Whether it compares other positions at every step."""
        return self.measure.endswith("vectors")

    def load(self) -> Callable[..., Any]:
        """Import the function, and torch with it."""
        module, _, name = self.function.rpartition(":")
        return getattr(import_module(module or f"{__package__}.losses"), name)  # type: ignore[no-any-return]


LOSSES: dict[str, Loss] = {
    row.name: row
    for row in (
        Loss("gram", "style", "moments", "gram_loss", _ENCODER),
        # The cost of gaussian grows with the cube of the channels.
        Loss("gaussian", "style", "moments", "gaussian_loss", _ENCODER, both_ways=False),
        Loss("sliced", "style", "vectors", "sliced_losses", _ENCODER),
        Loss("patches", "style", "vectors", "patch_losses", _ENCODER),
        Loss("strokes", "style", "calm vectors", "patch_losses", _ENCODER),
        Loss("grain", "style", "moments", "gram_loss", dict.fromkeys(GRAIN_LAYERS, 1.0)),
        Loss("features", "content", "differences", "feature_loss", _CONTENT),
        Loss("relu4_1", "content", "differences", "feature_loss", {"relu4_1": 1.0}),
        Loss("structure", "content", "paired vectors", "self_similarity_loss", _CONTENT),
    )
}


def names(kind: Kind) -> tuple[str, ...]:
    """Names of the style losses, or of the content losses."""
    return tuple(row.name for row in LOSSES.values() if row.kind == kind)
