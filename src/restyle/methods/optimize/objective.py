"""The objective of optimisation: how far a picture is from its styles and its content, with its gradient.

Every term is a function of *measures*: sums over positions (moments, squares) and rows of features at chosen
positions. Measures of tiles add up to those of the picture. So a picture that does not fit in memory is gone
over twice: once to add up the measures, without a graph; then, with the gradient of the loss by each measure
known, tile by tile backwards. The gradient is that of the whole picture, to rounding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from restyle.methods.optimize import content_losses, style_losses
from restyle.methods.optimize.features import (
    ENCODER_LAYERS,
    GRAIN_LAYERS,
    LARGE,
    Sight,
    Tile,
    shares_of,
    tiles_of,
)
from restyle.methods.optimize.sampling import (
    BANK,
    CALM,
    DIRECTIONS,
    DRAWN,
    JUDGEMENT,
    ROWS,
    STEP,
    calmness,
    generator_of,
    positions_in,
    rows_at,
)
from restyle.methods.optimize.targets import Aims, Ingredient, Kept, Weights

CONTENT_LAYERS = {"relu4_1": 1.0, "relu3_1": 0.1}  # the first one alone of a large picture
# Losses of features: the layers of each.
FEATURE_LOSSES = {"features": CONTENT_LAYERS, "relu4_1": {"relu4_1": 1.0}}
OUT_OF_RANGE = 20.0


@dataclass(frozen=True)
class Anchor:
    """A picture that the result is held to where it is trusted: the temporal loss of films.

    Parameters
    ----------
    picture : Tensor [1, 3, H, W], RGB, 0..1
    trust : Tensor [1, 1, H, W], 0..1
    weight : float
        Of the mean square of the difference.
    """

    picture: Tensor
    trust: Tensor
    weight: float

    def judge(self, x: Tensor) -> tuple[float, Tensor]:
        """Loss and gradient of a picture [1, 3, H, W]."""
        gap = x.detach() - self.picture
        pull = self.trust * gap * (self.weight / gap.numel())
        return float((pull * gap).sum()), 2 * pull


class Objective:
    """Loss and gradient of a picture for one content and its styles, at one size.

    Parameters
    ----------
    sight : Sight
    content : Tensor [1, 3, H, W], RGB, 0..1
    styles : sequence of sequences of Ingredient
        The styles of each region; an empty one leaves its region to the content.
    masks : Tensor [R, H, W]
        How much each pixel belongs to each region; they sum to 1.
    weights : Weights
    strength : float, 0..1
        What is aimed at lies so far on the way from the content's own statistics to the style's.
    side, style_side : int or None
        Of the tiles that the picture and the styles are seen in, in px; None sees them whole.
    seed : int
        Of the positions and directions that are drawn anew at every step.
    anchor : Anchor or None
    """

    def __init__(
        self,
        sight: Sight,
        content: Tensor,
        styles: Sequence[Sequence[Ingredient]],
        masks: Tensor,
        weights: Weights,
        *,
        strength: float = 1.0,
        side: int | None = None,
        style_side: int | None = None,
        seed: int = 0,
        anchor: Anchor | None = None,
    ) -> None:
        self.sight, self.weights, self.side, self.seed = sight, weights, side, seed
        self.anchor = anchor
        self.height, self.width = content.shape[-2:]
        self.tiles = tiles_of((self.height, self.width), side)
        self.layers = sight.sizes(self.height, self.width)
        self.painted = [index for index, each in enumerate(styles) if each]
        self.shares = [share[self.painted] for share in shares_of(masks, self.layers)]
        self.mass = torch.stack([share.sum((1, 2)) for share in self.shares])  # [layers, R]
        self.importance = self.mass[0] / self.mass[0].sum().clamp(min=1e-6)
        self.moments_wanted = self._layers_of("gram", "gaussian") + self._grain_layers()
        self.rows_wanted, self.calm_wanted = self._layers_of(*DRAWN), self._layers_of(*CALM)
        self.calm_shares = self._calm(content) if self.calm_wanted else []
        compared = list(CONTENT_LAYERS)[: 1 if self.height * self.width > LARGE else None]
        self.content_layers = [
            sight.names.index(name)
            for name in compared
            if any(weights.content.get(loss) and name in layers for loss, layers in FEATURE_LOSSES.items())
        ]
        self.structure_layers = [
            sight.names.index(name) for name in compared if weights.content.get("structure")
        ]
        with torch.no_grad():
            self.content = Kept(sight, content, {*self.content_layers, *self.structure_layers}, self.tiles)
            aims = Aims(
                sight,
                content,
                [styles[index] for index in self.painted],
                self.shares,
                strength,
                moments=self.moments_wanted,
                rows=self.rows_wanted or self.calm_wanted,
                side=style_side,
                seed=seed,
            )
        self.wanted, self.banks = aims.wanted, aims.banks

    def evaluate(self, x: Tensor, step: int) -> tuple[dict[str, float], Tensor]:
        """Return the terms of the loss, weighted, and the gradient of their sum by the picture.

        Parameters
        ----------
        x : Tensor [1, 3, H, W]
        step : int
            What is drawn at random depends on it and on the seed alone.
        """
        rows = self._draw(step)
        if len(self.tiles) == 1:
            leaf = x.detach().requires_grad_()
            measures = self._measure(leaf, self.tiles[0], rows)
            terms = self._judge(measures, step)
            gradient = torch.autograd.grad(_total(terms), leaf)[0]
        else:
            with torch.no_grad():
                sums = [each.clone() for each in self._measure(x, self.tiles[0], rows)]
                for tile in self.tiles[1:]:
                    for total, part in zip(sums, self._measure(x, tile, rows), strict=True):
                        total += part
            leaves = [each.requires_grad_() for each in sums]
            terms = self._judge(leaves, step)
            slopes = torch.autograd.grad(_total(terms), leaves, allow_unused=True)
            gradient = torch.zeros_like(x)
            for tile in self.tiles:
                seen = tile.cut(x).detach().clone().requires_grad_()
                parts = self._measure_seen(seen, tile, rows)
                pairs = [
                    (p, s) for p, s in zip(parts, slopes, strict=True) if s is not None and p.requires_grad
                ]
                pieces = [part for part, _ in pairs]
                found = torch.autograd.grad(pieces, seen, [slope for _, slope in pairs])[0]
                tile.cut(gradient).add_(found)
        told = {name: float(value.detach()) for name, value in terms.items()}
        if self.anchor is not None:
            told["temporal"], pull = self.anchor.judge(x)
            gradient = gradient + pull
        return told, gradient

    # What is measured: a flat list of tensors, in an order that `_judge` knows.

    def _measure(self, x: Tensor, tile: Tile, rows: Sequence[Tensor]) -> list[Tensor]:
        return self._measure_seen(tile.cut(x), tile, rows)

    def _measure_seen(self, seen: Tensor, tile: Tile, rows: Sequence[Tensor]) -> list[Tensor]:
        size, strides = (self.height, self.width), self.sight.strides
        features = self.sight(seen)
        parts = [tile.inside(stride, *size) for stride in strides]
        own = [tile.own(stride, *size) for stride in strides]
        found = []
        for layer in self.moments_wanted:
            feature = features[layer][(..., *parts[layer])]
            found.append(style_losses.moment_sums(feature, self.shares[layer][(slice(None), *own[layer])]))
        for layer in self.content_layers:
            feature = features[layer][(..., *parts[layer])]
            content = self.content.features[layer][(..., *own[layer])].to(feature.dtype)
            ones = torch.ones_like(feature[0, 0])
            found.append(content_losses.feature_sums(feature, content, ones))
        wanted = [*self.rows_wanted, *self.calm_wanted, *self.structure_layers]
        for layer, positions in zip(wanted, rows, strict=True):
            feature = features[layer][(..., *parts[layer])]
            found.append(rows_at(feature, own[layer], self.layers[layer][1], positions))
        if self.weights.variation:
            owned = slice(tile.top - tile.seen_top, tile.bottom - tile.seen_top)
            across = slice(tile.left - tile.seen_left, tile.right - tile.seen_left)
            found.append(content_losses.variation_sum(seen, owned, across))
        owned_pixels = seen[(..., *tile.inside(1, *size))]
        found.append(content_losses.range_sum(owned_pixels))
        return found

    def _judge(self, measures: Sequence[Tensor], step: int) -> dict[str, Tensor]:
        given = iter(measures)
        weights, terms = self.weights, {}
        moments = {
            layer: style_losses.moments_of(next(given), self.mass[layer]) for layer in self.moments_wanted
        }
        for name, loss, layers in (
            ("gram", style_losses.gram_loss, self._layers_of("gram")),
            ("gaussian", style_losses.gaussian_loss, self._layers_of("gaussian")),
            ("grain", style_losses.gram_loss, self._grain_layers()),
        ):
            if layers:
                each = torch.stack([loss(moments[layer], self.wanted[layer]) for layer in layers])
                terms[name] = weights.style[name] * (each.mean(0) * self.importance).sum()
        pixels = 3 * self.height * self.width
        gaps = {
            self.sight.names[layer]: content_losses.feature_loss(next(given), self.content.squares[layer])
            for layer in self.content_layers
        }
        for name, shares in FEATURE_LOSSES.items():
            if weights.content.get(name):
                each = torch.stack([shares[layer] * gap for layer, gap in gaps.items() if layer in shares])
                terms[name] = weights.content[name] * each.sum()
        if self.rows_wanted:
            self._judge_rows([next(given) for _ in self.rows_wanted], step, terms)
        if self.calm_wanted:
            nearest = [self._nearest(layer, next(given)) for layer in self.calm_wanted]
            terms["strokes"] = weights.style["strokes"] * torch.stack(nearest).mean()
        if self.structure_layers:
            apart = [
                CONTENT_LAYERS[self.sight.names[layer]]
                * content_losses.self_similarity_loss(next(given), self.content.rows(layer, positions))
                for layer, positions in zip(self.structure_layers, self._structure_positions, strict=True)
            ]
            terms["structure"] = weights.content["structure"] * torch.stack(apart).sum()
        if weights.variation:
            terms["variation"] = weights.variation * next(given) / pixels
        terms["range"] = OUT_OF_RANGE * next(given) / pixels
        return terms

    def _judge_rows(self, rows: Sequence[Tensor], step: int, terms: dict[str, Tensor]) -> None:
        """Add the terms that compare vectors: each region's, layer by layer."""
        generator = generator_of(self.seed, step, JUDGEMENT)
        sums: dict[str, list[Tensor]] = {name: [] for name in DRAWN if name in self.weights.style}
        for layer, found in zip(self.rows_wanted, rows, strict=True):
            axes = style_losses.unit_directions(found.shape[1], DIRECTIONS, generator).to(found)
            regions = torch.split(found, ROWS)
            pick = torch.randint(BANK, (ROWS,), generator=generator).to(found.device)
            if "sliced" in sums:
                pairs = zip(regions, self.banks[layer], strict=True)
                each = [style_losses.sliced_loss(ours, bank[pick], axes) for ours, bank in pairs]
                sums["sliced"].append((torch.stack(each) * self.importance).sum())
            if "patches" in sums:
                sums["patches"].append(self._nearest(layer, found))
        for name, losses in sums.items():
            terms[name] = self.weights.style[name] * torch.stack(losses).mean()

    def _nearest(self, layer: int, found: Tensor) -> Tensor:
        """How far the rows of all regions are from their nearest in the styles."""
        pairs = zip(torch.split(found, ROWS), self.banks[layer], strict=True)
        each = torch.stack([style_losses.patch_loss(ours, bank) for ours, bank in pairs])
        return (each * self.importance).sum()

    # What is drawn at random, from the seed and the number of the step alone.

    def _draw(self, step: int) -> list[Tensor]:
        """Positions at which rows are taken: of each region's share, of its calm part, then evenly for the
        structure.
        """
        generator = generator_of(self.seed, step, STEP)
        drawn = [
            torch.cat([positions_in(share, ROWS, generator) for share in self.shares[layer]])
            for layer in self.rows_wanted
        ]
        drawn += [
            torch.cat([positions_in(share, ROWS, generator) for share in self.calm_shares[layer]])
            for layer in self.calm_wanted
        ]
        for layer in self.structure_layers:
            count = self.layers[layer][0] * self.layers[layer][1]
            positions = torch.randperm(count, generator=generator)[:ROWS]
            drawn.append(positions.to(self.shares[layer].device))
        self._structure_positions = drawn[len(self.rows_wanted) + len(self.calm_wanted) :]
        return drawn

    def _calm(self, content: Tensor) -> list[Tensor]:
        """The shares of the regions, as far as the content is calm there."""
        calm = calmness(content)[None, None]
        return [share * F.interpolate(calm, share.shape[-2:], mode="area")[0] for share in self.shares]

    def _layers_of(self, *losses: str) -> list[int]:
        wanted = any(self.weights.style.get(name) for name in losses)
        return list(range(len(ENCODER_LAYERS))) if wanted and self.painted else []

    def _grain_layers(self) -> list[int]:
        wanted = self.weights.style.get("grain") and self.painted
        return [self.sight.names.index(name) for name in GRAIN_LAYERS] if wanted else []


def _total(terms: Mapping[str, Tensor]) -> Tensor:
    return torch.stack(list(terms.values())).sum()
