"""Retrieval of works by their details: does the style code of a detail find its preset?"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.retrieval.works import ROOT
from restyle.compare import metrics
from restyle.compare.subjects import Subject, of_pixels
from restyle.models.arbitrary import Arbitrary
from restyle.style import styles
from restyle.types import to_unit

SIDES = (0.8, 0.7, 0.6, 0.5)  # relative to the sides of the work; cut from its middle
LARGEST = 900  # px, longest side of a work


def artworks(data: Path) -> dict[str, dict[str, Any]]:
    """Return the entries of scripts/presets.toml whose pictures are available, by name."""
    entries = tomllib.loads((ROOT / "scripts" / "presets.toml").read_text(encoding="utf-8"))["preset"]
    return {entry["name"]: entry for entry in entries if (data / entry["source"]).is_file()}


def artwork(entry: dict[str, Any], data: Path) -> Image.Image:
    """Return the artwork of a preset, at most 900 px."""
    with Image.open(data / entry["source"]) as file:
        image = file.convert("RGB")
    width = image.width
    height = round(width / entry.get("aspect", width / image.height))  # some files are squashed to a square
    left, top, right, bottom = entry.get("crop", (0.0, 0.0, 1.0, 1.0))
    image = image.resize((width, height), Image.Resampling.LANCZOS).crop(
        (round(left * width), round(top * height), round(right * width), round(bottom * height))
    )
    image.thumbnail((LARGEST, LARGEST), Image.Resampling.LANCZOS)
    return image


def middle(image: Image.Image, side: float) -> Image.Image:
    """Return the middle of a picture, with sides relative to those of the picture."""
    (width, height), edge = image.size, (1 - side) / 2
    return image.crop(
        (
            round(edge * width),
            round(edge * height),
            round((1 - edge) * width),
            round((1 - edge) * height),
        )
    )


def shares(detail: Subject, presets: Sequence[Subject]) -> float:
    """Return the distance to its own preset over that to the nearest other; below 1 is a hit."""
    found = {each.name: metrics.cosine(detail, each) for each in presets}
    own = found.pop(detail.name)
    return own / max(min(found.values()), 1e-12)


def table(data: Path, model: Arbitrary, workers: int) -> str:
    """Return the results for details of four sizes, encoded at one scale and at three, as Markdown."""
    entries = artworks(data)
    presets = [
        Subject(style.name, "preset", style.read, style.model)
        for style in styles(model)
        if style.name in entries
    ]

    def look(preset: Subject) -> list[Subject]:
        whole = artwork(entries[preset.name], data)
        parts = [to_unit(np.asarray(middle(whole, side))) for side in SIDES]
        return [of_pixels(part, frozenset({"code"}), model, preset.name) for part in parts]

    with ThreadPoolExecutor(workers) as pool:
        seen = list(zip(*pool.map(look, presets), strict=True))
    lines = [
        f"The middle of each preset's artwork asks for its preset among all {len(presets)}, by cosine "
        f"distance of the codes of {model.name}: how many find it, and its distance over that of the next.",
        "",
        "| cut out, of each side | seen from one distance | median | worst | from three | median | worst |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for side, details in zip(SIDES, seen, strict=True):
        cells = []
        for afar in (False, True):
            found = np.array(
                [shares(each if afar else replace(each, afar=None), presets) for each in details]
            )
            cells += [f"{(found < 1).sum()}", f"{np.median(found):.2f}", f"{found.max():.2f}"]
        lines.append(f"| {side:g} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
