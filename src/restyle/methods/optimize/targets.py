"""What a picture is held against while it is optimised: statistics of its styles, features of its content.

All of it is taken before the first step and does not change. Pictures that do not fit in memory are looked at
in tiles, whose statistics add up to those of the whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from restyle.methods.optimize import style_losses
from restyle.methods.optimize.features import Sight, Tile, tiles_of
from restyle.methods.optimize.sampling import BANK, STYLE, generator_of, positions_in, rows_at
from restyle.methods.optimize.style_losses import Moments


@dataclass(frozen=True)
class Weights:
    """How much each term of the loss counts.

    Parameters
    ----------
    style : mapping of str to float
        Of `gram`, `gaussian`, `sliced`, `patches`: on the layers of the encoder; and `grain`: Gram matrices
        of the grain layers.
    content : mapping of str to float
        Of `features`, `relu4_1` and `structure`.
    variation : float
    """

    style: Mapping[str, float]
    content: Mapping[str, float]
    variation: float = 0.0


@dataclass(frozen=True)
class Ingredient:
    """A style picture and what share of its region's style it is.

    Parameters
    ----------
    picture : Tensor [1, 3, H, W], RGB, 0..1
    share : float
        Those of a region sum to 1.
    """

    picture: Tensor
    share: float


class Kept:
    """Features of the content, layer by layer.

    They are kept at half precision where the picture is seen in tiles, which is as exact as pictures are.

    Parameters
    ----------
    sight : Sight
    content : Tensor [1, 3, H, W], RGB, 0..1
    layers : set of int
        Which are kept.
    tiles : sequence of Tile
    """

    def __init__(self, sight: Sight, content: Tensor, layers: set[int], tiles: Sequence[Tile]) -> None:
        self.features: dict[int, Tensor] = {}
        height, width = content.shape[-2:]
        sizes = sight.sizes(height, width)
        precision = torch.float32 if len(tiles) == 1 else torch.float16
        for tile in tiles if layers else ():
            found = sight.own(content, tile)
            for layer in layers:
                if layer not in self.features:
                    shape = (1, found[layer].shape[1], *sizes[layer])
                    self.features[layer] = torch.empty(
                        shape, dtype=precision, device=content.device, memory_format=torch.channels_last
                    )
                own = tile.own(sight.strides[layer], height, width)
                self.features[layer][(..., *own)] = found[layer]
        self.squares = {layer: each.float().square().sum() for layer, each in self.features.items()}

    def rows(self, layer: int, positions: Tensor) -> Tensor:
        """Vectors [n, C] at flat positions [n] of a layer."""
        return self.features[layer][0].permute(1, 2, 0).flatten(0, 1)[positions].float()


class Aims:
    """Statistics that are aimed at, for each region: mixtures of those of its styles, and of the content.

    Parameters
    ----------
    sight : Sight
    content : Tensor [1, 3, H, W], RGB, 0..1
    styles : sequence of sequences of Ingredient
        Of each region that is painted.
    shares : sequence of Tensor [R, h, w]
        How much each position of each layer belongs to each of these regions.
    strength : float, 0..1
        What is aimed at lies so far on the way from the content's own statistics to the style's.
    moments, rows : sequence of int
        Layers whose moments are compared, and whose vectors are.
    side : int or None
        Of the tiles that the pictures are seen in, in px; None sees them whole.
    seed : int

    Attributes
    ----------
    wanted : dict of layer to Moments of every region
    banks : dict of layer to list of Tensor [BANK, C]
        Vectors that stand for the style of each region.
    """

    def __init__(
        self,
        sight: Sight,
        content: Tensor,
        styles: Sequence[Sequence[Ingredient]],
        shares: Sequence[Tensor],
        strength: float,
        *,
        moments: Sequence[int],
        rows: Sequence[int],
        side: int | None,
        seed: int,
    ) -> None:
        self.sight, self.moments, self.rows, self.side, self.seed = sight, moments, rows, side, seed
        regions = [[(each.picture, each.share * strength) for each in region] for region in styles]
        if strength < 1:
            for region in regions:
                region.append((content, 1 - strength))
        found: dict[int, list[Moments]] = {layer: [] for layer in moments}
        self.banks: dict[int, list[Tensor]] = {layer: [] for layer in rows}
        for number, region in enumerate(regions):
            parts = []
            for order, (picture, share) in enumerate(region):
                inside = [each[number : number + 1] for each in shares] if picture is content else None
                parts.append((share, *self._statistics(picture, inside, number * 100 + order, share)))
            for layer in moments:
                found[layer].append(
                    Moments(
                        torch.stack([share * each[layer].mean for share, each, _ in parts]).sum(0),
                        torch.stack([share * each[layer].second for share, each, _ in parts]).sum(0),
                    )
                )
            for layer in rows:
                bank = torch.cat([each[layer] for _, _, each in parts])
                self.banks[layer].append(bank[torch.arange(BANK, device=bank.device) % len(bank)])
        self.wanted = {
            layer: Moments(
                torch.cat([each.mean for each in region]), torch.cat([each.second for each in region])
            )
            for layer, region in found.items()
            if region
        }

    def _statistics(
        self, picture: Tensor, shares: Sequence[Tensor] | None, number: int, part: float
    ) -> tuple[dict[int, Moments], dict[int, Tensor]]:
        """Moments and a bank of vectors of a whole picture, or of a region of it, layer by layer."""
        size = (picture.shape[-2], picture.shape[-1])
        layers = self.sight.sizes(*size)
        if shares is None:
            shares = [torch.ones((1, *each), device=picture.device) for each in layers]
        generator = generator_of(self.seed, number, STYLE)
        count = max(1, round(BANK * part))
        places = {layer: positions_in(shares[layer][0], count, generator) for layer in self.rows}
        sums: dict[int, Tensor] = {}
        banks: dict[int, Tensor] = {}
        for tile in tiles_of(size, self.side):
            features = self.sight.own(picture, tile)
            for layer in self.moments:
                own = tile.own(self.sight.strides[layer], *size)
                found = style_losses.moment_sums(features[layer], shares[layer][(slice(None), *own)])
                sums[layer] = sums[layer] + found if layer in sums else found
            for layer, positions in places.items():
                own = tile.own(self.sight.strides[layer], *size)
                rows = rows_at(features[layer], own, layers[layer][1], positions)
                banks[layer] = banks[layer] + rows if layer in banks else rows
        mass = {layer: shares[layer].sum((1, 2)) for layer in sums}
        return {layer: style_losses.moments_of(each, mass[layer]) for layer, each in sums.items()}, banks
