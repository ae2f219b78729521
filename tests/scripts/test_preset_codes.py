"""Refined codes: what is trained, and what stays fixed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from restyle.nn.arbitrary import ArbitraryNetwork, load_arbitrary, save_arbitrary
from restyle.nn.encoders import PerceptualEncoder
from restyle.nn.transformer import chroma
from restyle.options.train import TrainOptions
from restyle.train.loop import fit
from scripts.preset_codes import CODES, CodesTask, LuminanceTask, RefinedCodes
from tests.train.test_arbitrary import NETWORK
from tests.train.test_encoder import SMALL, folder, teacher


@pytest.fixture
def task(tmp_path: Path) -> CodesTask:
    return make(tmp_path, CodesTask)


def make(tmp_path: Path, kind: type[CodesTask], others: bool = False) -> CodesTask:
    tmp_path.mkdir(exist_ok=True)
    torch.manual_seed(5)
    network = ArbitraryNetwork(PerceptualEncoder(SMALL), NETWORK)
    save_arbitrary(network, tmp_path / "n.safetensors", "n")
    rng = np.random.default_rng(3)
    styles = [Image.fromarray(rng.integers(0, 256, (height, 96, 3), np.uint8)) for height in (64, 80, 72)]
    return kind(
        folder(tmp_path / "photos", 0),
        styles,
        tmp_path / "n.safetensors",
        teacher(tmp_path / "t.safetensors"),
        options=replace(CODES, crop=64, batch=2, bank=4),
        style=folder(tmp_path / "artworks", 1) if others else None,
    )


def refine(task: CodesTask, folder: Path, steps: int = 24) -> RefinedCodes:
    options = TrainOptions(steps=steps, rate=0.05, warmup=2, average=0.5, log_every=8, preview_every=steps)
    model = fit(task, folder, options)
    assert isinstance(model, RefinedCodes)
    return model


@pytest.mark.slow
def test_refinement_lowers_the_loss_of_each_style_on_other_photos(task: CodesTask, tmp_path: Path) -> None:
    model = refine(task, tmp_path / "run")
    for place in range(3):
        before, after = task.trial(model, place, (0.0, 1.0))
        assert after["total"] < before["total"]
    with Image.open(tmp_path / "run" / "preview-000024.jpg") as preview:
        assert preview.size == (3 * 2 * 192, 3 * 192)


def test_only_the_texture_part_of_the_codes_learns(task: CodesTask, tmp_path: Path) -> None:
    before, _ = load_arbitrary(tmp_path / "n.safetensors")
    model = refine(task, tmp_path / "run", 3)
    for name, weight in before.state_dict().items():
        assert torch.equal(weight, model.network.state_dict()[name]), name
    assert model.offset.shape == (3, NETWORK.code)
    assert (model.offset != 0).any(1).all()
    painted: list[torch.Tensor] = []
    model.network.transformer.register_forward_pre_hook(lambda _, given: painted.append(given[1]))
    seen = task.bank(model, 0).observed[1:2]
    with torch.no_grad():
        model(torch.rand(1, 3, 48, 64), seen)
        read = before.style.from_measured(seen[:, 1:])
        torch.testing.assert_close(read, before.style(task.known[1]))
    assert not torch.equal(painted[0][:, : NETWORK.code], read[:, : NETWORK.code])
    assert torch.equal(painted[0][:, NETWORK.code :], read[:, NETWORK.code :])  # the palette


def test_without_refinement_it_paints_as_the_network_does(task: CodesTask, tmp_path: Path) -> None:
    network, _ = load_arbitrary(tmp_path / "n.safetensors")
    photo = torch.rand(1, 3, 48, 64)
    with torch.no_grad():
        ours = task.model(photo, task.bank(task.model, 0).observed[2:])
        torch.testing.assert_close(ours, network(photo, task.known[2]))


def test_a_trial_changes_nothing(task: CodesTask, tmp_path: Path) -> None:
    model = refine(task, tmp_path / "run", 3)
    learned = model.offset.detach().clone()
    none, half, whole = task.trial(model, 0, (0.0, 0.5, 1.0))
    assert len({each["total"] for each in (none, half, whole)}) == 3
    assert torch.equal(model.offset, learned)


def test_every_style_has_its_turn(task: CodesTask) -> None:
    turns = [task.batch(step, np.random.default_rng(step))["style"].tolist() for step in range(6)]
    drawn = [place for turn in turns for place in turn]
    assert [sorted(drawn[first : first + 3]) for first in range(0, 12, 3)] == [[0, 1, 2]] * 4


@pytest.mark.slow
def test_with_other_styles_the_network_is_trained_as_well(tmp_path: Path) -> None:
    task = make(tmp_path, CodesTask, others=True)
    before, _ = load_arbitrary(tmp_path / "n.safetensors")
    seen = [
        task.bank(task.model, 0).take(task.batch(step, np.random.default_rng(step))["style"])[0][:, 0]
        for step in range(3)
    ]
    assert sorted(number for number, _ in seen) == [1, 2, 3]
    assert [number for _, number in seen] == [0, 0, 0]  # those of the folder have no code of their own
    model = refine(task, tmp_path / "run", 4)
    assert (model.offset != 0).any(1).all()
    for part in ("transformer.stem.weight", "style.out.weight"):
        assert not torch.equal(before.state_dict()[part], model.network.state_dict()[part]), part
    assert torch.equal(
        before.state_dict()["style.encoder.blocks.0.0.weight"],
        model.network.state_dict()["style.encoder.blocks.0.0.weight"],
    )


def test_two_processes_refine_different_styles(task: CodesTask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    drawn = []
    for step in range(3):
        for rank in "01":
            monkeypatch.setenv("RANK", rank)
            drawn += task.batch(step, np.random.default_rng(step))["style"].tolist()
    assert [sorted(drawn[first : first + 3]) for first in range(0, 12, 3)] == [[0, 1, 2]] * 4


@pytest.mark.slow
def test_hues_stay_if_only_luminance_is_refined(tmp_path: Path) -> None:
    def moved(kind: type[CodesTask]) -> float:
        task = make(tmp_path / kind.name, kind)
        model = refine(task, tmp_path / kind.name / "run", 24)
        photo = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(2))
        seen = task.bank(model, 0).observed[:1]
        with torch.no_grad():
            change = chroma(model(photo, seen)) - chroma(task.network(photo, seen[:, 1:]))
        assert model.offset.abs().max() > 0.01
        return float(change.mean((2, 3)).abs().mean())

    assert moved(LuminanceTask) < 0.8 * moved(CodesTask)
