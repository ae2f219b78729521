"""Measure candidates, folders of results or methods, on pairs of content and style.

Results are matched to their content and style by file name. Two trivial rows are the baselines: the content
and the style themselves.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from restyle.errors import InputError, RestyleError
from restyle.evaluate.bench import Bench, Measurement, Subject
from restyle.evaluate.videos import Motion, VideoSubject, frames_of
from restyle.files import parse_json
from restyle.images import formats
from restyle.images import picture as images
from restyle.models.style_files import slug
from restyle.types import FloatArray


@dataclass(frozen=True)
class Pair:
    """One content and one style."""

    content: Path
    style: Path

    @property
    def name(self) -> str:
        """`CONTENT__STYLE`."""
        return f"{self.content.stem}__{self.style.stem}"

    @property
    def is_video(self) -> bool:
        """Whether the content is a video."""
        return has_video_suffix(self.content)


def has_video_suffix(path: Path) -> bool:
    """Whether the suffix is that of a video."""
    return formats.from_suffix(path).medium == "video"


def listed(sources: Sequence[str], what: str) -> dict[str, Path]:
    """Collect files, and those of folders, by their name without suffix; `what` they are is for messages.

    Raises InputError where a file does not exist, a folder is empty, or two files have the same name.
    """
    found: dict[str, Path] = {}
    for source in sources:
        path = Path(source)
        files = [path]
        if path.is_dir():
            files = sorted(each for each in path.iterdir() if _is_medium(each))
            if not files:
                raise InputError(f"{source}: contains no pictures or videos")
        elif not path.exists():
            hint = "; styles are files here, not names of presets" if what == "styles" else ""
            raise InputError(f"{source}: there is no such file or folder{hint}")
        for file in files:
            other = found.setdefault(file.stem, file)
            if other != file:
                raise InputError(f"two {what} are called '{file.stem}': {other} and {file}; rename one")
    return found


def combined(contents: Mapping[str, Path], styles: Mapping[str, Path]) -> list[Pair]:
    """Pair every content with every style."""
    return [Pair(content, style) for content in contents.values() for style in styles.values()]


def read_pairs(path: Path, contents: Mapping[str, Path], styles: Mapping[str, Path]) -> list[Pair]:
    """Read a list of pairs: JSON, `[["content", "style"], ...]`, names without suffix.

    Raises InputError if it is not such a list, or a content or style is not among the files.
    """
    try:
        entries = parse_json(path.read_bytes())
        names = [(str(content), str(style)) for content, style in entries]
    except OSError as error:
        raise InputError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from error
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: is not a JSON list of [content, style] names") from error
    pairs = []
    for content, style in names:
        if content not in contents or style not in styles:
            missing = f"content '{content}'" if content not in contents else f"style '{style}'"
            raise InputError(f"{path}: {missing} is not among the given files")
        pairs.append(Pair(contents[content], styles[style]))
    return pairs


def matched(
    results: Iterable[Path], contents: Mapping[str, Path], styles: Mapping[str, Path]
) -> tuple[dict[Pair, Path], list[str]]:
    """Find the content and style of each result by its name; return these, and a line for each unmatched one.

    Names are `CONTENT__STYLE`, `CONTENT-STYLE` (as written by `restyle image`), or with a single style
    `CONTENT`; case does not matter. Raises InputError if none matches.
    """
    known: dict[str, Pair] = {}
    for pair in combined(contents, styles):
        content, style = pair.content.stem, pair.style.stem
        names = [pair.name, f"{content}-{style}", f"{content}-{slug(style)}"]
        if len(styles) == 1:
            names.append(content)
        for name in names:
            known.setdefault(name.casefold(), pair)
    found: dict[Pair, Path] = {}
    unmatched = []
    for path in results:
        match = known.get(path.stem.casefold())
        if match is None:
            unmatched.append(path)
        elif match in found:
            raise InputError(f"{found[match]} and {path} are both results of {match.name}; keep one")
        else:
            found[match] = path
    example = next(iter(known.values())).name if known else "CONTENT__STYLE"
    lines = [
        f"{path}: matches no content and style; a name such as '{example}{path.suffix}' is needed"
        for path in unmatched
    ]
    if not found:
        raise InputError(lines[0] if lines else "no results are given")
    return found, lines


def _is_medium(path: Path) -> bool:
    return (
        not path.name.startswith(".")
        and (formats.is_image(path) or has_video_suffix(path))
        and path.is_file()
    )


COPY_CONTENT, COPY_STYLE = "copy content", "copy style"
TRIVIAL = (COPY_CONTENT, COPY_STYLE)

Picture = Callable[[Pair, FloatArray], FloatArray]
"""A pair and its content [shape=(H, W, 3)] -> the result."""
VideoMaker = Callable[[Pair, int], Path]
"""A video's pair and the number of frames -> a file with the result."""
Look = Callable[[Pair, str, FloatArray], None]
Report = Callable[[float, str], None]


@dataclass(frozen=True)
class Candidate:
    """A row of the report to be measured."""

    name: str
    picture: Picture  # may raise RestyleError
    video: VideoMaker | None = None
    timed: bool = False  # whether `picture` stylizes, so that its time counts
    facts: Mapping[str, str] = field(default_factory=dict)  # model, version, settings
    prepare: Callable[[Pair], object] = lambda pair: None  # called before timing: encodes the style
    pairs: frozenset[Pair] | None = None  # that it has results of; None: all


