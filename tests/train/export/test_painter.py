"""The graphs of `paint`: the gradient is that of PyTorch, and the shipped graph is the exported one."""

from pathlib import Path

import pytest
import torch

from restyle.models import catalog
from restyle.models.session import Session
from restyle.nn.encoders import PerceptualEncoder, load_encoder
from restyle.train.export.painter import DEPTH, FILES, Features, Gradient, example, export_painter


@pytest.fixture(scope="module")
def encoder() -> PerceptualEncoder:
    return load_encoder(catalog.find("encoder-4").file("encoder").path)


def test_loss_and_gradient_are_those_of_pytorch(encoder: PerceptualEncoder) -> None:
    image, gram_weights, *targets = example(encoder, 32, 40)
    loss, gradient = Gradient(encoder)(image, gram_weights, *targets)
    image.requires_grad_(True)
    expected = torch.zeros(())
    for index, features in enumerate(Features(encoder)(image)):
        vectors, weights, gram = targets[index::DEPTH]
        length = (features.square().sum(1, keepdim=True) + 1e-6).sqrt()
        cosine = (features * vectors).sum(1, keepdim=True) / length
        expected = expected + (weights * (1 - cosine)).mean()
        own = torch.einsum("bchw,bdhw->cd", features, features) / features[0, 0].numel()
        expected = expected + gram_weights[index] * (own - gram).square().sum() / gram.square().sum()
    expected.backward()  # type: ignore[no-untyped-call]
    assert image.grad is not None
    torch.testing.assert_close(loss, expected.detach(), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(gradient, image.grad, rtol=1e-3, atol=1e-3 * float(image.grad.abs().max()))


def test_the_shipped_graph_is_the_exported_one(encoder: PerceptualEncoder, tmp_path: Path) -> None:
    shipped = Session(catalog.find("painter-1").file("gradient").read(), name="shipped")
    export_painter(encoder, tmp_path)
    exported = Session((tmp_path / FILES["gradient"]).read_bytes(), name="exported")
    feed = {name: each.numpy() for name, each in zip(shipped.inputs, example(encoder), strict=True)}
    ours, theirs = exported.run(**feed), shipped.run(**feed)
    assert abs(ours["grad"] - theirs["grad"]).max() < 1e-5 * abs(theirs["grad"]).max()
