"""Rows of a batch: what is painted, how, and where the result goes. Columns derive from the option sets."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

from restyle.batch.lists import Entry, FreeNames, check_name
from restyle.errors import InputError, OptionError, OutputError, RestyleError
from restyle.files import result_name
from restyle.images import formats
from restyle.models.style_files import slug, split_weight
from restyle.options import (
    AudioOptions,
    ImageOptions,
    OptimizeOptions,
    OptionSet,
    PhotoOptions,
    SaveOptions,
    VideoOptions,
    choices_of,
    from_text,
    hints_of,
)
from restyle.sounds.files import SUFFIXES as SOUND_SUFFIXES
from restyle.types import PathLike
from restyle.videos.formats import SUFFIXES as VIDEO_SUFFIXES

Medium = Literal["picture", "video", "sound"]

OPTION_SETS: dict[Medium, tuple[type[OptionSet], ...]] = {
    "picture": (PhotoOptions, OptimizeOptions, SaveOptions),
    "video": (ImageOptions, VideoOptions),
    "sound": (AudioOptions,),
}
# These belong to the whole batch, or write files of their own.
EXCLUDED = {"overwrite", "resume", "preview", "save_every"}
SEVERAL = ";"  # between styles or regions in one cell
MOST_CELL = 4096  # characters of a style, region or name


@dataclass(frozen=True)
class Row:
    """One result to make."""

    number: int  # position in the batch, from 1
    where: str  # where it is written, for messages
    content: str  # path or address of the picture, video or sound
    medium: Medium  # by the suffix of the content
    styles: tuple[str, ...]  # as `--style` and `--region` take them
    regions: tuple[str, ...]
    options: tuple[tuple[str, Any], ...]  # values that differ from the defaults, by field name, sorted
    model: str
    output: str  # path of the result below the output folder, with forward slashes
    renamed: bool = False  # whether the usual name was taken


@dataclass(frozen=True)
class Failure:
    """A row that cannot be done, and why in one line."""

    number: int
    content: str
    reason: str


@dataclass(frozen=True)
class Defaults:
    """Values of all rows that do not have their own: the flags of the command."""

    styles: tuple[str, ...]
    regions: tuple[str, ...]
    options: Mapping[str, Any]
    model: str


def columns() -> dict[str, tuple[Any, Any]]:
    """Return the columns of a list besides `content`: name -> (field, type); (None, str) without a field."""
    found: dict[str, tuple[Any, Any]] = dict.fromkeys(("style", "region", "output", "model"), (None, str))
    for kinds in OPTION_SETS.values():
        for kind in kinds:
            hints = hints_of(kind)
            for each in fields(kind):  # type: ignore[arg-type]
                if each.name not in EXCLUDED:
                    found.setdefault(each.name, (each, hints[each.name]))
    return found


def changed(*sets: OptionSet) -> dict[str, Any]:
    """Return the values of option sets that differ from their defaults."""
    return {
        each.name: getattr(one, each.name)
        for one in sets
        for each in fields(one)  # type: ignore[arg-type]
        if getattr(one, each.name) != each.default
    }


def medium_of(content: PathLike) -> Medium:
    """Tell the medium from the suffix; what is unknown is tried as a picture."""
    suffix, kind = Path(content).suffix.lower(), formats.from_suffix(content)
    if not kind.readable and (kind.medium == "video" or suffix in VIDEO_SUFFIXES):
        return "video"
    if kind.medium == "audio" or (suffix in SOUND_SUFFIXES and not kind.readable):
        return "sound"
    return "picture"


def make_rows(entries: Iterable[Entry], defaults: Defaults, output: Path) -> Iterator[Row | Failure]:
    """Turn entries into rows, each checked and with a name of its own.

    A name that a list gives is kept or refused; a default name that is taken gets a number.
    """
    listed = list(entries)
    names, known = FreeNames(), columns()
    given: dict[int, str | RestyleError] = {}
    for number, entry in enumerate(listed, 1):
        if (name := entry.cells.get("output")) is not None:
            given[number] = _given_name(name, output, names)
    for number, entry in enumerate(listed, 1):
        try:
            name = given.get(number)
            if isinstance(name, RestyleError):
                raise name
            medium = medium_of(entry.content)
            styles = _texts(entry, "style") or defaults.styles
            regions = _texts(entry, "region") or defaults.regions
            look = entry.cells.get("look", defaults.options.get("look"))
            model = str(entry.cells.get("model", defaults.model))
            renamed = False
            if name is None:
                label = style_label((*styles, *regions), str(look or model))
                place = output / _usual_name(entry, medium, label)
                name = names.near(place, entry.content).relative_to(output).as_posix()
                renamed = output / name != place
            else:
                _check_suffix(name, medium)
            if not entry.content:
                raise InputError("the content is missing")
            options = _options(entry, defaults, medium, known)
            if not styles and not regions and look is None and medium != "picture":
                raise OptionError(f"the {medium} has no style; add a column 'style', or --style")
            yield Row(
                number, entry.where, entry.content, medium, styles, regions, options, model, name, renamed
            )
        except RestyleError as error:
            yield Failure(number, entry.content or entry.where, f"{entry.where}: {error}")


def _given_name(name: object, output: Path, names: FreeNames) -> str | RestyleError:
    """A name from a list, or what is wrong with it."""
    try:
        if not isinstance(name, str) or len(name) > MOST_CELL:
            raise OutputError(f"output {str(name)[:80]!r} is not a name")
        check_name(name)
        if not names.take(output / name):
            raise OutputError(f"output '{name}' is that of another row, too; give another name")
    except RestyleError as error:
        return error
    return name


def _check_suffix(name: str, medium: Medium) -> None:
    """Refuse a result of another medium, before anything is painted."""
    if medium == "picture":
        formats.output_format(name)
    known = {"picture": None, "video": VIDEO_SUFFIXES, "sound": SOUND_SUFFIXES}[medium]
    if known is not None and Path(name).suffix.lower() not in known:
        raise OutputError(f"output '{name}' is not the name of a {medium}; use one of {', '.join(known)}")


def _usual_name(entry: Entry, medium: Medium, label: str) -> str:
    suffixes, usual = {
        "picture": ([each for kind in formats.FORMATS if kind.writable for each in kind.suffixes], ".png"),
        "video": (list(VIDEO_SUFFIXES), ".mp4"),
        "sound": ([each for each in SOUND_SUFFIXES if each != ".mp4"], ".wav"),
    }[medium]
    if entry.tree:
        place = Path(entry.tree)
        return str(place if place.suffix.lower() in suffixes else place.with_suffix(usual))
    own = Path(entry.content).suffix
    return result_name(entry.content, label, own if own.lower() in suffixes else usual)


def style_label(styles: Sequence[str], other: str = "style") -> str:
    """Name styles for a file name: `art/My Wave.jpg` and `scream:0.4` give `my-wave+scream`.

    `other` names the result without styles: a look, or a network with one style of its own.
    """
    labels: list[str] = []
    for text in styles or (other,):
        name = text.rpartition("=")[2] if "=" in text else text  # MASK=STYLE
        name = split_weight(name)[0] if name else name
        labels.append(slug(Path(name).stem if os.path.splitext(name)[1] else Path(name).name) or "style")
    return "+".join(dict.fromkeys(labels))[:80] or "style"


def _texts(entry: Entry, column: str) -> tuple[str, ...]:
    """Styles or regions of a row; files among them are relative to the folder of the list."""
    value = entry.cells.get(column)
    if value is None:
        return ()
    parts = value.split(SEVERAL) if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise OptionError(f"{column} {str(value)[:80]!r} is neither a text nor a list of texts")
    texts = [part.strip() for part in parts if part.strip()]
    if any(len(text) > MOST_CELL for text in texts):
        raise OptionError(f"{column} '{texts[0][:40]}...' is longer than {MOST_CELL} characters")
    return tuple(_placed(text, entry.folder, column) for text in texts)


def _placed(text: str, folder: str, column: str) -> str:
    """Put the folder of the list before the names of files in a style or region."""
    if not folder:
        return text
    if column == "region" and "=" in text:
        mask, _, style = text.rpartition("=")
        return f"{_placed(mask, folder, 'style')}={_placed(style, folder, 'style')}"
    name = split_weight(os.path.join(folder, text))[0]
    return os.path.join(folder, text) if os.path.lexists(name) else text


def _options(
    entry: Entry, defaults: Defaults, medium: Medium, known: Mapping[str, tuple[Any, Any]]
) -> tuple[tuple[str, Any], ...]:
    """Options of a row: its own and those of the command that its medium has, checked by the option sets."""
    hints = _fields_of(medium)
    values = {name: value for name, value in defaults.options.items() if applies(medium, name, value)}
    for column, value in entry.cells.items():
        if known[column][0] is None:
            continue
        if column not in hints:
            raise OptionError(f"{column.replace('_', '-')} is not an option of a {medium}; leave it empty")
        if column == "look" and isinstance(value, str):
            value = _placed(value, entry.folder, column)
        values[column] = _value(value, *hints[column])
    options = tuple(sorted(values.items()))
    _check(medium, options, tuple(type(value) for _, value in options))
    return options


def applies(medium: Medium, name: str, value: Any) -> bool:
    """Tell whether a medium has an option and, if it is a choice, this value of it."""
    found = _fields_of(medium).get(name)
    if found is None:
        return False
    choices = choices_of(found[1], found[0].metadata)
    return not choices or value is None or value in choices


@lru_cache(maxsize=4096)
def _check(medium: Medium, options: tuple[tuple[str, Any], ...], kinds: tuple[type, ...]) -> None:
    """Let the option sets check values; the types are there because 1 equals True in the cache."""
    for kind in OPTION_SETS[medium]:
        own = hints_of(kind)
        kind(**{name: value for name, value in options if name in own})


@cache
def _fields_of(medium: Medium) -> dict[str, tuple[Any, Any]]:
    """Options of a medium: name -> (field, type)."""
    kinds = OPTION_SETS[medium]
    return {each.name: (each, hints_of(kind)[each.name]) for kind in kinds for each in fields(kind)}  # type: ignore[arg-type]


def _value(value: object, option: Any, hint: Any) -> Any:
    """A cell as the value of its option."""
    if isinstance(value, str):
        if "bare" in option.metadata and value.lower() == "true":
            return option.metadata["bare"]
        return from_text(value, option, hint)
    if isinstance(value, (int, float)):  # the option set refuses what is wrong
        return value
    raise OptionError(f"{option.name.replace('_', '-')} {str(value)[:80]!r} is not a value")
