"""The network as a Keras model: equal to the PyTorch one, and trained, saved and run as Keras does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import torch
from PIL import Image

import restyle
from restyle.errors import ModelError, OptionError, StyleError
from restyle.keras import PerceptualLoss, Photos, StyleNetwork
from restyle.options.train import StyleOptions

RECIPE = StyleOptions(style_size=64)
SHALLOW = StyleOptions(style_size=64, style_layers="relu1_1,relu2_1")
RNG = np.random.default_rng(0)
X = RNG.random((2, 44, 40, 3)).astype(np.float32)
NAMES = ("one", "two", "three")
BACKEND = keras.backend.backend()


def torch_network(styles: int, **shape: Any) -> restyle.StyleNetwork:
    """A PyTorch network whose scales and shifts have left their first values."""
    network = restyle.StyleNetwork(**{"width": 8, "blocks": 2} | shape, seed=3)
    network.styles = NAMES[:styles]
    with torch.no_grad():
        network.module.scale.normal_(1, 0.3)
        network.module.shift.normal_(0, 0.3)
    return network


@pytest.mark.parametrize("normalization", ["blocks", "all", "none"])
@pytest.mark.parametrize(("styles", "kernel"), [(1, 3), (3, 5)])
def test_it_computes_what_the_torch_network_computes(normalization: str, styles: int, kernel: int) -> None:
    theirs = torch_network(styles, normalization=normalization, kernel_size=kernel)
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


def test_a_file_round_trip(tmp_path: Path) -> None:
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


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("photos")
    for index in range(4):
        noise = np.random.default_rng(index).integers(0, 255, (12, 12, 3), np.uint8)
        Image.fromarray(noise).resize((80, 80)).save(place / f"{index}.png")
    return place


@pytest.fixture(scope="module")
def painter(small_encoder: Path) -> StyleNetwork:
    """A compiled network, whose graph of a training step every test here shares."""
    network = StyleNetwork(width=4, blocks=0)
    style = RNG.random((64, 64, 3)).astype(np.float32)
    network.compile(keras.optimizers.Adam(0.01), loss=PerceptualLoss(style, SHALLOW, small_encoder))
    return network


def test_fit_lowers_the_loss_and_callbacks_receive_every_term(
    painter: StyleNetwork, folder: Path, tmp_path: Path
) -> None:
    seen: list[dict[str, float]] = []
    callbacks = [
        keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(dict(logs))),
        keras.callbacks.ModelCheckpoint(
            tmp_path / "best.keras", monitor="val_style", mode="min", save_best_only=True
        ),
        keras.callbacks.CSVLogger(tmp_path / "log.csv"),
        keras.callbacks.EarlyStopping(monitor="val_loss", mode="min", min_delta=100, patience=3),
    ]
    if BACKEND == "tensorflow":  # other backends write its events by TensorFlow, too, which takes seconds
        callbacks.append(keras.callbacks.TensorBoard(tmp_path / "events", write_graph=False))
    history = painter.fit(
        Photos(folder, 2, crop=48),
        epochs=9,
        callbacks=callbacks,
        verbose=0,
        validation_data=Photos(folder, 2, crop=48, seed=1),
    ).history
    assert len(history["loss"]) == len(seen) == 4
    assert history["loss"][-1] < history["loss"][0]
    terms = ("style", "content", "color", "variation", "range")
    weighted = sum(getattr(SHALLOW, f"{name}_weight") * history[name][-1] for name in terms)
    assert history["loss"][-1] == pytest.approx(weighted, rel=1e-4)
    assert seen[-1] == {name: values[-1] for name, values in history.items()}
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 5
    assert keras.models.load_model(tmp_path / "best.keras").optimizer.iterations > 0
    if BACKEND == "tensorflow":
        assert sorted(each.name for each in (tmp_path / "events").iterdir()) == ["train", "validation"]


def test_fit_takes_arrays_and_tf_data(painter: StyleNetwork) -> None:
    network = StyleNetwork(width=4, blocks=0)
    network.compile("adam", loss=painter.loss, run_eagerly=True)  # no graph for each kind of dataset
    photos = RNG.random((4, 48, 48, 3)).astype(np.float32)
    given: list[Any] = [photos]
    if BACKEND == "tensorflow":
        import tensorflow as tf

        given.append(tf.data.Dataset.from_tensor_slices(photos).batch(2))
    for x in given:
        before = network.torch_weights()["out.weight"]
        history = network.fit(x, batch_size=2 if x is photos else None, shuffle=False, verbose=0).history
        assert np.isfinite(history["loss"]).all()
        assert (network.torch_weights()["out.weight"] != before).any()


def test_a_compiled_network_is_loaded_compiled(painter: StyleNetwork, tmp_path: Path) -> None:
    network = StyleNetwork(width=4, blocks=0)
    network.compile("adam", loss=painter.loss, run_eagerly=True)
    network.fit(X, verbose=0)
    network.save(tmp_path / "painter.keras")
    again = keras.models.load_model(tmp_path / "painter.keras")
    assert isinstance(again.loss, PerceptualLoss)
    assert int(again.optimizer.iterations) == 1
    art = again.paint(X[0])
    np.testing.assert_allclose(art, network.paint(X[0]), atol=1e-6)
    both = [float(keras.ops.mean(each.loss.call(X[:1], art[None]))) for each in (network, again)]
    assert both[0] == pytest.approx(both[1], rel=1e-5)


def test_each_style_learns_its_own_rows(folder: Path, small_encoder: Path) -> None:
    styles = [RNG.random((64, 64, 3)).astype(np.float32) * shade for shade in (0.3, 1.0)]
    network = StyleNetwork(width=4, blocks=1, styles=2)
    before = network.torch_weights()["scale"]
    network.compile("adam", loss=PerceptualLoss(styles, RECIPE, small_encoder), run_eagerly=True)
    network.fit(Photos(folder, 4, crop=48, styles=2), epochs=1, verbose=0)
    after = network.torch_weights()["scale"]
    assert (before != after).any(axis=1).all()
    dark, bright = (network.paint(X[0], code) for code in ([1, 0], [0, 1]))
    assert np.abs(dark - bright).max() > 1e-4
    with pytest.raises(StyleError, match="code has 3 weights and the network 2 styles"):
        network.paint(X[0], [1, 0, 0])


def test_a_loss_with_another_number_of_styles_is_rejected(small_encoder: Path) -> None:
    network = StyleNetwork(width=4, blocks=0, styles=2)
    network.compile("adam", loss=PerceptualLoss(X[0], RECIPE, small_encoder), run_eagerly=True)
    with pytest.raises(StyleError, match="the loss has 1 styles and the network 2"):
        network.fit({"content": X[:, :, :32], "code": np.eye(2, dtype=np.float32)}, verbose=0)


def test_other_keras_losses_work() -> None:
    network = StyleNetwork(width=8, blocks=0)
    network.compile("adam", loss="mse", run_eagerly=True)
    history = network.fit(X, X, epochs=3, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert "style" not in history


def test_predict_and_paint_keep_any_size(tmp_path: Path) -> None:
    network = StyleNetwork(width=4, blocks=1)
    for size in ((1, 1), (17, 30), (61, 43)):
        photos = RNG.random((2, *size, 3)).astype(np.float32)
        art = network.predict(photos, verbose=0)
        assert art.shape == photos.shape
        assert 0 <= art.min() <= art.max() <= 1
        if size != (1, 1):  # one flat colour: what is normalized there is rounding
            np.testing.assert_allclose(network.paint(photos[1]), art[1], atol=1e-5)
    # As the command line pads them: the file of this network gives the same.
    network.to_network(["one"]).save(tmp_path / "one.restyle")
    photo = (photos[0] * 255).astype(np.uint8)
    expected = restyle.image(photo, model=tmp_path / "one.restyle", threads=1)
    np.testing.assert_allclose(network.paint(photo), expected / 255, atol=0.02)  # its graph is float16


def test_keras_saves_and_loads_it(tmp_path: Path) -> None:
    network = StyleNetwork(kernel_size=5, width=4, blocks=1, normalization="all", styles=2, seed=4)
    network.save(tmp_path / "network.keras")
    again = keras.models.load_model(tmp_path / "network.keras")
    assert isinstance(again, StyleNetwork)
    assert again.get_config() == network.get_config()
    np.testing.assert_allclose(again.paint(X[0], [0.2, 0.8]), network.paint(X[0], [0.2, 0.8]), atol=1e-6)


def test_the_summary_names_every_layer() -> None:
    lines: list[str] = []
    StyleNetwork(width=8, blocks=1).summary(line_length=140, print_fn=lambda text, **_: lines.append(text))
    text = "\n".join(lines)
    for name in ("stem (Conv2D)", "blocks_0_first_style", "up_full_relu", "Total params"):
        assert name in text


def test_the_seed_determines_the_initial_weights() -> None:
    one, same, other = (StyleNetwork(width=8, blocks=1, seed=seed).torch_weights() for seed in (1, 1, 2))
    assert all((one[name] == same[name]).all() for name in one)
    assert (one["stem.weight"] != other["stem.weight"]).any()


@pytest.mark.parametrize(
    "wrong", [{"kernel_size": 4}, {"width": 7}, {"styles": 0}, {"normalization": "some"}]
)
def test_invalid_shapes_are_rejected(wrong: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        StyleNetwork(**wrong)


if BACKEND == "tensorflow":  # a SavedModel is TensorFlow's

    @pytest.mark.parametrize("styles", [1, 2])
    def test_tensorflow_alone_runs_the_exported_model(styles: int, tmp_path: Path) -> None:
        import tensorflow as tf

        network = StyleNetwork(width=4, blocks=0, styles=styles)
        network.export(tmp_path / "exported", verbose=False)
        served = tf.saved_model.load(str(tmp_path / "exported"))
        for x in (X, X[:1, :31, :7]):
            code = np.eye(2, styles, dtype=np.float32)[: len(x)]
            given = x if styles == 1 else {"content": x, "code": code}
            expected = keras.ops.convert_to_numpy(network(given, training=False))
            assert expected.shape == x.shape
            np.testing.assert_allclose(served.serve(given).numpy(), expected, atol=1e-5)
        if styles == 1:  # in a process that has neither Keras nor restyle
            np.save(tmp_path / "x.npy", X[:1])
            script = (
                "import sys; sys.modules['keras'] = sys.modules['restyle'] = None\n"
                "import numpy as np, tensorflow as tf\n"
                "served = tf.saved_model.load('exported')\n"
                "np.save('y.npy', served.serve(np.load('x.npy')).numpy())"
            )
            subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, capture_output=True)
            np.testing.assert_allclose(np.load(tmp_path / "y.npy")[0], network.paint(X[0]), atol=1e-5)
