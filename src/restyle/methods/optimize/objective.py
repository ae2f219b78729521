"""The objective: how far a picture is from its styles and its content, with the gradient.

Every loss is a function of *measures*: sums over positions, or feature vectors at chosen positions (see
`methods.table`). Measures of tiles add up to those of the picture. A picture that does not fit in
memory is processed twice: once to add up the measures, without a graph; then, with the gradient of the loss
by each measure known, tile by tile backward. The gradient is that of the full picture, to rounding.

Targets, which are statistics of the styles and features of the content, are computed before the first step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from restyle.methods.optimize import losses
from restyle.methods.optimize.features import (
    BANK,
    COMPARISON,
    LARGE,
    POSITIONS,
    ROWS,
    STYLE,
    FeatureExtractor,
    Tile,
    calmness,
    generator_of,
    positions_in,
    rows_at,
    shares_of,
    tiles_of,
)
from restyle.methods.optimize.losses import Moments
from restyle.methods.table import LOSSES, Loss, Measure

OUT_OF_RANGE = 20.0  # weight of values outside 0..1

Key = tuple[str, int]  # a measure and its layer


@dataclass(frozen=True)
class Weights:
    """Weights of the losses, by the names of `methods.table`, and of total variation."""

    style: Mapping[str, float]
    content: Mapping[str, float]
    variation: float = 0.0


@dataclass(frozen=True)
class StylePicture:
    """A style picture [1, 3, H, W], RGB, 0..1, and its share of the style of its region; these sum to 1."""

    picture: Tensor
    share: float


@dataclass(frozen=True)
class Anchor:
    """The temporal loss of videos: mean squared difference from a picture, where it is trusted."""

    picture: Tensor  # [1, 3, H, W], RGB, 0..1
    trust: Tensor  # [1, 1, H, W], 0..1
    weight: float

    def evaluate(self, x: Tensor) -> tuple[float, Tensor]:
        """Loss and gradient of a picture [1, 3, H, W]."""
        difference = x.detach() - self.picture
        weighted = self.trust * difference * (self.weight / difference.numel())
        return float((weighted * difference).sum()), 2 * weighted


class ContentTargets:
    """Features of the content at some layers; in half precision if the picture is processed in tiles."""

    def __init__(
        self, extractor: FeatureExtractor, content: Tensor, layers: set[int], tiles: Sequence[Tile]
    ) -> None:
        self.features: dict[int, Tensor] = {}
        height, width = content.shape[-2:]
        sizes = extractor.sizes(height, width)
        precision = torch.float32 if len(tiles) == 1 else torch.float16
        for tile in tiles if layers else ():
            features = extractor.own(content, tile)
            for layer in layers:
                if layer not in self.features:
                    shape = (1, features[layer].shape[1], *sizes[layer])
                    self.features[layer] = torch.empty(
                        shape, dtype=precision, device=content.device, memory_format=torch.channels_last
                    )
                own = tile.own(extractor.strides[layer], height, width)
                self.features[layer][(..., *own)] = features[layer]
        self.squares = {layer: each.float().square().sum() for layer, each in self.features.items()}

    def rows(self, layer: int, positions: Tensor) -> Tensor:
        """Vectors [n, C] at flat positions [n] of a layer."""
        return self.features[layer][0].permute(1, 2, 0).flatten(0, 1)[positions].float()


class StyleTargets:
    """Statistics of the style of each region: those of its pictures, mixed by their shares.

    Parameters
    ----------
    regions : sequence of sequences of (StylePicture, shares)
        Shares of the region in each position of each layer, a list of [1, h, w]; None for all positions.
    moments, rows : sequence of int
        Layers whose moments, and layers whose vectors, are compared. The attributes `moments` (layer ->
        Moments of all regions) and `banks` (layer -> list of vectors [BANK, C] for each region) hold them.
    side : int or None
        Of the tiles, in px; None processes the pictures in one piece.
    """

    def __init__(
        self,
        extractor: FeatureExtractor,
        regions: Sequence[Sequence[tuple[StylePicture, Sequence[Tensor] | None]]],
        *,
        moments: Sequence[int],
        rows: Sequence[int],
        side: int | None,
        seed: int,
    ) -> None:
        self.extractor, self.moment_layers, self.row_layers = extractor, moments, rows
        self.side, self.seed = side, seed
        found: dict[int, list[Moments]] = {layer: [] for layer in moments}
        self.banks: dict[int, list[Tensor]] = {layer: [] for layer in rows}
        for number, region in enumerate(regions):
            parts = [
                (style.share, *self._statistics(style, shares, number * 100 + order))
                for order, (style, shares) in enumerate(region)
            ]
            for layer in moments:
                mean = torch.stack([share * each[layer].mean for share, each, _ in parts]).sum(0)
                second = torch.stack([share * each[layer].second for share, each, _ in parts]).sum(0)
                found[layer].append(Moments(mean, second))
            for layer in rows:
                bank = torch.cat([each[layer] for _, _, each in parts])
                self.banks[layer].append(bank[torch.arange(BANK, device=bank.device) % len(bank)])
        self.moments = {
            layer: Moments(torch.cat([one.mean for one in each]), torch.cat([one.second for one in each]))
            for layer, each in found.items()
            if each
        }

    def _statistics(
        self, style: StylePicture, shares: Sequence[Tensor] | None, number: int
    ) -> tuple[dict[int, Moments], dict[int, Tensor]]:
        """Moments and a bank of vectors of a picture, or of a region of it, layer by layer."""
        picture = style.picture
        size = (picture.shape[-2], picture.shape[-1])
        layers = self.extractor.sizes(*size)
        if shares is None:
            shares = [torch.ones((1, *each), device=picture.device) for each in layers]
        generator = generator_of(self.seed, number, STYLE)
        count = max(1, round(BANK * style.share))
        places = {layer: positions_in(shares[layer][0], count, generator) for layer in self.row_layers}
        sums: dict[int, Tensor] = {}
        banks: dict[int, Tensor] = {}
        for tile in tiles_of(size, self.side):
            features = self.extractor.own(picture, tile)
            own = [tile.own(stride, *size) for stride in self.extractor.strides]
            for layer in self.moment_layers:
                part = losses.moment_sums(features[layer], shares[layer][(slice(None), *own[layer])])
                sums[layer] = sums[layer] + part if layer in sums else part
            for layer, positions in places.items():
                rows = rows_at(features[layer], own[layer], layers[layer][1], positions)
                banks[layer] = banks[layer] + rows if layer in banks else rows
        mass = {layer: shares[layer].sum((1, 2)) for layer in sums}
        return {layer: losses.moments_of(each, mass[layer]) for layer, each in sums.items()}, banks


class Objective:
    """Loss and gradient of a picture for one content [1, 3, H, W] and its styles, at one size.

    Parameters
    ----------
    styles : sequence of sequences of StylePicture
        The styles of each region; an empty one has content losses only.
    masks : Tensor [R, H, W]
        Share of each region in each pixel; they sum to 1.
    strength : float, 0..1
        Below 1, the content's own statistics are mixed into those of the style.
    side, style_side : int or None
        Of the tiles of the picture and of the styles, in px; None processes them in one piece.
    seed : int
        Of random positions and directions.
    """

    def __init__(
        self,
        extractor: FeatureExtractor,
        content: Tensor,
        styles: Sequence[Sequence[StylePicture]],
        masks: Tensor,
        weights: Weights,
        *,
        strength: float = 1.0,
        side: int | None = None,
        style_side: int | None = None,
        seed: int = 0,
        anchor: Anchor | None = None,
    ) -> None:
        self.extractor, self.weights, self.seed, self.anchor = extractor, weights, seed, anchor
        self.height, self.width = content.shape[-2:]
        self.tiles = tiles_of((self.height, self.width), side)
        self.sizes = extractor.sizes(self.height, self.width)
        styled = [index for index, each in enumerate(styles) if each]
        self.shares = [share[styled] for share in shares_of(masks, self.sizes)]
        self.mass = torch.stack([share.sum((1, 2)) for share in self.shares])  # [layers, R]
        self.areas = self.mass[0] / self.mass[0].sum().clamp(min=1e-6)
        weight = {**(weights.style if styled else {}), **weights.content}
        self.losses = [(row, weight[name]) for name, row in LOSSES.items() if weight.get(name)]
        self.layers = {row.name: self._layers(row) for row, _ in self.losses}
        self.vectors: dict[Measure, list[Tensor]] = {
            "vectors": self.shares,
            "calm vectors": self._calm_shares(content) if self._measured("calm vectors") else [],
        }
        with torch.no_grad():
            content_layers = {*self._measured("differences"), *self._measured("paired vectors")}
            self.content = ContentTargets(extractor, content, content_layers, self.tiles)
            self.style = StyleTargets(
                extractor,
                [self._mix(styles[index], content, strength, row) for row, index in enumerate(styled)],
                moments=self._measured("moments"),
                rows=self._measured("vectors", "calm vectors"),
                side=style_side,
                seed=seed,
            )

    def _mix(
        self, styles: Sequence[StylePicture], content: Tensor, strength: float, region: int
    ) -> list[tuple[StylePicture, Sequence[Tensor] | None]]:
        """The styles of a region and, if the strength is below 1, its part of the content."""
        mixed: list[tuple[StylePicture, Sequence[Tensor] | None]] = [
            (StylePicture(each.picture, each.share * strength), None) for each in styles
        ]
        if strength < 1:
            shares = [each[region : region + 1] for each in self.shares]
            mixed.append((StylePicture(content, 1 - strength), shares))
        return mixed

    def evaluate(self, x: Tensor, step: int) -> tuple[dict[str, float], Tensor]:
        """Return the weighted terms of the loss, and the gradient of their sum by the picture [1, 3, H, W].

        Random positions depend on the step and on the seed alone.
        """
        positions = self._sample(step)
        if len(self.tiles) == 1:
            leaf = x.detach().requires_grad_()
            terms = self._terms(self._measure(leaf, self.tiles[0], positions), positions, step)
            gradient = torch.autograd.grad(_total(terms), leaf)[0]
        else:
            terms, gradient = self._evaluate_tiles(x, positions, step)
        values = {name: float(value.detach()) for name, value in terms.items()}
        if self.anchor is not None:
            values["temporal"], slope = self.anchor.evaluate(x)
            gradient = gradient + slope
        return values, gradient

    def _evaluate_tiles(
        self, x: Tensor, positions: Mapping[Key, Tensor], step: int
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Sum up the measures of the tiles, then go backward tile by tile."""
        with torch.no_grad():
            first = self._measure(self.tiles[0].cut(x), self.tiles[0], positions)
            sums = {key: each.clone() for key, each in first.items()}
            for tile in self.tiles[1:]:
                for key, part in self._measure(tile.cut(x), tile, positions).items():
                    sums[key] += part
        leaves = {key: each.requires_grad_() for key, each in sums.items()}
        terms = self._terms(leaves, positions, step)
        found = torch.autograd.grad(_total(terms), list(leaves.values()), allow_unused=True)
        slopes = dict(zip(leaves, found, strict=True))
        gradient = torch.zeros_like(x)
        for tile in self.tiles:
            seen = tile.cut(x).detach().clone().requires_grad_()
            parts = self._measure(seen, tile, positions)
            keys = [key for key, part in parts.items() if part.requires_grad and slopes[key] is not None]
            pieces = torch.autograd.grad([parts[key] for key in keys], seen, [slopes[key] for key in keys])
            tile.cut(gradient).add_(pieces[0])
        return terms, gradient

    def _measure(self, seen: Tensor, tile: Tile, positions: Mapping[Key, Tensor]) -> dict[Key, Tensor]:
        """Measure the part of the picture that belongs to a tile; `seen` is that part with its margin."""
        size, strides = (self.height, self.width), self.extractor.strides
        features = [
            feature[(..., *tile.inside(stride, *size))]
            for feature, stride in zip(self.extractor(seen), strides, strict=True)
        ]
        own = [tile.own(stride, *size) for stride in strides]
        found: dict[Key, Tensor] = {}
        for layer in self._measured("moments"):
            shares = self.shares[layer][(slice(None), *own[layer])]
            found["moments", layer] = losses.moment_sums(features[layer], shares)
        for layer in self._measured("differences"):
            content = self.content.features[layer][(..., *own[layer])].to(features[layer].dtype)
            found["differences", layer] = losses.feature_sums(features[layer], content)
        for (measure, layer), places in positions.items():
            found[measure, layer] = rows_at(features[layer], own[layer], self.sizes[layer][1], places)
        if self.weights.variation:
            rows = slice(tile.top - tile.seen_top, tile.bottom - tile.seen_top)
            columns = slice(tile.left - tile.seen_left, tile.right - tile.seen_left)
            found["variation", 0] = losses.variation_sum(seen, rows, columns)
        found["range", 0] = losses.range_sum(seen[(..., *tile.inside(1, *size))])
        return found

    def _terms(
        self, measures: Mapping[Key, Tensor], positions: Mapping[Key, Tensor], step: int
    ) -> dict[str, Tensor]:
        """Weighted terms of the loss."""
        terms = {}
        for row, weight in self.losses:
            compared = self._compare(row, measures, positions, step)
            values = [
                share * value for share, value in zip(self.layers[row.name].values(), compared, strict=True)
            ]
            if row.kind == "style":
                terms[row.name] = weight * (torch.stack(values).mean(0) * self.areas).sum()
            else:
                terms[row.name] = weight * torch.stack(values).sum()
        pixels = 3 * self.height * self.width
        if self.weights.variation:
            terms["variation"] = self.weights.variation * measures["variation", 0] / pixels
        terms["range"] = OUT_OF_RANGE * measures["range", 0] / pixels
        return terms

    def _compare(
        self, row: Loss, measures: Mapping[Key, Tensor], positions: Mapping[Key, Tensor], step: int
    ) -> list[Tensor]:
        """Values of a loss, layer by layer: [R] of a style loss, a scalar of a content loss."""
        function, values = row.load(), []
        generator = generator_of(self.seed, step, COMPARISON)
        for layer in self.layers[row.name]:
            found = measures[row.measure, layer]
            if row.measure == "moments":
                values.append(function(losses.moments_of(found, self.mass[layer]), self.style.moments[layer]))
            elif row.measure == "differences":
                values.append(function(found, self.content.squares[layer]))
            elif row.measure == "paired vectors":
                values.append(function(found, self.content.rows(layer, positions[row.measure, layer])))
            else:
                values.append(function(torch.split(found, ROWS), self.style.banks[layer], generator))
        return values

    def _sample(self, step: int) -> dict[Key, Tensor]:
        """Random positions at which vectors are taken, from the seed and the step alone."""
        generator = generator_of(self.seed, step, POSITIONS)
        found: dict[Key, Tensor] = {}
        for measure, shares in self.vectors.items():
            for layer in self._measured(measure):
                each = [positions_in(share, ROWS, generator) for share in shares[layer]]
                found[measure, layer] = torch.cat(each)
        for layer in self._measured("paired vectors"):
            places = torch.randperm(self.sizes[layer][0] * self.sizes[layer][1], generator=generator)[:ROWS]
            found["paired vectors", layer] = places.to(self.shares[layer].device)
        return found

    def _calm_shares(self, content: Tensor) -> list[Tensor]:
        """The shares of the regions, reduced where the content has detail."""
        calm = calmness(content)[None, None]
        return [share * F.interpolate(calm, share.shape[-2:], mode="area")[0] for share in self.shares]

    def _layers(self, row: Loss) -> dict[int, float]:
        """Layers of a loss with their weights; large pictures have one content layer."""
        layers = list(row.layers.items())
        if row.kind == "content" and self.height * self.width > LARGE:
            layers = layers[:1]
        return {self.extractor.names.index(name): weight for name, weight in layers}

    def _measured(self, *measures: Measure) -> list[int]:
        """Layers that any loss compares by one of these measures."""
        rows = [row for row, _ in self.losses if row.measure in measures]
        return list(dict.fromkeys(layer for row in rows for layer in self.layers[row.name]))


def _total(terms: Mapping[str, Tensor]) -> Tensor:
    return torch.stack(list(terms.values())).sum()
