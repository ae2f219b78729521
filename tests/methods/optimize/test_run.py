"""Runs of optimize: losses fall, states are resumed bit by bit; and its optimizers on a quadratic bowl."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from restyle.errors import InputError, OptionError
from restyle.methods.optimize import losses as loss_functions
from restyle.methods.optimize import problem as problems
from restyle.methods.optimize import run
from restyle.methods.optimize.losses import Moments
from restyle.methods.optimize.problem import Part, Problem, fingerprint, plan_levels
from restyle.methods.optimize.run import LBFGS, Adam, Optimizer, optimize, read_state, scheduled, write_state
from restyle.methods.protocol import Step, Stopped
from restyle.methods.table import LOSSES, Loss
from restyle.models.style_codes import Exemplar
from restyle.options import OptimizeOptions
from restyle.types import FloatArray


def picture(seed: int, height: int = 40, width: int = 56) -> FloatArray:
    """Blocks of color, which activate layers of all depths."""
    coarse = np.random.default_rng(seed).random((-(-height // 8), -(-width // 8), 3), np.float32)
    return np.ascontiguousarray(np.kron(coarse, np.ones((8, 8, 1), np.float32))[:height, :width])


@pytest.fixture(autouse=True)
def small_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two sizes for a picture of 64 px."""
    monkeypatch.setattr(problems, "COARSEST", 32)


CONTENT, STYLE = picture(0), [Part(None, [Exemplar(picture(1, 48, 48))])]


def options(**given: object) -> OptimizeOptions:
    return OptimizeOptions(method="optimize", **{"steps": 6, **given})  # type: ignore[arg-type]


def losses(**given: object) -> list[float]:
    told: list[float] = []
    optimize(CONTENT, STYLE, options(**given), callback=lambda step: told.append(step.loss))
    return told


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
@pytest.mark.parametrize(
    "style_loss", ["gram", "gaussian", "sliced", "patches", "strokes", "grain", "gram,grain:0.5"]
)
def test_every_style_loss_goes_down(style_loss: str, optimizer: str) -> None:
    told = losses(style_loss=style_loss, optimizer=optimizer, content_weight=0.0, steps=3)
    assert min(told[-2:]) < told[0]


@pytest.mark.slow
def test_content_losses_hold_the_content() -> None:
    free = optimize(CONTENT, STYLE, options(content_weight=0.0, seed=1, steps=5))
    for content_loss in ("features", "relu4_1", "structure", "features,relu4_1,structure:2"):
        held = optimize(
            CONTENT, STYLE, options(content_loss=content_loss, content_weight=50.0, seed=1, steps=5)
        )
        assert np.abs(held - CONTENT).mean() < np.abs(free - CONTENT).mean(), content_loss


@pytest.mark.slow
def test_content_weighs_less_at_coarse_sizes() -> None:
    problem = Problem(picture(0, 64, 96), STYLE, options(content_weight=2.0), 1.0, "cpu", None)
    weights = [problem.objective(level).weights for level in plan_levels((64, 96), 6)]
    assert [each.content["features"] for each in weights] == pytest.approx([2 * 0.5**1.5, 2.0])
    assert weights[0].style == weights[1].style
    problem = Problem(
        picture(0, 64, 96), STYLE, options(content_weight=2.0, large_forms=0.0), 1.0, "cpu", None
    )
    weights = [problem.objective(level).weights for level in plan_levels((64, 96), 6)]
    assert [each.content["features"] for each in weights] == [2.0, 2.0]


@pytest.mark.slow
def test_smoothness_smooths() -> None:
    def roughness(weight: float) -> float:
        made = optimize(CONTENT, STYLE, options(smoothness=weight, steps=10))
        return float(np.abs(np.diff(made, axis=0)).mean() + np.abs(np.diff(made, axis=1)).mean())

    assert roughness(30.0) < roughness(0.0)


