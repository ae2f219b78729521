"""Plan and run an evaluation: pairs and candidates, from files, folders and settings.

Settings such as `strength=0.6 keep-colors` are the fields of the option sets of images and videos; a new
option or method needs no change here.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import fields
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

import numpy as np

import restyle
from restyle.cli.evaluation_output import Sheet
from restyle.cli.terminal import Bar
from restyle.errors import OptionError
from restyle.evaluate.bench import Bench, Cache, shrunk
from restyle.evaluate.networks import load_encoder, load_standard
from restyle.evaluate.run import (
    TRIVIAL,
    Candidate,
    Evaluation,
    Pair,
    combined,
    evaluate,
    listed,
    matched,
    read_pairs,
    result_files,
)
from restyle.evaluate.videos import frames_of
from restyle.images import picture as images
from restyle.methods import table
from restyle.models import catalog
from restyle.options import (
    CallKeywords,
    EngineOptions,
    OptimizeOptions,
    OptionSet,
    PhotoOptions,
    VideoOptions,
    from_text,
)
from restyle.options.evaluate import EvaluateOptions
from restyle.types import FloatArray, from_unit, to_unit
from restyle.videos.read import VideoReader

SIZE = 512  # px, short side, by default


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
    """Plan an evaluation before anything is measured.

    Parameters
    ----------
    results, content, style : files and folders
    runs : settings, see `method_candidate`
    pairs : path of a list of pairs
    folder : for frames of videos; the caller removes it
    size : short side in px to which contents are scaled

    Raises
    ------
    OptionError
        Content or style is missing.
    InputError
        A file or folder does not exist, or no result belongs to any pair.
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
    sheet = Sheet(plan.pairs)
    try:
        with Bar(len(plan.pairs), "starting") as bar:
            evaluation = evaluate(
                plan.pairs,
                plan.candidates,
                bench,
                frames=frames,
                look=sheet.add,
                report=lambda done, name: bar.at(done * len(plan.pairs), name),
            )
    except KeyboardInterrupt:
        if bench.cache is None:
            raise
        raise KeyboardInterrupt("finished measurements are cached") from None
    return evaluation, sheet


def _of_results(
    results: Sequence[str],
    contents: dict[str, Path],
    styles: dict[str, Path],
    chosen: list[Pair] | None,
) -> tuple[list[Candidate], list[str]]:
    """Make a candidate of each folder, and one of all single files."""
    groups: dict[str, list[str]] = {}
    for result in results:
        name = Path(result).resolve().name if Path(result).is_dir() else "results"
        groups.setdefault(name, []).append(result)
    candidates, unmatched = [], []
    for name, sources in groups.items():
        files, lines = matched(listed(sources, "results").values(), contents, styles)
        if chosen is not None:
            lines += [
                f"{files[pair]}: {pair.name} is not among the pairs" for pair in files if pair not in chosen
            ]
            files = {pair: path for pair, path in files.items() if pair in chosen}
        candidates.append(result_files(name, files))
        unmatched += lines
    return candidates, unmatched


# The evaluation decides these itself, or they write files.
_EXCLUDED = {
    "size", "crop", "max_pixels", "quality", "overwrite", "codec", "fps", "device", "threads", "resume",
    "preview", "save_every",
}  # fmt: skip


def method_candidate(settings: str, engine: EngineOptions, folder: Path, size: int) -> Candidate:
    """Make a candidate of a method with these settings.

    Parameters
    ----------
    settings : str
        Words `OPTION=VALUE`, or `OPTION` alone for flags; also `model=NAME`.
    engine : EngineOptions
        The model if the settings name none, device and threads.
    folder : Path
        For frames of videos; the caller removes it.
    size : int
        Short side in px to which videos are scaled; pictures come scaled.

    Raises
    ------
    OptionError, ModelError
        An unknown option or model.
    """
    keywords = parsed(settings)
    model = str(keywords.pop("model", engine.model))
    of_video = {each.name for each in fields(VideoOptions)} - set(CallKeywords.__annotations__)
    of_picture = {name: value for name, value in keywords.items() if name not in of_video}
    of_picture.setdefault("method", table.DEFAULTS[-1])  # the row is named after the network
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
        return restyle.video(
            source,
            str(pair.style),
            output=f"{target / 'frames'}/",
            fps=_rate(pair.content),
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
    known = {one.name: (owner, one, hint) for owner, one, hint in _options()}
    found: dict[str, Any] = {}
    for word in settings.split():
        shown, given, text = word.partition("=")
        name = shown.removeprefix("--").replace("-", "_")
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"; did you mean '{near[0].replace('_', '-')}'?" if near else ""
            raise OptionError(f"run '{settings}': unknown setting '{shown}'{hint}")
        owner, one, annotation = known[name]
        if name in found:
            raise OptionError(f"run '{settings}': '{shown}' is given twice")
        found[name] = _value(text if given else None, one, annotation, settings)
    for owner in {known[name][0] for name in found}:
        own = {one.name for one in fields(owner)}  # type: ignore[arg-type]
        owner(**{name: value for name, value in found.items() if name in own})  # raises OptionError
    return found


def _options() -> Iterator[tuple[type[OptionSet], Any, Any]]:
    """Every option allowed in settings, with the set that checks it."""
    for owner in (PhotoOptions, VideoOptions, EngineOptions, OptimizeOptions):
        hints = get_type_hints(owner)
        for one in fields(owner):
            if one.name not in _EXCLUDED:
                yield owner, one, hints[one.name]


def _value(text: str | None, one: Any, hint: Any, settings: str) -> Any:
    """Convert a value to the type of its option."""
    shown = one.name.replace("_", "-")
    if text is None:
        if hint is bool:
            return True
        if "bare" in one.metadata:
            return one.metadata["bare"]
        raise OptionError(f"run '{settings}': {shown} needs a value, {shown}=...")
    try:
        return from_text(text, one, hint)
    except OptionError as error:
        raise OptionError(f"run '{settings}': {error}") from None


def _rate(path: Path) -> float:
    """Frame rate of a video; 25 if unknown."""
    with VideoReader(path) as reader:
        return float(reader.info.rate or 25)
