"""Practising single styles: the codes of chosen artworks are descended, with the network or with it as it is.

The style encoder reads the code of any picture at a glance; a code that has practised on photos besides
paints its one style more like the artwork. The shipped presets have (`scripts.practise_presets`), and the
network with them (`scripts.train_with_presets`).
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
from restyle.nn.recoloring import COLORS, chroma, luminance
from restyle.options.train import ArbitraryOptions
from restyle.train.arbitrary import SHIFT, ArbitraryTask
from restyle.train.data import LARGE, STYLE, Augmentation, Pictures
from restyle.train.distributed import processes
from restyle.train.style_bank import StyleBank

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
HUES = 3.0  # weight of hues that move, where light alone is practised


class PractisedCodes(nn.Module):
    """A network, and what the codes of `count` known styles have learnt beside what it reads."""

    def __init__(self, network: ArbitraryNetwork, count: int) -> None:
        super().__init__()
        self.network = network
        # The palette at the end of a code is measured, not learnt.
        self.learnt = nn.Parameter(torch.zeros(count, network.style.manner))

    def forward(self, content: Tensor, seen: Tensor) -> Tensor:
        """Content [N, 3, H, W], RGB 0..1, in the styles seen -> pictures [N, 3, H, W], not clamped.

        seen : [N, 1 + ...], the number of a known style, from 1, or 0 for any other; then what
            `StyleEncoder.observe` saw of it
        """
        read = self.network.style.from_observed(seen[:, 1:])
        learnt = F.pad(self.learnt, (0, COLORS, 1, 0))  # nothing for styles that are not known
        picture: Tensor = self.network.transformer(content, read + learnt[seen[:, 0].long()])[0]
        return picture


class CodesTask(ArbitraryTask):
    """Photos and a few artworks in, codes out that paint these artworks' styles better than those read.

    content : folder of photos
    known : the artworks, RGB, at the size at which the network reads styles (512 px, short side)
    network : file of the network whose codes they are
    teacher, exact, options : as for `ArbitraryTask`
    style : a folder of any other artworks. Without it the network stays as it is; with it, it learns too, and
        every second picture is painted in the style of one of these, so that it forgets no other style
    seed : decides which crops of them
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
        self.known = [_tensor(picture) for picture in known]
        self.model = self.codes = PractisedCodes(self.network, len(self.known))
        self._known: StyleBank | None = None
        self._bank: tuple[int, StyleBank] | None = None
        self._both: tuple[StyleBank, StyleBank] | None = None

    def batch(self, step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        found = super().batch(step, rng)
        every = len(self.folders)  # which of the pictures are in known styles
        which, count = found["style"] + len(self.known), len(self.known)
        turns = range(0, len(which), every)
        world, rank = processes()
        first = (step * world + rank) * len(turns)
        for turn, each in enumerate(turns, first):
            # Each style as often as any other: the round of a step, and the order in it, are known.
            which[each] = _turn(turn // count, count)[turn % count]
        return found | {"style": which}

    def bank(self, model: nn.Module, step: int) -> StyleBank:
        """The known styles, always the same, then those of the folder."""
        if self._known is None:
            self._known = StyleBank(self.known, self.network.style, self.judge)
            numbers = torch.arange(1.0, 1 + len(self.known), device=self._known.observed.device)
            self._known.observed = torch.cat([numbers[:, None], self._known.observed], 1)
        if len(self.folders) == 1:
            return self._known
        drawn = super().bank(self.network, step)
        if self._both is None or self._both[0] is not drawn:
            others = copy(drawn)
            others.observed = F.pad(drawn.observed, (1, 0))
            self._both = drawn, self._known.beside(others)
        return self._both[1]

    def trial(self, model: PractisedCodes, place: int, shares: Sequence[float]) -> list[dict[str, float]]:
        """Losses of the style `place` on the same photos, with these shares of what its code has learnt."""
        rng = np.random.default_rng(0x781A1)
        device = model.learnt.device
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
        device = model.learnt.device
        known = self.bank(model, 0).observed
        contents = self.content.batch(3, SHOWN, np.random.default_rng(7)).to(device)
        learnt, columns = model.learnt.detach().clone(), []
        for place in range(len(learnt)):
            seen = known[place].expand(len(contents), -1)
            for share in (0.0, 1.0):
                model.learnt.copy_(share * learnt)
                columns.append(torch.cat(list(model(contents, seen)), 1))
        model.learnt.copy_(learnt)
        grid = torch.cat(columns, 2).clamp(0, 1).mul(255).round().byte().permute(1, 2, 0)
        Image.fromarray(grid.cpu().numpy()).save(path, quality=92)


class LightTask(CodesTask):
    """The same for styles whose colours a network gets wrong: light alone is practised.

    Style is judged in grey, and every hue must stay where the code as read puts it.
    """

    name = "light"

    def judge(self, x: Tensor, features: list[Tensor] | None = None) -> list[Tensor]:
        return super().judge(luminance(x).expand_as(x))

    def losses(self, model: nn.Module, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        found = super().losses(model, batch, step)
        content = batch["content"]
        seen, _ = self.bank(model, step).take(batch["style"])
        with torch.no_grad():
            before = self.network(content, seen[:, 1:])
        found["hues"] = (_hues(model(content, seen)) - _hues(before)).abs().mean()
        return found | {"total": found["total"] + HUES * found["hues"]}


def _hues(picture: Tensor) -> Tensor:
    """What is left of a picture's colours where strokes are smoothed away."""
    return F.avg_pool2d(chroma(picture), 4)


def _turn(number: int, count: int) -> list[int]:
    order: list[int] = np.random.default_rng([number, 0xC0DE]).permutation(count).tolist()
    return order


def _tensor(picture: Image.Image) -> Tensor:
    pixels = np.asarray(picture.convert("RGB"), np.float32) / 255
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].contiguous()
