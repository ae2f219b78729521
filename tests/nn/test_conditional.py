import numpy as np
import pytest
import torch
import torch.nn.functional as F

from restyle.errors import OptionError
from restyle.nn.conditional import ConditionalShape, ConditionalTransformer, build

SMALL = ConditionalShape(width=4, blocks=2, styles=3)


def network(**changes: object) -> ConditionalTransformer:
    torch.manual_seed(0)
    shape = ConditionalShape(**{"width": 4, "blocks": 2, "styles": 3} | changes)  # type: ignore[arg-type]
    made = ConditionalTransformer(shape).eval()
    with torch.no_grad():
        made.scale.copy_(torch.rand_like(made.scale) + 0.5)
        made.shift.copy_(torch.randn_like(made.shift) * 0.3)
    return made


def one(place: int, count: int = 3) -> torch.Tensor:
    return torch.eye(count)[place : place + 1]


@pytest.mark.parametrize("kernel", [3, 5, 7, 9])
@pytest.mark.parametrize("normalization", ["blocks", "all", "none"])
def test_gives_the_size_it_is_given(kernel: int, normalization: str) -> None:
    net = network(kernel_size=kernel, normalization=normalization)
    picture, stats = net(torch.rand(2, 3, 40, 36), torch.cat([one(0), one(2)]))
    assert picture.shape == (2, 3, 40, 36)
    assert stats.shape == (2, net.stats_size)


@pytest.mark.parametrize("normalization", ["blocks", "all", "none"])
def test_is_what_the_docs_say_step_by_step(normalization: str) -> None:
    """The network as docs/train.md describes it, from its tensors, without the class."""
    net = network(kernel_size=5, width=6, blocks=1, normalization=normalization)
    w = {name: value.detach() for name, value in net.state_dict().items()}
    z, content = torch.tensor([[0.2, 0.5, 0.3]]), torch.rand(1, 3, 24, 32)
    scale, shift = (z @ w["scale"])[0], (z @ w["shift"])[0]
    sizes = [6, 12, 12, 12, 6, 3]
    scales, shifts = list(scale.split(sizes)), list(shift.split(sizes))

    def convolve(h: torch.Tensor, name: str, stride: int = 1) -> torch.Tensor:
        padded = F.pad(h, (2, 2, 2, 2), mode="reflect")
        out: torch.Tensor = F.conv2d(padded, w[f"{name}.weight"], w[f"{name}.bias"], stride)
        return out

    def style(h: torch.Tensor, first: bool = False) -> torch.Tensor:
        a, b = scales.pop(0)[:, None, None], shifts.pop(0)[:, None, None]
        if normalization == "all" or (normalization == "blocks" and first):
            h = (h - h.mean((2, 3), keepdim=True)) / (
                h.var((2, 3), unbiased=False, keepdim=True) + 1e-4
            ).sqrt()
        out: torch.Tensor = a * h + b
        return out

    def doubled(h: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = F.interpolate(h, scale_factor=2, mode="bilinear", align_corners=False)
        return out

    h = F.relu(style(convolve(2 * content - 1, "stem", 2)))
    h = F.relu(style(convolve(h, "down", 2)))
    h = h + style(convolve(F.relu(style(convolve(h, "blocks.0.first"), first=True)), "blocks.0.second"))
    h = F.relu(style(convolve(doubled(h), "up_half")))
    h = F.relu(style(convolve(doubled(h), "up_full")))
    expected = 0.5 * convolve(h, "out") + 0.5
    assert torch.allclose(net(content, z)[0], expected, atol=1e-5)


def test_mixing_styles_mixes_their_scales_and_shifts() -> None:
    net, content = network(), torch.rand(1, 3, 32, 32)
    mixed = net(content, 0.25 * one(0) + 0.75 * one(1))[0]
    alone = network(styles=1)
    alone.load_state_dict(
        net.state_dict()
        | {
            name: 0.25 * getattr(net, name)[:1] + 0.75 * getattr(net, name)[1:2]
            for name in ("scale", "shift")
        }
    )
    assert torch.allclose(mixed, alone(content, torch.ones(1, 1))[0], atol=1e-6)


def test_statistics_in_and_out() -> None:
    net, content = network(normalization="all"), torch.rand(1, 3, 32, 40)
    own, used = net(content, one(1))
    again, same = net(content, one(1), used, torch.ones(1, 1))
    assert torch.allclose(own, again, atol=1e-5)
    assert torch.allclose(used, same, atol=1e-6)
    _, half = net(content, one(1), used + 1, torch.full((1, 1), 0.5))
    first = 2 * net.normalized[0]  # later statistics depend on the first ones
    assert torch.allclose(half[:, :first], used[:, :first] + 0.5, atol=1e-5)


def test_added_styles_begin_as_the_mean_and_leave_the_others() -> None:
    net, content = network(), torch.rand(1, 3, 32, 32)
    before = net(content, one(2))[0]
    net.add_styles(2)
    assert net.shape.styles == 5
    assert torch.equal(net(content, one(2, 5))[0], before)
    assert torch.allclose(net.scale[4], net.scale[:3].mean(0))


def test_kernels_need_a_middle_and_widths_a_half() -> None:
    with pytest.raises(OptionError, match="kernel-size 4"):
        ConditionalShape(kernel_size=4)
    with pytest.raises(OptionError, match="width 5"):
        ConditionalShape(width=5)


def test_builds_from_arrays_and_from_a_seed() -> None:
    shape = {"kernel_size": 3, "width": 4, "blocks": 1, "normalization": "blocks"}
    first, other = build(shape, 2, None, 5), build(shape, 2, None, 6)
    assert not torch.equal(first.stem.weight, other.stem.weight)
    arrays: dict[str, np.ndarray] = {name: value.numpy() for name, value in first.state_dict().items()}
    copy = build(shape, 2, arrays, 7)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), copy.parameters(), strict=True))
