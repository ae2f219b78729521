"""The recipe end to end, small: teacher, encoder, network, export, command line."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from restyle.nn.arbitrary import ArbitraryNetwork, save_arbitrary
from restyle.nn.encoders import EncoderShape, PerceptualEncoder, save_encoder
from restyle.nn.transformer import TransformerShape
from restyle.options.train import ArbitraryOptions, TrainOptions
from restyle.train.arbitrary import SHIFT, ArbitraryTask
from restyle.train.loop import Step, fit

from .test_encoder import SMALL, folder, teacher

NETWORK = TransformerShape(half=8, quarter=8, eighth=12, full=8, blocks=2, code=16)
SMALL_CROPS = ArbitraryOptions(crop=64, batch=2)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Any]:
    torch.manual_seed(0)  # the networks below are drawn: whatever tests ran before
    save_encoder(PerceptualEncoder(SMALL), tmp_path / "e.safetensors")
    return {
        "content": folder(tmp_path / "photos", 0),
        "style": folder(tmp_path / "art", 1),
        "teacher": teacher(tmp_path / "t.safetensors"),
        "encoder": tmp_path / "e.safetensors",
    }


@pytest.mark.slow
def test_losses_fall(files: dict[str, Any], tmp_path: Path) -> None:
    recipe = ArbitraryOptions(crop=64, batch=2)
    task = ArbitraryTask(**files, options=recipe, shape=NETWORK)
    steps: list[Step] = []
    options = TrainOptions(steps=64, rate=5e-3, warmup=5, average=0.9, log_every=16, preview_every=64)
    fit(task, tmp_path / "run", options, callback=steps.append)
    assert steps[-1].losses["total"] < 0.9 * steps[0].losses["total"]
    assert steps[-1].losses["identity"] < steps[0].losses["identity"]
    assert {"style", "content", "identity", "steady", "range", "variation"} < set(steps[0].losses)
    with Image.open(tmp_path / "run" / "preview-000064.jpg") as preview:
        assert preview.size == (8 * 192, 5 * 192)


@pytest.mark.slow
def test_the_seed_determines_initial_weights_and_calibration(files: dict[str, Any]) -> None:
    states = [
        ArbitraryTask(**files, options=SMALL_CROPS, shape=NETWORK, seed=seed).model.state_dict()
        for seed in (3, 3, 4)
    ]
    same = [torch.equal(states[0][name], states[1][name]) for name in states[0]]
    other = [torch.equal(states[0][name], states[2][name]) for name in states[0]]
    assert all(same)
    assert not all(other)
    assert float(states[0]["style.spread"].std()) > 0


@pytest.mark.slow
def test_training_starts_from_a_saved_network(files: dict[str, Any], tmp_path: Path) -> None:
    first = ArbitraryTask(**files, options=SMALL_CROPS, shape=NETWORK, seed=3).model
    assert isinstance(first, ArbitraryNetwork)
    save_arbitrary(first, tmp_path / "n.safetensors", "n")
    again = ArbitraryTask(**files, seed=4, start=tmp_path / "n.safetensors").model
    for ours, theirs in zip(first.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)  # float16 between them


def test_identity_steps_have_no_style(files: dict[str, Any]) -> None:
    task = ArbitraryTask(**files, options=ArbitraryOptions(crop=64, batch=2, identity_every=3), shape=NETWORK)
    kinds = [sorted(task.batch(step, np.random.default_rng(step))) for step in range(3)]
    assert kinds == [["content", "noise", "shift", "style"], ["content", "style"], ["content"]]


@pytest.mark.slow
def test_steady_term_compares_the_same_places(files: dict[str, Any]) -> None:
    """A network that copies its input exactly must cost nothing beyond the noise, at any shift."""

    class Copy(ArbitraryNetwork):
        def forward(self, content: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
            return content

    task = ArbitraryTask(**files, options=SMALL_CROPS, shape=NETWORK)
    copy = Copy(PerceptualEncoder(SMALL), NETWORK)
    for shift in ((1, 8), (5, 2), (8, 8)):
        batch = task.batch(0, np.random.default_rng(0))
        batch["shift"] = torch.tensor(shift)
        assert float(task.losses(copy, batch, 0)["steady"]) < 0.011  # the noise has a deviation of .01


def test_late_crops(files: dict[str, Any]) -> None:
    recipe = ArbitraryOptions(crop=64, batch=2, late_from=10, late_crop=96, late_batch=1)
    task = ArbitraryTask(**files, options=recipe, shape=NETWORK)
    assert task.batch(9, np.random.default_rng(0))["content"].shape == (2, 3, 64 + SHIFT, 64 + SHIFT)
    assert task.batch(10, np.random.default_rng(0))["content"].shape == (1, 3, 96 + SHIFT, 96 + SHIFT)


def test_the_exact_teacher_replaces_the_layers_that_it_has(files: dict[str, Any]) -> None:
    task = ArbitraryTask(**files, exact=files["teacher"], options=SMALL_CROPS, shape=NETWORK)
    assert task.exact is not None
    task.exact.names = [name for name in task.exact.names if name < "conv3"]
    x = torch.rand(1, 3, 32, 32)
    features = task.style_features(x)
    assert [f.shape[1] for f in features] == [f.shape[1] for f in task.teacher(x)]
    for layer in range(5):
        source = task.exact if layer < 2 else task.teacher
        assert torch.equal(features[layer], source(x)[layer])


@pytest.mark.slow
def test_styles_are_reused_and_depend_on_the_seed(files: dict[str, Any]) -> None:
    recipe = ArbitraryOptions(crop=64, batch=2, bank=6, reuse=3)
    task = ArbitraryTask(**files, options=recipe, shape=NETWORK)
    first = task.bank(task.model, 0)
    assert task.bank(task.model, 8) is first
    second = task.bank(task.model, 9).observed
    assert not torch.equal(second, first.observed)
    resumed = ArbitraryTask(**files, options=recipe, shape=NETWORK)
    assert torch.equal(resumed.bank(resumed.model, 17).observed, second)
    observed, targets, texture = first.take(torch.tensor([4, 1]))
    assert torch.equal(observed, first.observed[[4, 1]])
    assert torch.equal(targets[2][0], first.targets[2][0][[4, 1]])
    assert [len(layer) for layer in first.texture] == [6, 6, 6]
    assert torch.equal(texture[1], first.texture[1][[4, 1]])


@pytest.mark.slow
def test_texture_counts_by_its_weight(files: dict[str, Any]) -> None:
    totals = []
    for weight in (0.0, 0.5):
        recipe = ArbitraryOptions(crop=64, batch=2, bank=6, texture_weight=weight, steady_every=0)
        task = ArbitraryTask(**files, options=recipe, shape=NETWORK)
        batch = task.batch(0, np.random.default_rng(0))
        losses = task.losses(task.model, batch, 0)
        totals.append({name: loss.detach() for name, loss in losses.items()})
    plain, textured = totals
    assert float(plain["texture"]) > 0
    added = float(textured["total"] - plain["total"])
    assert added == pytest.approx(0.5 * float(plain["texture"]), rel=1e-3)


@pytest.mark.slow
def test_command_line_trains_resumes_and_exports(
    files: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from restyle.cli import main

    monkeypatch.chdir(tmp_path)
    base = ["--crop", "64", "--batch", "1", "--steps", "4", "--log-every", "2", "--threads", "1"]
    inputs = [
        "--content",
        "photos",
        "--style",
        "art",
        "--teacher",
        "t.safetensors",
        "--encoder",
        "e.safetensors",
    ]
    train = ["train", "arbitrary", *inputs, *base, "-o", "my.safetensors", "--name", "mine"]
    assert _exit(main, train) == 0
    with (tmp_path / "my.safetensors.run" / "losses.csv").open(newline="") as file:
        assert [row[0] for row in csv.reader(file)] == ["step", "2", "4"]
    assert _exit(main, train) == 1
    assert "my.safetensors: it exists" in capsys.readouterr().err
    assert _exit(main, [*train[:-3], "e.safetensors", "--overwrite"]) == 1
    assert "it is the input e.safetensors" in capsys.readouterr().err
    (tmp_path / "my.safetensors").unlink()
    assert _exit(main, train) == 1
    assert "--resume" in capsys.readouterr().err
    assert _exit(main, [*train, "--resume"]) == 0
    assert _exit(main, [*train, "--overwrite"]) == 0
    assert _exit(main, ["export", "my.safetensors", "-o", "model"]) == 0
    assert _exit(main, ["export", "my.safetensors", "-o", "model"]) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert _exit(main, ["export", "my.safetensors", "-o", "model", "--overwrite"]) == 0
    assert {p.name for p in (tmp_path / "model").iterdir()} >= {"style_encoder.onnx", "transformer.onnx"}


@pytest.mark.slow
def test_command_line_distills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from restyle.cli import main
    from restyle.nn.encoders import load_encoder

    folder(tmp_path / "art", 1)
    torch.manual_seed(0)
    wide = EncoderShape(widths=(4, 4, 4, 4, 4), depths=(1, 1, 1, 1, 1))
    source = PerceptualEncoder(wide)
    weights = {"conv0.weight": torch.eye(3)[:, :, None, None].clone(), "conv0.bias": torch.zeros(3)}
    for block in range(5):
        for part in ("weight", "bias"):
            weights[f"conv{block + 1}_1.{part}"] = getattr(source.blocks[block][0], part).detach()  # type: ignore[index]
            weights[f"head{block + 1}_1.{part}"] = getattr(source.heads[block], part).detach()
    from safetensors.torch import save_file

    save_file(weights, tmp_path / "t.safetensors")
    monkeypatch.chdir(tmp_path)
    command = ["train", "encoder", "art", "--teacher", "t.safetensors", "-o", "e.safetensors"]
    assert _exit(main, [*command, "--crop", "32", "--batch", "2", "--steps", "2"]) == 0
    assert load_encoder(tmp_path / "e.safetensors").shape == EncoderShape()


def _exit(main: object, arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)  # type: ignore[operator]
    return int(ended.value.code or 0)
