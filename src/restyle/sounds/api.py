"""Stylize a sound from file to file in bounded memory: `audio` runs all stages.

    content -> analyze (loudness, band levels) -> render (window by window) -> match loudness -> save

Content may last hours. It is read twice in blocks, and the rendered sound waits in a temporary file until its
loudness is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, Unpack

import numpy as np

from restyle.errors import InputError, OptionError, OutputError
from restyle.files import check_is_path, check_output, writing
from restyle.options import AudioKeywords, AudioOptions, explain, from_keywords
from restyle.sounds.effects import in_windows, regroup, with_margins, without_rumble
from restyle.sounds.files import COVER_SUFFIXES, SoundWriter, Tags, check_format, lost_text, read_tags
from restyle.sounds.loudness import (
    SILENT,
    ContentLevel,
    LoudestExcerpt,
    LoudnessMatch,
    LoudnessMeter,
    TemporarySound,
)
from restyle.sounds.mosaic import Mosaic
from restyle.sounds.sources import (
    Content,
    default_output,
    from_samples,
    load_styles,
    log,
    parse_styles,
    style_paths,
)
from restyle.sounds.stft import Float
from restyle.types import PathLike, Report, SoundLike, SoundStylesLike

if TYPE_CHECKING:
    from restyle.sounds.texture import TextureTransfer  # with torch

Preview = Callable[[Float, int], None]
Method: TypeAlias = "Mosaic | TextureTransfer"

OVERLAP = 1.0  # seconds that neighboring windows share
TRIAL_SECONDS = 8.0  # of the content, the loudest, on which a method chooses settings
TRIAL_SAMPLES = 1 << 22  # most samples of all channels in a trial
MOST_FRAMES = 20_000  # of band levels, evenly spread over the content
MOST_NAMED = 6  # tags in a message


@explain(AudioOptions)
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

    Sample rate, channels, length, bit depth and loudness are the content's. A path gives a file, an array
    gives an array.

    Parameters
    ----------
    content : str, Path, or np.ndarray [shape=(n,) or (n, channels), float -1..1 or int16]
        Sound file, or video whose sound is used.
    style : str, Path, np.ndarray (at `sr`), or a list
        Preset (`restyle.sounds.sources.PRESETS`) or sound file. A list is mixed; its items may be
        `"rain:0.4"` or pairs (style, weight).
    sr : int
        Sample rate, where content is an array.
    output : path or None
        File to write; the suffix chooses the format. Default: CONTENT-STYLE.SUFFIX in the current folder.
    overwrite : bool
        Whether an existing file may be replaced. An input never is.
    report : function of one float
        Called with the fraction that is done, 0..1.
    preview : function of (np.ndarray [shape=(n,), float32], int), optional
        Called after every step of the texture method with the best result so far of the current window, in
        mono, and the sample rate.
    {options}

    Returns
    -------
    Path, or np.ndarray [shape and dtype of content]

    Raises
    ------
    RestyleError
        One of its subclasses; the message is one line.

    Examples
    --------
    >>> import numpy as np
    >>> from restyle.sounds.api import audio
    >>> tone = 0.1 * np.sin(2 * np.pi * 440 * np.arange(22050) / 22050, dtype=np.float32)
    >>> audio(tone, "choir", sr=22050).shape
    (22050,)
    """
    chosen = from_keywords(options, AudioOptions)[0]
    source = Content(content, sr)
    styles = parse_styles(style)
    target: Path | None = None
    inputs = [*([] if source.path is None else [source.path]), *style_paths(styles)]
    if output is not None:
        check_is_path(output, "output", OutputError)
        target = Path(output)
    elif source.path is not None:
        target = default_output(source.path, styles)
    if target is not None:
        check_format(target, source.sr, source.channels)
        check_output(target, overwrite=overwrite, inputs=inputs)
    blocks = stylized(source, load_styles(styles, source.sr), chosen, report, preview)
    if target is None:
        return from_samples(np.concatenate([*blocks, np.zeros((0, source.channels), np.float32)]), content)
    with writing(target, overwrite=overwrite, inputs=inputs) as temporary:
        save(blocks, temporary, source)
    report(1.0)
    return target


