"""What a picture is compared with: statistics of its styles, features of its content.

They are computed before the first step and do not change. Pictures that do not fit in memory are processed in
tiles, whose statistics add up to those of the picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from restyle.methods.optimize.features import FeatureExtractor, Tile, tiles_of
from restyle.methods.optimize.losses import Moments, moment_sums, moments_of
from restyle.methods.optimize.sampling import BANK, STYLE, generator_of, positions_in, rows_at


@dataclass(frozen=True)
class Weights:
    """Weights of the losses, by the names of `methods.optimize.table`, and of total variation."""

    style: Mapping[str, float]
    content: Mapping[str, float]
    variation: float = 0.0


@dataclass(frozen=True)
class StylePicture:
    """A style picture and its share of the style of its region.

    Parameters
    ----------
    picture : Tensor [1, 3, H, W], RGB, 0..1
    share : float
        The shares of a region sum to 1.
    """

    picture: Tensor
    share: float


class ContentTargets:
    """Features of the content, layer by layer; in half precision if the picture is processed in tiles.

    Parameters
    ----------
    extractor : FeatureExtractor
    content : Tensor [1, 3, H, W], RGB, 0..1
    layers : set of int
    tiles : sequence of Tile
    """

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
    """Statistics of the style of each region: mixtures of those of its style pictures and of the content.

    Parameters
    ----------
    extractor : FeatureExtractor
    content : Tensor [1, 3, H, W], RGB, 0..1
    styles : sequence of sequences of StylePicture
        Of each region with a style.
    shares : sequence of Tensor [R, h, w]
        Share of each of these regions in each position of each layer.
    strength : float, 0..1
        Below 1, the content's own statistics are mixed in.
    moments, rows : sequence of int
        Layers whose moments are compared, and whose vectors are.
    side : int or None
        Of the tiles, in px; None processes the pictures in one piece.
    seed : int

    Attributes
    ----------
    moments : dict of layer to Moments of every region
    banks : dict of layer to list of Tensor [BANK, C]
        Vectors that represent the style of each region.
    """

    def __init__(
        self,
        extractor: FeatureExtractor,
        content: Tensor,
        styles: Sequence[Sequence[StylePicture]],
        shares: Sequence[Tensor],
        strength: float,
        *,
        moments: Sequence[int],
        rows: Sequence[int],
        side: int | None,
        seed: int,
    ) -> None:
        self.extractor, self.moment_layers, self.row_layers = extractor, moments, rows
        self.side, self.seed = side, seed
        regions = [[(each.picture, each.share * strength) for each in region] for region in styles]
        if strength < 1:
            for region in regions:
                region.append((content, 1 - strength))
        means: dict[int, list[Moments]] = {layer: [] for layer in moments}
        self.banks: dict[int, list[Tensor]] = {layer: [] for layer in rows}
        for number, region in enumerate(regions):
            parts = []
            for order, (picture, share) in enumerate(region):
                inside = [each[number : number + 1] for each in shares] if picture is content else None
                parts.append((share, *self._statistics(picture, inside, number * 100 + order, share)))
            for layer in moments:
                mean = torch.stack([share * each[layer].mean for share, each, _ in parts]).sum(0)
                second = torch.stack([share * each[layer].second for share, each, _ in parts]).sum(0)
                means[layer].append(Moments(mean, second))
            for layer in rows:
                bank = torch.cat([each[layer] for _, _, each in parts])
                self.banks[layer].append(bank[torch.arange(BANK, device=bank.device) % len(bank)])
        self.moments = {
            layer: Moments(
                torch.cat([each.mean for each in found]), torch.cat([each.second for each in found])
            )
            for layer, found in means.items()
            if found
        }

    def _statistics(
        self, picture: Tensor, shares: Sequence[Tensor] | None, number: int, part: float
    ) -> tuple[dict[int, Moments], dict[int, Tensor]]:
        """Moments and a bank of vectors of a picture, or of a region of it, layer by layer."""
        size = (picture.shape[-2], picture.shape[-1])
        layers = self.extractor.sizes(*size)
        if shares is None:
            shares = [torch.ones((1, *each), device=picture.device) for each in layers]
        generator = generator_of(self.seed, number, STYLE)
        count = max(1, round(BANK * part))
        places = {layer: positions_in(shares[layer][0], count, generator) for layer in self.row_layers}
        sums: dict[int, Tensor] = {}
        banks: dict[int, Tensor] = {}
        for tile in tiles_of(size, self.side):
            features = self.extractor.own(picture, tile)
            for layer in self.moment_layers:
                own = tile.own(self.extractor.strides[layer], *size)
                found = moment_sums(features[layer], shares[layer][(slice(None), *own)])
                sums[layer] = sums[layer] + found if layer in sums else found
            for layer, positions in places.items():
                own = tile.own(self.extractor.strides[layer], *size)
                rows = rows_at(features[layer], own, layers[layer][1], positions)
                banks[layer] = banks[layer] + rows if layer in banks else rows
        mass = {layer: shares[layer].sum((1, 2)) for layer in sums}
        return {layer: moments_of(each, mass[layer]) for layer, each in sums.items()}, banks
