"""The loop, on a task small enough to be trained in a blink."""

import csv
import itertools
import os
import signal
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from restyle.errors import InputError, OptionError, OutputError
from restyle.nn import choose_device, torch_settings
from restyle.options.train import StyleTrainOptions, TrainOptions
from restyle.train import loop
from restyle.train.loop import NotFiniteError, Step, fit, learning_rate


class Line:
    """Fit y = 2 x + 1."""

    name = "line"

    def __init__(self, poison: int = -1, interrupt: int = -1) -> None:
        torch.manual_seed(0)
        self.model: nn.Module = nn.Linear(1, 1)
        self.poison, self.interrupt = poison, interrupt
        self.seen: list[float] = []

    def to(self, device: torch.device) -> None:
        pass

    def batch(self, step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        x = torch.from_numpy(rng.normal(size=(8, 1)).astype(np.float32))
        return {"x": x / 0 if step == self.poison else x}

    def losses(self, model: nn.Module, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        if step == self.interrupt:
            os.kill(os.getpid(), signal.SIGINT)
        self.seen.append(float(batch["x"][0]))
        return {"total": (model(batch["x"]) - 2 * batch["x"] - 1).square().mean()}

    def preview(self, model: nn.Module, path: Path) -> None:
        path.write_text(str(float(model.weight.detach())))  # type: ignore[operator]


OPTIONS = TrainOptions(
    steps=60, rate=0.05, warmup=5, average=0.9, save_every=20, preview_every=30, log_every=10
)


def rows(folder: Path) -> list[list[str]]:
    with (folder / "losses.csv").open(newline="") as file:
        return list(csv.reader(file))


def test_learns_and_reports(tmp_path: Path) -> None:
    steps: list[Step] = []
    model = fit(
        Line(), tmp_path, TrainOptions(steps=400, rate=0.05, warmup=5, average=0.9), callback=steps.append
    )
    assert float(model.weight.detach()) == pytest.approx(2, abs=0.1)  # type: ignore[operator]
    assert steps[-1].losses["total"] < 0.05 < steps[0].losses["total"]
    assert steps[-1].seconds_left < steps[0].seconds_left
    assert (tmp_path / "checkpoint.pt").exists()


def test_the_settings_of_torch_are_restored(tmp_path: Path) -> None:
    task = Line()
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled(), torch.get_rng_state()
    fit(task, tmp_path, replace(OPTIONS, threads=before[0] + 1, seed=7))
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before[:2]
    assert torch.equal(torch.get_rng_state(), before[2])


def test_a_run_cut_in_two_equals_one_bit_for_bit(tmp_path: Path) -> None:
    whole = fit(Line(), tmp_path / "whole", OPTIONS)
    with pytest.raises(KeyboardInterrupt):
        fit(Line(interrupt=32), tmp_path / "cut", OPTIONS)
    resumed = fit(Line(), tmp_path / "cut", OPTIONS, resume=True)
    for ours, theirs in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    # step 33 is no step of the log: what it had seen since step 30 counts as well
    assert [r[:3] for r in rows(tmp_path / "whole")] == [r[:3] for r in rows(tmp_path / "cut")]


def test_logs_and_previews(tmp_path: Path) -> None:
    fit(Line(), tmp_path, OPTIONS)
    found = rows(tmp_path)
    assert found[0] == ["step", "total", "rate", "seconds"]
    assert [int(row[0]) for row in found[1:]] == [10, 20, 30, 40, 50, 60]
    assert sorted(p.name for p in tmp_path.glob("preview-*")) == ["preview-000030.jpg", "preview-000060.jpg"]


@pytest.mark.slow
def test_tensorboard_events_are_written(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    fit(Line(), tmp_path, TrainOptions(steps=10, log_every=5, tensorboard=True))
    (events,) = (tmp_path / "tensorboard").iterdir()
    assert events.stat().st_size > 100


def test_nan_stops_the_run_and_keeps_the_last_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(NotFiniteError, match="step 45"):
        fit(Line(poison=45), tmp_path, OPTIONS)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert state["step"] == 40
    assert all(torch.isfinite(v).all() for v in state["model"].values())


def test_a_run_is_not_overwritten_by_default(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to resume"):
        fit(Line(), tmp_path, OPTIONS, resume=True)
    fit(Line(), tmp_path, OPTIONS)
    with pytest.raises(InputError, match="resume=True"):
        fit(Line(), tmp_path, OPTIONS)
    fit(Line(), tmp_path, replace(OPTIONS, steps=20, preview_every=10), overwrite=True)
    assert [int(row[0]) for row in rows(tmp_path)[1:]] == [10, 20]
    assert sorted(p.name for p in tmp_path.glob("preview-*")) == ["preview-000010.jpg", "preview-000020.jpg"]
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] == 20


def test_a_finished_run_resumed_changes_nothing(tmp_path: Path) -> None:
    first = fit(Line(), tmp_path, OPTIONS)
    again = fit(Line(), tmp_path, OPTIONS, resume=True)
    assert torch.equal(first.weight, again.weight)  # type: ignore[arg-type]
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] == OPTIONS.steps


def test_same_seed_same_batches_other_seed_others(tmp_path: Path) -> None:
    seen = []
    for index, seed in enumerate((1, 1, 2)):
        task = Line()
        fit(task, tmp_path / str(index), TrainOptions(steps=5, seed=seed))
        seen.append(task.seen)
    assert seen[0] == seen[1] != seen[2]


def test_rate_warms_up_and_falls_to_zero() -> None:
    options = TrainOptions(steps=1000, rate=0.01, warmup=100)
    assert learning_rate(0, options) == pytest.approx(1e-4)
    assert learning_rate(99, options) == pytest.approx(0.01, rel=0.03)
    assert learning_rate(999, options) < 1e-6


@pytest.mark.parametrize(("kind", "falls"), [(StyleTrainOptions, True), (TrainOptions, False)])
def test_minutes_bring_the_rate_to_zero_where_they_are_the_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[TrainOptions], falls: bool
) -> None:
    ticks = itertools.count()  # a clock on which a call takes 10 ms, however busy the machine is
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: 0.01 * next(ticks)))
    steps: list[Step] = []
    options = kind(
        steps=10**6, minutes=0.02, rate=0.01, warmup=0, log_every=1, save_every=10**6, preview_every=10**6
    )
    fit(Line(), tmp_path, options, callback=steps.append)
    rates = [step.rate for step in steps]
    assert rates[0] == pytest.approx(0.01, rel=0.05)
    assert (rates[-1] < 0.001) == falls
    assert sorted(rates, reverse=True) == rates
    assert 0 <= steps[-1].seconds_left < 1.2