def stylized(
    source: Content,
    styles: Sequence[tuple[Float, float]],
    options: AudioOptions,
    report: Report = lambda part: None,
    preview: Preview | None = None,
) -> Iterator[Float]:
    """Analyze, render, match loudness: yield the result in blocks, as many samples as the content has.

    The styles are from `sources.load_styles`; `report` and `preview` are those of `audio`.
    """
    size = block_size(source)
    if options.strength == 0:
        yield from source.blocks(size)
        return
    progress = _Progress(report, size)
    method = make_method(styles, source.sr, options, progress.within_block, preview)
    size = round_to_hop(size, method)
    progress.total, heard, level = analyze(source, method, size)
    if heard.integrated() == SILENT:
        yield from source.blocks(size)
        return
    with TemporarySound(source.channels) as rendered:
        meter = LoudnessMeter(source.sr, source.channels)
        for block in render(source, method, size):
            meter.add(block)
            rendered.write(block)
            progress.add(len(block))
        yield from LoudnessMatch(rendered, source, heard, level, options.remix, size).blocks(meter)


def make_method(
    styles: Sequence[tuple[Float, float]],
    sr: int,
    options: AudioOptions,
    report: Report,
    preview: Preview | None = None,
) -> Method:
    """Create the method that the options choose."""
    names = ("strength", "keep_pitch", "keep_rhythm", "keep_loudness", "keep_speech")
    keep: dict[str, Any] = {name: getattr(options, name) for name in names}
    if options.method == "mosaic":
        if preview is not None:
            raise OptionError("method 'mosaic' has no preview; use method 'texture', or leave it out")
        return Mosaic(styles, sr, **keep)
    from restyle.sounds.texture import TextureTransfer

    watch = None if preview is None else lambda step, y: preview(y, sr)
    return TextureTransfer(
        styles, sr, steps=options.steps, seed=options.seed, report=report, preview=watch, **keep
    )


def analyze(source: Content, method: Method, size: int) -> tuple[int, LoudnessMeter, ContentLevel]:
    """Read the content once: return its length, loudness and level, and fit the method to it."""
    meter = LoudnessMeter(source.sr, source.channels)
    level = ContentLevel(max(1, method.hop // 2))
    samples = min(round(TRIAL_SECONDS * source.sr), TRIAL_SAMPLES // source.channels)
    loudest = LoudestExcerpt(samples, source.channels)
    levels: list[Float] = []
    total, stride = 0, 1
    original = level.watch(regroup(source.blocks(size), size))
    audible = regroup(without_rumble(original, source.sr), size)
    for window, part in with_margins(audible, method.reach):
        block = window[part]
        meter.add(block)
        level.add(window, part)
        loudest.add(block)
        total += len(block)
        levels.append(method.measure(window, part)[::stride])
        while sum(map(len, levels)) > 2 * MOST_FRAMES:
            stride *= 2
            levels = [np.concatenate(levels)[::2]]
    if not total:
        raise InputError(f"{source.path or 'content'}: has no samples")
    method.fit(np.concatenate(levels))
    method.choose_settings(loudest.excerpt())
    return total, meter, level


def render(source: Content, method: Method, size: int) -> Iterator[Float]:
    """Apply the method to overlapping windows of the content."""
    overlap = round_to_hop(min(round(OVERLAP * source.sr), size // 2), method)
    audible = regroup(without_rumble(source.blocks(size), source.sr), size)
    return in_windows(method.stylize, audible, overlap)


def save(blocks: Iterable[Float], path: PathLike, source: Content) -> None:
    """Write blocks with the content's rate, channels, tags and, where the format supports it, bit depth."""
    tags = Tags() if source.path is None else read_tags(source.path)
    if tags.cover and Path(path).suffix.lower() not in COVER_SUFFIXES:
        known = ", ".join(COVER_SUFFIXES)
        log.warning("%s: its cover picture is left out; %s can hold it", source.path, known)
    with SoundWriter(path, source.sr, source.channels, source.depth, tags) as writer:
        for block in blocks:
            writer.write(block)
    if lost := lost_text(path, tags):
        names = ", ".join(lost[:MOST_NAMED]) + (", ..." if len(lost) > MOST_NAMED else "")
        log.warning("%s: its tags %s are left out; .mp3 and .mka can hold them", source.path, names)


def block_size(source: Content) -> int:
    """Samples of a block: 20 s of stereo at 44.1 kHz, less for more channels or a higher rate."""
    return round(source.sr * float(np.clip(20 * 2 * 44100 / (source.sr * source.channels), 3, 20)))


def round_to_hop(samples: int, method: Method) -> int:
    """Round a length down so that windows have the frames of the whole; the map is sensitive to others."""
    return max(1, samples // method.hop) * method.hop


class _Progress:
    """Fraction done, from finished blocks and a method's progress within the current one."""

    def __init__(self, report: Report, size: int) -> None:
        self.total, self._report, self._size, self._done = 1, report, size, 0

    def add(self, samples: int) -> None:
        self._done += samples
        self.within_block(0.0)

    def within_block(self, part: float) -> None:
        samples = min(self._done + part * self._size, self.total)
        self._report(0.05 + 0.9 * samples / max(self.total, 1))
