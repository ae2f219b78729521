"""`restyle audio`."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from restyle.cli.app import with_flags
from restyle.options import AudioOptions

if TYPE_CHECKING:
    from restyle.types import FloatArray

PREVIEW_EVERY = 2.0  # seconds between updates of --preview
PREVIEW_PEAK = 0.98

Contents = Annotated[
    list[str], typer.Argument(help="Sound files, or videos whose sound is used.", metavar="CONTENT...")
]
Styles = Annotated[
    list[str],
    typer.Option(
        "--style",
        "-s",
        metavar="STYLE[:WEIGHT]",
        help="A sound preset of `restyle styles`, or a sound file. Several are mixed by weight.",
    ),
]
Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE|FOLDER/",
        help="Output path. Default: CONTENT-STYLE in the current folder.",
    ),
]
Plot = Annotated[
    str | None,
    typer.Option(
        metavar="PNG",
        help="Also write spectrograms of content, style and result (extra plots).",
    ),
]
Preview = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Update this sound file every two seconds with the current result of the texture method.",
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace existing results. An input is never replaced.")
]


@with_flags
def audio(
    content: Contents,
    style: Styles,
    options: AudioOptions,
    output: Output = None,
    overwrite: Overwrite = False,
    plot: Plot = None,
    preview: Preview = None,
) -> None:
    """Give sounds the style of others; sample rate, channels, length and loudness are kept.

    restyle audio speech.wav --style rain -o out.wav

    restyle audio song.flac --style choir --style bells:0.3 --keep-pitch 1 --remix 0.2

    restyle audio talk.mp3 --style brass.ogg --method texture --plot talk.png --preview now.wav
    """
    from restyle.cli.terminal import Bar, SeveralFiles, print_path
    from restyle.sounds import api
    from restyle.sounds.features import plot_spectrograms
    from restyle.sounds.sources import parse_styles, style_paths

    _check_paths(content, output, plot, preview, overwrite)
    styles = parse_styles(style)
    targets: dict[Path, str] = {}
    with SeveralFiles(len(content), "sounds") as files, Bar(len(content)) as bar, ExitStack() as stack:
        writer: SoundPreview | None = None
        if preview is not None:
            inputs = [*content, *map(str, style_paths(styles))]
            writer = stack.enter_context(SoundPreview(preview, overwrite=overwrite, inputs=inputs))
        for index, name in enumerate(content):
            bar.at(index, Path(name).name)
            with files.each(name):
                result = api.audio(
                    name,
                    styles,
                    output=_target(name, styles, output, targets),
                    overwrite=overwrite,
                    report=lambda fraction, index=index: bar.at(index + fraction),  # type: ignore[misc]
                    preview=writer,
                    **vars(options),
                )
                if plot is not None:
                    plot_spectrograms(name, styles, result, plot, overwrite=overwrite)
                print_path(result)


def _check_paths(
    content: Sequence[str], output: str | None, plot: str | None, preview: str | None, overwrite: bool
) -> None:
    """Refuse paths that cannot be used before any work is done."""
    from restyle.errors import OptionError, require
    from restyle.files import check_output

    if len(content) > 1 and output is not None and not _is_folder(output):
        raise OptionError(f"cannot write {len(content)} sounds to '{output}'; give a folder/")
    for flag, value in (("--plot", plot), ("--preview", preview)):
        if len(content) > 1 and value is not None:
            raise OptionError(f"{flag} '{value}' works with one sound; give one CONTENT")
    if plot is not None:
        require("--plot", "plots", "matplotlib")
        if Path(plot).suffix.lower() != ".png":
            raise OptionError(f"plot '{plot}' is not a .png")
        check_output(plot, overwrite=overwrite, inputs=content)
    if preview is not None and preview in (plot, output):
        raise OptionError(f"'{preview}' cannot be both the preview and a result; choose another name")


def _target(name: str, styles: Any, output: str | None, targets: dict[Path, str]) -> Path:
    """Path of the result of one sound, which no other result of this run may have."""
    from restyle.errors import OutputError
    from restyle.files import make_folder
    from restyle.sounds.sources import default_output

    if output is None or _is_folder(output):
        target = Path(output or "") / default_output(name, styles).name
    else:
        target = Path(output)
    if target in targets:
        raise OutputError(f"{name}: would be written to {target}, as is {targets[target]}")
    targets[target] = name
    if output is not None and _is_folder(output):
        make_folder(target.parent)
    return target


def _is_folder(output: str) -> bool:
    return output.endswith(("/", os.sep)) or os.path.isdir(output)


class SoundPreview:
    """A sound file that shows the current result: updated every `PREVIEW_EVERY` seconds and at the end.

    Parameters
    ----------
    path : path
    overwrite : bool
        Whether a file that exists before the run may be replaced.
    inputs : list of path
        Files that are never replaced.
    """

    def __init__(self, path: str, *, overwrite: bool, inputs: list[str]) -> None:
        from restyle.files import check_output
        from restyle.sounds.files import check_suffix

        check_suffix(path)
        check_output(path, overwrite=overwrite, inputs=inputs)
        self.path, self._overwrite, self._inputs = path, overwrite, inputs
        self._written = float("-inf")
        self._waiting: tuple[FloatArray, int] | None = None

    def __enter__(self) -> SoundPreview:
        return self

    def __exit__(self, *_: Any) -> None:
        if self._waiting is not None:
            self._write()

    def __call__(self, y: FloatArray, sr: int) -> None:
        """Take a waveform [shape=(n,), float32]; write it if the last update is long ago."""
        self._waiting = (y.copy(), sr)
        if time.monotonic() - self._written >= PREVIEW_EVERY:
            self._write()

    def _write(self) -> None:
        from restyle.files import writing
        from restyle.sounds.files import SoundWriter

        assert self._waiting is not None
        y, sr = self._waiting
        peak = float(abs(y).max()) if len(y) else 0.0
        with (
            writing(self.path, self._overwrite, self._inputs) as temporary,
            SoundWriter(os.fspath(temporary), sr, 1) as writer,
        ):
            writer.write((y * min(1.0, PREVIEW_PEAK / max(peak, PREVIEW_PEAK)))[:, None])
        # The file now belongs to this run, so it may be replaced.
        self._written, self._waiting, self._overwrite = time.monotonic(), None, True
