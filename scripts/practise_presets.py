"""Let the codes of the shipped presets practise on photos, and write what each has learnt into its file.

    python -m scripts.practise_presets FOLDER                       # every preset
    python -m scripts.practise_presets FOLDER great-wave scream     # these only, to share the work out
    python -m scripts.practise_presets FOLDER --looks 60 --threads 1
    python -m scripts.practise_presets FOLDER --codes codes.npz --looks 0     # write what others have learnt

After `scripts.presets`, which reads the artworks. FOLDER takes the checkpoint, the losses and a preview; a
run that was cut off goes on. Of what it has learnt a preset keeps all, a half, or nothing: what lowers the
loss most on photos drawn anew without making its style any less like the artwork's.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from restyle import RestyleError
from restyle.models import style_files
from restyle.options.train import TrainOptions
from restyle.train.loop import Step, fit
from restyle.train.preset_codes import CodesTask, LightTask
from scripts import presets

ROOT = Path(__file__).resolve().parent.parent
NETWORK = ROOT / "checkpoints" / "arbitrary-5.safetensors"
SHARED = Path(os.environ.get("RESTYLE_SHARED", ROOT.parent / "shared"))
PHOTOS = SHARED / "data" / "train" / "content"
COMPACT, VGG = (SHARED / "teachers" / f"{name}.safetensors" for name in ("vgg19_compact16x", "vgg19_relu3_1"))
SIDE = 512  # px, short side, at which the network reads styles
SHARES = (0.0, 0.5, 1.0)


def shown(preset: presets.Preset) -> Image.Image:
    """An artwork as the style encoder reads it, its sides multiples of 8 px."""
    picture = preset.picture(SHARED / "data")
    factor = SIDE * preset.scale / min(picture.size)
    width, height = (round(side * factor / 8) * 8 for side in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--looks", type=int, default=120, help="photos that each code practises on")
    parser.add_argument(
        "--codes", type=Path, help="begin with what these have learnt (scripts.train_with_presets)"
    )
    parser.add_argument("--rate", type=float, default=0.05)
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()

    listed = presets.read()
    unknown = sorted(set(arguments.names) - set(listed))
    if unknown:
        sys.exit(f"scripts.practise_presets: not in presets.toml: {', '.join(unknown)}")
    for kind in (CodesTask, LightTask):
        names = [
            name
            for name in arguments.names or listed
            if listed[name].practises == ("light" if kind is LightTask else True)
        ]
        if names:
            task = kind(PHOTOS, [shown(listed[name]) for name in names], NETWORK, COMPACT, VGG)
            if arguments.codes:
                begin_with(arguments.codes, task, names)
            if arguments.looks:
                folder = arguments.folder / kind.name
                practise(task, folder, arguments.looks, arguments.rate, arguments.threads)
            keep(task, names)


def begin_with(path: Path, task: CodesTask, names: list[str]) -> None:
    """Let the codes know already what others have learnt; those that are not in the file know nothing."""
    with np.load(path) as codes:
        for place, name in enumerate(names):
            if name in codes:
                task.codes.learnt.data[place] = torch.from_numpy(codes[name])


def practise(task: CodesTask, folder: Path, looks: int, rate: float, threads: int) -> None:
    """Descend the codes; a run that was cut off goes on."""
    options = TrainOptions(
        steps=-(-looks * len(task.known) // task.options.batch),
        rate=rate,
        threads=threads,
        warmup=10,
        average=0.98,
        log_every=20,
        save_every=50,
        preview_every=10**9,
    )
    fit(task, folder, options, resume=(folder / "checkpoint.pt").exists(), callback=tell)


def keep(task: CodesTask, names: list[str]) -> None:
    """Write what is worth keeping of what each code has learnt."""
    for place, name in enumerate(names):
        found = task.trial(task.codes, place, SHARES)
        # What a code must not learn is to leave style out for the content's sake.
        fit_to_keep = [each for each in range(len(SHARES)) if found[each]["style"] <= found[0]["style"]]
        best = min(fit_to_keep, key=lambda each: found[each]["total"])
        told = ", ".join(
            f"{share:g}: {each['total']:.4f} (style {each['style']:.4f}, content {each['content']:.4f})"
            for share, each in zip(SHARES, found, strict=True)
        )
        print(f"{name} keeps {SHARES[best]:g} of {told}")
        write(name, SHARES[best] * task.codes.learnt[place].numpy(force=True))


def tell(step: Step) -> None:
    losses = ", ".join(f"{name} {value:.4f}" for name, value in step.losses.items())
    print(f"{step.step} of {step.steps}: {losses}; {step.seconds_left / 60:.0f} min left", flush=True)


def learnt_before(names: list[str], size: int) -> np.ndarray:
    """What the shipped codes have learnt so far, [S, size]."""
    found = np.zeros((len(names), size), np.float32)
    for place, name in enumerate(names):
        practised = style_files.read(presets.STYLES / f"{name}.style").refinement
        if practised is not None:
            found[place] = practised[:size]
    return found


def write(name: str, learnt: np.ndarray) -> None:
    """Put what was learnt into a preset's file, in place of what it had."""
    path = presets.STYLES / f"{name}.style"
    record = style_files.read(path)
    practised = np.zeros_like(record.code)
    practised[: len(learnt)] = learnt
    style_files.write(replace(record, refinement=practised if learnt.any() else None), path, overwrite=True)


if __name__ == "__main__":
    try:
        main()
    except RestyleError as error:
        sys.exit(f"scripts.practise_presets: {error}")