@pytest.mark.slow
@pytest.mark.parametrize("style_loss", ["gram,grain", "sliced,patches"])
def test_the_same_seed_gives_the_same_picture(style_loss: str) -> None:
    given = {"style_loss": style_loss, "init": "noise", "steps": 3}
    first, again = (optimize(CONTENT, STYLE, options(**given)) for _ in range(2))
    other = optimize(CONTENT, STYLE, options(**given, seed=1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.slow
def test_the_picture_has_the_size_of_the_content_and_stays_in_range() -> None:
    for size in ((9, 70), (33, 31)):
        made = optimize(picture(3, *size), STYLE, options(steps=2))
        assert made.shape == (*size, 3)
        assert made.dtype == np.float32
        assert made.min() >= 0
        assert made.max() <= 1


def test_initial_picture_is_noise_or_the_given_start() -> None:
    given = np.full_like(CONTENT, 0.25)
    seen: list[FloatArray] = []

    def look(step: Step) -> bool:
        seen.append(step.picture())
        return True

    optimize(CONTENT, STYLE, options(optimizer="adam"), start=lambda: given, callback=look)
    optimize(CONTENT, STYLE, options(optimizer="adam", init="noise"), callback=look)
    assert np.abs(seen[0] - given).max() < 0.03
    assert np.abs(seen[1] - given).mean() > 0.1


@pytest.mark.slow
def test_callback_gets_each_step_and_can_stop() -> None:
    told: list[Step] = []
    optimize(picture(0, 68, 68), STYLE, options(steps=4), callback=told.append)
    assert [step.number for step in told] == [1, 2, 3, 4]
    assert [(step.height, step.width) for step in told] == [(34, 34)] * 2 + [(68, 68)] * 2
    assert {*told[0].terms} == {"gram", "grain", "features", "range"}
    assert told[0].loss == pytest.approx(sum(told[0].terms.values()))
    assert told[0].picture().shape == (68, 68, 3)
    assert str(told[0]).startswith("step 1/4, 34x34, gram ")
    count: list[int] = []

    def stop(step: Step) -> bool:
        count.append(step.number)
        return step.number == 2

    optimize(CONTENT, STYLE, options(), callback=stop)
    assert count == [1, 2]


@pytest.mark.slow
@pytest.mark.parametrize(
    "given",
    [{"optimizer": "adam"}, {"optimizer": "lbfgs"}, {"style_loss": "sliced,gram", "optimizer": "adam"}],
)
def test_resumed_run_gives_the_same_picture(tmp_path: Path, given: dict[str, str]) -> None:
    """Interrupted at the first step, within the second size, and at the last step."""
    content, state = picture(0, 64, 70), tmp_path / "a.unfinished"
    whole = optimize(content, STYLE, options(steps=6, **given))

    for cut in (1, 4, 6):

        def interrupt(step: Step, cut: int = cut) -> None:
            if step.number == cut:
                raise KeyboardInterrupt

        with pytest.raises(Stopped) as stopped:
            optimize(content, STYLE, options(steps=6, **given), state=state, callback=interrupt)
        assert stopped.value.picture.shape == content.shape
        assert state.exists()
        resumed = optimize(content, STYLE, options(steps=6, resume=True, **given), state=state)
        assert np.array_equal(resumed, whole)
        assert not state.exists()


@pytest.mark.slow
def test_state_is_saved_during_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "STATE_SECONDS", 0.0)
    monkeypatch.setattr(run, "_STATE_SHARE", 1e9)
    state, whole = tmp_path / "a.unfinished", optimize(CONTENT, STYLE, options())

    class Killed(BaseException):
        """A killed process writes nothing."""

    def kill(step: Step) -> None:
        if step.number == 4:
            raise Killed

    with pytest.raises(Killed):
        optimize(CONTENT, STYLE, options(), state=state, callback=kill)
    assert np.array_equal(optimize(CONTENT, STYLE, options(resume=True), state=state), whole)


def test_only_the_same_job_is_resumed(tmp_path: Path) -> None:
    state = tmp_path / "a.unfinished"

    def interrupt(step: Step) -> None:
        raise KeyboardInterrupt

    with pytest.raises(Stopped):
        optimize(CONTENT, STYLE, options(), state=state, callback=interrupt)
    with pytest.raises(InputError, match=r"a\.unfinished"):
        optimize(CONTENT, STYLE, options(resume=True, seed=3), state=state)
    with pytest.raises(InputError, match=r"a\.unfinished"):
        optimize(CONTENT[::-1].copy(), STYLE, options(resume=True), state=state)
    with pytest.raises(InputError, match="b"):
        optimize(CONTENT, STYLE, options(resume=True), state=tmp_path / "b")
    with pytest.raises(OptionError, match="output"):
        optimize(CONTENT, STYLE, options(resume=True))


def test_uncovered_pixels_have_content_losses_only() -> None:
    share = np.zeros(CONTENT.shape[:2], np.float32)
    share[:, :16] = 1
    given = options(style_loss="grain", content_weight=0.01, steps=10, optimizer="adam")
    made = optimize(CONTENT, [Part(share, STYLE[0].styles)], given)
    apart = np.abs(made - CONTENT).mean((0, 2))
    assert apart[:14].mean() > 3 * apart[20:].mean()


def test_kept_regions_stay_the_content() -> None:
    made = optimize(CONTENT, [], options(steps=2))
    assert np.abs(made - CONTENT).mean() < 0.02


@pytest.mark.slow
def test_rotation_scale_and_weights_change_the_job() -> None:
    stripes = np.zeros((64, 64, 3), np.float32)
    stripes[::8] = stripes[1::8] = stripes[2::8] = stripes[3::8] = 1
    flat = np.full((64, 64, 3), 0.5, np.float32)

    def made(part: Part, **given: object) -> FloatArray:
        return optimize(flat, [part], options(init="noise", content_weight=0.0, steps=25, **given))

    def across(x: FloatArray) -> float:
        """Variation downwards relative to variation to the right."""
        return float(np.abs(np.diff(x, axis=0)).mean() / np.abs(np.diff(x, axis=1)).mean())

    assert across(made(Part(None, [Exemplar(stripes)]))) > 1.5
    assert across(made(Part(None, [Exemplar(stripes)]), style_rotation=90.0)) < 1 / 1.5
    red, blue = np.zeros((2, 40, 40, 3), np.float32)
    red[..., 0], blue[..., 2] = 1, 1
    much, little = (
        made(Part(None, [Exemplar(red, share), Exemplar(blue, 4 - share)]), style_loss="grain")
        for share in (3.0, 1.0)
    )
    assert much[..., 0].mean() > little[..., 0].mean() + 0.02
    assert much[..., 2].mean() < little[..., 2].mean() - 0.02


@pytest.mark.slow
def test_nan_loss_is_an_option_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loss_functions, "range_sum", lambda x: torch.tensor(float("nan")) * x.sum())
    with pytest.raises(OptionError, match=r"\(range, step 1 at 56 x 40 px\)"):
        optimize(CONTENT, STYLE, options())


