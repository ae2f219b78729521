"""The topology of MicroAST (Wang, Zhao, Zuo, Li, Chen and Lu, "MicroAST: Towards super-fast ultra-resolution
arbitrary style transfer", AAAI 2023), rebuilt from the paper.

Two micro encoders, for content and style, of one shape; a modulator that pools filter weights and biases
from the style's features at two levels; a decoder whose two residual blocks are modulated by AdaIN before
them and by ``w * conv(x) + b * x`` within them. No normalization in the content path but AdaIN.
"""

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F


class Signals(NamedTuple):
    """What the decoder needs of a style, each field a pair for the fine and the deep level.

    Every tensor has shape (N, 64, 1, 1), float32.
    """

    mean: tuple[Tensor, Tensor]
    deviation: tuple[Tensor, Tensor]
    weight: tuple[Tensor, Tensor]
    bias: tuple[Tensor, Tensor]


class _Convolution(nn.Sequential):
    """Reflection padding, then a convolution."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1) -> None:
        convolution = nn.Conv2d(inputs, outputs, kernel, stride, groups=groups)
        super().__init__(nn.ReflectionPad2d(kernel // 2), convolution)


class _Separable(nn.Sequential):
    """Grouped 3x3 and dense 1x1 convolution, each with ReLU."""

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1) -> None:
        super().__init__(
            _Convolution(inputs, outputs, 3, stride=stride, groups=min(inputs, outputs)),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 1),
            nn.ReLU(),
        )


class _Residual(nn.Module):
    """Residual block of two dense 3x3 convolutions; a style modulates both."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _Convolution(channels, channels, 3)
        self.second = _Convolution(channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.second(F.relu(self.first(x)))
        return out

    def modulated(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        inner = F.relu(weight * self.first(x) + bias * x)
        out: Tensor = x + weight * self.second(inner) + bias * inner
        return out


class Encoder(nn.Module):
    """Picture -> features at two depths, both 64 channels at a quarter of the size."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            _Convolution(3, 16, 9),
            nn.ReLU(),
            _Separable(16, 32, stride=2),
            _Separable(32, 64, stride=2),
            _Residual(64),
        )
        self.deep = _Residual(64)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        fine: Tensor = self.stem(picture)
        deep: Tensor = self.deep(fine)
        return fine, deep


class StyleBranch(nn.Module):
    """Style encoder and modulator, computed once per style, outside the timed path."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.weights = nn.ModuleList(_Convolution(64, 64, 3, groups=64) for _ in range(2))
        self.biases = nn.ModuleList(_Convolution(64, 64, 3, groups=64) for _ in range(2))

    def forward(self, style: Tensor) -> Signals:
        fine, deep = self.encoder(style)
        moments = [_moments(features) for features in (fine, deep)]
        return Signals(
            mean=(moments[0][0], moments[1][0]),
            deviation=(moments[0][1], moments[1][1]),
            weight=(_pooled(self.weights[0](fine)), _pooled(self.weights[1](deep))),
            bias=(_pooled(self.biases[0](fine)), _pooled(self.biases[1](deep))),
        )


class MicroAST(nn.Module):
    """Content path: encoder and modulated decoder, 312 k parameters (472 k with the style branch)."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.deep = _Residual(64)
        self.fine = _Residual(64)
        self.head = nn.Sequential(
            nn.Upsample(scale_factor=2.0, mode="bilinear", align_corners=False),
            _Separable(64, 32),
            nn.Upsample(scale_factor=2.0, mode="bilinear", align_corners=False),
            _Separable(32, 16),
            _Convolution(16, 3, 9),
        )

    def forward(self, content: Tensor, signals: Signals) -> Tensor:
        """Stylize.

        Parameters
        ----------
        content : Tensor [shape=(N, 3, H, W), float32, RGB]
            H and W multiples of 4.
        signals : Signals
            From `StyleBranch`.

        Returns
        -------
        Tensor [shape=(N, 3, H, W), float32, RGB]
        """
        _, x = self.encoder(content)
        x = _adain(x, signals.mean[1], signals.deviation[1])
        x = self.deep.modulated(x, signals.weight[1], signals.bias[1])
        x = _adain(x, signals.mean[0], signals.deviation[0])
        x = self.fine.modulated(x, signals.weight[0], signals.bias[0])
        out: Tensor = self.head(x)
        return out


def _pooled(x: Tensor) -> Tensor:
    return x.mean(dim=(2, 3), keepdim=True)


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    mean = x.mean(dim=(2, 3), keepdim=True)
    variance = (x - mean).square().mean(dim=(2, 3), keepdim=True)
    return mean, (variance + 1e-5).sqrt()


def _adain(x: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
    own_mean, own_deviation = _moments(x)
    return (x - own_mean) / own_deviation * deviation + mean
