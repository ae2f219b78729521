"""The parts of the video benchmark that are scores, which do not depend on the load of the machine."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import get_args

import numpy as np

from benchmarks.video import clips
from benchmarks.video.results import Rows, weights_of
from benchmarks.video.sheets import write_sheet, write_still
from benchmarks.video.steadiness import (
    StyleScore,
    blurred,
    farneback,
    optimized_film,
    painted,
    sharpness,
    trails,
)
from restyle.evaluate.videos import Motion, tvl1
from restyle.images import picture as images
from restyle.images.resize import fit_size, resize
from restyle.models import catalog
from restyle.models.arbitrary import Arbitrary
from restyle.nn.encoders import load_encoder
from restyle.options import Steady
from restyle.options.video import VideoMethodOptions
from restyle.style import Style
from restyle.types import FloatArray

STYLES = ("starry_night", "great_wave", "the_scream")
OPTIMIZED = ("davis_dog", 6, 160)  # clip, frames, px: minutes, not hours
JUDGES = {"TV-L1": tvl1, "Farneback": farneback}
ERROR, WORST, SHARP, STYLE = (
    0.35,
    0.5,
    0.93,
    0.95,
)  # targets of flow: most error, of a clip, least others
LONG, TRAILS = 200, 1.1  # frames for trails, and the most detail
TRAIL_ENDS = (24, 40, 100, 150, LONG)
COLUMNS = (*(f"error, {judge}" for judge in JUDGES), "sharpness", "style distance")

Films = dict[str, list[FloatArray]]


def steadiness(arguments: argparse.Namespace, method: Arbitrary) -> Iterator[str]:
    """Yield the table of warping error, sharpness and style."""
    yield "### Steadiness\n"
    if not clips.names():
        yield f"Skipped: the clips of {clips.VIDEOS.name} are missing; set RESTYLE_SHARED to their folder.\n"
        return

    def films(frames: list[FloatArray], style: Style) -> Films:
        made = painted(frames, method, style.code)
        alone = made["none"]
        return {"none": alone, "flow": made["flow"], "input": frames, "heavy blur": blurred(alone)}

    measured_with = {
        "model": weights_of(method),
        "frames": arguments.frames,
        "side": arguments.side,
        "columns": COLUMNS,
    }
    stored = Rows(arguments.out / "video-steadiness.json", measured_with)
    for clip in arguments.clips or clips.names():
        frames = clips.load(clip, arguments.frames, arguments.side)
        for style, rows, made in _scored(frames, arguments.styles, method, films):
            for row, values in rows.items():
                stored.add(f"{clip}|{style}|{row}", values)
            shown = [made["input"], *(made[mode] for mode in get_args(Steady))]
            name = f"{Path(clip).stem}-{style}.png"
            write_sheet(arguments.out / f"video-{name}", shown)
            write_still(arguments.out / f"still-{name}", shown)
    yield f"{measured_with['model']}; {arguments.frames} frames per clip, {arguments.side} px. Relative to"
    yield "`none`, which stylizes every frame separately: less error and less style distance are better.\n"
    yield f"| clip | style | row | {' | '.join(COLUMNS)} |"
    yield f"| --- | --- | --- | {' | '.join('---:' for _ in COLUMNS)} |"
    found: dict[str, dict[str, list[FloatArray]]] = {}
    for name, own in stored.rows.items():
        clip, style, row = name.split("|")
        shares = np.divide(own, stored.rows[f"{clip}|{style}|none"], dtype=np.float32)
        found.setdefault(row, {}).setdefault(clip, []).append(shares)
        if row != "none":
            yield f"| {clip} | {style} | {row} | {_cells(shares)} |"
    yield "\nMeans over the styles:\n"
    yield f"| clip | row | {' | '.join(COLUMNS)} |"
    yield f"| --- | --- | {' | '.join('---:' for _ in COLUMNS)} |"
    means = {}
    for row, by_clip in found.items():
        for clip, rows_of_clip in by_clip.items():
            if row != "none":
                yield f"| {clip} | {row} | {_cells(np.mean(rows_of_clip, axis=0))} |"
        means[row] = np.mean([shares for each in by_clip.values() for shares in each], axis=0)
        yield f"| **mean** | {row} | {_cells(means[row])} |"
    error = means["flow"][: len(JUDGES)]
    worst = np.max([np.mean(each, axis=0)[: len(JUDGES)] for each in found["flow"].values()])
    sharp, distance = means["flow"][len(JUDGES) :]
    met = error.max() <= ERROR and worst <= WORST and sharp >= SHARP and 1 / distance >= STYLE
    said = " and ".join(f"{value:.2f} by {judge}" for judge, value in zip(JUDGES, error, strict=True))
    yield f"\nTargets for flow: mean warping error {said} (at most {ERROR}), the worst clip {worst:.2f}"
    yield f"(at most {WORST}), sharpness {sharp:.2f} (at least {SHARP}), style {1 / distance:.2f} (at least"
    yield f"{STYLE}, as the distance of none over its own): {'met' if met else 'missed'}."


def _cells(values: FloatArray) -> str:
    return " | ".join(f"{value:.2f}" for value in values)


def trail(arguments: argparse.Namespace, method: Arbitrary) -> Iterator[str]:
    """Yield the table of detail on flat ground over many frames."""
    yield "### Trails\n"
    found = [clip for clip in clips.names() if clip.endswith(".mp4") and clip in (arguments.clips or [clip])]
    if not found:
        yield "Skipped: the long clips are missing; set RESTYLE_SHARED to their folder.\n"
        return
    yield "Detail of `flow` where the input has no texture, relative to `none`: frames before each count,"
    yield f"{arguments.side} px.\n"
    yield f"| clip | style | {' | '.join(map(str, TRAIL_ENDS))} |"
    yield f"| --- | --- | {' | '.join('---:' for _ in TRAIL_ENDS)} |"
    most = 0.0
    for clip in found:
        frames = clips.load(clip, LONG, arguments.side)
        for name in arguments.styles:
            code = Style.from_image(clips.STYLES / f"{name}.jpg", model=method).code
            made = painted(frames, method, code)
            figures = [trails(frames, made["none"], made["flow"], end) for end in TRAIL_ENDS]
            most = max(most, *figures)
            yield f"| {clip} | {name} | {' | '.join(f'{figure:.2f}' for figure in figures)} |"
    met = "met" if most <= TRAILS else "missed"
    yield f"\nTarget for flow: on flat ground at most {TRAILS} times the detail of none: {met} ({most:.2f})."


def optimized(arguments: argparse.Namespace, method: Arbitrary) -> Iterator[str]:
    """Yield the table of optimized videos, by temporal weight."""
    yield "### Optimized\n"
    clip, count, side = OPTIMIZED
    if clip not in clips.names():
        yield f"Skipped: {clip} is missing; set RESTYLE_SHARED to the folder of the clips.\n"
        return
    style = arguments.styles[0]
    frames = clips.load(clip, count, side)

    def films(frames: list[FloatArray], style: Style) -> Films:
        made: Films = {"none": painted(frames, method, style.code)["none"]}
        for weight in arguments.weights:
            options = VideoMethodOptions(method="optimize", temporal_weight=weight)
            made[f"optimize, temporal weight {weight:g}"] = optimized_film(frames, method, style, options)
        return made

    yield f"{weights_of(method)}; {clip}, {count} frames, {side} px, {style}. Columns as for steadiness.\n"
    yield f"| row | {' | '.join(COLUMNS)} |"
    yield f"| --- | {' | '.join('---:' for _ in COLUMNS)} |"
    for _, rows, made in _scored(frames, [style], method, films):
        write_sheet(arguments.out / f"video-optimized-{style}.png", [frames, *made.values()])
        alone = rows["none"]
        for row, values in rows.items():
            yield f"| {row} | {_cells(np.divide(values, alone, dtype=np.float32))} |"


def _scored(
    frames: list[FloatArray],
    styles: Sequence[str],
    method: Arbitrary,
    films: Callable[[list[FloatArray], Style], Films],
) -> Iterator[tuple[str, dict[str, list[float]], Films]]:
    """Yield, for each style, warping error, sharpness and style distance of every result."""
    encoder = load_encoder(catalog.find("encoder-1").files[0].path)
    motions = [Motion(frames, flow) for flow in JUDGES.values()]
    for name in styles:
        path = clips.STYLES / f"{name}.jpg"
        picture = images.load_image(path).pixels
        size = fit_size(picture.shape[:2], long=max(frames[0].shape[:2]))
        score = StyleScore(encoder, resize(picture, size, "area"))
        made = films(frames, Style.from_image(path, model=method))
        rows = {
            row: [*(motion.error(film) for motion in motions), sharpness(film), score(film[::4])]
            for row, film in made.items()
        }
        yield name, rows, made
