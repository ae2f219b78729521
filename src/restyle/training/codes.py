"""Practising single styles: the codes of chosen artworks are descended, the network stays as it is.

The style encoder reads the code of any picture at a glance; a code that has practised on photos besides
paints its one style more like the artwork. The shipped presets have (`scripts.practise_presets`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from restyle.nn.arbitrary import ArbitraryNetwork, load_arbitrary
from restyle.nn.encoders import VGGTeacher
from restyle.training.arbitrary import SHIFT, ArbitraryTask
from restyle.training.bank import StyleBank
from restyle.training.data import LARGE, Augmentation, Pictures
from restyle.training.options import ArbitraryOptions

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
SHOWN = 192  # px, crops of the preview
TRIED = 8  # photos of a trial


class PractisedCodes(nn.Module):
    """The transformer, and what its codes have learnt beside what the style encoder reads.

    network : gives both
    styles : pictures [1, 3, H, W], RGB 0..1, one a style
    """

    def __init__(self, network: ArbitraryNetwork, styles: Iterable[Tensor]) -> None:
        super().__init__()
        self.transformer = network.transformer.requires_grad_(False)
        with torch.no_grad():
            read = torch.cat([network.style(style) for style in styles])
        self.read: Tensor
        self.register_buffer("read", read)
        # The palette at the end of a code is measured, not learnt.
        self.learnt = nn.Parameter(torch.zeros(len(read), network.style.manner))

    def forward(self, content: Tensor, which: Tensor) -> Tensor:
        """Content [N, 3, H, W], RGB 0..1, in the styles `which`, [N] indices -> pictures, not clamped."""
        manner = self.read[:, : self.learnt.shape[1]] + self.learnt
        codes = torch.cat([manner, self.read[:, self.learnt.shape[1] :]], 1)
        picture: Tensor = self.transformer(content, codes[which])[0]
        return picture


class CodesTask(ArbitraryTask):
    """Photos and a few artworks in, codes out that paint these artworks' styles better than those read.

    content : folder of photos
    styles : the artworks, RGB, at the size at which the network reads styles (512 px, short side)
    network : file of the network whose codes they are
    teacher, exact, options : as for `ArbitraryTask`; what says how style crops are taken is not used
    """

    name = "codes"

    def __init__(
        self,
        content: str | Path,
        styles: Sequence[Image.Image],
        network: str | Path,
        teacher: str | Path,
        exact: str | Path | None = None,
        options: ArbitraryOptions = CODES,
        content_augmentation: Augmentation = LARGE,
    ) -> None:
        self.options = options
        self.content = Pictures(content, content_augmentation)
        self.folders = [self.content]
        self.teacher = VGGTeacher.load(teacher)
        self.exact = VGGTeacher.load(exact) if exact else None
        self.network = load_arbitrary(network)[0]
        self.styles = [_tensor(style) for style in styles]
        self.model = PractisedCodes(self.network, self.styles)
        self._styles: StyleBank | None = None

    def batch(self, step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        found = super().batch(step, rng)
        first, count = step * self.options.batch, len(self.styles)
        # Each style as often as any other: the round of a step, and the order in it, are known.
        which = [
            _turn(each // count, count)[each % count] for each in range(first, first + self.options.batch)
        ]
        return found | {"style": torch.tensor(which)}

    def bank(self, model: nn.Module, step: int) -> StyleBank:
        """Always the same styles; a code is known by its place."""
        if self._styles is None:
            self._styles = StyleBank(self.styles, self.network.style, self.judge)
            self._styles.observed = torch.arange(len(self.styles), device=self._styles.observed.device)
        return self._styles

    def trial(self, model: PractisedCodes, place: int, shares: Sequence[float]) -> list[dict[str, float]]:
        """Losses of the style `place` on the same photos, with these shares of what its code has learnt."""
        rng = np.random.default_rng(0x781A1)
        device = model.read.device
        photos = self.content.batch(TRIED, self.options.crop + SHIFT, rng).to(device)
        batch = {"content": photos, "style": torch.full((TRIED,), place, device=device)}
        learnt, found = model.learnt.detach().clone(), []
        with torch.no_grad():
            for share in shares:
                model.learnt.copy_(share * learnt)
                losses = self.losses(model, batch, 0)
                found.append({name: float(loss) for name, loss in losses.items()})
            model.learnt.copy_(learnt)
        return found

    def preview(self, model: nn.Module, path: Path) -> None:
        """Three photos down the side; of each style, beside each other, as read and as practised."""
        assert isinstance(model, PractisedCodes)
        device = model.read.device
        contents = self.content.batch(3, SHOWN, np.random.default_rng(7)).to(device)
        learnt, columns = model.learnt.detach().clone(), []
        for place in range(len(learnt)):
            which = torch.full((len(contents),), place, device=device)
            for share in (0.0, 1.0):
                model.learnt.copy_(share * learnt)
                columns.append(torch.cat(list(model(contents, which)), 1))
        model.learnt.copy_(learnt)
        grid = torch.cat(columns, 2).clamp(0, 1).mul(255).round().byte().permute(1, 2, 0)
        Image.fromarray(grid.cpu().numpy()).save(path, quality=92)


def _turn(number: int, count: int) -> list[int]:
    order: list[int] = np.random.default_rng([number, 0xC0DE]).permutation(count).tolist()
    return order


def _tensor(picture: Image.Image) -> Tensor:
    pixels = np.asarray(picture.convert("RGB"), np.float32) / 255
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].contiguous()