def test_impossible_memory_and_devices() -> None:
    with pytest.raises(OptionError, match="too little"):
        optimize(CONTENT, STYLE, options(memory=0.01))
    if not torch.cuda.is_available():
        with pytest.raises(OptionError, match="cuda"):
            optimize(CONTENT, STYLE, options(), device="cuda")


@pytest.mark.slow
def test_a_large_picture_in_tiles_is_the_same_as_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    content = picture(0, 200, 150)
    given = options(steps=3, optimizer="adam")
    whole = optimize(content, STYLE, given)
    monkeypatch.setattr(problems, "tile_side", lambda *rest: 96)
    tiled = optimize(content, STYLE, given)
    assert np.abs(tiled - whole).mean() < 2e-3


def brightness(ours: Moments, style: Moments) -> torch.Tensor:
    """A style loss from outside: only the means of the channels."""
    return (ours.mean - style.mean).square().mean(-1)


def edges(ours: torch.Tensor, content: torch.Tensor) -> torch.Tensor:
    """A content loss from outside."""
    return (ours - content).abs().mean()


def test_a_loss_is_one_function_and_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = {"grain1": 1.0, "relu1_1": 0.5}
    style = Loss("brightness", "style", "moments", f"{__name__}:brightness", layers)
    content = Loss("edges", "content", "paired vectors", f"{__name__}:edges", {"relu2_1": 1.0})
    monkeypatch.setitem(LOSSES, style.name, style)
    monkeypatch.setitem(LOSSES, content.name, content)
    steps: list[Step] = []
    given = options(style_loss="brightness:20", content_loss="edges:0.1", steps=8)
    optimize(CONTENT, STYLE, given, callback=steps.append)
    assert {*steps[0].terms} == {"brightness", "edges", "range"}
    assert given.used_optimizer == "adam", "paired vectors are random"
    assert steps[-1].terms["brightness"] < steps[0].terms["brightness"]


