"""Train the network together with the codes of the presets.

    python -m scripts.train_with_presets FOLDER --minutes 60
    python -m scripts.train_with_presets FOLDER --minutes 120 --resume
    torchrun --nproc-per-node 4 -m scripts.train_with_presets FOLDER --threads 1      # four processes

Every second picture is painted in the style of a preset, with its own code; the others in styles of the
training folder. FOLDER receives the checkpoint, losses and previews, and at the end network.safetensors and
codes.npz. To ship them:

    restyle export FOLDER/network.safetensors -o src/restyle/models/weights --overwrite
    python -m scripts.presets
    python -m scripts.refine_presets FOLDER/kept --codes FOLDER/codes.npz --photos 0
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from restyle import RestyleError
from restyle.nn.arbitrary import save_arbitrary
from restyle.options.train import TrainOptions
from restyle.train.loop import fit, leave, processes
from scripts import presets
from scripts.preset_codes import CODES, CodesTask, RefinedCodes
from scripts.refine_presets import COMPACT, NETWORK, PHOTOS, SHARED, VGG, encoder_input, refinements, report

CODE_RATE = 20.0  # rate of the codes relative to that of the network
HEAD_RATE = 2.0  # the same for the trained layers of the style encoder
RECIPE = replace(CODES, weave_weight=0.05, texture_weight=0.2, bank=32)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--minutes", type=float, default=0)
    parser.add_argument("--rate", type=float, default=8e-4)
    parser.add_argument("--network", type=Path, default=NETWORK, help="initial network")
    parser.add_argument("--name", default="arbitrary-5", help="name of the new network")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--resume", action="store_true")
    arguments = parser.parse_args()

    first = processes()[1] == 0
    names = [name for name, preset in presets.read().items() if preset.refine is True]
    task = CodesTask(
        PHOTOS,
        [encoder_input(presets.read()[name]) for name in names],
        arguments.network,
        COMPACT,
        VGG,
        RECIPE,
        style=SHARED / "data" / "train" / "style",
    )
    task.codes.offset.data.copy_(torch.from_numpy(refinements(names, task.codes.offset.shape[1])))

    def optimizer(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Adam, with higher rates for codes and style encoder."""
        head, rate = set(task.network.style.parameters()), arguments.rate
        rates = {id(task.codes.offset): CODE_RATE * rate} | {id(each): HEAD_RATE * rate for each in head}
        groups = [{"params": [each], "lr": rates.get(id(each), rate)} for each in parameters]
        return torch.optim.Adam(groups, lr=rate, betas=(0.9, 0.99))

    options = TrainOptions(
        steps=arguments.steps,
        minutes=arguments.minutes,
        rate=arguments.rate,
        threads=arguments.threads,
        device=arguments.device,
        warmup=40,
        average=0.99,
        log_every=20,
        save_every=50,
        preview_every=10**9,
    )
    model = fit(
        task,
        arguments.folder,
        options,
        resume=arguments.resume,
        callback=report if first else None,
        optimizer=optimizer,
    )
    assert isinstance(model, RefinedCodes)
    leave()
    if not first:
        return
    save_arbitrary(model.network, arguments.folder / "network.safetensors", arguments.name)
    np.savez(
        arguments.folder / "codes.npz",
        **{name: code.numpy(force=True) for name, code in zip(names, model.offset, strict=True)},
    )


if __name__ == "__main__":
    try:
        main()
    except RestyleError as error:
        sys.exit(f"scripts.train_with_presets: {error}")
