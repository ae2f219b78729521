"""The stages of a sound from file to file, in bounded memory. `audio` does them all.

    content -> hear (loudness, envelopes) -> render (by window) -> level (loudness, peaks) -> save

Content may last hours: it is read twice in blocks, and what is rendered waits in a temporary file until its
loudness is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, Unpack

import numpy as np
from numpy.typing import NDArray

from restyle.errors import InputError, OptionError
from restyle.files import check_output, writing
from restyle.options import AudioKeywords, AudioOptions
from restyle.sounds.content import Content, Tape, like
from restyle.sounds.level import Leveller
from restyle.sounds.loudness import SILENT, LoudestExcerpt, LoudnessMeter
from restyle.sounds.mosaic import Mosaic
from restyle.sounds.read import read
from restyle.sounds.styles import default_output, load_styles, parse_styles, shown, style_file, style_paths
from restyle.sounds.windows import windowed, with_margins
from restyle.sounds.write import SoundWriter, check_format
from restyle.types import PathLike, Report, SoundLike, SoundStylesLike

Float = NDArray[np.float32]
Preview = Callable[[Float, int], None]

OVERLAP = 1.0  # seconds that neighbouring windows share
TRIED = 8.0  # seconds of the content on which a method settles, the loudest
TRIED_VALUES = 1 << 22  # samples of all channels that they may be
SAMPLED_FRAMES = 20_000  # of the content's envelopes, evenly spread
DRAWN = 30  # seconds of each sound in a picture


class Method(Protocol):
    """What renders: `sounds.mosaic.Mosaic` or `sounds.texture.TextureTransfer`.

    `hop`: a window that begins on a multiple of it has the frames of the whole. `reach`: samples, a multiple
    of `hop`, beyond which nothing changes a frame.
    """

    @property
    def hop(self) -> int: ...
    @property
    def reach(self) -> int: ...
    def analyse(self, y: Float, part: slice = ...) -> Float: ...
    def learn(self, levels: Float) -> None: ...
    def settle(self, y: Float) -> None: ...
    def __call__(self, y: Float) -> Float: ...


def audio(
    content: SoundLike,
    style: SoundStylesLike,
    *,
    sr: int | None = None,
    output: PathLike | None = None,
    overwrite: bool = False,
    report: Report = lambda part: None,
    preview: Preview | None = None,
    **options: Unpack[AudioKeywords],
) -> Any:
    """Give a sound the style of another.

    Gives back the kind that it was given: a path for a path, an array for an array. A path in means a file
    written: to `output`, or else to `CONTENT-STYLE.SUFFIX` in the current folder. Sample rate, channels,
    length, depth and loudness are the content's.

    Parameters
    ----------
    content : str, Path, or np.ndarray [shape=(n,) or (n, channels), float -1..1 or int16]
        Any sound file, or a video, whose sound is taken.
    style : str, Path, np.ndarray (at `sr`), or a list
        A preset's name (`restyle.sounds.presets.SOUNDS`) or a sound file. A list is mixed; its items may be
        texts `rain:0.4` or pairs (style, weight).
    sr : int
        Samples a second, when content is an array.
    output : path or None
        File to write; the suffix picks the format.
    overwrite : bool
        Whether an existing file may be replaced. An input never is.
    report : function of one float
        Called with the fraction done, 0..1.
    preview : function of (np.ndarray [shape=(n,), float32], int), optional
        Called after every step of the texture method with the best so far of the seconds in work, in one
        channel, and the sample rate.
    **options
        See `options.AudioOptions`.

    Returns
    -------
    Path, or np.ndarray [shape and dtype of content]

    Raises
    ------
    RestyleError
        One of its kinds, each with one line that says what is wrong and what to do.

    Examples
    --------
    >>> import numpy as np
    >>> from restyle.sounds.api import audio
    >>> tone = 0.1 * np.sin(2 * np.pi * 440 * np.arange(22050) / 22050, dtype=np.float32)
    >>> audio(tone, "choir", sr=22050).shape
    (22050,)
    """
    chosen = AudioOptions(**options)
    source = Content(content, sr)
    styles = parse_styles(style)
    target: Path | None = None
    inputs = [*([] if source.path is None else [source.path]), *style_paths(styles)]
    if output is not None:
        target = Path(output)
    elif source.path is not None:
        target = default_output(source.path, styles)
    if target is not None:
        check_format(target, source.sr, source.channels)
        check_output(target, overwrite=overwrite, inputs=inputs)
    blocks = restyled(source, load_styles(styles, source.sr), chosen, report, preview)
    if target is None:
        return like(np.concatenate([*blocks, np.zeros((0, source.channels), np.float32)]), content)
    with writing(target, overwrite=overwrite, inputs=inputs) as temporary:
        save(blocks, temporary, source)
    report(1.0)
    return target


def restyled(
    source: Content,
    styles: Sequence[tuple[Float, float]],
    options: AudioOptions,
    report: Report = lambda part: None,
    preview: Preview | None = None,
) -> Iterator[Float]:
    """Hear, render, level: blocks of the result, as many samples as the content has.

    Parameters
    ----------
    source : Content
    styles : sequence of (y, weight)
        Mono waveforms at the content's rate; see `sound_styles.load_styles`.
    options : AudioOptions
    report, preview
        As for `audio`.
    """
    size = block_size(source)
    if options.strength == 0:
        yield from source.blocks(size)
        return
    progress = _Progress(report, size)
    method = make_method(styles, source.sr, options, progress.within, preview)
    size = on_grid(size, method)
    progress.total, heard = hear(source, method, size)
    if heard.integrated() == SILENT:  # nothing can be heard, so there is nothing to restyle
        yield from source.blocks(size)
        return
    with Tape(source.channels) as tape:
        loudness = LoudnessMeter(source.sr, source.channels)
        for block in render(source, method, size):
            loudness.add(block)
            tape.write(block)
            progress.past(len(block))
        yield from Leveller(tape, source, heard, options.remix, size).blocks(loudness)


def make_method(
    styles: Sequence[tuple[Float, float]],
    sr: int,
    options: AudioOptions,
    report: Report,
    preview: Preview | None = None,
) -> Method:
    """The method that the options name, for these styles."""
    keep: dict[str, Any] = {
        "strength": options.strength,
        "keep_pitch": options.keep_pitch,
        "keep_rhythm": options.keep_rhythm,
        "keep_loudness": options.keep_loudness,
    }
    if options.method == "mosaic":
        if preview is not None:
            raise OptionError("a preview shows the texture method at work; choose that, or leave it out")
        return Mosaic(styles, sr, **keep)
    from restyle.sounds.texture import TextureTransfer

    watch = None if preview is None else lambda step, y: preview(y, sr)
    texture: Method = TextureTransfer(
        styles, sr, steps=options.steps, seed=options.seed, report=report, preview=watch, **keep
    )
    return texture


def hear(source: Content, method: Method, size: int) -> tuple[int, LoudnessMeter]:
    """Read the content once: its length, its loudness, and for the method envelopes and a loud stretch."""
    meter = LoudnessMeter(source.sr, source.channels)
    loudest = LoudestExcerpt(min(round(TRIED * source.sr), TRIED_VALUES // source.channels), source.channels)
    levels: list[Float] = []
    total = 0
    stride = 1
    for seen, part in with_margins(source.blocks(size), method.reach):
        block = seen[part]
        meter.add(block)
        loudest.add(block)
        total += len(block)
        levels.append(method.analyse(seen, part)[::stride])
        while sum(map(len, levels)) > 2 * SAMPLED_FRAMES:
            stride *= 2
            levels = [np.concatenate(levels)[::2]]
    if not total:
        raise InputError(f"{source.path or 'content'}: has no samples")
    method.learn(np.concatenate(levels))
    method.settle(loudest.excerpt())
    return total, meter


def render(source: Content, method: Method, size: int) -> Iterator[Float]:
    """Run the method over overlapping windows of the content."""
    overlap = on_grid(min(round(OVERLAP * source.sr), size // 2), method)
    return windowed(method, source.blocks(size), overlap)


def save(blocks: Iterable[Float], path: PathLike, source: Content) -> None:
    """Write blocks at the content's rate, channels and, where the format can, depth."""
    with SoundWriter(path, source.sr, source.channels, source.depth) as writer:
        for block in blocks:
            writer.write(block)


