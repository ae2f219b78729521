"""Let the codes of the shipped presets practise on photos, and write what each has learnt into its file.

    python -m scripts.practise_presets FOLDER                       # every preset
    python -m scripts.practise_presets FOLDER great-wave scream     # these only, to share the work out
    python -m scripts.practise_presets FOLDER --looks 60 --threads 1

After `scripts/presets`, which reads the artworks. FOLDER takes the checkpoint, the losses and a preview; a
run that was cut off goes on. Of what it has learnt a preset keeps all, a half, or nothing: what lowers the
loss most on photos drawn anew without making its style any less like the artwork's.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from restyle import RestyleError
from restyle.models import style_files
from restyle.training.codes import CodesTask, PractisedCodes
from restyle.training.engine import Step, fit
from restyle.training.options import TrainOptions

ROOT = Path(__file__).resolve().parent.parent
NETWORK = ROOT / "checkpoints" / "arbitrary-4.safetensors"
SHARED = Path(os.environ.get("RESTYLE_SHARED", ROOT.parent / "shared"))
SIDE = 512  # px, short side, at which the network reads styles
SHARES = (0.0, 0.5, 1.0)

presets = SourceFileLoader("presets", str(ROOT / "scripts" / "presets")).load_module()


def shown(preset: Any) -> Image.Image:
    """An artwork as the style encoder reads it, its sides multiples of 8 px."""
    picture: Image.Image = preset.picture(SHARED / "data")
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
    parser.add_argument("--rate", type=float, default=0.05)
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()

    listed = presets.read()
    unknown = sorted(set(arguments.names) - set(listed))
    if unknown:
        sys.exit(f"scripts.practise_presets: not in presets.toml: {', '.join(unknown)}")
    names = [name for name in arguments.names or listed if listed[name].practises]
    task = CodesTask(
        SHARED / "data" / "train" / "content",
        [shown(listed[name]) for name in names],
        NETWORK,
        SHARED / "teachers" / "vgg19_compact16x.safetensors",
        SHARED / "teachers" / "vgg19_relu3_1.safetensors",
    )
    options = TrainOptions(
        steps=-(-arguments.looks * len(names) // task.options.batch),
        rate=arguments.rate,
        threads=arguments.threads,
        warmup=10,
        average=0.98,
        log_every=20,
        save_every=50,
        preview_every=10**9,
    )
    resume = (arguments.folder / "checkpoint.pt").exists()
    model = fit(task, arguments.folder, options, resume=resume, callback=tell)
    assert isinstance(model, PractisedCodes)
    for place, name in enumerate(names):
        found = task.trial(model, place, SHARES)
        # What a code must not learn is to leave style out for the content's sake.
        fit_to_keep = [each for each in range(len(SHARES)) if found[each]["style"] <= found[0]["style"]]
        best = min(fit_to_keep, key=lambda each: found[each]["total"])
        told = ", ".join(
            f"{share:g}: {each['total']:.4f} (style {each['style']:.4f}, content {each['content']:.4f})"
            for share, each in zip(SHARES, found, strict=True)
        )
        print(f"{name} keeps {SHARES[best]:g} of {told}")
        write(name, SHARES[best] * model.learnt[place].numpy(force=True))


def tell(step: Step) -> None:
    losses = ", ".join(f"{name} {value:.4f}" for name, value in step.losses.items())
    print(f"{step.step} of {step.steps}: {losses}; {step.seconds_left / 60:.0f} min left", flush=True)


def write(name: str, learnt: np.ndarray) -> None:
    """Put what was learnt into a preset's file, in place of what it had."""
    path = presets.STYLES / f"{name}.style"
    record = style_files.read(path)
    practised = np.zeros_like(record.code)
    practised[: len(learnt)] = learnt
    style_files.write(replace(record, practised=practised if learnt.any() else None), path, overwrite=True)


if __name__ == "__main__":
    try:
        main()
    except RestyleError as error:
        sys.exit(f"scripts.practise_presets: {error}")
