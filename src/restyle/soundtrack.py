"""The stages of a sound from file to file, in bounded memory. `audio` does them all.

    content -> hear (loudness, envelopes) -> render (by block) -> level (loudness, peaks) -> save

Content may last hours: it is read twice in blocks, and what is rendered waits in a temporary file until its
loudness is known.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, Unpack

import numpy as np
from numpy.typing import NDArray

from restyle.errors import InputError, StyleError
from restyle.media.audio import SoundReader, read
from restyle.media.audio_files import SUFFIXES, SoundWriter, check_format
from restyle.media.outputs import check_output, writing
from restyle.methods.mosaic import Mosaic
from restyle.models.sounds import SOUNDS, sound_path
from restyle.options import AudioKeywords, AudioOptions
from restyle.statistics.loudness import SILENT, LoudnessMeter
from restyle.transforms.limiter import limited, margin
from restyle.transforms.spectrogram import resample

Float = NDArray[np.float32]
PathLike = str | os.PathLike[str]
Report = Callable[[float], None]

OVERLAP = 1.0  # seconds that neighbouring blocks share
STYLE_SAMPLES = 3_000_000  # of all styles together; longer ones are sampled in excerpts
EXCERPT = 5.0  # seconds
SAMPLED_FRAMES = 20_000  # of the content's envelopes, evenly spread
SCRATCH = 1 << 28  # bytes kept in memory before the rendered sound goes to a temporary file
CEILING = 0.891  # -1 dBFS, unless the content's own peaks are higher
HIGHEST = 0.989


class Method(Protocol):
    """What renders: `methods.mosaic.Mosaic` or `methods.texture.TextureTransfer`."""

    def analyse(self, y: Float) -> Float: ...
    def learn(self, levels: Float) -> None: ...
    def __call__(self, y: Float) -> Float: ...


class Content:
    """A sound that can be read from its start any number of times.

    Parameters
    ----------
    source : path, or np.ndarray [shape=(n,) or (n, channels), float -1..1 or int16]
    sr : int or None
        Sample rate of an array.
    """

    def __init__(self, source: Any, sr: int | None = None) -> None:
        self.path: PathLike | None = None
        self._samples: Float | None = None
        if isinstance(source, str | os.PathLike):
            self.path = source
            with SoundReader(source) as reader:
                self.sr, self.channels = reader.info.sr, reader.info.channels
                self.depth, self.frames = reader.info.depth, reader.info.frames
            return
        if sr is None:
            raise InputError("an array has no sample rate; give sr=44100 or what it is")
        self._samples = _samples(source)
        self.sr, self.depth = sr, "PCM_16"
        self.frames, self.channels = self._samples.shape

    def blocks(self, frames: int) -> Iterator[Float]:
        """Blocks [shape=(n, channels), float32]."""
        if self._samples is not None:
            for start in range(0, len(self._samples), frames):
                yield self._samples[start : start + frames]
            return
        assert self.path is not None
        with SoundReader(self.path) as reader:
            yield from reader.blocks(frames)


def audio(
    content: Any,
    style: Any,
    *,
    sr: int | None = None,
    output: PathLike | None = None,
    overwrite: bool = False,
    report: Report = lambda part: None,
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
        A preset's name (`restyle.models.sounds.SOUNDS`) or a sound file. A list is mixed; its items may be
        texts `rain:0.4` or pairs (style, weight).
    sr : int
        Samples a second, when content is an array.
    output : path or None
        File to write; the suffix picks the format.
    overwrite : bool
        Whether an existing file may be replaced. An input never is.
    report : function of one float
        Called with the fraction done, 0..1.
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
    >>> from restyle.soundtrack import audio
    >>> tone = 0.1 * np.sin(2 * np.pi * 440 * np.arange(22050) / 22050, dtype=np.float32)
    >>> audio(tone, "choir", sr=22050).shape
    (22050,)
    """
    chosen = AudioOptions(**options)
    source = Content(content, sr)
    styles = parse_styles(style)
    target: Path | None = None
    inputs = [path for path in [source.path, *(item for item, _ in styles)] if isinstance(path, str | Path)]
    inputs = [path for path in inputs if os.path.exists(path)]
    if output is not None:
        target = Path(output)
    elif source.path is not None:
        target = default_output(source.path, styles)
    if target is not None:
        check_format(target, source.sr, source.channels)
        check_output(target, overwrite=overwrite, inputs=inputs)
    blocks = restyled(source, load_styles(styles, source.sr), chosen, report)
    if target is None:
        return _like(np.concatenate([*blocks, np.zeros((0, source.channels), np.float32)]), content)
    with writing(target, overwrite=overwrite, inputs=inputs) as temporary:
        save(blocks, temporary, source)
    report(1.0)
    return target


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
    from restyle.evaluation.spectrograms import spectrogram_picture

    panels = [("content", *_start(content))]
    panels += [(_shown(name), *_start(_file(name))) for name, _ in styles]
    panels.append(("result", *_start(result)))
    picture = spectrogram_picture(panels)
    with writing(path, overwrite=overwrite, inputs=[content, result]) as temporary:
        picture.save(temporary, format="PNG")
    return Path(path)


