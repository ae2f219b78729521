"""What `restyle evaluate` does: plan and run an evaluation, print its table, write its report.

Settings such as `strength=0.6 keep-colors` are the fields of the option sets of images and videos; a new
option or method needs no change here.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import typer
from PIL import Image

import restyle
from restyle.cli.terminal import Bar, fail, table
from restyle.errors import OptionError
from restyle.evaluate import report
from restyle.evaluate.bench import Bench, Cache, shrunk
from restyle.evaluate.networks import load_encoder, load_standard
from restyle.evaluate.run import (
    TRIVIAL,
    Candidate,
    Evaluation,
    Pair,
    Row,
    combined,
    evaluate,
    listed,
    matched,
    read_pairs,
    result_files,
)
from restyle.evaluate.summary import RowSummary, shown
from restyle.evaluate.videos import frames_of
from restyle.files import check_output, make_folder, write_text, writing
from restyle.images import picture as images
from restyle.images.figures import sheet
from restyle.images.resize import resize
from restyle.methods.table import DEFAULTS
from restyle.models import catalog
from restyle.options import (
    CallKeywords,
    EngineOptions,
    OptimizeOptions,
    PhotoOptions,
    VideoOptions,
    from_text,
    hints_of,
)
from restyle.options.train import EvaluateOptions
from restyle.types import FloatArray, from_unit, to_unit
from restyle.videos.read import VideoReader

SIZE = 512  # px, short side, by default
REPORT = ("report.md", "report.csv", "report.json", "sheet.jpg")
CELL = (200, 264)  # px, height and width that pictures are fitted into
LINES = 8  # pairs on a sheet
FIGURES = ("style", "content")  # below a result, and one for its artifacts


class Plan(NamedTuple):
    """What to measure, and one line for each result that belongs to no pair."""

    pairs: list[Pair]
    candidates: list[Candidate]
    unmatched: list[str]

    @property
    def inputs(self) -> list[Path]:
        """Files that must not be overwritten."""
        return [path for pair in self.pairs for path in (pair.content, pair.style)]


def load_bench(
    options: EvaluateOptions, engine: EngineOptions, metrics: Sequence[str], size: int = SIZE
) -> Bench:
    """Load the networks, and the cache unless `--fresh` is given."""
    network = load_encoder(options.encoder, engine.threads)
    cache = None if options.fresh else Cache()
    return Bench(network, options.size or size, load_standard(metrics), cache)


def make_plan(
    results: Sequence[str] | None,
    content: Sequence[str] | None,
    style: Sequence[str] | None,
    runs: Sequence[str] | None,
    pairs: str | None,
    engine: EngineOptions,
    folder: Path,
    size: int,
) -> Plan:
    """Plan an evaluation: of results, content and style by path, and of runs with settings.

    `pairs` is the path of a list of pairs. `folder` is for frames of videos; the caller removes it. `size` is
    the short side in px to which contents are scaled.

    Raises
    ------
    OptionError, InputError
        Content or style is missing, a path does not exist, or no result belongs to any pair.
    """
    if not content or not style:
        missing = "--content" if not content else "--style"
        raise OptionError(f"give {missing}: a result is compared with its content and its style")
    contents, styles = listed(content, "contents"), listed(style, "styles")
    chosen = read_pairs(Path(pairs), contents, styles) if pairs else None
    return plan_of(results or [], contents, styles, runs or [], chosen, engine, folder, size)


def plan_of(
    results: Sequence[str],
    contents: dict[str, Path],
    styles: dict[str, Path],
    runs: Sequence[str],
    chosen: list[Pair] | None,
    engine: EngineOptions,
    folder: Path,
    size: int,
) -> Plan:
    """`make_plan` with files by name, and pairs; None: all that there are results of, or all combinations."""
    candidates, unmatched = _of_results(results, contents, styles, chosen)
    if not results and not runs:
        runs = [""]
    candidates += [method_candidate(text, engine, folder, size) for text in dict.fromkeys(runs)]
    if chosen is None:
        found = {pair for candidate in candidates for pair in candidate.pairs or ()}
        chosen = [pair for pair in combined(contents, styles) if pair in found or not results]
    names = [candidate.name for candidate in candidates]
    for name in names:
        if names.count(name) > 1 or name in TRIVIAL:
            raise OptionError(f"two rows are called '{name}'; rename a folder of results")
    return Plan(chosen, candidates, unmatched)


def measure(plan: Plan, bench: Bench, frames: int) -> tuple[Evaluation, Sheet]:
    """Measure everything, with a progress bar; also collect pictures for the contact sheet."""
    contact_sheet = Sheet(plan.pairs)
    try:
        with Bar(len(plan.pairs), "starting") as bar:
            evaluation = evaluate(
                plan.pairs,
                plan.candidates,
                bench,
                frames=frames,
                look=contact_sheet.add,
                report=lambda done, name: bar.at(done * len(plan.pairs), name),
            )
    except KeyboardInterrupt:
        if bench.cache is None:
            raise
        raise KeyboardInterrupt("finished measurements are cached") from None
    return evaluation, contact_sheet


def _of_results(
    results: Sequence[str], contents: dict[str, Path], styles: dict[str, Path], chosen: list[Pair] | None
) -> tuple[list[Candidate], list[str]]:
    """Make a candidate of each folder, and one of all single files."""
    groups: dict[str, list[str]] = {}
    for result in results:
        name = Path(result).resolve().name if Path(result).is_dir() else "results"
        groups.setdefault(name, []).append(result)
    candidates, unmatched = [], []
    for name, sources in groups.items():
        files, lines = matched(listed(sources, "results").values(), contents, styles)
        others = [pair for pair in files if chosen is not None and pair not in chosen]
        unmatched += [*lines, *(f"{files.pop(pair)}: {pair.name} is not among the pairs" for pair in others)]
        candidates.append(result_files(name, files))
    return candidates, unmatched


# The evaluation decides these itself, or they write files.
_EXCLUDED = {
    "size", "crop", "max_pixels", "quality", "overwrite", "codec", "fps", "device", "threads", "resume",
    "preview", "save_every"
}  # fmt: skip


def method_candidate(settings: str, engine: EngineOptions, folder: Path, size: int) -> Candidate:
    """Make a candidate of a method with settings: words `OPTION=VALUE`, or `OPTION` alone for flags.

    The engine names the model if the settings do not. `folder` is for frames of videos, which are scaled to
    `size`, the short side in px; pictures come scaled.

    Raises
    ------
    OptionError, ModelError
        An unknown option or model.
    """
    keywords = parsed(settings)
    model = str(keywords.pop("model", engine.model))
    of_video = {each.name for each in fields(VideoOptions)} - set(CallKeywords.__annotations__)
    of_picture = {name: value for name, value in keywords.items() if name not in of_video}
    of_picture.setdefault("method", DEFAULTS[-1])  # the row is named after the network
    stylizer = restyle.Stylizer(model, device=engine.device, threads=engine.threads)
    style = lru_cache(maxsize=64)(stylizer.style)

    def picture(pair: Pair, content: FloatArray) -> FloatArray:
        result: Any = stylizer(from_unit(content, np.uint8), style(pair.style), **of_picture)
        return to_unit(result)

    def video(pair: Pair, frames: int) -> Path:
        source, target = (Path(tempfile.mkdtemp(dir=folder, prefix=each)) for each in ("content-", "result-"))
        for index, frame in enumerate(frames_of(pair.content, frames)):
            small = from_unit(shrunk(frame, size), np.uint8)
            images.save_image(images.from_array(small), source / f"{index:05d}.png")
        with VideoReader(pair.content) as reader:
            rate = float(reader.info.rate or 25)
        return restyle.video(
            source,
            str(pair.style),
            output=f"{target / 'frames'}/",
            fps=rate,
            model=model,
            device=engine.device,
            threads=engine.threads,
            **keywords,
        )

    name = catalog.find(model).name if model in catalog.records() else Path(model).name
    facts = {"model": name, "version": version_of(model), "settings": settings}
    return Candidate(
        f"{name} {settings}".strip(),
        picture,
        video,
        timed=True,
        facts=facts,
        prepare=lambda pair: style(pair.style),
    )


def version_of(model: str) -> str:
    """Identify a version of a model by its weights: 8 hexadecimal digits."""
    digest = hashlib.sha256()
    for file in catalog.find(model).files:
        digest.update(hashlib.sha256(file.read()).digest())
    return digest.hexdigest()[:8]


def parsed(settings: str) -> dict[str, Any]:
    """Parse settings to keywords, checked by the option sets.

    Examples
    --------
    >>> parsed("strength=0.6 keep-colors")
    {'strength': 0.6, 'keep_colors': 'luminance'}
    """
    sets = (PhotoOptions, VideoOptions, EngineOptions, OptimizeOptions)
    known = {one.name: (owner, one) for owner in sets for one in fields(owner) if one.name not in _EXCLUDED}
    found: dict[str, Any] = {}
    for word in settings.split():
        shown, given, text = word.partition("=")
        name = shown.removeprefix("--").replace("-", "_")
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"; did you mean '{near[0].replace('_', '-')}'?" if near else ""
            raise OptionError(f"run '{settings}': unknown setting '{shown}'{hint}")
        if name in found:
            raise OptionError(f"run '{settings}': '{shown}' is given twice")
        owner, one = known[name]
        kind = hints_of(owner)[name]
        if given:
            try:
                found[name] = from_text(text, one, kind)
            except OptionError as error:
                raise OptionError(f"run '{settings}': {error}") from None
        elif kind is bool or "bare" in one.metadata:
            found[name] = one.metadata.get("bare", True)
        else:
            option = name.replace("_", "-")
            raise OptionError(f"run '{settings}': {option} needs a value, {option}=...")
    for owner in {known[name][0] for name in found}:
        own = {one.name for one in fields(owner)}
        owner(**{name: value for name, value in found.items() if name in own})  # raises OptionError
    return found


def facts_of(bench: Bench, machine: Mapping[str, str]) -> dict[str, str]:
    """Facts that a report states: date, encoder, size, machine."""
    facts = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "encoder": f"{bench.encoder.name} ({bench.encoder.identity})",
        "size": f"{bench.size} px on the short side, smaller pictures as they are",
        **machine,
    }
    if report.is_busy():
        facts["note"] = "the machine was busy: seconds are not reliable"
    return facts


def print_rows(rows: Sequence[RowSummary], facts: Mapping[str, str]) -> None:
    """Print the table of figures."""
    typer.echo(table(*report.table_rows(rows)))
    typer.echo(f"\n{report.NOTE}\nMeasured with {facts['encoder']} at {facts['size']}.")


def print_failures(failures: Sequence[str]) -> None:
    """List files left out, and exit with 1 if there are any."""
    if failures:
        fail(f"{len(failures)} left out", failures)


def check_report(folder: Path, overwrite: bool, inputs: Sequence[Path]) -> None:
    """Refuse a folder where the report cannot be written, before any work."""
    make_folder(folder)
    for name in REPORT:
        check_output(folder / name, overwrite=overwrite, inputs=inputs)


def write_report(
    folder: Path,
    rows: Sequence[RowSummary],
    facts: Mapping[str, str],
    failures: Sequence[str],
    contact_sheet: Image.Image,
    inputs: Sequence[Path],
) -> Iterator[Path]:
    """Write the four files; yield each path when it is written."""
    texts = {
        "report.md": f"# Evaluation\n\n{report.markdown(rows, facts, failures)}\n![Results](sheet.jpg)\n",
        "report.csv": report.as_csv(rows),
        "report.json": report.as_json(rows, facts, failures),
    }
    for name, text in texts.items():
        with writing(folder / name, overwrite=True, inputs=inputs) as temporary:
            write_text(temporary, text)
        yield folder / name
    yield images.save_image(
        images.from_pil(contact_sheet), folder / "sheet.jpg", quality=88, overwrite=True, inputs=inputs
    )


class Sheet:
    """Collects small copies of the measured pictures of `LINES` pairs, and lays them out at the end."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        ordered = sorted(dict.fromkeys(pairs), key=lambda pair: (pair.content.name, pair.style.name))
        places = np.linspace(0, len(ordered) - 1, min(LINES, len(ordered))).round().astype(int)
        self.pairs = [ordered[place] for place in dict.fromkeys(places.tolist())]
        self._pictures: dict[tuple[Pair, str], Image.Image] = {}

    def add(self, pair: Pair, row: str, pixels: FloatArray) -> None:
        """Keep a small copy, if the pair is on the sheet."""
        if pair in self.pairs:
            height, width = pixels.shape[:2]
            scale = min(CELL[0] / height, CELL[1] / width, 1.0)
            size = (max(1, round(height * scale)), max(1, round(width * scale)))
            self._pictures[pair, row] = Image.fromarray(from_unit(resize(pixels, size), np.uint8))

    def draw(self, evaluation: Evaluation) -> Image.Image:
        """Lay the sheet out, with the figures of an evaluation below the results."""
        rows = [row for row in evaluation.rows if row.name not in TRIVIAL]
        titles = ["content", "style", *(row.name for row in rows)]
        pairs = [pair for pair in self.pairs if (pair, "content") in self._pictures]
        pictures = [[self._pictures.get((pair, title)) for title in titles] for pair in pairs]
        captions = [
            [pair.content.stem, pair.style.stem, *(_caption(row, pair) for row in rows)] for pair in pairs
        ]
        return sheet([[None] * len(titles), *pictures], [titles, *captions], CELL)


def _caption(row: Row, pair: Pair) -> str:
    if pair not in row.measured:
        return "left out"
    figures = row.measured[pair].figures
    names = (*FIGURES, "temporal" if "temporal" in figures else "grid")
    return "  ".join(f"{each} {shown(each, figures[each])}" for each in names)
