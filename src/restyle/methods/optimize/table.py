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


@dataclass(frozen=True, kw_only=True)
class Loss:
    """One loss.

    Parameters
    ----------
    name : str
        As `--style-loss` or `--content-loss` takes it.
    kind : "style" or "content"
    function : str
        `module:name`; see the top of this module.
    measure : Measure
    layers : mapping of str to float
        Layers that are compared, with their weights.
    both_ways : bool
        Whether features of the transposed picture are compared as well, which doubles the channels.
    """

    name: str
    kind: Kind
    function: str
    measure: Measure
    layers: Mapping[str, float]
    both_ways: bool = True

    @property
    def random(self) -> bool:
        """Whether it compares other positions at every step."""
        return self.measure.endswith("vectors")

    def load(self) -> Callable[..., Any]:
        """Import the function, and torch with it."""
        module, _, name = self.function.partition(":")
        return getattr(import_module(module), name)  # type: ignore[no-any-return]


_HERE = "restyle.methods.optimize.losses:"
LOSSES: dict[str, Loss] = {
    row.name: row
    for row in (
        Loss(name="gram", kind="style", function=_HERE + "gram_loss", measure="moments", layers=_ENCODER),
        Loss(
            name="gaussian",
            kind="style",
            function=_HERE + "gaussian_loss",
            measure="moments",
            layers=_ENCODER,
            both_ways=False,  # its cost grows with the cube of the channels
        ),
        Loss(
            name="sliced", kind="style", function=_HERE + "sliced_losses", measure="vectors", layers=_ENCODER
        ),
        Loss(
            name="patches", kind="style", function=_HERE + "patch_losses", measure="vectors", layers=_ENCODER
        ),
        Loss(
            name="strokes",
            kind="style",
            function=_HERE + "patch_losses",
            measure="calm vectors",
            layers=_ENCODER,
        ),
        Loss(
            name="grain",
            kind="style",
            function=_HERE + "gram_loss",
            measure="moments",
            layers=dict.fromkeys(GRAIN_LAYERS, 1.0),
        ),
        Loss(
            name="features",
            kind="content",
            function=_HERE + "feature_loss",
            measure="differences",
            layers=_CONTENT,
        ),
        Loss(
            name="relu4_1",
            kind="content",
            function=_HERE + "feature_loss",
            measure="differences",
            layers={"relu4_1": 1.0},
        ),
        Loss(
            name="structure",
            kind="content",
            function=_HERE + "self_similarity_loss",
            measure="paired vectors",
            layers=_CONTENT,
        ),
    )
}


def names(kind: Kind) -> tuple[str, ...]:
    """Names of the style losses, or of the content losses."""
    return tuple(row.name for row in LOSSES.values() if row.kind == kind)