def save(blocks: Iterable[Float], path: PathLike, source: Content) -> None:
    """Write blocks at the content's rate, channels and, where the format can, depth."""
    with SoundWriter(path, source.sr, source.channels, source.depth) as writer:
        for block in blocks:
            writer.write(block)


def restyled(
    source: Content, styles: Sequence[tuple[Float, float]], options: AudioOptions, report: Report
) -> Iterator[Float]:
    """Hear, render, level: blocks of the result, as many samples as the content has.

    Parameters
    ----------
    source : Content
    styles : sequence of (y, weight)
        Mono waveforms at the content's rate; see `load_styles`.
    options : AudioOptions
    report : function of one float
    """
    size = block_size(source)
    if options.strength == 0:
        yield from source.blocks(size)
        return
    progress = _Progress(report, size)
    method = make_method(styles, source.sr, options, progress.within)
    progress.total, meter = hear(source, method, size)
    wanted = meter.integrated()
    if wanted == SILENT:  # nothing can be heard, so there is nothing to restyle
        yield from source.blocks(size)
        return
    with tempfile.SpooledTemporaryFile(max_size=SCRATCH) as tape:
        rendered = LoudnessMeter(source.sr, source.channels)
        for block in render(source, method, size):
            rendered.add(block)
            tape.write(block.tobytes())
            progress.past(len(block))
        ceiling = min(max(meter.peak, CEILING), HIGHEST)

        def levelled(gain: float) -> Iterator[Float]:
            tape.seek(0)
            mixed = remixed(_played(tape, source.channels, size), source, gain, options.remix, size)
            return limited_blocks(mixed, source.sr, ceiling)

        yield from levelled(find_gain(levelled, wanted, rendered, source, ceiling, options.remix))


def make_method(
    styles: Sequence[tuple[Float, float]], sr: int, options: AudioOptions, report: Report
) -> Method:
    """The method that the options name, for these styles."""
    keep: dict[str, Any] = {
        "strength": options.strength,
        "keep_pitch": options.keep_pitch,
        "keep_rhythm": options.keep_rhythm,
        "keep_loudness": options.keep_loudness,
    }
    if options.method == "mosaic":
        return Mosaic(styles, sr, **keep)
    from restyle.methods.texture import TextureTransfer

    texture: Method = TextureTransfer(
        styles, sr, steps=options.steps, seed=options.seed, report=report, **keep
    )
    return texture


def hear(source: Content, method: Method, size: int) -> tuple[int, LoudnessMeter]:
    """Read the content once: its length, its loudness, and its envelopes for the method."""
    meter = LoudnessMeter(source.sr, source.channels)
    levels: list[Float] = []
    total = 0
    stride = 1
    for block in source.blocks(size):
        meter.add(block)
        total += len(block)
        levels.append(method.analyse(block)[::stride])
        while sum(map(len, levels)) > 2 * SAMPLED_FRAMES:
            stride *= 2
            levels = [np.concatenate(levels)[::2]]
    if not total:
        raise InputError(f"{source.path or 'content'}: has no samples")
    method.learn(np.concatenate(levels))
    return total, meter


