"""Refine the codes of the shipped presets on photos, and write the result into their files.

    python -m scripts.refine_presets FOLDER                       # all presets
    python -m scripts.refine_presets FOLDER great-wave scream     # only these, to divide the work
    python -m scripts.refine_presets FOLDER --photos 60 --threads 1
    python -m scripts.refine_presets FOLDER --codes codes.npz --photos 0     # write trained codes

Run `scripts.presets` first, which encodes the artworks. FOLDER receives the checkpoint, the losses and a
preview; an interrupted run continues. A preset keeps all, half, or none of its refinement: whatever gives the
lowest loss on new photos without a higher style loss.
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
from scripts import presets
from scripts.preset_codes import CodesTask, LuminanceTask

ROOT = Path(__file__).resolve().parent.parent
NETWORK = ROOT / "checkpoints" / "arbitrary-5.safetensors"
SHARED = Path(os.environ.get("RESTYLE_SHARED", ROOT.parent / "shared"))
PHOTOS = SHARED / "data" / "train" / "content"
COMPACT, VGG = (SHARED / "teachers" / f"{name}.safetensors" for name in ("vgg19_compact16x", "vgg19_relu3_1"))
SIDE = 512  # px, short side, at which the network encodes styles
SHARES = (0.0, 0.5, 1.0)


def encoder_input(preset: presets.Preset) -> Image.Image:
    """Return an artwork at the size at which it is encoded, its sides multiples of 8 px."""
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
    parser.add_argument("--photos", type=int, default=120, help="photos that each code is refined on")
    parser.add_argument(
        "--codes", type=Path, help="start from these refinements (of scripts.train_with_presets)"
    )
    parser.add_argument("--rate", type=float, default=0.05)
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()

    listed = presets.read()
    unknown = sorted(set(arguments.names) - set(listed))
    if unknown:
        sys.exit(f"scripts.refine_presets: not in presets.toml: {', '.join(unknown)}")
    for kind in (CodesTask, LuminanceTask):
        names = [
            name
            for name in arguments.names or listed
            if listed[name].refine == ("luminance" if kind is LuminanceTask else True)
        ]
        if names:
            task = kind(PHOTOS, [encoder_input(listed[name]) for name in names], NETWORK, COMPACT, VGG)
            if arguments.codes:
                start_from(arguments.codes, task, names)
            if arguments.photos:
                folder = arguments.folder / kind.name
                refine(task, folder, arguments.photos, arguments.rate, arguments.threads)
            write_best(task, names)


def start_from(path: Path, task: CodesTask, names: list[str]) -> None:
    """Start from the refinements in a file; codes that are not in it start from zero."""
    with np.load(path) as codes:
        for place, name in enumerate(names):
            if name in codes:
                task.codes.offset.data[place] = torch.from_numpy(codes[name])


def refine(task: CodesTask, folder: Path, photos: int, rate: float, threads: int) -> None:
    """Optimize the codes; an interrupted run continues."""
    options = TrainOptions(
        steps=-(-photos * len(task.known) // task.options.batch),
        rate=rate,
        threads=threads,
        warmup=10,
        average=0.98,
        log_every=20,
        save_every=50,
        preview_every=10**9,
    )
    fit(task, folder, options, resume=(folder / "checkpoint.pt").exists(), callback=report)


def write_best(task: CodesTask, names: list[str]) -> None:
    """Write the best share of each refinement."""
    for place, name in enumerate(names):
        found = task.trial(task.codes, place, SHARES)
        # A refinement must not give up style for the sake of content.
        allowed = [each for each in range(len(SHARES)) if found[each]["style"] <= found[0]["style"]]
        best = min(allowed, key=lambda each: found[each]["total"])
        figures = ", ".join(
            f"{share:g}: {each['total']:.4f} (style {each['style']:.4f}, content {each['content']:.4f})"
            for share, each in zip(SHARES, found, strict=True)
        )
        print(f"{name} keeps {SHARES[best]:g} of {figures}")
        write(name, SHARES[best] * task.codes.offset[place].numpy(force=True))


def report(step: Step) -> None:
    losses = ", ".join(f"{name} {value:.4f}" for name, value in step.losses.items())
    print(f"{step.step} of {step.steps}: {losses}; {step.seconds_left / 60:.0f} min left", flush=True)


def refinements(names: list[str], size: int) -> np.ndarray:
    """Return the refinements of the shipped codes, [S, size]."""
    found = np.zeros((len(names), size), np.float32)
    for place, name in enumerate(names):
        refinement = style_files.read(presets.STYLES / f"{name}.style").refinement
        if refinement is not None:
            found[place] = refinement[:size]
    return found


def write(name: str, refinement: np.ndarray) -> None:
    """Replace the refinement in a preset's file."""
    path = presets.STYLES / f"{name}.style"
    record = style_files.read(path)
    padded = np.zeros_like(record.code)
    padded[: len(refinement)] = refinement
    style_files.write(replace(record, refinement=padded if refinement.any() else None), path, overwrite=True)


if __name__ == "__main__":
    try:
        main()
    except RestyleError as error:
        sys.exit(f"scripts.refine_presets: {error}")
