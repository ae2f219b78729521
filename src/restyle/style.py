"""`Style`: a style as a small vector, to encode, mix, scale, save and compare."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from restyle.errors import InputError, OptionError, StyleError
from restyle.images import picture
from restyle.images.looks import LOOKS
from restyle.models import arbitrary, catalog, style_codes, style_files
from restyle.models.arbitrary import Arbitrary
from restyle.models.style_codes import (
    SAVED_SCALES,
    STYLE_SCALES,
    CodeSource,
    Exemplar,
    ImageCodes,
    MixedCodes,
    NetworkCode,
    SavedCodes,
    codes_at,
    stored,
)
from restyle.models.style_files import (
    find_presets,
    is_path,
    near_names,
    preset_artwork,
    preset_files,
    slug,
    split_weight,
)
from restyle.types import FloatArray, ImageLike, PathLike, StyleLike, StylesLike


@dataclass(frozen=True, eq=False)
class Style:
    """A style, encoded once and applied many times.

    Parameters
    ----------
    code : np.ndarray [shape=(K,), float32]
        Input of the transformer.
    model : str
        Name of the model that encoded it; other models cannot use it.
    name : str
        Part of the names of results.
    title, artist, year : str
        Those of the artwork; empty if unknown.

    Attributes
    ----------
    read : np.ndarray [shape=(K,), float32]
        The output of the style encoder, used to compare styles. It differs from `code` for presets, whose
        codes were refined by training.

    Examples
    --------
    >>> import restyle
    >>> mixed = restyle.Style.mix([("great-wave", 0.6), ("starry-night", 0.4)])
    >>> mixed.name
    'great-wave+starry-night'
    """

    code: FloatArray = field(repr=False)
    model: str
    name: str = "style"
    title: str = ""
    artist: str = ""
    year: str = ""
    _codes: CodeSource | None = field(default=None, repr=False)
    _scale: float = field(default=1.0, repr=False)
    _refinement: FloatArray | None = field(default=None, repr=False)

    @property
    def read(self) -> FloatArray:
        """The code without refinement; see `Style`."""
        return self.code if self._refinement is None else self.code - self._refinement

    @classmethod
    def from_image(
        cls,
        source: ImageLike,
        *,
        scale: float = 1.0,
        name: str | None = None,
        model: Arbitrary | PathLike = catalog.DEFAULT,
    ) -> Style:
        """Encode the style of a picture.

        Parameters
        ----------
        source : str, Path, PIL.Image.Image, or np.ndarray [shape=(H, W, 3), RGB]
        scale : float, 0.25..4
            Stroke size.
        name : str or None
            Default: the name of the file.
        model : str, Path or Arbitrary
            The model that will use the style.

        Raises
        ------
        InputError
            The picture cannot be used.
        """
        method = method_of(model)
        style_codes.check_scale(scale)
        path = source if isinstance(source, (str, os.PathLike)) else None
        pixels = picture.load_image(source).visible
        try:
            strokes = ImageCodes(pixels, method)
            code = strokes.code(scale)
        except InputError as error:
            raise InputError(str(error) if path is None else f"{os.fspath(path)}: {error}") from None
        name = name or ("" if path is None else slug(Path(path).stem)) or "style"
        return cls(code, method.name, name, _codes=strokes, _scale=scale)

    @classmethod
    def from_preset(cls, name: str, *, model: Arbitrary | PathLike = catalog.DEFAULT) -> Style:
        """Load a preset; `restyle.styles()` lists them. StyleError if there is none of this name."""
        method = method_of(model)
        own = method.record.own_styles
        if slug(name) in own:
            code = np.asarray([float(each == slug(name)) for each in own], np.float32)
            return cls(code, method.name, slug(name), _codes=NetworkCode(code, slug(name)))
        files = preset_files(method.record)
        if slug(name) not in files:
            raise StyleError(f"no preset is called '{name}'{_near_presets(name, method)}")
        file = files[slug(name)]
        artwork = preset_artwork(file)
        pictures = () if artwork is None else (style_files.StylePicture(artwork),)
        return cls._from_record(replace(style_files.read(file), pictures=pictures))

    @classmethod
    def load(cls, path: PathLike) -> Style:
        """Load a saved style. InputError or StyleError if the file is missing or is not a style file."""
        return cls._from_record(style_files.read(path))

    @classmethod
    def _from_record(cls, record: style_files.StyleRecord) -> Style:
        more = 0.0 if record.refinement is None else record.refinement
        codes = {scale: code + more for scale, code in {1.0: record.code, **record.scales}.items()}
        words = (record.model, record.name, record.title, record.artist, record.year)
        saved = SavedCodes(codes, record.name, record.pictures)
        return cls(codes[1.0], *words, _codes=saved, _refinement=record.refinement)

    @classmethod
    def mix(
        cls,
        styles: Sequence[tuple[StyleLike, float]],
        *,
        name: str | None = None,
        model: Arbitrary | PathLike = catalog.DEFAULT,
    ) -> Style:
        """Mix several styles into one.

        Parameters
        ----------
        styles : sequence of (style, weight)
            A style is a `Style`, the name of a preset, a path, or a picture. Weights are normalized.
        name : str or None
            Default: the joined names of the parts.

        Raises
        ------
        StyleError
            A weight is negative, all are 0, or the styles belong to different models.
        """
        if not styles:
            raise StyleError("a mixture needs at least one style")
        weights = style_codes.normalize_weights([weight for _, weight in styles]).tolist()
        parts = [resolve(style, model=model) for style, _ in styles]
        models = sorted({part.model for part in parts})
        if len(models) > 1:
            raise StyleError(f"styles of different models cannot be mixed: {', '.join(models)}")
        strokes = MixedCodes(
            [(part._source(), part._scale, weight) for part, weight in zip(parts, weights, strict=True)]
        )
        code = style_codes.mix_codes([part.code for part in parts], weights)
        joined = "+".join(dict.fromkeys(part.name for part in parts))
        more = None
        if any(part._refinement is not None for part in parts):
            more = code - style_codes.mix_codes([part.read for part in parts], weights)
        return cls(code, models[0], name or joined, _codes=strokes, _refinement=more)

    def scaled(self, factor: float) -> Style:
        """Return this style with strokes `factor` times as large; the resulting scale is within 0.25..4.

        A style from a picture is encoded again; a saved style is interpolated between its saved sizes.

        Raises
        ------
        OptionError
            The scale is out of range.
        StyleError
            The style was saved at one size only.
        """
        scale = style_codes.check_scale(self._scale * factor)
        if factor == 1:
            return self
        return replace(self, code=self._source().code(scale), _scale=scale)

    def save(self, path: PathLike, *, overwrite: bool = False, picture: bool = True) -> Path:
        """Save the style as a text file, with a JPEG of its image, or of each image of a mixture.

        Parameters
        ----------
        path : path
            `.style` is the usual suffix.
        overwrite : bool
            Whether an existing file may be replaced.
        picture : bool
            False leaves the images out: a few kB instead of some 200 kB per image, for the fast method only.

        Raises
        ------
        OutputError
            The file cannot be written, or exists.
        """
        low, high = STYLE_SCALES
        near = [scale for scale in SAVED_SCALES if low <= scale * self._scale <= high]
        codes = codes_at(self._source(), [scale * self._scale for scale in near])
        more = 0.0 if self._refinement is None else self._refinement
        scales = {scale: codes[scale * self._scale] - more for scale in near if scale * self._scale in codes}
        pictures = tuple(map(stored, self.exemplars())) if picture and self.has_picture else ()
        words = (self.title, self.artist, self.year)
        record = style_files.StyleRecord(
            self.model, self.name, self.read, *words, scales, self._refinement, pictures
        )
        return style_files.write(record, path, overwrite=overwrite)

    def distance(self, other: Style) -> float:
        """Return the Euclidean distance of two styles, relative to the sum of their lengths: 0..1."""
        if self.model != other.model:
            raise StyleError(f"styles of '{self.model}' and '{other.model}' cannot be compared")
        lengths = float(np.linalg.norm(self.read) + np.linalg.norm(other.read))
        return float(np.linalg.norm(self.read - other.read)) / lengths if lengths else 0.0

    @property
    def has_picture(self) -> bool:
        """Whether it knows its image, or all images of a mixture, which `paint` and `optimize` need."""
        return self._source().has_pictures()

    def exemplars(self) -> list[Exemplar]:
        """Return the pictures of the style, with their shares and scales; StyleError if it has none."""
        found = self._source().exemplars()
        return [replace(each, scale=each.scale * self._scale) for each in found]

    def _source(self) -> CodeSource:
        return self._codes or SavedCodes({self._scale: self.code}, self.name)


def styles(model: Arbitrary | PathLike = catalog.DEFAULT) -> list[Style]:
    """Return the preset styles of a model, sorted by name.

    Examples
    --------
    >>> import restyle
    >>> for style in restyle.styles()[:3]:
    ...     _ = f"{style.name}: {style.title}, {style.artist}, {style.year}"
    """
    method = method_of(model)
    return [Style.from_preset(name, model=method) for name in preset_names(method)]


def preset_names(model: Arbitrary) -> list[str]:
    """Return the names of the presets of a model."""
    return [*preset_files(model.record), *model.record.own_styles]


def resolve(source: StyleLike, *, model: Arbitrary | PathLike = catalog.DEFAULT, scale: float = 1.0) -> Style:
    """Return the Style that a source describes.

    Parameters
    ----------
    source : Style, str, Path, PIL.Image.Image or np.ndarray
        A text is the name of a preset, or the path of a picture or saved style.
    scale : float, 0.25..4
        Stroke size.

    Raises
    ------
    StyleError, InputError
        There is no such style; the message suggests similar names.
    """
    method = method_of(model)
    if isinstance(source, Style):
        found = source.scaled(scale)
    elif isinstance(source, str) and slug(source) in preset_names(method) and not is_path(source):
        found = Style.from_preset(source, model=method).scaled(scale)
    elif isinstance(source, str) and not is_path(source) and not os.path.lexists(source):
        if source in LOOKS:
            raise StyleError(f"'{source}' is a look, not a style: use --look {source}")
        if method.encodes:
            raise StyleError(f"no preset and no file is called '{source}'{_near_presets(source, method)}")
        known = preset_names(method)
        hint = near_names(source, known, f"it has {', '.join(known)}")
        raise StyleError(f"no style of network '{method.name}' is called '{source}'{hint}")
    elif isinstance(source, (str, os.PathLike)) and style_files.is_style_file(source):
        found = Style.load(source).scaled(scale)
    else:
        found = Style.from_image(source, scale=scale, model=method)
    size = found.code.size
    if found.model != method.name or size != method.code_size:
        why = f"was made for model '{found.model}', not for '{method.name}'"
        why = f"has {size} numbers instead of {method.code_size}" if found.model == method.name else why
        raise StyleError(f"style '{found.name}' {why}; encode it again from its picture")
    return found


def resolve_all(
    source: StylesLike | None, *, model: Arbitrary | PathLike = catalog.DEFAULT, scale: float = 1.0
) -> Style:
    """Return one Style for a source or a list of sources.

    Parameters
    ----------
    source : as for `resolve`, or a list of such, of texts `name:weight`, or of (style, weight)
        A list is mixed; the default weight is 1. None or an empty list is for networks with a single style.
    scale : float, 0.25..4
        Stroke size.
    """
    if source is None or (isinstance(source, (list, tuple)) and not source):
        source = _only_style(method_of(model))
    pairs = [_pair(each) for each in (source if isinstance(source, (list, tuple)) else [source])]
    if len(pairs) == 1:
        only, weight = pairs[0]
        if weight is not None and weight != 1:
            raise StyleError(f"a single style takes no weight, but has {weight:g}; set strength instead")
        return resolve(only, model=model, scale=scale)
    parts = [(resolve(each, model=model, scale=scale), 1.0 if w is None else w) for each, w in pairs]
    return Style.mix(parts, model=model)


def method_of(model: Arbitrary | PathLike) -> Arbitrary:
    """Load a model by name or folder; a loaded model is returned unchanged."""
    return model if isinstance(model, Arbitrary) else arbitrary.load(os.fspath(model))


def _near_presets(name: str, model: Arbitrary) -> str:
    return near_names(name, preset_names(model), about=find_presets(name, preset_files(model.record)))


def _only_style(model: Arbitrary) -> str:
    names = preset_names(model)
    if len(names) == 1:
        return names[0]
    if model.encodes:
        raise OptionError("no style is given: name a preset of `restyle styles` or a picture (--style)")
    raise OptionError(f"no style is given (--style); network '{model.name}' has {', '.join(names)}")


def _pair(each: Any) -> tuple[Any, float | None]:
    if isinstance(each, str):
        return split_weight(each)
    if isinstance(each, (list, tuple)):
        if len(each) != 2 or isinstance(each[1], bool) or not isinstance(each[1], (int, float, np.number)):
            raise OptionError(f"a weighted style is (style, weight), not {each!r}")
        return each[0], float(each[1])
    return each, None
