"""Refine the style codes of given artworks on photos, with or without training the network as well.

The style encoder computes the code of any picture in one pass. A code that was also optimized on photos
paints its style more like the artwork. `scripts.refine_presets` and `scripts.train_with_presets` use this.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from restyle.nn.arbitrary import ArbitraryNetwork, load_arbitrary
from restyle.nn.encoders import VGGTeacher
from restyle.nn.transformer import COLORS, chroma, luminance
from restyle.options.train import ArbitraryOptions
from restyle.train.arbitrary import SHIFT, ArbitraryTask, StyleBank
from restyle.train.augmentation import LARGE, STYLE, Augmentation
from restyle.train.data import Pictures, save_grid, to_tensor
from restyle.train.loop import processes

CODES = ArbitraryOptions(
    crop=192,
    batch=4,
    content_weight=0.31,
    structure=1.0,
    variation_weight=0.001,
    weave_weight=0.03,
    identity_every=0,
    steady_every=3,
    steady_weight=4.0,
)
PREVIEW = 192  # px, crops of the preview
TRIAL = 8  # photos of a trial
HUE_WEIGHT = 3.0  # penalty of changed hues in `LuminanceTask`


class RefinedCodes(nn.Module):
    """A network, and a learned offset to the codes of `count` known styles."""

    def __init__(self, network: ArbitraryNetwork, count: int) -> None:
        super().__init__()
        self.network = network
        # The palette at the end of a code is measured, not learned.
        self.offset = nn.Parameter(torch.zeros(count, network.style.texture_size))

    def forward(self, content: Tensor, observed: Tensor) -> Tensor:
        """Stylize content [N, 3, H, W], RGB 0..1 -> pictures [N, 3, H, W], not clamped.

        observed : [N, 1 + ...], the number of a known style, from 1, or 0 for any other; then the output of
            `StyleEncoder.measure`
        """
        code = self.network.style.from_measured(observed[:, 1:])
        offsets = F.pad(self.offset, (0, COLORS, 1, 0))  # zero for unknown styles
        picture: Tensor = self.network.transformer(content, code + offsets[observed[:, 0].long()])[0]
        return picture


class CodesTask(ArbitraryTask):
    """Trains codes that paint the styles of given artworks better than the encoder's codes.

    content : folder of photos
    known : the artworks, RGB, at the size at which the network encodes styles (512 px, short side)
    network : file of the network
    teacher, exact, options : as for `ArbitraryTask`
    style : folder of other artworks. Without it the network stays fixed. With it, the network is trained as
        well, and every second picture is painted in one of these styles, so that it does not forget them.
    seed : of their crops
    """

    name = "codes"

    def __init__(
        self,
        content: str | Path,
        known: Sequence[Image.Image],
        network: str | Path,
        teacher: str | Path,
        exact: str | Path | None = None,
        options: ArbitraryOptions = CODES,
        style: str | Path | None = None,
        content_augmentation: Augmentation = LARGE,
        style_augmentation: Augmentation = STYLE,
        seed: int = 1,
    ) -> None:
        self.options = options
        self.content = Pictures(content, content_augmentation)
        self.folders = [self.content]
        if style:
            self.style = Pictures(style, style_augmentation)
            self.folders.append(self.style)
        self.teacher = VGGTeacher.load(teacher)
        self.exact = VGGTeacher.load(exact) if exact else None
        self.seed = seed
        self.network = load_arbitrary(network)[0]
        if not style:
            self.network.requires_grad_(False)
        self.known = [to_tensor([picture.convert("RGB")]) for picture in known]
        self.model = self.codes = RefinedCodes(self.network, len(self.known))
        self._known: StyleBank | None = None
        self._bank: tuple[int, StyleBank] | None = None
        self._both: tuple[StyleBank, StyleBank] | None = None

    def batch(self, step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return a batch of `ArbitraryTask` in which the known styles occur equally often."""
        found = super().batch(step, rng)
        every = len(self.folders)  # 1: all pictures have known styles; 2: every second one
        which, count = found["style"] + len(self.known), len(self.known)
        places = range(0, len(which), every)
        world, rank = processes()
        first = (step * world + rank) * len(places)
        for turn, place in enumerate(places, first):
            which[place] = _order(turn // count, count)[turn % count]
        return found | {"style": which}

    def bank(self, model: nn.Module, step: int) -> StyleBank:
        """Return the known styles, always the same, then those of the folder."""
        if self._known is None:
            self._known = StyleBank(self.known, self.network.style, self.style_features)
            numbers = torch.arange(1.0, 1 + len(self.known), device=self._known.observed.device)
            self._known.observed = torch.cat([numbers[:, None], self._known.observed], 1)
        if len(self.folders) == 1:
            return self._known
        drawn = super().bank(self.network, step)
        if self._both is None or self._both[0] is not drawn:
            self._both = drawn, _joined(self._known, drawn)
        return self._both[1]

    def trial(self, model: RefinedCodes, place: int, shares: Sequence[float]) -> list[dict[str, float]]:
        """Return the losses of the style `place` on the same photos, with these shares of its offset."""
        rng = np.random.default_rng(0x781A1)
        device = model.offset.device
        photos = self.content.batch(TRIAL, self.options.crop + SHIFT, rng).to(device)
        batch = {"content": photos, "style": torch.full((TRIAL,), place, device=device)}
        learned, found = model.offset.detach().clone(), []
        with torch.no_grad():
            for share in shares:
                model.offset.copy_(share * learned)
                losses = self.losses(model, batch, 0)
                found.append({name: float(loss) for name, loss in losses.items()})
            model.offset.copy_(learned)
        return found

    def preview(self, model: nn.Module, path: Path) -> None:
        """Write a grid: three photos down the side; for each style two columns, encoded and refined."""
        assert isinstance(model, RefinedCodes)
        device = model.offset.device
        known = self.bank(model, 0).observed
        contents = self.content.batch(3, PREVIEW, np.random.default_rng(7)).to(device)
        learned, columns = model.offset.detach().clone(), []
        for place in range(len(learned)):
            observed = known[place].expand(len(contents), -1)
            for share in (0.0, 1.0):
                model.offset.copy_(share * learned)
                columns.append(model(contents, observed))
        model.offset.copy_(learned)
        save_grid(list(zip(*columns, strict=True)), path)


class LuminanceTask(CodesTask):
    """`CodesTask` for styles whose colors the network gets wrong: only luminance is refined.

    Style is compared in gray, and every hue must stay as the encoded code paints it.
    """

    name = "luminance"

    def style_features(self, x: Tensor, features: list[Tensor] | None = None) -> list[Tensor]:
        """Return the features of the luminance."""
        return super().style_features(luminance(x).expand_as(x))

    def losses(self, model: nn.Module, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Return the losses of `CodesTask` and `hues`."""
        found = super().losses(model, batch, step)
        content = batch["content"]
        observed = self.bank(model, step).observed[batch["style"]]
        with torch.no_grad():
            before = self.network(content, observed[:, 1:])
        found["hues"] = (_hues(model(content, observed)) - _hues(before)).abs().mean()
        return found | {"total": found["total"] + HUE_WEIGHT * found["hues"]}


def _joined(known: StyleBank, others: StyleBank) -> StyleBank:
    """Return the styles of both banks; others have no number."""
    both = copy(known)
    both.observed = torch.cat([known.observed, F.pad(others.observed, (1, 0))])
    both.texture = [torch.cat(pair) for pair in zip(known.texture, others.texture, strict=True)]
    both.targets = [
        (torch.cat([a[0], b[0]]), torch.cat([a[1], b[1]]), torch.cat([a[2], b[2]]))
        for a, b in zip(known.targets, others.targets, strict=True)
    ]
    return both


def _hues(picture: Tensor) -> Tensor:
    """Return the colors of a picture without its strokes."""
    return F.avg_pool2d(chroma(picture), 4)


def _order(number: int, count: int) -> list[int]:
    """Return the order of the known styles in a round."""
    order: list[int] = np.random.default_rng([number, 0xC0DE]).permutation(count).tolist()
    return order