@dataclass
class Row:
    """Measurements of one candidate."""

    name: str
    facts: Mapping[str, str]
    measured: dict[Pair, Measurement] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)

    @property
    def median_seconds(self) -> float:
        """Median time of a picture; NaN if nothing was timed."""
        return statistics.median(self.seconds) if self.seconds else float("nan")


@dataclass
class Evaluation:
    """All rows, features of the styles, and one line for each failure."""

    rows: list[Row]
    styles: dict[Pair, Measurement] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


def result_files(name: str, files: Mapping[Pair, Path]) -> Candidate:
    """Make a candidate of existing files."""

    return Candidate(
        name,
        lambda pair, content: images.load_image(files[pair]).pixels,
        lambda pair, frames: files[pair],
        pairs=frozenset(files),
    )


def evaluate(
    pairs: Sequence[Pair],
    candidates: Sequence[Candidate],
    bench: Bench,
    *,
    frames: int = 16,
    look: Look = lambda pair, name, pixels: None,
    report: Report = lambda done, name: None,
) -> Evaluation:
    """Measure every candidate and the two trivial rows on every pair.

    Of videos the first frames are read. Files that cannot be read are listed in `failures`. `look` is called
    with pair, row and pixels of content (row "content"), style ("style") and every result, for a contact
    sheet; `report` with the fraction done, 0..1, and the name of the pair.
    """
    rows = [Row(candidate.name, candidate.facts) for candidate in candidates]
    trivial = [Row(name, {}) for name in TRIVIAL]
    made = Evaluation([*rows, *trivial])
    ordered = sorted(dict.fromkeys(pairs), key=lambda pair: (pair.content.name, pair.style.name))
    motions: dict[Path, Motion] = {}

    def measure(pair: Pair) -> None:  # a function, so that a pair is freed before the next is read
        one: _Pictures | _Videos
        try:
            one = _Videos(pair, bench, frames, motions) if pair.is_video else _Pictures(pair, bench)
        except RestyleError as error:
            made.failures.append(_line(pair, error))
            return
        subject, made.styles[pair] = one.subject, one.style
        look(pair, "content", one.shown(subject.content))
        look(pair, "style", subject.style)
        for row, copy in zip(trivial, (subject.content, subject.style_copy()), strict=True):
            row.measured[pair] = one.measure(copy)
        for candidate, row in zip(candidates, rows, strict=True):
            if candidate.pairs is not None and pair not in candidate.pairs:
                continue
            try:
                result, seconds = one.stylize(candidate)
                row.measured[pair] = one.measure(result)
            except RestyleError as error:
                made.failures.append(f"{row.name}, {_line(pair, error)}")
                continue
            if candidate.timed:
                row.seconds.append(seconds)
            look(pair, row.name, one.shown(result))

    for index, pair in enumerate(ordered):
        report(index / len(ordered), pair.name)
        measure(pair)
    report(1.0, "")
    made.failures = list(dict.fromkeys(made.failures))
    return made


class _Pictures:
    """One pair of pictures."""

    def __init__(self, pair: Pair, bench: Bench) -> None:
        self.pair = pair
        self.subject = Subject(bench, bench.picture(pair.content), bench.picture(pair.style))
        self.style = self.subject.style_measurement

    def stylize(self, candidate: Candidate) -> tuple[FloatArray, float]:
        """Return the result and the seconds that it took."""
        candidate.prepare(self.pair)
        began = time.perf_counter()
        painted = candidate.picture(self.pair, self.subject.content)
        seconds = time.perf_counter() - began
        return self.subject.fitted(painted, candidate.name), seconds

    def measure(self, result: Any) -> Measurement:
        return self.subject.measure(result)

    def shown(self, result: Any) -> FloatArray:
        """The picture for a contact sheet."""
        picture: FloatArray = result
        return picture


class _Videos:
    """One video and its style."""

    def __init__(self, pair: Pair, bench: Bench, frames: int, motions: dict[Path, Motion]) -> None:
        self.pair, self.frames, self.motions = pair, frames, motions
        style = bench.picture(pair.style)
        content = [bench.fitted(each, str(pair.content)) for each in frames_of(pair.content, frames)]
        self.subject = VideoSubject(bench, content, style)
        self.style = self.subject.style_measurement
        if pair.content not in motions:
            motions.clear()  # pairs come content by content
            motions[pair.content] = self.subject.motion

    def stylize(self, candidate: Candidate) -> tuple[list[FloatArray], float]:
        """Return the frames of the result and the seconds that each took."""
        if candidate.video is None:
            raise InputError("this method does not stylize videos; leave the video out")
        began = time.perf_counter()
        path = candidate.video(self.pair, self.frames)
        seconds = (time.perf_counter() - began) / len(self.subject.content)
        return self.subject.fitted(frames_of(path, len(self.subject.content)), str(path)), seconds

    def measure(self, result: Any) -> Measurement:
        return self.subject.measure(result, self.motions[self.pair.content])

    def shown(self, result: Any) -> FloatArray:
        """The picture for a contact sheet."""
        last: FloatArray = result[-1]
        return last


def _line(pair: Pair, error: RestyleError) -> str:
    text = str(error)
    return text if str(pair.content) in text or str(pair.style) in text else f"{pair.name}: {text}"
