"""`Stylizer` loads a model once and applies styles many times; `image` uses a Stylizer once."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, Unpack, overload

import numpy.typing as npt

from restyle import pipeline
from restyle.errors import OptionError
from restyle.files import check_output
from restyle.images import formats, streaming
from restyle.images import picture as images
from restyle.methods import table
from restyle.methods.protocol import Files, Settings, Step, Stopped, Tables, state_path
from restyle.methods.regions import Regions, make_regions, region_paths
from restyle.models import arbitrary
from restyle.models.arbitrary import Arbitrary
from restyle.models.style_files import source_paths
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
    explain,
    from_keywords,
)
from restyle.style import Style, resolve_all
from restyle.types import ImageLike, PathLike, RegionsLike, Report, StylesLike, quiet

if TYPE_CHECKING:
    from PIL import Image

ArrayT = TypeVar("ArrayT", bound=npt.NDArray[Any])
Styles: TypeAlias = "StylesLike | None"
Given: TypeAlias = "StylesLike | Regions | None"


class Stylizer:
    """Applies styles to pictures. One instance may be used from several threads at once.

    Parameters
    ----------
    model : str, Path or Arbitrary
        Name of a model, a folder that `restyle export` wrote, a `.restyle` file, or a loaded model.
    device : "cpu" or "cuda"
        A missing device is an error.
    threads : int or None
        CPU threads per call. Default: all cores available to the process.

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
        model: PathLike | Arbitrary = EngineOptions.model,
        *,
        device: DeviceName = EngineOptions.device,
        threads: int | None = EngineOptions.threads,
    ) -> None:
        name = model.name if isinstance(model, Arbitrary) else os.fspath(model)
        self.engine = EngineOptions(model=name, device=device, threads=threads)
        if not isinstance(model, Arbitrary):
            model = arbitrary.load(name, table.network_device(device), threads)
        self.method = model

    def style(self, source: StylesLike | None, *, scale: float = ImageOptions.style_scale) -> Style:
        """Encode a style for this model.

        Parameters
        ----------
        source : Style, str, Path, PIL.Image.Image, np.ndarray, or a list of such or of (style, weight)
            A text is the name of a preset or a path. A list is mixed; `name:0.4` in it gives a weight.
        scale : float, 0.25..4
            Scale at which the style is encoded. For the stroke size use `style_scale` of a call.
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
        """Load masks and encode their styles once; pass the result instead of a style, any number of times.

        `given` and `style` are as `regions` and `style` of `restyle.image`. Larger masks are rejected.
        """
        return make_regions(given, style, model=self.method, scale=scale, max_pixels=max_pixels)

    @overload
    def __call__(
        self,
        content: PathLike,
        style: Given = None,
        *,
        output: PathLike | None = ...,
        **options: Unpack[CallKeywords],
    ) -> Path: ...
    @overload
    def __call__(
        self, content: ImageLike, style: Given = None, *, output: PathLike, **options: Unpack[CallKeywords]
    ) -> Path: ...
    @overload
    def __call__(
        self, content: ArrayT, style: Given = None, *, output: None = ..., **options: Unpack[CallKeywords]
    ) -> ArrayT: ...
    @overload
    def __call__(
        self,
        content: Image.Image,
        style: Given = None,
        *,
        output: None = ...,
        **options: Unpack[CallKeywords],
    ) -> Image.Image: ...

    def __call__(
        self,
        content: ImageLike,
        style: Given = None,
        *,
        regions: RegionsLike | None = None,
        output: PathLike | None = None,
        quality: int | None = SaveOptions.quality,
        overwrite: bool = SaveOptions.overwrite,
        report: Report = quiet,
        **options: Unpack[PaintKeywords],
    ) -> Any:
        """Give a picture a style. Parameters are those of `restyle.image`.

        `style` may also be a result of `Stylizer.regions`.
        """
        chosen, method, callback = _parse(options)
        saving = SaveOptions(quality=quality, overwrite=overwrite)
        encoded: Style | Regions | None = None
        if regions is not None:
            assert not isinstance(style, Regions)
            encoded = self.regions(regions, style, max_pixels=chosen.max_pixels)
        elif isinstance(style, Regions):
            encoded = style
        elif style is not None or chosen.look is None:
            encoded = self.style(style)
        encoded, method, _ = pipeline.prepare(encoded, self.method, chosen, method, callback)
        if output is None and isinstance(content, (str, os.PathLike)):
            output = formats.result_name(content, pipeline.style_name(encoded, chosen))
        following: Any = {"method": method, "report": report, "callback": callback}
        if output is not None:
            inputs = [style, *region_paths(regions or []), chosen.look]
            return self.write(content, encoded, output, chosen, saving, inputs=inputs, **following)
        if quality is not None or overwrite:
            raise OptionError("quality and overwrite are for files; give output= as well")
        device = self.engine.device
        try:
            picture = pipeline.image(content, encoded, self.method, chosen, device=device, **following)
        except Stopped:
            raise KeyboardInterrupt from None
        return images.to_kind(picture, content)

    def write(
        self,
        content: ImageLike,
        style: Style | Regions | None,
        output: PathLike,
        options: ImageOptions,
        saving: SaveOptions,
        method: OptimizeOptions | None = None,
        *,
        inputs: Sequence[Any] = (),
        report: Report = quiet,
        callback: Callable[[Step], object] | None = None,
        table_for: Tables | None = None,
    ) -> Path:
        """Give a picture a style and write it, with option sets in place of keywords; return the path.

        Parameters are as for `pipeline.image`, with style and method from `pipeline.prepare`. `inputs` are
        sources of the style: files among them, and the content, are never replaced.
        """
        sources = list(source_paths(content, *inputs))
        formats.output_format(output)
        if method is not None and method.resume and state_path(output).exists():
            saving = replace(saving, overwrite=True)  # it is from the interrupted run
        check_output(output, overwrite=saving.overwrite, inputs=sources)
        files = Files(output, saving, tuple(sources))
        method, _ = pipeline.choose_method(method or OptimizeOptions(), style, self.method, options, callback)
        following: Any = {
            "device": self.engine.device,
            "files": files,
            "report": report,
            "callback": callback,
        }
        settings = Settings(
            network=self.method, finish=images.Picture, image=options, method=method, **following
        )
        if (large := streaming.open_job(content, style, settings)) is not None:
            return streaming.write(large)
        try:
            picture = pipeline.image(
                content, style, self.method, options, method=method, table_for=table_for, **following
            )
        except Stopped as stop:
            if stop.result is not None:
                pipeline.save(stop.result, output, saving, sources)
            how = "; resume=True continues" if table.find(method.chosen).resumes else ""
            raise KeyboardInterrupt(f"the picture so far is in {output}{how}") from None
        return pipeline.save(picture, output, saving, sources)


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
    content: ImageLike, style: Styles = None, *, output: PathLike, **options: Unpack[EngineKeywords]
) -> Path: ...
@overload
def image(
    content: ArrayT, style: Styles = None, *, output: None = ..., **options: Unpack[EngineKeywords]
) -> ArrayT: ...
@overload
def image(
    content: Image.Image, style: Styles = None, *, output: None = ..., **options: Unpack[EngineKeywords]
) -> Image.Image: ...


@explain(SaveOptions, EngineOptions, PhotoOptions, OptimizeOptions)
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

    The result has the type of the content: a Pillow image gives a Pillow image, an array gives an array of
    the same type. A path gives the path of a file: `output`, or `CONTENT-STYLE.SUFFIX` in the current folder.
    With `output`, every type of content is written to that file, and its path is returned.

    Parameters
    ----------
    content : path, bytes, binary file, PIL.Image.Image, np.ndarray [shape=(H, W, 3), uint8, uint16, float],
        or torch.Tensor [shape=(3, H, W)]
        Arrays are RGB, floats in 0..1; also H x W (gray) or H x W x 4 (with alpha, which is kept).
        Bytes and open files give a PIL image.
    style : Style, str, Path, PIL.Image.Image, np.ndarray, a list, or None
        The name of a preset, a picture, or a saved style. A list is mixed; its items may be texts `name:0.4`
        or pairs (style, weight). None is for networks with one style of their own, regions, and looks.
    regions : dict {mask: style}, or a list of (mask, style) or of texts `MASK=STYLE[:WEIGHT]`, or None
        Styles of parts of the content. `style` applies to the rest; if None, the rest stays unchanged. A mask
        is a gray picture of the whole content (upright, before any crop, at any size), white where its style
        applies: a path, a Pillow image, an array, or "alpha" for the content's alpha channel. Style "keep" or
        None leaves its part unchanged. See docs/regions.md.
    output : path or None
        File to write; the suffix decides the format.
    report : function of the fraction done, 0..1
    callback : function of a `methods.protocol.Step`, or None
        Called after each step of `paint` and `optimize`; returning True stops the run.
    {options}

    Returns
    -------
    Path, PIL.Image.Image, or array or tensor [shape and dtype of content, unless crop or size say otherwise]

    Raises
    ------
    RestyleError
        A subclass; the message is one line that says what is wrong and what to do. See `restyle.errors`.

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


def _parse(keywords: PaintKeywords) -> tuple[PhotoOptions, OptimizeOptions, Callable[[Step], object] | None]:
    """Return the option sets and the callback that the keywords of a call describe."""
    given: dict[str, Any] = dict(keywords)
    callback = given.pop("callback", None)
    for name in ("init", "preview"):
        if isinstance(given.get(name), os.PathLike):
            given[name] = os.fspath(given[name])
    options, method = from_keywords(given, PhotoOptions, OptimizeOptions)
    return options, method, callback
