"""`restyle audio`."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from restyle.cli.app import flag, with_flags
from restyle.cli.terminal import Bar, SeveralFiles, print_path
from restyle.errors import OptionError, require
from restyle.files import check_output, make_folder, writing
from restyle.options import AudioOptions

if TYPE_CHECKING:
    from restyle.types import FloatArray

PREVIEW_EVERY = 2.0  # seconds between updates of --preview
PREVIEW_PEAK = 0.98

CONTENT = typer.Argument(help="Sound files, or videos whose sound is used.", metavar="CONTENT...")
STYLE = flag(
    ...,
    "--style -s",
    "STYLE[:WEIGHT]",
    "A sound preset of `restyle styles`, or a sound file. Several are mixed by weight.",
)


@with_flags
def audio(
    *,
    content: list[str] = CONTENT,
    style: list[str] = STYLE,
    options: AudioOptions,
    output: str | None = flag(
        None, "--output -o", "FILE|FOLDER/", "Output path. Default: CONTENT-STYLE in the current folder."
    ),
    overwrite: bool = typer.Option(
        False, "--overwrite", help="Replace existing results. An input is never replaced."
    ),
    plot: str | None = typer.Option(
        None, metavar="PNG", help="Also write spectrograms of content, style and result (extra plots)."
    ),
    preview: str | None = typer.Option(
        None,
        metavar="FILE",
        help="Update this sound file every two seconds with the current result of the texture method.",
    ),
) -> None:
    """Give sounds the style of others; sample rate, channels, length and loudness are kept.

    restyle audio speech.wav --style rain -o out.wav

    restyle audio song.flac --style choir --style bells:0.3 --keep-pitch 1 --remix 0.2

    restyle audio talk.mp3 --style brass.ogg --method texture --plot talk.png --preview now.wav
    """
    from restyle.sounds import api
    from restyle.sounds.features import plot_spectrograms
    from restyle.sounds.sources import default_output, parse_styles, style_paths

    _check_paths(content, output, plot, preview, overwrite)
    styles = parse_styles(style)
    with SeveralFiles(len(content), "sounds") as files, Bar(len(content)) as bar, ExitStack() as stack:
        writer: SoundPreview | None = None
        if preview is not None:
            inputs = [*content, *map(str, style_paths(styles))]
            writer = stack.enter_context(SoundPreview(preview, overwrite=overwrite, inputs=inputs))
        for index, name in enumerate(content):
            bar.at(index, Path(name).name)
            with files.each(name):
                target = Path(output or "")
                if output is None or _is_folder(output):
                    target = target / default_output(name, styles).name
                files.claim(target, name)
                if output is not None and _is_folder(output):
                    make_folder(target.parent)
                result = api.audio(
                    name,
                    styles,
                    output=target,
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
    if len(content) > 1 and output is not None and not _is_folder(output):
        raise OptionError(f"cannot write {len(content)} sounds to '{output}'; give a folder/")
    for name, value in (("--plot", plot), ("--preview", preview)):
        if len(content) > 1 and value is not None:
            raise OptionError(f"{name} '{value}' works with one sound; give one CONTENT")
    if plot is not None:
        require("--plot", "plots", "matplotlib")
        if Path(plot).suffix.lower() != ".png":
            raise OptionError(f"plot '{plot}' is not a .png")
        check_output(plot, overwrite=overwrite, inputs=content)
    if preview is not None and preview in (plot, output):
        raise OptionError(f"'{preview}' cannot be both the preview and a result; choose another name")


def _is_folder(output: str) -> bool:
    return output.endswith(("/", os.sep)) or os.path.isdir(output)


class SoundPreview:
    """A sound file that shows the current result: updated every `PREVIEW_EVERY` seconds and at the end.

    `overwrite` tells whether a file that exists before the run may be replaced; `inputs` never are.
    """

    def __init__(self, path: str, *, overwrite: bool, inputs: list[str]) -> None:
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
