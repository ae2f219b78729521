import torch

from restyle.nn.arbitrary import StyleEncoder
from restyle.nn.encoders import EncoderShape, PerceptualEncoder

SMALL = EncoderShape(widths=(4, 6, 8, 8, 8), depths=(1, 1, 1, 1, 1), heads=(4, 4, 4, 4, 4))


def test_one_vector_a_picture_of_any_size() -> None:
    torch.manual_seed(0)
    encoder = StyleEncoder(PerceptualEncoder(SMALL), code=10, projected=3)
    assert encoder.code_size == 19
    assert encoder(torch.rand(2, 3, 33, 50)).shape == (2, 19)
    assert encoder(torch.rand(1, 3, 32, 32)).shape == (1, 19)


def test_the_same_things_elsewhere_are_nearly_the_same_style() -> None:
    torch.manual_seed(0)
    encoder = StyleEncoder(PerceptualEncoder(SMALL), code=10, projected=3)
    picture = torch.rand(1, 3, 128, 128)
    coarse = torch.nn.functional.interpolate(torch.rand(1, 3, 16, 16), scale_factor=8)
    with torch.no_grad():
        code, moved = encoder(picture), encoder(picture.roll((16, 32), (2, 3)))
        other = encoder(coarse)
    assert float((code - moved).norm()) < 0.5 * float((code - other).norm())


def test_only_the_head_learns() -> None:
    encoder = StyleEncoder(PerceptualEncoder(SMALL), code=10, projected=3)
    encoder(torch.rand(1, 3, 32, 32)).sum().backward()
    assert all(p.grad is None for p in encoder.encoder.parameters())
    assert all(p.grad is None for p in encoder.projections.parameters())
    assert encoder.hidden.weight.grad is not None


def test_measured_styles_give_the_same_code() -> None:
    encoder = StyleEncoder(PerceptualEncoder(SMALL), code=10, projected=3)
    picture = torch.rand(2, 3, 32, 40)
    assert torch.equal(encoder.from_measured(encoder.measure(picture)), encoder(picture))
