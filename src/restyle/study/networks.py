"""One run of a study of network options, in a process of its own."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from restyle.errors import InputError
from restyle.options.train import ENCODERS, NetworkOptions, StyleOptions, StyleTrainOptions
from restyle.study.grid import label
from restyle.train.data import picture_paths
from restyle.train.style_network import StyleNetwork

CALIBRATION = 6  # steps, the quickest of which is taken for the length of a step
SPEED_SIDE = 512  # px of the picture that painting is timed on


@dataclass(frozen=True)
class RunPlan:
    """What a run needs to know; JSON can hold it.

    Parameters
    ----------
    folder : str
        Of this run; `result.json` in it says that it is done.
    content, held_out, styles : tuples of str
        Photos to train on and to measure on; style pictures.
    setting : dict
        Options that differ from the usual.
    seed : int
    budget : float
        Processor time for training, in s: unlike time by the clock, it is the same on a busy machine.
    batch, crop, style_size, threads : int
    encoder : str
    """

    folder: str
    content: tuple[str, ...]
    held_out: tuple[str, ...]
    styles: tuple[str, ...]
    setting: dict[str, Any]
    seed: int
    budget: float
    batch: int = 4
    crop: int = StyleOptions.crop
    style_size: int = StyleOptions.style_size
    threads: int = 1
    encoder: str = ENCODERS


def share_out(content: Path, photos: int, held_out: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Paths of at most `photos` to train on and of `held_out` others, both evenly from a sorted folder.

    Raises
    ------
    InputError
        There are too few.
    """
    found = picture_paths(str(content))
    if len(found) < held_out + 2:
        raise InputError(f"'{content}' holds {len(found)} pictures; {held_out} held out leave too few")
    places = [i * len(found) // held_out for i in range(held_out)]
    rest = [str(path) for i, path in enumerate(found) if i not in set(places)]
    return tuple(rest[:: max(1, len(rest) // photos)][:photos]), tuple(str(found[i]) for i in places)


def run(plan: RunPlan) -> dict[str, Any]:
    """Train and measure one network; what is done is read back, what was begun goes on."""
    folder = Path(plan.folder)
    done = read_result(folder)
    if done is not None:
        return done
    folder.mkdir(parents=True, exist_ok=True)
    steps = max(10, round(plan.budget / _seconds_a_step(plan)))
    begun = time.process_time()
    training = folder / "training"
    network, history = _fit(
        plan,
        steps,
        folder=training,
        save_every=max(25, steps // 8),
        resume=(training / "checkpoint.pt").exists(),
    )
    spent = time.process_time() - begun
    from restyle.train.style import held_out_losses

    losses = held_out_losses(
        network.module, plan.held_out, plan.styles, plan.crop, plan.style_size, plan.encoder
    )
    network.save(folder / "network.restyle", overwrite=True)
    result = {
        "setting": plan.setting,
        "seed": plan.seed,
        "steps": steps,
        "seconds": spent,
        "parameters": sum(parameter.numel() for parameter in network.module.parameters()),
        "paint": _seconds_to_paint(network),
        "losses": losses,
        "training": {name: values[-1] for name, values in history.losses.items()},
    }
    network.predict(plan.held_out[0], network.styles[:1], size=256, output=folder / "art.png", overwrite=True)
    temporary = folder / "result.part"
    temporary.write_text(json.dumps(result, indent=1))
    os.replace(temporary, folder / "result.json")
    return result


def read_result(folder: Path) -> dict[str, Any] | None:
    """What a run wrote when it was done; None before."""
    try:
        found: dict[str, Any] = json.loads((folder / "result.json").read_text())
    except (OSError, ValueError):
        return None
    return found


def _fit(plan: RunPlan, steps: int, **more: Any) -> tuple[StyleNetwork, Any]:
    shape = {n: v for n, v in plan.setting.items() if n in {f.name for f in fields(NetworkOptions)}}
    recipe = {n: v for n, v in plan.setting.items() if n in {f.name for f in fields(StyleOptions)}}
    rest = {n: v for n, v in plan.setting.items() if n in {f.name for f in fields(StyleTrainOptions)}}
    usual = {"crop": plan.crop, "style_size": plan.style_size, "held_out": 0}
    network = StyleNetwork(**shape, seed=plan.seed)
    quiet = {"save_every": 10**9, "preview_every": 10**9, "evaluate_every": 0, "log_every": 10}
    options = {**quiet, **rest, "seed": plan.seed, "threads": plan.threads, **more}
    history = network.fit(
        plan.content,
        plan.styles,
        batch_size=plan.batch,
        recipe=StyleOptions(**usual | recipe),
        encoder=plan.encoder,
        steps=steps,
        **options,
    )
    return network, history


def _seconds_a_step(plan: RunPlan) -> float:
    """Processor time of a step of this network, from a few that are thrown away; the same for all seeds."""
    path = Path(plan.folder).parent / f"{label(plan.setting)}_step.json"
    if path.is_file():
        return float(json.loads(path.read_text())["seconds"])
    marks: list[float] = []
    _fit(plan, CALIBRATION, log_every=1, callbacks=[lambda step: marks.append(time.process_time())])
    found = float(np.min(np.diff(marks)))
    temporary = path.with_suffix(f".{plan.seed}.part")
    temporary.write_text(json.dumps({"seconds": found}))
    os.replace(temporary, path)
    return found


def _seconds_to_paint(network: StyleNetwork) -> float:
    """Processor time to paint a picture of 512 x 512 px, the least of three times."""
    picture = np.random.default_rng(0).integers(0, 256, (SPEED_SIDE, SPEED_SIDE, 3), np.uint8)
    style, times = network.styles[:1], []
    for _ in range(4):
        begun = time.process_time()
        network.predict(picture, list(style))
        times.append(time.process_time() - begun)
    return min(times[1:])


def as_json(plan: RunPlan) -> dict[str, Any]:
    """The plan as plain values."""
    return asdict(plan)
