"""The graphs of `paint`: the gradient is that of PyTorch, and the shipped graphs are the exported ones."""

import pytest
import torch

from restyle.methods.paint.network import LAYERS
from restyle.models import catalog
from restyle.models.session import Session
from restyle.nn.encoders import PerceptualEncoder, load_encoder
from scripts.export_painter import (
    FILES,
    INPUTS,
    MODULES,
    Backward,
    Features,
    Forward,
    Gradient,
    examples,
    export_painter,
)


@pytest.fixture(scope="module")
def encoder() -> PerceptualEncoder:
    return load_encoder(catalog.find("encoder-4").file("encoder").path)


def test_loss_and_gradient_are_those_of_pytorch(encoder: PerceptualEncoder) -> None:
    inputs = examples(encoder, 32, 40)
    image, given = inputs["features"]["image"], inputs["gradient"]
    inside = inputs["forward"]["inside"]
    relu, chosen, pooled, products = Forward(encoder)(image, inside)
    given |= {"pooled": pooled, "products": products}
    rest_of_loss, apart, below = Gradient(encoder)(*given.values())
    last = inputs["backward"] | {"relu1_1": relu, "chosen": chosen, "gradient": below, "apart": apart}
    loss, gradient = Backward(encoder)(*last.values())
    loss = loss + rest_of_loss
    image.requires_grad_(True)
    expected = torch.zeros(())
    for index, (layer, features) in enumerate(zip(LAYERS, Features(encoder)(image), strict=True)):
        vectors, weights = (({**last, **given})[f"{kind}_{layer}"] for kind in ("target", "weight"))
        gram = given[f"gram_{layer}"]
        length = (features.square().sum(1, keepdim=True) + 1e-6).sqrt()
        missing = weights * (1 - (features * vectors).sum(1, keepdim=True) / length)
        expected = expected + (missing.mean() if index else missing.sum())  # the first are divided already
        own = torch.einsum("bchw,bdhw->cd", features, features) / features[0, 0].numel()
        apart = (own - gram).square().sum() / gram.square().sum()
        expected = expected + given["gram_weights"][index] * apart
    expected.backward()  # type: ignore[no-untyped-call]
    assert image.grad is not None
    torch.testing.assert_close(loss, expected.detach(), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(gradient, image.grad, rtol=1e-3, atol=1e-3 * float(image.grad.abs().max()))


@pytest.mark.slow
@pytest.mark.parametrize("role", MODULES)
def test_the_shipped_graphs_are_the_exported_ones(
    encoder: PerceptualEncoder, tmp_path_factory: pytest.TempPathFactory, role: str
) -> None:
    folder = tmp_path_factory.getbasetemp() / "painter"
    if not folder.is_dir():
        folder.mkdir()
        export_painter(encoder, folder)
    shipped = Session(catalog.find("painter-1").file(role).read(), name="shipped")
    exported = Session((folder / FILES[role]).read_bytes(), name="exported")
    feed = {name: each.numpy() for name, each in examples(encoder)[role].items()}
    assert list(shipped.inputs) == list(INPUTS.get(role, feed))
    ours, theirs = exported.run(**feed), shipped.run(**feed)
    for name in shipped.outputs:
        assert abs(ours[name] - theirs[name]).max() <= 1e-5 * abs(theirs[name]).max()