def render(source: Content, method: Method, size: int) -> Iterator[Float]:
    """Run the method over overlapping windows and fade from each into the next."""
    overlap = min(round(OVERLAP * source.sr), size // 2)
    edge = overlap // 4
    held: Float | None = None  # the end of the last window, to be faded out
    context = np.zeros((0, source.channels), np.float32)
    for block, last in _with_last(source.blocks(size)):
        window = np.concatenate([context, block])
        result = method(window)
        if held is not None:
            result = np.concatenate([_faded(held, result[: len(held)], edge), result[len(held) :]])
        cut = 0 if last else min(overlap, len(window))
        held = result[len(result) - cut :]
        context = window[len(window) - cut :]
        yield result[: len(result) - cut]


def find_gain(
    levelled: Callable[[float], Iterator[Float]],
    wanted: float,
    rendered: LoudnessMeter,
    source: Content,
    ceiling: float,
    remix: float,
) -> float:
    """Factor that brings the result, limited and remixed, to the content's loudness."""
    loudness = rendered.integrated()
    if loudness == SILENT:
        return 1.0
    gain = float(10 ** ((wanted - loudness) / 20))
    if remix == 0 and rendered.peak * gain <= ceiling:
        return gain
    factor = 1.0 if remix else gain
    for _ in range(4):
        meter = LoudnessMeter(source.sr, source.channels)
        for block in levelled(gain if not remix else factor * gain):
            meter.add(block)
        error = wanted - meter.integrated()
        if not np.isfinite(error) or abs(error) < 0.1:
            break
        factor *= 10 ** (error / 20)
        if not remix:
            gain = factor
    return gain if not remix else factor * gain


def remixed(
    blocks: Iterator[Float], source: Content, gain: float, remix: float, size: int
) -> Iterator[Float]:
    """The result at `gain`, with a share of the original."""
    if not remix:
        for block in blocks:
            yield block * np.float32(gain)
        return
    for block, original in zip(blocks, source.blocks(size), strict=True):
        yield (1 - remix) * np.float32(gain) * block + np.float32(remix) * original


def limited_blocks(blocks: Iterator[Float], sr: int, ceiling: float) -> Iterator[Float]:
    """The limiter over a stream; each block is seen with a margin of its neighbours."""
    reach = margin(sr)
    before: Float | None = None
    held: Float | None = None
    for block, last in _with_last(blocks):
        window = block if held is None else np.concatenate([held, block])
        start = 0 if before is None else len(before)
        seen = window if before is None else np.concatenate([before, window])
        stop = len(seen) if last else max(start, len(seen) - reach)
        yield limited(seen, sr, ceiling)[start:stop]
        held = seen[stop:]
        before = seen[max(0, stop - reach) : stop]


# ------------------------------------------------------------------------------------------------ styles


def parse_styles(style: Any) -> list[tuple[Any, float]]:
    """A style or a list of them, with weights that add up to one.

    Examples
    --------
    >>> parse_styles(["rain:3", "choir"])
    [('rain', 0.75), ('choir', 0.25)]
    """
    items = list(style) if isinstance(style, list | tuple) and not _is_pair(style) else [style]
    pairs: list[tuple[Any, float]] = []
    for item in items:
        name, weight = item if _is_pair(item) else (item, 1.0)
        if isinstance(name, str) and not os.path.exists(name) and ":" in name:
            front, _, back = name.rpartition(":")
            with contextlib.suppress(ValueError):  # otherwise a colon of the name itself
                name, weight = front, float(back)
        if not np.isfinite(weight) or weight < 0:
            raise StyleError(f"weight {weight:g} of style '{name}' is not a positive number")
        pairs.append((name, float(weight)))
    total = sum(weight for _, weight in pairs)
    if total <= 0:
        raise StyleError("no style has a weight above 0; give at least one")
    return [(name, weight / total) for name, weight in pairs if weight > 0]


def load_styles(styles: Sequence[tuple[Any, float]], sr: int) -> list[tuple[Float, float]]:
    """Read the styles, mixed to mono, at the content's rate; long ones as excerpts from all over."""
    loaded = []
    room = max(STYLE_SAMPLES // len(styles) / sr, 2 * EXCERPT)
    for name, weight in styles:
        if isinstance(name, str | os.PathLike):
            y, rate = _excerpts(_file(name), room)
        else:
            y, rate = _samples(name).mean(axis=1), sr
        y = resample(y, sr / rate)
        if not len(y) or float(np.abs(y).max()) < 1e-5:
            raise StyleError(f"style '{_shown(name)}' is silent; choose a sound that can be heard")
        loaded.append((y, weight))
    return loaded


def default_output(content: PathLike, styles: Sequence[tuple[Any, float]]) -> Path:
    """`speech.wav` and `rain.ogg` -> `speech-rain.wav` in the current folder."""
    path = Path(content)
    names = "-".join(Path(_shown(name)).stem for name, _ in styles)
    suffix = path.suffix if path.suffix.lower() in SUFFIXES and path.suffix.lower() != ".mp4" else ".wav"
    return Path(f"{path.stem}-{names}{suffix}")


def _file(name: PathLike) -> PathLike:
    """Path of a style: of the preset when it is one's name."""
    return sound_path(name) if isinstance(name, str) and _is_preset(name) else name


def _start(path: PathLike) -> tuple[Float, int]:
    y, sr = read(path, seconds=30)
    return y.mean(axis=1), sr


def _is_preset(name: str) -> bool:
    # An unknown name with a suffix or a folder is meant as a file: the reader says that it is missing.
    return not os.path.exists(name) and (name in SOUNDS or not (os.sep in name or Path(name).suffix))


def _is_pair(item: Any) -> bool:
    return isinstance(item, tuple) and len(item) == 2 and isinstance(item[1], int | float)


def _shown(name: Any) -> str:
    return os.fspath(name) if isinstance(name, str | os.PathLike) else "array"


def _excerpts(path: PathLike, seconds: float) -> tuple[Float, int]:
    """A sound whole, or excerpts of `EXCERPT` seconds spread over it [shape=(n,), float32]; its rate."""
    with SoundReader(path) as reader:
        sr, frames = reader.info.sr, reader.info.frames
        length = round(EXCERPT * sr)
        if frames is None or frames <= seconds * sr:
            parts: list[Float] = []
            for block in reader.blocks(length):
                parts.append(block.mean(axis=1))
                if sum(map(len, parts)) >= seconds * sr:
                    break
            return np.concatenate([*parts, np.zeros(0, np.float32)]), sr
        every = frames / (seconds * sr / length)
        parts, next_start = [], 0.0
        for number, block in enumerate(reader.blocks(length)):
            if number * length >= next_start:
                parts.append(block.mean(axis=1) * _ends(len(block), round(0.02 * sr)))
                next_start += every
        return np.concatenate(parts), sr


# ------------------------------------------------------------------------------------------------- small


def _ends(samples: int, fade: int) -> Float:
    """Ones that rise from zero and fall to zero, so that excerpts join without a click."""
    ramp = np.minimum(np.arange(samples), np.arange(samples)[::-1]) / max(1, fade)
    return np.clip(ramp, 0, 1).astype(np.float32)


def block_size(source: Content) -> int:
    """Samples of a block: 20 s of stereo at 44.1 kHz, less when there are more channels or a higher rate."""
    return round(source.sr * float(np.clip(20 * 2 * 44100 / (source.sr * source.channels), 3, 20)))


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


def _samples(array: Any) -> Float:
    y = np.asarray(array)
    if y.ndim == 1:
        y = y[:, None]
    if y.ndim != 2 or not y.size:
        raise InputError(f"sound of shape {np.shape(array)}; give (samples,) or (samples, channels)")
    if y.shape[1] > 32:
        raise InputError(
            f"sound of shape {np.shape(array)} has {y.shape[1]} channels; give (samples, channels)"
        )
    if y.dtype == np.int16:
        return (y / np.float32(32768)).astype(np.float32)
    if y.dtype.kind != "f":
        raise InputError(f"sound of type {y.dtype}; give float in -1..1, or int16")
    if not np.isfinite(y).all():
        raise InputError("sound holds NaN or infinity; replace them first")
    return y.astype(np.float32)


def _like(y: Float, array: Any) -> NDArray[Any]:
    given = np.asarray(array)
    result: NDArray[Any] = y.reshape(given.shape)
    if given.dtype == np.int16:
        result = np.clip(np.round(result * 32768), -32768, 32767)
    return result.astype(given.dtype)


def _played(tape: Any, channels: int, size: int) -> Iterator[Float]:
    while data := tape.read(size * channels * 4):
        yield np.frombuffer(data, np.float32).reshape(-1, channels)


def _with_last(blocks: Iterator[Float]) -> Iterator[tuple[Float, bool]]:
    """Each block, and whether it is the last."""
    held: Float | None = None
    for block in blocks:
        if held is not None:
            yield held, False
        held = block
    if held is not None:
        yield held, True


def _faded(old: Float, new: Float, edge: int) -> Float:
    """Fade from one to the other away from the windows' edges, at constant power whatever they share."""
    ramp = np.clip((np.arange(len(old)) - edge) / max(1, len(old) - 2 * edge), 0, 1)
    fade = (0.5 - 0.5 * np.cos(np.pi * ramp)).astype(np.float32)[:, None]
    power = float((old**2).sum() * (new**2).sum())
    alike = float(np.clip((old * new).sum() / np.sqrt(power), 0, 1)) if power > 0 else 1.0
    level = np.sqrt(fade**2 + (1 - fade) ** 2 + 2 * alike * fade * (1 - fade))
    result: Float = (((1 - fade) * old + fade * new) / level).astype(np.float32)
    return result