@pytest.mark.slow
def test_the_settings_of_torch_are_restored() -> None:
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), torch.get_rng_state()
    optimize(CONTENT, STYLE, options(steps=1, seed=7), threads=before[0] + 1)
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before[:2]
    assert torch.equal(torch.get_rng_state(), before[2])


def test_state_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg.unfinished"
    tensors = {"x": torch.rand(1, 3, 4, 5), "count": torch.tensor(7)}
    write_state(path, "job", 2, 31, tensors)
    write_state(path, "job", 2, 32, tensors)
    level, step, found = read_state(path, "job")
    assert (level, step) == (2, 32)
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)


def test_states_that_cannot_be_resumed(tmp_path: Path) -> None:
    path = tmp_path / "a.unfinished"
    with pytest.raises(InputError, match=r"a\.unfinished"):
        read_state(path, "job")
    write_state(path, "job", 0, 1, {"x": torch.zeros(1)})
    with pytest.raises(InputError, match=r"a\.unfinished"):
        read_state(path, "another")
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(InputError, match="cannot be resumed"):
        read_state(path, "job")
    path.write_bytes(b"")
    with pytest.raises(InputError, match="cannot be resumed"):
        read_state(path, "job")


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        {"level": "9"}, {"level": "-1"}, {"level": "one"}, {"step": "999"}, {"step": "-3"}, {"step": None},
        {"x": torch.zeros(3)}, {"x": None}, {"first": torch.zeros(1, 3, 5, 5)}, {"count": None},
        {"mean": "float64"},
    ],
    ids=str,
)  # fmt: skip
def test_a_planted_state_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    """It has the fingerprint of the job, and other numbers or tensors than the optimizer left there."""
    state = tmp_path / "a.unfinished"
    monkeypatch.setattr(run, "STATE_SECONDS", 0)
    given = {"steps": 3, "optimizer": "adam"}
    optimize(CONTENT, STYLE, options(**given), state=state, callback=lambda step: step.number > 1)
    with safe_open(state, framework="pt") as file:
        metadata, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    for name, value in change.items():
        target = metadata if name in metadata else tensors
        if value is None:
            del target[name]
        else:
            target[name] = tensors[name].double() if value == "float64" else value
    save_file(tensors, state, metadata)
    with pytest.raises(InputError, match=r"a\.unfinished' cannot be resumed"):
        optimize(CONTENT, STYLE, options(resume=True, **given), state=state)


def test_fingerprints_differ_between_jobs() -> None:
    a = np.zeros((2, 3), np.float32)
    prints = [fingerprint(a, 1), fingerprint(a + 1, 1), fingerprint(a, 2), fingerprint(a.reshape(3, 2), 1)]
    assert len(set(prints)) == 4
    assert fingerprint(a.copy(), 1) == prints[0]


