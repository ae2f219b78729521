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
from benchmarks.video.steadiness import StyleScore, blurred, optimized_film, painted, sharpness
from restyle.evaluate.temporal import Motion
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
ERROR, SHARP, STYLE = 0.5, 0.97, 0.95  # targets of flow: most warping error, least sharpness and style

Films = dict[str, list[FloatArray]]


def steadiness(arguments: argparse.Namespace, method: Arbitrary) -> Iterator[str]:
    """Yield the table of warping error, sharpness and style."""
    yield "### Steadiness\n"
    if not clips.names():
        yield f"Skipped: the clips of {clips.VIDEOS.name} are missing; set RESTYLE_SHARED to their folder.\n"
        return

    def films(frames: list[FloatArray], style: Style) -> Films:
        modes: tuple[Steady, ...] = get_args(Steady)
        made = {str(mode): painted(frames, method, style.code, mode) for mode in modes}
        return {**made, "input": frames, "heavy blur": blurred(made["none"])}

    measured_with = {"model": weights_of(method), "frames": arguments.frames, "side": arguments.side}
    stored = Rows(arguments.out / "video-steadiness.json", measured_with)
    for clip in arguments.clips or clips.names():
        frames = clips.load(clip, arguments.frames, arguments.side)
        for style, rows, made in _scored(frames, arguments.styles, method, films):
            for row, values in rows.items():
                stored.add(f"{clip}|{style}|{row}", values)
            shown = [made["input"], *(made[str(mode)] for mode in get_args(Steady))]
            name = f"{Path(clip).stem}-{style}.png"
            write_sheet(arguments.out / f"video-{name}", shown)
            write_still(arguments.out / f"still-{name}", shown)
    yield f"{measured_with['model']}; {arguments.frames} frames per clip, {arguments.side} px. Error in"
    yield "thousandths; less error and less distance to the style are better. All but the first column of a"
    yield "row are relative to `none`, which stylizes every frame separately.\n"
    yield "| clip | style | row | warping error | times none | sharpness | style distance |"
    yield "| --- | --- | --- | ---: | ---: | ---: | ---: |"
    found: dict[str, list[tuple[float, float, float]]] = {}
    for name, own in stored.rows.items():
        clip, style, row = name.split("|")
        alone = stored.rows[f"{clip}|{style}|none"]
        shares = (own[0] / alone[0], own[1] / alone[1], own[2] / alone[2])
        found.setdefault(row, []).append(shares)
        yield f"| {clip} | {style} | {row} | {own[0]:.3f} | {' | '.join(f'{x:.2f}' for x in shares)} |"
    for row, shares_of_row in found.items():
        mean = " | ".join(f"{share:.3f}" for share in np.mean(shares_of_row, axis=0))
        yield f"| **mean** | of {len(shares_of_row)} | {row} | | {mean} |"
    yield from _by_clip(stored.rows)
    error, sharp, distance = np.mean(found["flow"], axis=0)
    met = error <= ERROR and sharp >= SHARP and 1 / distance >= STYLE
    yield f"\nTargets for flow, mean: warping error {error:.2f} (at most {ERROR}), sharpness {sharp:.2f}"
    yield f"(at least {SHARP}), style {1 / distance:.2f} (at least {STYLE}, as the distance of none over its"
    yield f"own): {'met' if met else 'missed'}."


def _by_clip(rows: dict[str, list[float]]) -> Iterator[str]:
    """Yield a summary: means over the styles; style is the distance of `none` over the row's own."""
    yield "\nMeans over the styles: error of `none` in thousandths, all else as times `none`; style is the"
    yield "distance of `none` over the row's own, so that more is better.\n"
    columns = ("none: error", "statistics: error", "style", "flow: error", "sharpness", "style")
    yield f"| clip | {' | '.join(columns)} | input: error | style |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for clip in sorted({name.split("|")[0] for name in rows}):
        styles = [
            name.split("|")[1] for name in rows if name.startswith(f"{clip}|") and name.endswith("|none")
        ]
        mean: dict[str, tuple[float, float, float]] = {}
        for row in (*get_args(Steady), "input"):
            pairs = [(rows[f"{clip}|{style}|{row}"], rows[f"{clip}|{style}|none"]) for style in styles]
            error, sharp, distance = np.mean([np.divide(own, alone) for own, alone in pairs], axis=0)
            mean[row] = (float(error), float(sharp), 1 / float(distance))
        alone = np.mean([rows[f"{clip}|{style}|none"][0] for style in styles])
        calm, flow, film = mean["statistics"], mean["flow"], mean["input"]
        yield (
            f"| {clip} | {alone:.2f} | {calm[0]:.2f} | {calm[2]:.2f} | {flow[0]:.2f} | {flow[1]:.2f} |"
            f" {flow[2]:.2f} | {film[0]:.2f} | {film[2]:.2f} |"
        )


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
        made = {"none": painted(frames, method, style.code, "none")}
        for weight in arguments.weights:
            options = VideoMethodOptions(method="optimize", temporal_weight=weight)
            made[f"optimize, temporal weight {weight:g}"] = optimized_film(frames, method, style, options)
        return made

    yield f"{weights_of(method)}; {clip}, {count} frames, {side} px, {style}. Columns as for steadiness.\n"
    yield "| row | warping error | times none | sharpness | style distance |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for _, rows, made in _scored(frames, [style], method, films):
        write_sheet(arguments.out / f"video-optimized-{style}.png", [frames, *made.values()])
        alone = rows["none"]
        for row, values in rows.items():
            shares = " | ".join(f"{mine / his:.2f}" for mine, his in zip(values, alone, strict=True))
            yield f"| {row} | {values[0]:.3f} | {shares} |"


def _scored(
    frames: list[FloatArray],
    styles: Sequence[str],
    method: Arbitrary,
    films: Callable[[list[FloatArray], Style], Films],
) -> Iterator[tuple[str, dict[str, tuple[float, float, float]], Films]]:
    """Yield, for each style, warping error, sharpness and style distance of every result."""
    encoder = load_encoder(catalog.find("encoder-1").files[0].path)
    motion = Motion(frames)
    for name in styles:
        path = clips.STYLES / f"{name}.jpg"
        picture = images.load_image(path).pixels
        size = fit_size(picture.shape[:2], long=max(frames[0].shape[:2]))
        score = StyleScore(encoder, resize(picture, size, "area"))
        made = films(frames, Style.from_image(path, model=method))
        rows = {row: (motion.error(film), sharpness(film), score(film[::4])) for row, film in made.items()}
        yield name, rows, made