@pytest.mark.slow
def test_minutes_before_resume_count_where_they_are_the_budget(tmp_path: Path) -> None:
    options = StyleTrainOptions(minutes=60, steps=60, warmup=0, log_every=1, save_every=1)
    fit(Line(), tmp_path / "cut", options, callback=lambda step: step.step == 30)
    path = tmp_path / "cut" / "checkpoint.pt"
    state = torch.load(path, weights_only=True)
    rates = {}
    for minutes_before in (0, 30, 61):
        torch.save(state | {"seconds": 60.0 * minutes_before}, path)
        seen: list[Step] = []
        fit(Line(), tmp_path / "cut", options, resume=True, callback=seen.append)
        rates[minutes_before] = [step.rate for step in seen]
    assert len(rates[0]) == len(rates[30]) == 30
    assert rates[0][0] == pytest.approx(1e-3, rel=1e-3)  # by steps, half of which are over
    assert rates[30][1] == pytest.approx(rates[0][1], rel=1e-3)  # the same by time
    assert rates[61] == []  # over already


@pytest.mark.parametrize("kept", [b"nothing", b""])
def test_a_checkpoint_that_is_damaged_is_one_line(tmp_path: Path, kept: bytes) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(kept)
    with pytest.raises(InputError, match="is damaged"):
        fit(Line(), tmp_path, OPTIONS, resume=True)


@pytest.mark.slow
def test_a_checkpoint_of_another_network_is_one_line(tmp_path: Path) -> None:
    fit(Line(), tmp_path, OPTIONS)
    other = Line()
    other.model = nn.Linear(2, 1)
    with pytest.raises(InputError, match=r"another network \('weight' is \[1, 1\] there, \[1, 2\] here\)"):
        fit(other, tmp_path, OPTIONS, resume=True)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"cannot create the folder '.*run': not a directory"):
        fit(Line(), tmp_path / "file" / "run", OPTIONS)


def test_absent_and_unknown_devices_are_errors() -> None:
    with pytest.raises(OptionError, match="'abacus'"):
        choose_device("abacus")
    if not torch.cuda.is_available():
        with pytest.raises(OptionError, match="'cuda'"):
            choose_device("cuda")


def test_options_out_of_range_are_errors() -> None:
    with pytest.raises(OptionError, match="steps 0"):
        TrainOptions(steps=0)


def settings() -> tuple[int, bool, torch.Tensor]:
    return (
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        torch.random.get_rng_state(),
    )


def test_settings_hold_inside_and_are_restored() -> None:
    threads, deterministic, state = settings()

    def fail() -> None:
        with torch_settings(threads=threads + 1, deterministic=not deterministic):
            assert settings()[:2] == (threads + 1, not deterministic)
            torch.rand(3)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert settings()[:2] == (threads, deterministic)
    assert torch.equal(settings()[2], state)


def test_what_changes_inside_is_restored_too() -> None:
    threads, deterministic, state = settings()
    with torch_settings():
        torch.set_num_threads(threads + 2)
        torch.use_deterministic_algorithms(not deterministic, warn_only=True)
        torch.manual_seed(5)
    assert settings()[:2] == (threads, deterministic)
    assert torch.equal(settings()[2], state)