TARGET = torch.rand(1, 3, 6, 7, generator=torch.Generator().manual_seed(0))
STEEPNESS = torch.linspace(0.1, 10, TARGET.numel()).reshape(TARGET.shape)


def bowl(x: Tensor, step: int) -> tuple[dict[str, float], Tensor]:
    """A quadratic bowl, a hundred times as steep one way as another."""
    apart = x - TARGET
    return {"bowl": float((STEEPNESS * apart.square()).sum()), "rim": 1.0}, 2 * STEEPNESS * apart


def make(kind: str) -> Optimizer:
    x = torch.full_like(TARGET, 0.5)
    return Adam(x, average=0.5) if kind == "adam" else LBFGS(x)


@pytest.mark.parametrize(("kind", "steps", "near"), [("adam", 300, 0.02), ("lbfgs", 40, 1e-3)])
def test_optimizers_find_the_minimum(kind: str, steps: int, near: float) -> None:
    optimizer = make(kind)
    first = optimizer.step(bowl, 0, steps)
    assert first["bowl"] == bowl(torch.full_like(TARGET, 0.5), 0)[0]["bowl"]
    for number in range(1, steps):
        optimizer.step(bowl, number, steps)
    assert float((optimizer.result() - TARGET).abs().max()) < near


@pytest.mark.parametrize("kind", ["adam", "lbfgs"])
def test_restored_state_gives_bit_equal_steps(kind: str) -> None:
    through, cut = make(kind), make(kind)
    for number in range(20):
        through.step(bowl, number, 20)
    for number in range(9):
        cut.step(bowl, number, 20)
    resumed = make(kind)
    resumed.restore({name: each.clone() for name, each in cut.state().items()})
    for number in range(9, 20):
        resumed.step(bowl, number, 20)
    assert torch.equal(resumed.result(), through.result())


def test_adam_is_that_of_torch() -> None:
    ours = Adam(torch.full_like(TARGET, 0.5), rate=0.02, average=0.0)
    leaf = torch.full_like(TARGET, 0.5).requires_grad_()
    theirs = torch.optim.Adam([leaf], betas=Adam.BETAS, eps=1e-10)
    for number in range(12):
        theirs.param_groups[0]["lr"] = 0.02 * scheduled(number, 12)
        leaf.grad = bowl(leaf.detach(), number)[1]
        theirs.step()
        ours.step(bowl, number, 12)
    torch.testing.assert_close(ours.x, leaf.detach())
    torch.testing.assert_close(ours.result(), ours.x)


def test_the_average_lies_among_the_iterates() -> None:
    optimizer = Adam(torch.full_like(TARGET, 0.5), average=0.8)
    torch.testing.assert_close(optimizer.result(), optimizer.x)
    weights: list[float] = []
    seen: list[Tensor] = []
    for number in range(6):
        optimizer.step(bowl, number, 6)
        weights = [0.8 * each for each in weights] + [0.2]
        seen.append(optimizer.x.clone())
    expected = torch.stack([w * x for w, x in zip(weights, seen, strict=True)]).sum(0) / sum(weights)
    torch.testing.assert_close(optimizer.result(), expected)


def test_lbfgs_loss_never_rises() -> None:
    generator = torch.Generator().manual_seed(1)

    def rough(x: Tensor, step: int) -> tuple[dict[str, float], Tensor]:
        terms, gradient = bowl(x, step)
        return terms, gradient + 0.5 * torch.randn(x.shape, generator=generator)

    optimizer, losses = LBFGS(torch.full_like(TARGET, 0.5), memory=3), []
    for number in range(25):
        losses.append(sum(optimizer.step(rough, number, 25).values()))
    assert losses == sorted(losses, reverse=True)
    assert all(math.isfinite(each) for each in losses)
    assert len(optimizer.moves) <= 3


def test_the_rate_rises_then_falls() -> None:
    rates = [scheduled(number, 50) for number in range(50)]
    peak = rates.index(max(rates))
    assert 0 < peak < 10
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert 0 < rates[-1] < 0.1
