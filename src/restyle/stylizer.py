"""`Stylizer`: loads a model once and applies styles many times; `image` is a Stylizer used once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, overload

import numpy as np
import numpy.typing as npt

from restyle import pipeline
from restyle.errors import OptionError
from restyle.media import images, kinds
from restyle.media.outputs import check_output
from restyle.methods import arbitrary
from restyle.methods.arbitrary import quiet
from restyle.models.presets import split_weight
from restyle.options import (
    CallKeywords,
    DeviceName,
    EngineKeywords,
    EngineOptions,
    ImageKeywords,
    ImageOptions,
    SaveOptions,
)
from restyle.style import Style, resolve_all

if TYPE_CHECKING:
    from PIL import Image

PathLike = str | os.PathLike[str]
ArrayT = TypeVar("ArrayT", bound=npt.NDArray[Any])


class Stylizer:
    """Applies styles to pictures. Safe to use from several threads at once.

    Parameters
    ----------
    model : str or Path
        Name of a model, a folder that `restyle export` wrote, or a `.restyle` file.
    device : "cpu" or "cuda"
        Where to compute. A device that is not there is an error.
    threads : int or None
        CPU threads of one call; None takes all cores that the process may use.

    Raises
    ------
    ModelError, OptionError
        No such model; no such device.

    Examples
    --------
    >>> import numpy as np, restyle
    >>> stylizer = restyle.Stylizer()
    >>> style = stylizer.style("starry-night")
    >>> photo = np.zeros((48, 64, 3), np.uint8)
    >>> stylizer(photo, style, strength=0.8).shape
    (48, 64, 3)
    """

    def __init__(
        self,
        model: PathLike = EngineOptions.model,
        *,
        device: DeviceName = EngineOptions.device,
        threads: int | None = EngineOptions.threads,
    ) -> None:
        self.engine = EngineOptions(model=os.fspath(model), device=device, threads=threads)
        self.method = arbitrary.load(self.engine.model, self.engine.device, self.engine.threads)

    def style(self, source: Any, *, scale: float = ImageOptions.style_scale) -> Style:
        """Make a Style for this model.

        Parameters
        ----------
        source : Style, str, Path, PIL.Image.Image, np.ndarray, or a list of such or of (style, weight)
            A text is a preset's name, else a path; in a list `name:0.4` gives a weight. A list is mixed.
        scale : float, 0.25..4
            Size of the strokes.
        """
        return resolve_all(source, model=self.method, scale=scale)

    @overload
    def __call__(
        self,
        content: PathLike,
        style: Any = None,
        *,
        output: PathLike | None = ...,
        **options: Unpack[CallKeywords],
    ) -> Path: ...
    @overload
    def __call__(
        self, content: Any, style: Any = None, *, output: PathLike, **options: Unpack[CallKeywords]
    ) -> Path: ...
    @overload
    def __call__(
        self, content: ArrayT, style: Any = None, *, output: None = ..., **options: Unpack[CallKeywords]
    ) -> ArrayT: ...
    @overload
    def __call__(
        self, content: Image.Image, style: Any = None, *, output: None = ..., **options: Unpack[CallKeywords]
    ) -> Image.Image: ...

    def __call__(
        self,
        content: Any,
        style: Any = None,
        *,
        output: PathLike | None = None,
        quality: int | None = SaveOptions.quality,
        overwrite: bool = SaveOptions.overwrite,
        report: Callable[[float], None] = quiet,
        **options: Unpack[ImageKeywords],
    ) -> Any:
        """Give a picture a style; see `restyle.image`, whose parameters these are."""
        chosen = ImageOptions(**options)
        saving = SaveOptions(quality=quality, overwrite=overwrite)
        made = self.style(style, scale=chosen.style_scale)
        if output is None and isinstance(content, (str, os.PathLike)):
            output = pipeline.result_name(content, made.name)
        if output is not None:
            return self.write(content, made, output, chosen, saving, inputs=[style], report=report)
        if quality is not None or overwrite:
            raise OptionError("quality and overwrite are for files; give output= as well")
        picture = pipeline.image(content, made, self.method, chosen, report)
        return (
            images.to_array(picture, content) if isinstance(content, np.ndarray) else images.to_pil(picture)
        )

    def write(
        self,
        content: Any,
        style: Style,
        output: PathLike,
        options: ImageOptions,
        saving: SaveOptions,
        *,
        inputs: Sequence[Any] = (),
        report: Callable[[float], None] = quiet,
    ) -> Path:
        """Give a picture a style and write it, with option sets in place of keywords.

        Parameters
        ----------
        content : str, Path, PIL.Image.Image or np.ndarray
        style : Style
            Of the wanted stroke size: `options.style_scale` has been applied.
        output : path
        options : ImageOptions
        saving : SaveOptions
        inputs : sequence
            Sources of the style; the files among them, and the content, are never replaced.

        Returns
        -------
        Path
            The file written.
        """
        kept = list(_paths(content, *inputs))
        kinds.writable_kind(output)
        check_output(output, overwrite=saving.overwrite, inputs=kept)  # before the work, not after it
        picture = pipeline.image(content, style, self.method, options, report)
        return pipeline.save(picture, output, saving, kept)


@overload
def image(
    content: PathLike, style: Any = None, *, output: PathLike | None = ..., **options: Unpack[EngineKeywords]
) -> Path: ...
@overload
def image(
    content: Any, style: Any = None, *, output: PathLike, **options: Unpack[EngineKeywords]
) -> Path: ...
@overload
def image(
    content: ArrayT, style: Any = None, *, output: None = ..., **options: Unpack[EngineKeywords]
) -> ArrayT: ...
@overload
def image(
    content: Image.Image, style: Any = None, *, output: None = ..., **options: Unpack[EngineKeywords]
) -> Image.Image: ...


def image(
    content: Any,
    style: Any = None,
    *,
    output: PathLike | None = None,
    quality: int | None = SaveOptions.quality,
    overwrite: bool = SaveOptions.overwrite,
    report: Callable[[float], None] = quiet,
    model: PathLike = EngineOptions.model,
    device: DeviceName = EngineOptions.device,
    threads: int | None = EngineOptions.threads,
    **options: Unpack[ImageKeywords],
) -> Any:
    """Give a picture the style of another.

    Gives back the kind that it was given: a path for a path, a Pillow image for a Pillow image, an array of
    the same type for an array. A path in means a file written: to `output`, or else, as the command does,
    to `CONTENT-STYLE.SUFFIX` in the current folder; its path is returned. With `output` every kind of
    content is written and the path returned.

    Parameters
    ----------
    content : str, Path, PIL.Image.Image, or np.ndarray [shape=(H, W, 3), uint8, uint16 or float in 0..1, RGB]
        H x W and H x W x 4 (alpha, kept) serve as well.
    style : Style, str, Path, PIL.Image.Image, np.ndarray, a list, or None
        A preset's name, a picture, or a saved style. A list is mixed; its items may be texts `name:0.4` or
        pairs (style, weight). None serves with a network that has but one style, its own.
    output : path or None
        File to write; the suffix picks the format.
    quality, overwrite
        Of the written file: see `options.SaveOptions`.
    report : function of one float
        Called with the fraction done, 0..1.
    model, device, threads
        See `options.EngineOptions`.
    **options
        `strength`, `style_scale`, `keep_colors`, `colors_only`, `crop`, `size`, `brightness`, `contrast`,
        `max_pixels`: see `options.ImageOptions`.

    Returns
    -------
    Path, PIL.Image.Image or np.ndarray [shape and dtype of content, unless crop or size say otherwise]

    Raises
    ------
    RestyleError
        One of its kinds, each with one line that says what is wrong and what to do; see `restyle.errors`.

    Examples
    --------
    >>> import numpy as np, restyle
    >>> photo = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    >>> art = restyle.image(photo, "starry-night", strength=0.8, keep_colors="luminance")
    >>> art.shape, art.dtype
    ((48, 64, 3), dtype('uint8'))
    """
    stylizer = Stylizer(model, device=device, threads=threads)
    return stylizer(
        content, style, output=output, quality=quality, overwrite=overwrite, report=report, **options
    )


def _paths(*sources: Any) -> Iterator[PathLike]:
    """Yield the files among contents and styles, which no result may replace."""
    for source in sources:
        if isinstance(source, str):
            yield split_weight(source)[0]
        elif isinstance(source, os.PathLike):
            yield source
        elif isinstance(source, (list, tuple)):
            yield from _paths(*source)
