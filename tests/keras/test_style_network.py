"""The network as a Keras model: equal to the PyTorch one, and trained, saved and run as Keras does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the extra keras")

import keras
import torch
from PIL import Image

import restyle
from restyle.errors import ModelError, OptionError, StyleError
from restyle.keras import PerceptualLoss, Photos, StyleNetwork
from restyle.training.style_options import StyleOptions

RECIPE = StyleOptions(style_size=64)
RNG = np.random.default_rng(0)
X = RNG.random((2, 44, 36, 3)).astype(np.float32)
NAMES = ("one", "two", "three")


def torch_network(styles: int, **shape: Any) -> restyle.StyleNetwork:
    """A PyTorch network whose scales and shifts have left their first values."""
    network = restyle.StyleNetwork(**{"width": 8, "blocks": 2} | shape, seed=3)
    network.styles = NAMES[:styles]
    with torch.no_grad():
        network.module.scale.normal_(1, 0.3)
        network.module.shift.normal_(0, 0.3)
    return network


@pytest.mark.parametrize("normalisation", ["blocks", "all", "none"])
@pytest.mark.parametrize(("styles", "kernel"), [(1, 3), (3, 5)])
def test_it_computes_what_the_torch_network_computes(normalisation: str, styles: int, kernel: int) -> None:
    theirs = torch_network(styles, normalisation=normalisation, kernel_size=kernel)
    ours = StyleNetwork.from_network(theirs)
    code = RNG.dirichlet(np.ones(styles), 2).astype(np.float32)
    with torch.no_grad():
        inputs = (torch.from_numpy(X).permute(0, 3, 1, 2), torch.from_numpy(code))
        expected = theirs.module(*inputs)[0].permute(0, 2, 3, 1).numpy()
    given = X if styles == 1 else {"content": X, "code": code}
    found = keras.ops.convert_to_numpy(ours(given, training=False))
    np.testing.assert_allclose(found, expected.clip(0, 1), atol=1e-4)
    unclipped = keras.ops.convert_to_numpy(ours(given, training=True))
    np.testing.assert_allclose(unclipped, expected, atol=1e-4)
    back = ours.to_network(NAMES[:styles]).module.state_dict()
    for name, value in theirs.module.state_dict().items():
        torch.testing.assert_close(back[name], value, rtol=0, atol=0)


def test_a_file_goes_there_and_back(tmp_path: Path) -> None:
    theirs = torch_network(1)
    theirs.save(tmp_path / "one.restyle")
    ours = StyleNetwork.from_network(tmp_path / "one.restyle")
    ours.to_network(["one"]).save(tmp_path / "again.restyle")
    photo = (X[0] * 255).astype(np.uint8)
    expected = restyle.image(photo, model=tmp_path / "one.restyle", threads=1)
    assert (restyle.image(photo, model=tmp_path / "again.restyle", threads=1) == expected).all()
    # The graph in the file has float16 weights.
    np.testing.assert_allclose(ours.paint(photo), expected / 255, atol=0.02)


def test_weights_of_another_shape_are_refused() -> None:
    with pytest.raises(ModelError, match="another shape"):
        StyleNetwork(width=8, blocks=1).set_torch_weights(StyleNetwork(width=8, blocks=2).torch_weights())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "photos"
    place.mkdir()
    for index in range(4):
        noise = np.random.default_rng(index).integers(0, 255, (12, 12, 3), np.uint8)
        Image.fromarray(noise).resize((80, 80)).save(place / f"{index}.png")
    return place


def test_fit_lowers_the_loss_and_tells_every_term(folder: Path) -> None:
    style = RNG.random((64, 64, 3)).astype(np.float32)
    network = StyleNetwork(width=8, blocks=1)
    network.compile(keras.optimizers.Adam(0.01), loss=PerceptualLoss(style, RECIPE), jit_compile=False)
    seen: list[int] = []
    callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
    history = network.fit(
        Photos(folder, 2, crop=48), epochs=4, callbacks=[callback], verbose=0, validation_data=(X[:, :, :32],)
    ).history
    assert history["loss"][-1] < history["loss"][0]
    terms = ("style", "content", "variation", "range")
    weighted = sum(getattr(RECIPE, f"{name}_weight") * history[name][-1] for name in terms)
    assert history["loss"][-1] == pytest.approx(weighted, rel=1e-4)
    assert len(history["val_style"]) == 4
    assert seen == [0, 1, 2, 3]
    art = network.predict(X, verbose=0)
    assert art.shape == X.shape
    assert 0 <= art.min() < art.max() <= 1


def test_each_style_learns_its_own_rows(folder: Path) -> None:
    styles = [RNG.random((64, 64, 3)).astype(np.float32) * shade for shade in (0.3, 1.0)]
    network = StyleNetwork(width=8, blocks=1, styles=2)
    before = network.torch_weights()["scale"]
    network.compile("adam", loss=PerceptualLoss(styles, RECIPE), run_eagerly=True)
    network.fit(Photos(folder, 4, crop=48, styles=2), epochs=1, verbose=0)
    after = network.torch_weights()["scale"]
    assert (before != after).any(axis=1).all()
    dark, bright = (network.paint(X[0], code) for code in ([1, 0], [0, 1]))
    assert np.abs(dark - bright).max() > 1e-4
    with pytest.raises(StyleError, match="code has 3 weights and the network 2 styles"):
        network.paint(X[0], [1, 0, 0])


def test_a_loss_of_other_styles_is_refused() -> None:
    network = StyleNetwork(width=8, blocks=0, styles=2)
    network.compile("adam", loss=PerceptualLoss(X[0], RECIPE), run_eagerly=True)
    with pytest.raises(StyleError, match="the loss has 1 styles and the network 2"):
        network.fit({"content": X[:, :, :32], "code": np.eye(2, dtype=np.float32)}, verbose=0)


def test_any_keras_loss_serves_too() -> None:
    network = StyleNetwork(width=8, blocks=0)
    network.compile("adam", loss="mse", run_eagerly=True)
    history = network.fit(X, X, epochs=3, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]


def test_paint_takes_any_size_and_gives_it_back() -> None:
    network = StyleNetwork(width=8, blocks=1)
    for size in ((1, 1), (17, 30), (61, 43)):
        art = network.paint(RNG.random((*size, 3)).astype(np.float32))
        assert art.shape == (*size, 3)
    even = RNG.random((64, 48, 3)).astype(np.float32)
    np.testing.assert_allclose(network.paint(even), network.predict(even[None], verbose=0)[0], atol=1e-5)


def test_keras_saves_and_loads_it(tmp_path: Path) -> None:
    network = StyleNetwork(kernel_size=5, width=8, blocks=1, normalisation="all", styles=2, seed=4)
    network.save(tmp_path / "network.keras")
    again = keras.models.load_model(tmp_path / "network.keras")
    assert isinstance(again, StyleNetwork)
    assert again.get_config() == network.get_config()
    given = {"content": X, "code": np.full((2, 2), 0.5, np.float32)}
    np.testing.assert_allclose(again.predict(given, verbose=0), network.predict(given, verbose=0), atol=1e-6)


def test_the_summary_names_every_layer() -> None:
    lines: list[str] = []
    StyleNetwork(width=8, blocks=1).summary(line_length=140, print_fn=lambda text, **_: lines.append(text))
    text = "\n".join(lines)
    for name in ("stem (Conv2D)", "blocks_0_first_style", "up_full_relu", "Total params"):
        assert name in text


def test_seeds_decide_the_first_weights() -> None:
    one, same, other = (StyleNetwork(width=8, blocks=1, seed=seed).torch_weights() for seed in (1, 1, 2))
    assert all((one[name] == same[name]).all() for name in one)
    assert (one["stem.weight"] != other["stem.weight"]).any()


@pytest.mark.parametrize(
    "wrong", [{"kernel_size": 4}, {"width": 7}, {"styles": 0}, {"normalisation": "some"}]
)
def test_a_shape_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        StyleNetwork(**wrong)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a SavedModel is TensorFlow's")
@pytest.mark.parametrize("styles", [1, 2])
def test_tensorflow_runs_the_exported_model(styles: int, tmp_path: Path) -> None:
    import tensorflow as tf

    network = StyleNetwork(width=8, blocks=1, styles=styles)
    network.export(tmp_path / "exported", verbose=False)
    served = tf.saved_model.load(str(tmp_path / "exported"))
    for x in (X, X[:1, :32]):
        code = np.full((len(x), styles), 1 / styles, np.float32)
        given = x if styles == 1 else {"content": x, "code": code}
        np.testing.assert_allclose(served.serve(given).numpy(), network.predict(given, verbose=0), atol=1e-5)
