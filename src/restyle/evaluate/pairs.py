"""Match results to content and style by file name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from restyle.errors import InputError
from restyle.files import parse_json
from restyle.images import formats
from restyle.models.style_files import slug


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
    """Collect files by their name without suffix.

    Parameters
    ----------
    sources : sequence of str
        Files, and folders of pictures and videos.
    what : str
        For messages: "contents".

    Raises
    ------
    InputError
        A file does not exist, a folder is empty, or two files have the same name.
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
            hint = "; styles are artworks here, and presets ship without theirs" if what == "styles" else ""
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

    Raises
    ------
    InputError
        It is not such a list, or a content or style is not among the files.
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
    """Find the content and style of each result by its name.

    Names are `CONTENT__STYLE`, `CONTENT-STYLE` (as written by `restyle image`), or with a single style
    `CONTENT`; case does not matter.

    Returns
    -------
    results by pair, and one line for each unmatched result

    Raises
    ------
    InputError
        None matches.
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
