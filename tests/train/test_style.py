"""The task of training styles of one's own, and torchrun with it."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from restyle.errors import InputError, OptionError, StyleError
from restyle.nn import conditional
from restyle.nn.conditional import ConditionalShape, ConditionalTransformer
from restyle.nn.encoders import LossNetwork, load_loss_network, load_loss_networks
from restyle.options.train import StyleOptions, StyleTrainOptions
from restyle.train import loop
from restyle.train.augmentation import CONTENT, OWN_STYLE
from restyle.train.data import Pictures
from restyle.train.log import History, read_log
from restyle.train.style import (
    StyleTask,
    held_out_losses,
    prepare,
    read_pictures,
    small_styles,
    style_names,
)
from restyle.train.style_network import StyleNetwork
from tests.train.made_pictures import encoder_file, photos, picture

OPTIONS = StyleOptions(crop=64, style_size=64, held_out=2)
RUN = StyleTrainOptions(
    steps=6, warmup=2, log_every=1, save_every=3, preview_every=50, evaluate_every=3, threads=1
)


def task(folder: Path, styles: int = 2, batch: int = 3, seed: int = 1, **options: Any) -> StyleTask:
    if not (folder / "photos").exists():
        photos(folder / "photos")
        encoder_file(folder / "encoder.safetensors")
        for index in range(3):
            picture(90, 80, 40 + index, (60 + 60 * index, 90, 200 - 50 * index)).save(
                folder / f"s{index}.png"
            )
    torch.manual_seed(seed)
    network = ConditionalTransformer(ConditionalShape(width=4, blocks=1, styles=styles))
    return StyleTask(
        network,
        Pictures(folder / "photos", CONTENT),
        Pictures([folder / f"s{index}.png" for index in range(styles)], OWN_STYLE),
        StyleOptions(**{"crop": 64, "style_size": 64, "held_out": 2} | options),
        batch=batch,
        seed=seed,
        encoder=folder / "encoder.safetensors",
    )


def test_an_epoch_shows_every_photo_once_but_those_held_out(tmp_path: Path) -> None:
    made = task(tmp_path, batch=5)
    assert len(made.held_out) == 2
    assert made.steps_per_epoch == 2
    seen = [photo for step in range(2) for _, photo, _ in made._samples(step)]
    assert sorted(seen) == sorted(made.trained)
    assert set(seen).isdisjoint(made.held_out)


def test_two_processes_see_what_one_sees_with_the_double_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = task(tmp_path, batch=4).batch(3, np.random.default_rng(0))
    monkeypatch.setenv("WORLD_SIZE", "2")
    halves = []
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        halves.append(task(tmp_path, batch=2).batch(3, np.random.default_rng(9)))
    for key in ("content", "row"):
        assert torch.equal(torch.cat([half[key] for half in halves]), whole[key])


@pytest.mark.parametrize(
    ("option", "term"),
    [
        ("style_weight", "style"),
        ("content_weight", "content"),
        ("color_weight", "color"),
        ("variation_weight", "variation"),
        ("range_weight", "range"),
    ],
)
def test_each_weight_weighs_its_term(tmp_path: Path, option: str, term: str) -> None:
    plain: dict[str, Any] = dict.fromkeys(
        ("style_weight", "content_weight", "color_weight", "variation_weight", "range_weight"), 0.0
    )
    made = task(tmp_path, **plain | {option: 2.5})
    made.model.out.bias.data += 0.8  # type: ignore[operator, union-attr]
    losses = made.losses(made.model, made.batch(0, np.random.default_rng(0)), 0)
    assert float(losses["total"].detach()) == pytest.approx(2.5 * float(losses[term].detach()), rel=1e-5)
    assert float(losses[term].detach()) > 0


def test_layers_moments_and_structure_change_the_losses(tmp_path: Path) -> None:
    def found(**options: Any) -> dict[str, float]:
        made = task(tmp_path, **options)
        losses = made.losses(made.model, made.batch(0, np.random.default_rng(0)), 0)
        return {name: float(value.detach()) for name, value in losses.items()}

    usual = found()
    assert found(style_layers="relu1_1,relu3_1")["style"] != usual["style"]
    assert found(moments=0.0)["style"] < usual["style"]
    assert found(structure=0.9)["content"] != usual["content"]


@pytest.mark.slow
def test_learns(tmp_path: Path) -> None:
    made = task(tmp_path, styles=1, batch=2)
    steps: list[loop.Step] = []
    options = StyleTrainOptions(steps=60, log_every=20, rate=5e-3, evaluate_every=20, threads=1)
    loop.fit(made, tmp_path / "run", options, callback=steps.append)
    assert steps[-1].losses["total"] < 0.7 * steps[0].losses["total"]
    held_out = read_log(tmp_path / "run" / "held-out.csv")
    assert held_out["step"] == [20, 40, 60]
    assert held_out["held out"][-1] < held_out["held out"][0]
    assert (tmp_path / "run" / "curves.png").stat().st_size > 1000
    assert (tmp_path / "run" / "preview-000060.jpg").exists()


@pytest.mark.slow
def test_evaluates_at_the_end_as_well(tmp_path: Path) -> None:
    options = StyleTrainOptions(steps=3, log_every=1, evaluate_every=2, threads=1)
    loop.fit(task(tmp_path), tmp_path / "run", options)
    assert read_log(tmp_path / "run" / "held-out.csv")["step"] == [2, 3]
    loop.fit(task(tmp_path), tmp_path / "run", options, resume=True)
    assert read_log(tmp_path / "run" / "held-out.csv")["step"] == [2, 3]


def test_added_styles_leave_the_others_unchanged_bit_for_bit(tmp_path: Path) -> None:
    old = task(tmp_path, styles=2).model
    content = torch.rand(1, 3, 64, 64)
    before = old(content, torch.tensor([[0.4, 0.6]]))[0]
    convolutions = {k: v.clone() for k, v in old.state_dict().items() if k not in ("scale", "shift")}
    assert isinstance(old, ConditionalTransformer)
    old.add_styles(1)
    styles = Pictures([tmp_path / "s2.png"], OWN_STYLE)
    made = StyleTask(
        old,
        Pictures(tmp_path / "photos", CONTENT),
        styles,
        OPTIONS,
        batch=2,
        first=2,
        encoder=tmp_path / "encoder.safetensors",
    )
    start = old.scale.detach().clone()
    new = loop.fit(made, tmp_path / "run", RUN)
    after = new(content, torch.tensor([[0.4, 0.6, 0.0]]))[0]
    assert torch.allclose(before, after, atol=1e-6)  # memory lies channels last now: sums in another order
    assert torch.equal(new.scale[:2], start[:2])  # type: ignore[index]
    assert all(torch.equal(new.state_dict()[k], v) for k, v in convolutions.items())
    assert not torch.equal(new.scale[2], start[2])  # type: ignore[index]


def test_nan_names_the_photos(tmp_path: Path) -> None:
    made = task(tmp_path)
    with torch.no_grad():
        made.model.out.bias.fill_(float("nan"))  # type: ignore[operator, union-attr]
    with pytest.raises(loop.NotFiniteError, match=r"at step 0 \(seed 1, photos \d\d\.png.*styles s0\.png"):
        loop.fit(made, tmp_path / "run", RUN)


def test_small_styles_cause_a_warning(tmp_path: Path) -> None:
    made = task(tmp_path)
    assert small_styles(made.styles, 64) == []
    (first, _) = small_styles(made.styles, 256)
    assert "s0.png has 90 x 80 px and is enlarged 3.2 times to 256 px" in first


def test_loss_networks_are_loaded_by_name_or_file(tmp_path: Path) -> None:
    assert len(load_loss_network("encoder-1").features(torch.rand(1, 3, 32, 32))) == 5
    with pytest.raises(InputError, match="no encoder"):
        load_loss_network(tmp_path / "none")
    (tmp_path / "bad").write_bytes(b"nothing")
    with pytest.raises(InputError, match="not a readable"):
        load_loss_network(tmp_path / "bad")


@pytest.mark.slow
def test_torchrun_with_two_processes_equals_one_with_the_double_batch(tmp_path: Path) -> None:
    """Losses of eight steps agree to 1e-4 relative: sums in another order, no more.

    Both ranks end with the same weights, bit for bit.
    """
    task(tmp_path)  # makes the pictures
    root = Path(__file__).parent.parent.parent
    script = tmp_path / "run.py"
    script.write_text(
        f"import os, sys; sys.path.insert(0, {str(root)!r})\n"
        "from pathlib import Path\n"
        "from restyle.train import loop\n"
        "from tests.train.test_style import RUN, task\n"
        "from dataclasses import replace\n"
        "folder, run, batch = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])\n"
        "model = loop.fit(task(folder, batch=batch), run, replace(RUN, steps=8))\n"
        "weights = b''.join(each.detach().numpy().tobytes() for each in model.parameters())\n"
        "(folder / ('rank' + os.environ['RANK'])).write_bytes(weights); loop.leave()\n"
    )
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [sys.executable, *torchrun, str(script), str(tmp_path), str(tmp_path / "two"), "2"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    first, second = ((tmp_path / f"rank{rank}").read_bytes() for rank in (0, 1))
    assert len(first) > 1000
    assert first == second
    loop.fit(task(tmp_path, batch=4), tmp_path / "one", replace(RUN, steps=8))
    one, two = (read_log(tmp_path / name / "losses.csv") for name in ("one", "two"))
    assert len(one["total"]) == 8
    for name in ("total", "style", "content", "color"):
        assert two[name] == pytest.approx(one[name], rel=1e-4)


def test_loss_networks_alternate_and_evaluation_uses_both(tmp_path: Path) -> None:
    made = task(tmp_path)
    one, other = load_loss_networks(f"{tmp_path / 'encoder.safetensors'},encoder-1")
    batch = made.batch(0, np.random.default_rng(0))

    def found(networks: list[LossNetwork], step: int) -> float:
        made.loss_networks = networks
        return float(made.losses(made.model, batch, step)["total"].detach())

    first, second = found([one], 0), found([other], 0)
    assert first != second
    assert [found([one, other], step) for step in range(4)] == [first, second, first, second]

    def measured(networks: list[LossNetwork]) -> float:
        made.loss_networks = networks
        with torch.no_grad():
            return made.evaluate(made.model)["held out"]

    mean = (measured([one]) + measured([other])) / 2
    assert measured([one, other]) == pytest.approx(mean, rel=1e-5)


def test_loss_networks_are_separated_by_commas(tmp_path: Path) -> None:
    encoder_file(tmp_path / "encoder.safetensors")
    assert len(load_loss_networks(f"encoder-1, encoder-2,{tmp_path / 'encoder.safetensors'}")) == 3
    with pytest.raises(InputError, match="there is no encoder 'encoder-0'"):
        load_loss_networks("encoder-1,encoder-0")


def test_held_out_losses_are_repeatable_and_higher_for_a_worse_network(tmp_path: Path) -> None:
    paths = sorted(photos(tmp_path / "photos", 3).iterdir())
    encoder_file(tmp_path / "encoder.safetensors")
    picture(90, 80, 5, (40, 90, 200)).save(tmp_path / "style.png")
    torch.manual_seed(2)
    network = ConditionalTransformer(ConditionalShape(width=4, blocks=1))

    def found() -> dict[str, float]:
        return held_out_losses(
            network, paths, [tmp_path / "style.png"], 64, 64, tmp_path / "encoder.safetensors"
        )

    first = found()
    assert set(first) == {"total", "style", "content"}
    assert found() == pytest.approx(first)
    with torch.no_grad():
        network.out.weight += 5  # far out of range
    assert found()["total"] > first["total"] + 1


OWN = ("blue", "red")


def test_names_follow_the_rows() -> None:
    assert style_names(OWN, ("gold",), add=True) == ("blue", "red", "gold")
    assert style_names(OWN, ("gold",), add=False) == ("gold",)
    with pytest.raises(OptionError, match="nothing to add to"):
        style_names((), ("gold",), add=True)
    with pytest.raises(StyleError, match="two styles are called 'red'"):
        style_names(OWN, ("red",), add=True)


@pytest.mark.parametrize(
    ("names", "add", "rows", "same"),
    [(OWN, False, 2, True), (("gold", "red"), False, 2, False), (("gold",), True, 3, False)],
    ids=["goes on", "starts again", "adds"],
)
def test_what_is_trained(tmp_path: Path, names: tuple[str, ...], add: bool, rows: int, same: bool) -> None:
    photos(tmp_path / "photos")
    encoder_file(tmp_path / "encoder.safetensors")
    paths = [tmp_path / f"{name}.png" for name in names]
    for path in paths:
        picture(90, 80, 7, (40, 90, 200)).save(path)
    recipe = StyleOptions(crop=64, style_size=64, held_out=2)
    pictures = read_pictures(tmp_path / "photos", paths, recipe, (None, None), History(), lambda line: None)
    network = StyleNetwork(width=4, blocks=1, seed=6)
    present = conditional.build({"width": 4, "blocks": 1}, 2, None, 5)
    network._module, network.styles = present, OWN
    found, task = prepare(network, pictures, add, 2, 1, tmp_path / "encoder.safetensors")
    module = task.model
    assert isinstance(module, conditional.ConditionalTransformer)
    assert found == ((*OWN, *names) if add else names)
    assert len(module.scale) == rows
    assert (module is present) == same
    assert torch.equal(module.stem.weight, present.stem.weight) == (same or add)
    assert [name for name, each in module.named_parameters() if each.requires_grad] == (
        ["scale", "shift"] if add else [name for name, _ in present.named_parameters()]
    )