def draw(
    content: PathLike,
    styles: Sequence[tuple[Any, float]],
    result: PathLike,
    path: PathLike,
    *,
    overwrite: bool,
) -> Path:
    """Write spectrograms of content, styles and result side by side: the first 30 seconds of each.

    Parameters
    ----------
    content, result : path
    styles : sequence of (style, weight)
    path : path
        PNG to write.
    """
    from restyle.sounds.spectrograms import spectrogram_picture

    panels = [("content", *_start(content))]
    for name, weight in styles:
        panels.append(
            (shown(name) if weight == 1 else f"{shown(name)}, {weight:.0%}", *_start(style_file(name)))
        )
    panels.append(("result", *_start(result)))
    picture = spectrogram_picture(panels)
    with writing(path, overwrite=overwrite, inputs=[content, result]) as temporary:
        picture.save(temporary, format="PNG")
    return Path(path)


def block_size(source: Content) -> int:
    """Samples of a block: 20 s of stereo at 44.1 kHz, less when there are more channels or a higher rate."""
    return round(source.sr * float(np.clip(20 * 2 * 44100 / (source.sr * source.channels), 3, 20)))


def on_grid(samples: int, method: Method) -> int:
    """A length that keeps windows on the frames of the whole.

    Other frames have slightly other levels, and the map onto a style that moves more than they do is steep.
    """
    return max(1, samples // method.hop) * method.hop


class _Progress:
    """Fractions of the whole, from blocks that are done and from a method's own within the next."""

    def __init__(self, report: Report, size: int) -> None:
        self.total, self._report, self._size, self._done = 1, report, size, 0

    def past(self, samples: int) -> None:
        self._done += samples
        self.within(0.0)

    def within(self, part: float) -> None:
        samples = min(self._done + part * self._size, self.total)
        self._report(0.05 + 0.9 * samples / max(self.total, 1))


def _start(path: PathLike) -> tuple[Float, int]:
    y, sr = read(path, seconds=DRAWN)
    return y.mean(axis=1), sr
