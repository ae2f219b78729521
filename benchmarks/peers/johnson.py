"""The transformer net of Johnson, Alahi and Fei-Fei, "Perceptual losses for real-time style transfer and
super-resolution" (ECCV 2016), in the form of the popular PyTorch example: one network a style, instance
normalization (Ulyanov et al. 2016), reflection padding, nearest upsampling before a convolution.
"""

from torch import Tensor, nn
from torch.nn import functional as F


class _Convolution(nn.Module):
    """Reflection padding, then a convolution; optionally nearest upsampling first."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, upsample: int = 1) -> None:
        super().__init__()
        self.upsample = upsample
        self.pad = nn.ReflectionPad2d(kernel // 2)
        self.convolution = nn.Conv2d(inputs, outputs, kernel, stride)

    def forward(self, x: Tensor) -> Tensor:
        if self.upsample > 1:
            x = F.interpolate(x, scale_factor=float(self.upsample), mode="nearest")
        out: Tensor = self.convolution(self.pad(x))
        return out


def _normalized(
    inputs: int, outputs: int, kernel: int, *, stride: int = 1, upsample: int = 1
) -> tuple[nn.Module, ...]:
    return (
        _Convolution(inputs, outputs, kernel, stride=stride, upsample=upsample),
        nn.InstanceNorm2d(outputs, affine=True),
    )


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            *_normalized(channels, channels, 3), nn.ReLU(), *_normalized(channels, channels, 3)
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.branch(x)
        return out


class Johnson(nn.Module):
    """Transformer net, width 32, 1.68 M parameters.

    Parameters
    ----------
    width : int
        Channels at full resolution; 32 in the paper.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        wide, wider = 2 * width, 4 * width
        self.layers = nn.Sequential(
            *_normalized(3, width, 9),
            nn.ReLU(),
            *_normalized(width, wide, 3, stride=2),
            nn.ReLU(),
            *_normalized(wide, wider, 3, stride=2),
            nn.ReLU(),
            *(_Residual(wider) for _ in range(5)),
            *_normalized(wider, wide, 3, upsample=2),
            nn.ReLU(),
            *_normalized(wide, width, 3, upsample=2),
            nn.ReLU(),
            _Convolution(width, 3, 9),
        )

    def forward(self, content: Tensor) -> Tensor:
        """Stylize.

        Parameters
        ----------
        content : Tensor [shape=(N, 3, H, W), float32, RGB]
            H and W multiples of 4.

        Returns
        -------
        Tensor [shape=(N, 3, H, W), float32, RGB]
        """
        out: Tensor = self.layers(content)
        return out
