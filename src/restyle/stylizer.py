"""`Stylizer`: loads a model once and applies styles many times; `image` is a Stylizer used once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, Unpack, overload

import numpy as np
import numpy.typing as npt

from restyle import pipeline
from restyle.errors import OptionError
from restyle.files import check_output
from restyle.images import formats
from restyle.images import picture as images
from restyle.methods.protocol import Files, Step, Stopped, state_path
from restyle.methods.regions import Regions, make_regions, region_paths
from restyle.models import arbitrary
from restyle.models.arbitrary import quiet
from restyle.models.style_files import split_weight
from restyle.options import (
    CallKeywords,
    DeviceName,
    EngineKeywords,
    EngineOptions,
    ImageOptions,
    OptimizeOptions,
    PaintKeywords,
    PhotoOptions,
    SaveOptions,
)
from restyle.style import Style, resolve_all
from restyle.types import ImageLike, PathLike, RegionsLike, Report, StylesLike

if TYPE_CHECKING:
    from PIL import Image

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

    def style(self, source: StylesLike | None, *, scale: float = ImageOptions.style_scale) -> Style:
        """Make a Style for this model.

        Parameters
        ----------
        source : Style, str, Path, PIL.Image.Image, np.ndarray, or a list of such or of (style, weight)
            A text is a preset's name, else a path; in a list `name:0.4` gives a weight. A list is mixed.
        scale : float, 0.25..4
            How much larger than it is the style is read. A call's `style_scale` is what sizes strokes.
        """
        return resolve_all(source, model=self.method, scale=scale)

    def regions(
        self,
        given: RegionsLike,
        style: StylesLike | None = None,
        *,
        scale: float = ImageOptions.style_scale,
        max_pixels: int = ImageOptions.max_pixels,
    ) -> Regions:
        """Load masks and encode their styles once, to be given in place of a style many times.

        Parameters
        ----------
        given : dict {mask: style}, or a list of (mask, style) or of texts `MASK=STYLE[:WEIGHT]`
            See `restyle.image`.
        style : as for `style`, or None
            Of what no mask covers; None keeps the photo there.
        scale, max_pixels
            As for `style`; larger masks than that are refused.
        """
        return make_regions(given, style, model=self.method, scale=scale, max_pixels=max_pixels)

    @overload
    def __call__(
        self,
        content: PathLike,
        style: StylesLike | Regions | None = None,
        *,
        output: PathLike | None = ...,
        **options: Unpack[CallKeywords],
    ) -> Path: ...
    @overload
    def __call__(
        self,
        content: ImageLike,
        style: StylesLike | Regions | None = None,
        *,
        output: PathLike,
        **options: Unpack[CallKeywords],
    ) -> Path: ...
    @overload
    def __call__(
        self,
        content: ArrayT,
        style: StylesLike | Regions | None = None,
        *,
        output: None = ...,
        **options: Unpack[CallKeywords],
    ) -> ArrayT: ...
    @overload
    def __call__(
        self,
        content: Image.Image,
        style: StylesLike | Regions | None = None,
        *,
        output: None = ...,
        **options: Unpack[CallKeywords],
    ) -> Image.Image: ...

    def __call__(
        self,
        content: ImageLike,
        style: StylesLike | Regions | None = None,
        *,
        regions: RegionsLike | None = None,
        output: PathLike | None = None,
        quality: int | None = SaveOptions.quality,
        overwrite: bool = SaveOptions.overwrite,
        report: Report = quiet,
        **options: Unpack[PaintKeywords],
    ) -> Any:
        """Give a picture a style; see `restyle.image`, whose parameters these are.

        In place of a style it takes what `regions` has made, too.
        """
        chosen, finest, callback = _chosen(options)
        saving = SaveOptions(quality=quality, overwrite=overwrite)
        inputs = [style]
        made: Style | Regions
        if isinstance(style, Regions):
            made = style
        elif regions is None:
            made = self.style(style, scale=pipeline.encoding_scale(chosen, finest.method))
        else:
            scale = pipeline.encoding_scale(chosen, finest.method)
            made = self.regions(regions, style, scale=scale, max_pixels=chosen.max_pixels)
            inputs += region_paths(regions)
        if output is None and isinstance(content, (str, os.PathLike)):
            output = pipeline.result_name(content, made.name)
        if output is not None:
            return self.write(
                content, made, output, chosen, saving, finest, inputs=inputs, report=report, callback=callback
            )
        if quality is not None or overwrite:
            raise OptionError("quality and overwrite are for files; give output= as well")
        try:
            picture = pipeline.image(
                content,
                made,
                self.method,
                chosen,
                report,
                method=finest,
                device=self.engine.device,
                callback=callback,
            )
        except Stopped:
            raise KeyboardInterrupt from None
        return (
            images.to_array(picture, content) if isinstance(content, np.ndarray) else images.to_pil(picture)
        )

    def write(
        self,
        content: ImageLike,
        style: Style | Regions,
        output: PathLike,
        options: ImageOptions,
        saving: SaveOptions,
        finest: OptimizeOptions | None = None,
        *,
        inputs: Sequence[Any] = (),
        report: Report = quiet,
        callback: Callable[[Step], object] | None = None,
    ) -> Path:
        """Give a picture a style and write it, with option sets in place of keywords.

        Parameters
        ----------
        content : str, Path, PIL.Image.Image or np.ndarray
        style : Style or Regions
            Read at the size that `pipeline.encoding_scale` says.
        output : path
        options : ImageOptions
        saving : SaveOptions
        finest : OptimizeOptions or None
            None is the default method.
        inputs : sequence
            Sources of the style; the files among them, and the content, are never replaced.
        report, callback
            See `restyle.image`.

        Returns
        -------
        Path
            The file written.
        """
        kept = list(_paths(content, *inputs))
        formats.output_format(output)
        if finest is not None and finest.resume and state_path(output).exists():
            saving = replace(saving, overwrite=True)  # the unfinished run wrote it
        check_output(output, overwrite=saving.overwrite, inputs=kept)  # before the work, not after it
        files = Files(output, saving, tuple(kept))
        try:
            picture = pipeline.image(
                content,
                style,
                self.method,
                options,
                report,
                method=finest,
                device=self.engine.device,
                files=files,
                callback=callback,
            )
        except Stopped as stop:
            if stop.result is not None:
                pipeline.save(stop.result, output, saving, kept)
            raise KeyboardInterrupt(f"the picture so far is in {output}; --resume goes on") from None
        return pipeline.save(picture, output, saving, kept)


@overload
def image(
    content: PathLike,
    style: StylesLike | None = None,
    *,
    output: PathLike | None = ...,
    **options: Unpack[EngineKeywords],
) -> Path: ...
@overload
def image(
    content: ImageLike,
    style: StylesLike | None = None,
    *,
    output: PathLike,
    **options: Unpack[EngineKeywords],
) -> Path: ...
@overload
def image(
    content: ArrayT,
    style: StylesLike | None = None,
    *,
    output: None = ...,
    **options: Unpack[EngineKeywords],
) -> ArrayT: ...
@overload
def image(
    content: Image.Image,
    style: StylesLike | None = None,
    *,
    output: None = ...,
    **options: Unpack[EngineKeywords],
) -> Image.Image: ...


def image(
    content: ImageLike,
    style: StylesLike | None = None,
    *,
    regions: RegionsLike | None = None,
    output: PathLike | None = None,
    quality: int | None = SaveOptions.quality,
    overwrite: bool = SaveOptions.overwrite,
    report: Report = quiet,
    model: PathLike = EngineOptions.model,
    device: DeviceName = EngineOptions.device,
    threads: int | None = EngineOptions.threads,
    **options: Unpack[PaintKeywords],
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
        pairs (style, weight). None serves with a network that has but one style, its own, and with regions.
    regions : dict {mask: style}, or a list of (mask, style) or of texts `MASK=STYLE[:WEIGHT]`, or None
        Other styles where masks say so; `style` is then that of the rest, which without one stays the photo.
        A mask is a grey picture, white where its style goes: a path, a Pillow image, an array, or "alpha"
        for the content's own. It covers the whole upright content, before any crop, at any size. Style
        "keep", or None, leaves the content untouched. See docs/regions.md.
    output : path or None
        File to write; the suffix picks the format.
    quality, overwrite
        Of the written file: see `options.SaveOptions`.
    report : function of one float
        Called with the fraction done, 0..1.
    model, device, threads
        See `options.EngineOptions`.
    **options
        `strength`, `style_scale`, `keep_colors`, `colors_only`, `feather`, `crop`, `size`, `brightness`,
        `contrast`, `max_pixels`, `paint_size`: see `options.PhotoOptions`. With `method="optimize"` also
        `encoder`, `style_loss`, `content_loss`, `content_weight`, `large_forms`, `smoothness`,
        `style_rotation`, `init`, `optimizer`, `steps`, `seed`, `memory`, `preview`, `save_every`,
        `resume`: see `options.OptimizeOptions`; and `callback`, a function that is called after each step
        with a `methods.protocol.Step` and that stops the run by returning True.

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
    source: Any = content  # one call for all overloads
    return stylizer(
        source,
        style,
        regions=regions,
        output=output,
        quality=quality,
        overwrite=overwrite,
        report=report,
        **options,
    )


def _chosen(
    options: PaintKeywords,
) -> tuple[ImageOptions, OptimizeOptions, Callable[[Step], object] | None]:
    """Sort keywords into option sets."""
    given: dict[str, Any] = dict(options)
    callback = given.pop("callback", None)
    own = {each.name for each in fields(OptimizeOptions)}
    finest = {name: given.pop(name) for name in [*given] if name in own}
    for name in ("init", "preview"):
        if isinstance(finest.get(name), os.PathLike):
            finest[name] = os.fspath(finest[name])
    known = {each.name for each in fields(PhotoOptions)}
    for name in given.keys() - known:
        near = get_close_matches(name, [*known, *own, "callback"], 1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise TypeError(f"unknown keyword '{name}'{hint}")
    return PhotoOptions(**given), OptimizeOptions(**finest), callback


def _paths(*sources: Any) -> Iterator[PathLike]:
    """Yield the files among contents and styles, which no result may replace."""
    for source in sources:
        if isinstance(source, str):
            yield split_weight(source)[0]
        elif isinstance(source, os.PathLike):
            yield source
        elif isinstance(source, (list, tuple)):
            yield from _paths(*source)
