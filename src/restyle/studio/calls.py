"""Turn the fields of a request into a task for a worker: names of styles, weights, regions, options.

A client's text is never a path: a style is the name of a preset, of a style that a client has made, or a file
in the request.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

from restyle.errors import OptionError, StyleError
from restyle.images.looks import LOOKS
from restyle.methods import table
from restyle.methods.regions import ALPHA, KEEP
from restyle.methods.selection import parse_rectangle
from restyle.models import catalog
from restyle.models.style_files import near_names, preset_files, slug, split_weight
from restyle.sounds.sources import PRESETS as SOUNDS
from restyle.studio import ApiError
from restyle.studio.jobs import Folder, OwnStyle
from restyle.studio.media import AUDIO, IMAGES, VIDEOS, Medium, parse
from restyle.studio.uploads import Part, files, texts
from restyle.videos.styles import split_time

Files = Mapping[str, tuple[str, ...]]

OWN = "own-"
QUICK = 10.0  # seconds for a megapixel, of methods that need no job
_NAME = re.compile(r"[\w .:'+-]{1,120}")  # no separator of a path

IMAGE_FILES: Files = {"content": ("image",), "style_image": ("image",), "mask": ("image",)}
VIDEO_FILES: Files = {
    "content": ("video", "image"),
    "style_image": ("image",),
    "style_sound": ("audio", "video"),
    "mask": ("image", "video"),
}
AUDIO_FILES: Files = {"content": ("audio", "video"), "style_sound": ("audio", "video")}
STYLE_FILES: Files = {"image": ("image",)}
WALL_FILES: Files = {"content": ("image",), "style_image": ("image",)}
MASK_FILES: Files = {"content": ("image",)}
# The fields of a route that are not options.
STYLE_FIELDS = ("content", "style", "style_image", "style_image_weight")
IMAGE_FIELDS = (*STYLE_FIELDS, "mask", "region")
SOUND_FIELDS = ("style_sound", "style_sound_weight")
VIDEO_FIELDS = (*IMAGE_FIELDS, *SOUND_FIELDS, "audio_style")
AUDIO_FIELDS = ("content", "style", *SOUND_FIELDS)
WALL_OPTIONS = ("crop", "brightness", "contrast")


def _wrong(message: str, where: str | None, code: str = "bad_option") -> ApiError:
    return ApiError(422, code, message, where)


def _no_style(message: str, where: str) -> ApiError:
    return ApiError(422, "no_such_style", message, where)


class StyleNames:
    """The styles that a request can name: presets of the model, and those that clients have made."""

    def __init__(self, record: catalog.Record, own: Mapping[str, OwnStyle]) -> None:
        self.presets = [*preset_files(record), *record.own_styles]
        self.own = own

    def source(self, name: str, folder: Folder, where: str) -> dict[str, Any]:
        """Return the source of a style for a worker; ApiError 422 if there is no such style."""
        name = name.strip()
        if name.startswith(OWN):
            if name not in self.own:
                raise _no_style(f"there is no style '{name:.40}' any more; send its picture again", where)
            return {"name": name, "path": str(self.own[name].link_into(folder)), "title": "own", "keep": True}
        if slug(name) in self.presets:
            return {"name": slug(name)}
        hint = near_names(name, self.presets, "GET /v1/styles lists them")
        raise _no_style(f"there is no style '{name:.40}'{hint}", where)


@dataclass
class Call:
    """A checked request."""

    content: Part
    options: dict[str, Any]  # keywords
    names: dict[str, str]  # of the fields of files, for messages
    styles: list[list[Any]] = field(default_factory=list)  # [source, weight or None, second or None]
    audio_styles: list[list[Any]] = field(default_factory=list)  # as `styles`
    regions: list[list[Any]] = field(default_factory=list)  # [path, "alpha" or "box:...", source or None]

    @property
    def only_look(self) -> bool:
        """Whether only a look is wanted."""
        return self.options.get("look") is not None and not self.styles and not self.regions

    @property
    def slow(self) -> bool:
        """Whether the method takes much longer than a second, as the default method may."""
        method = self.options.get("method")
        if method is None and self.only_look:
            return False
        return method is None or (table.find(method).pace or math.inf) > QUICK

    @property
    def label(self) -> str:
        """Name of the style for the name of a result."""
        sources = [source for source, *_ in (*self.styles, *self.audio_styles)]
        sources += [source for _, source in self.regions if source is not None]
        names = [*(each.get("title", each["name"]) for each in sources), self.options.get("look")]
        return slug("-".join(filter(None, dict.fromkeys(names)))) or "style"

    def task(self, kind: str, folder: Folder, output: Path) -> dict[str, Any]:
        """Return the task for a worker."""
        paths = {"folder": folder.path, "content": self.content.path, "output": output}
        return {**vars(self), "kind": kind, **{name: str(path) for name, path in paths.items()}}


def read_images(parts: list[Part], folder: Folder, names: StyleNames) -> Call:
    """Read a request for a picture."""
    call = _begin(parts, IMAGES, IMAGE_FIELDS)
    call.styles = _styles(parts, folder, names, timed=False)
    call.regions = _regions(parts, folder, names)
    if not call.styles and not call.only_look and not any(source for _, source in call.regions):
        why = "no style is given; add style=NAME, look=NAME, or a picture as style_image"
        raise _wrong(why, "style", "no_style")
    return call


def read_wall(parts: list[Part], folder: Folder, names: StyleNames) -> Call:
    """Read a request for a wall: without styles and looks it has all presets."""
    looks = texts(parts, "look")
    call = _begin([part for part in parts if part.name != "look"], IMAGES, STYLE_FIELDS)
    call.styles = _styles(parts, folder, names, timed=False)
    for look in looks:
        if look not in LOOKS:
            raise _no_style(f"look '{look:.40}' is none of {', '.join(LOOKS)}", "look")
        call.styles.append([{"name": look, "look": look}, None, None])
    call.styles = call.styles or [[{"name": name}, None, None] for name in names.presets]
    side = call.options.pop("size", None) or 256
    if not str(side).isascii() or not str(side).isdigit() or not 32 <= int(side) <= 512:
        raise _wrong(f"size '{side}' of the thumbnails is outside 32..512", "size")
    for name in call.options:
        if name not in WALL_OPTIONS:
            raise _wrong(f"{name} is not for the wall; leave it out", name)
    call.options["size"] = int(side)
    return call


def read_videos(parts: list[Part], folder: Folder, names: StyleNames) -> Call:
    """Read a request for a video."""
    call = _begin(parts, VIDEOS, VIDEO_FIELDS)
    call.styles = _styles(parts, folder, names, timed=True)
    call.audio_styles = _sounds(parts, "audio_style")
    call.regions = _regions(parts, folder, names)
    painted = call.styles or call.only_look or any(source for _, source in call.regions)
    if not painted and not call.audio_styles:
        why = "no style is given; add style=NAME, look=NAME, or audio_style=NAME"
        raise _wrong(why, "style", "no_style")
    if len({second is None for _, _, second in call.styles}) > 1:
        raise _wrong("some styles have a time and others have none", "style")
    return call


def read_audio(parts: list[Part]) -> Call:
    """Read a request for a sound."""
    call = _begin(parts, AUDIO, AUDIO_FIELDS)
    call.styles = _sounds(parts, "style")
    if not call.styles:
        why = "no style is given; add style=NAME, or a sound as style_sound"
        raise _wrong(why, "style", "no_style")
    return call


def box_of(text: str, where: str) -> str:
    """Return a text that is a rectangle; ApiError 422 if it is not."""
    try:
        parse_rectangle(text)
    except OptionError as error:
        wanted = f"send a file, '{ALPHA}' or a box" if where == "mask" else "send one"
        raise _wrong(f"{where} {error}; {wanted}", where) from None
    return text


def only_file(parts: list[Part], name: str) -> Part:
    """Return the one file of a field; ApiError 422 if there is none or several."""
    found = [part for part in parts if part.name == name]
    if len(found) != 1 or found[0].path is None:
        problem = ("is missing", "has to be a file, not a text", "is given several times")[min(len(found), 2)]
        raise _wrong(f"{name} {problem}; send one file in the field '{name}'", name, "no_file")
    return found[0]


def _begin(parts: list[Part], medium: Medium, taken: tuple[str, ...]) -> Call:
    """Check the content and the options: all fields that are not `taken` by the route."""
    content = only_file(parts, "content")
    given = [(part.name, part.text) for part in parts if part.path is None and part.name not in taken]
    try:
        options = parse(medium, given)
    except OptionError as error:
        first = str(error).split()[0].replace("-", "_").strip("':;")
        field_name = next((name for name, _ in given if name == first or f"'{name}'" in str(error)), None)
        raise _wrong(str(error), field_name) from None
    total, counts = Counter(part.name for part in parts), Counter[str]()
    names = {}
    for part in parts:
        if part.path is not None:
            counts[part.name] += 1
            several = total[part.name] > 1
            names[str(part.path)] = f"{part.name} {counts[part.name]}" if several else part.name
    return Call(content, options, names)


def _weighted(text: str, where: str, timed: bool) -> tuple[str, float | None, float | None]:
    """Split `[SECONDS:]NAME[:WEIGHT]`."""
    if not _NAME.fullmatch(text):
        raise _no_style(f"'{text:.40}' is not the name of a style; GET /v1/styles lists them", where)
    try:
        second, rest = split_time(text) if timed else (None, text)
        name, weight = split_weight(rest)
    except StyleError as error:
        raise _wrong(str(error), where) from None
    return name, weight, second


def _styles(parts: list[Part], folder: Folder, names: StyleNames, *, timed: bool) -> list[list[Any]]:
    styles = []
    for text in texts(parts, "style"):
        name, weight, second = _weighted(text, "style", timed)
        styles.append([names.source(name, folder, "style"), weight, second])
    return styles + _uploaded(parts, "style_image")


def _sounds(parts: list[Part], where: str) -> list[list[Any]]:
    styles = []
    for text in texts(parts, where):
        name, weight, _ = _weighted(text, where, timed=False)
        if name not in SOUNDS:
            hint = near_names(name, list(SOUNDS), f"the sounds are {', '.join(SOUNDS)}")
            raise _no_style(f"there is no sound '{name:.40}'{hint}", where)
        styles.append([{"name": name}, weight, None])
    return styles + _uploaded(parts, "style_sound")


def _uploaded(parts: list[Part], where: str) -> list[list[Any]]:
    """Return the styles that are files of the request, with their weights."""
    paths, weights = files(parts, where), texts(parts, f"{where}_weight")
    if texts(parts, where):
        raise _wrong(f"{where} has to be a file, not a text", where, "no_file")
    if len(weights) > len(paths):
        raise _wrong(f"there are more weights than {where} files", f"{where}_weight")
    styles = []
    for number, (path, text) in enumerate(zip_longest(paths, weights), 1):
        try:
            weight = None if text is None else float(text)
        except ValueError:
            raise _wrong(f"weight '{text:.40}' is not a number", f"{where}_weight") from None
        styles.append([{"name": f"{where} {number}", "path": str(path), "title": "own"}, weight, None])
    return styles


def _regions(parts: list[Part], folder: Folder, names: StyleNames) -> list[list[Any]]:
    """Pair the masks with the regions, in their order."""
    masks = [part for part in parts if part.name == "mask"]
    styles = texts(parts, "region")
    if len(masks) != len(styles):
        raise _wrong(
            f"{len(masks)} masks and {len(styles)} regions are given; each mask needs a region: the name of a"
            f" style, or '{KEEP}'",
            "region",
        )
    regions: list[list[Any]] = []
    for mask, text in zip(masks, styles, strict=True):
        if mask.path is None and mask.text != ALPHA:
            box_of(mask.text, "mask")
        source = None
        if text != KEEP:
            name, weight, _ = _weighted(text, "region", timed=False)
            if weight is not None:
                raise _wrong(f"region '{text:.40}': a region has no weight", "region")
            source = names.source(name, folder, "region")
        regions.append([mask.text if mask.path is None else str(mask.path), source])
    return regions
