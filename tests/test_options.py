"""Option sets: checked when made, and the one source of every default."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, fields
from typing import Any, Literal, get_type_hints

import numpy as np
import pytest
import typer

import restyle
from restyle import types
from restyle.cli.app import BareValues, with_flags
from restyle.errors import OptionError
from restyle.images.picture import DEFAULT_MAX_PIXELS
from restyle.methods.protocol import Step
from restyle.models import catalog
from restyle.options import (
    AudioKeywords,
    AudioOptions,
    CallKeywords,
    EngineKeywords,
    EngineOptions,
    ImageKeywords,
    ImageOptions,
    OptimizeKeywords,
    OptimizeOptions,
    OptionSet,
    PaintKeywords,
    PhotoOptions,
    SaveOptions,
    VideoKeywords,
    VideoOptions,
    again,
    base,
    opt,
    parse_crop,
    parse_size,
)
from restyle.options.train import EncoderOptions, NetworkOptions, StyleOptions
from restyle.stylizer import Stylizer
from restyle.types import PathLike

SETS = (ImageOptions, PhotoOptions, EngineOptions, SaveOptions)
TYPES = {"Step": Step, "RegionsLike": Any, "Report": types.Report, "PathLike": PathLike}


@pytest.mark.parametrize("kind", SETS)
def test_every_field_has_its_help(kind: Any) -> None:
    for each in fields(kind):
        assert each.metadata["help"].endswith((".", ")"))
        assert ("low" in each.metadata) == ("high" in each.metadata)


@pytest.mark.parametrize("kind", SETS)
def test_defaults_are_within_their_ranges(kind: Any) -> None:
    assert kind() == kind()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"strength": 1.6}, "strength 1.6 is outside 0..1.5"),
        ({"strength": -0.1}, "strength -0.1 is outside 0..1.5"),
        ({"strength": float("nan")}, "strength nan is outside"),
        ({"strength": "full"}, "strength 'full' is not of type float"),
        ({"strength": True}, "strength True is not of type float"),
        ({"style_scale": 9}, "style-scale 9 is outside 0.25..4"),
        ({"keep_colors": "all"}, "keep-colors 'all' is none of luminance, statistics"),
        ({"colors_only": "yes"}, "colors-only 'yes' is not of type bool"),
        ({"keep_colors": "luminance", "colors_only": True}, "contradict each other"),
        ({"crop": "wide"}, "crop 'wide' is none of"),
        ({"crop": "0:3"}, "crop '0:3'"),
        ({"crop": "120%"}, "crop '120%'"),
        ({"crop": "60%x50%+50%+0%"}, "crop '60%x50%+50%+0%' is empty or reaches beyond the photo"),
        ({"crop": "0%x50%+50%+0%"}, "is empty"),
        ({"size": "big"}, "size 'big' is neither"),
        ({"size": 0}, "size '0' is neither"),
        ({"size": "800x0"}, "size '800x0' is neither"),
        ({"size": 2.5}, "size 2.5 is not of type int or str"),
        ({"brightness": -1}, "brightness -1 is outside 0..10"),
        ({"contrast": 11}, "contrast 11 is outside 0..10"),
        ({"max_pixels": 0}, "max-pixels 0 is outside"),
    ],
)
def test_what_is_wrong_is_named(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError) as caught:
        ImageOptions(**wrong)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "wrong", "said"),
    [
        (EngineOptions, {"device": "gpu"}, "device 'gpu' is none of auto, cpu, cuda"),
        (EngineOptions, {"threads": 0}, "threads 0 is outside 1..1024"),
        (SaveOptions, {"quality": 101}, "quality 101 is outside 1..100"),
        (SaveOptions, {"overwrite": 1}, "overwrite 1 is not of type bool"),
    ],
)
def test_other_sets_check_too(kind: Any, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        kind(**wrong)


def test_numbers_of_numpy_serve() -> None:
    assert ImageOptions(strength=np.float32(0.5)).strength == 0.5  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "crop"),
    [
        (None, None),
        ("16:9", ("aspect", 16, 9)),
        ("2.35:1", ("aspect", 2.35, 1)),
        ("800x600", ("pixels", 800, 600)),
        ("50%", ("part", 0.5, 0.5)),
        ("0.25", ("part", 0.25, 0.25)),
        ("40%x62.5%+25%+0%", ("box", 0.4, 0.625, 0.25, 0)),
    ],
)
def test_parse_crop(text: str | None, crop: object) -> None:
    assert parse_crop(text) == crop


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"paint_size": 63}, "paint-size 63 is outside 64..100000"),
        ({"paint_size": 200_000}, "paint-size 200000 is outside 64..100000"),
        ({"paint_size": 512.5}, "paint-size 512.5 is not of type int"),
        ({"paint_size": "small"}, "paint-size 'small' is not of type int"),
        ({"paint_size": 512, "colors_only": True}, "paint-size and colors-only contradict each other"),
    ],
)
def test_bad_sizes_of_the_painting_are_named(wrong: Any, said: str) -> None:
    with pytest.raises(OptionError) as raised:
        PhotoOptions(**wrong)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "size"), [(None, None), (512, 512), ("2048", 2048), ("640x480", (480, 640))]
)
def test_parse_size(text: int | str | None, size: object) -> None:
    assert parse_size(text) == size


def hints(*kinds: Any) -> dict[str, Any]:
    return {name: hint for kind in kinds for name, hint in get_type_hints(kind, localns=TYPES).items()}


@pytest.mark.parametrize(
    ("keywords", "kinds", "others"),
    [
        (AudioKeywords, (AudioOptions,), ()),
        (ImageKeywords, (ImageOptions,), ()),
        (OptimizeKeywords, (OptimizeOptions,), ("callback",)),
        (PaintKeywords, (PhotoOptions, OptimizeOptions), ("callback",)),
        (CallKeywords, (PhotoOptions, OptimizeOptions, SaveOptions), ("callback", "regions", "report")),
        (
            EngineKeywords,
            (PhotoOptions, OptimizeOptions, SaveOptions, EngineOptions),
            ("callback", "regions", "report"),
        ),
        (VideoKeywords, (ImageOptions, VideoOptions), ()),
    ],
)
def test_keywords_for_type_checkers_are_the_fields(
    keywords: Any, kinds: tuple[Any, ...], others: tuple[str, ...]
) -> None:
    wanted, found = hints(*kinds), hints(keywords)
    assert found.keys() == {*wanted, *others}
    paths = {"model": PathLike, "init": PathLike, "preview": PathLike | None}  # calls take Path as well
    assert all(found[name] == paths.get(name, hint) for name, hint in wanted.items())


def test_help_of_the_calls_explains_every_option() -> None:
    calls: dict[Any, tuple[Any, ...]] = {
        restyle.image: (SaveOptions, EngineOptions, PhotoOptions, OptimizeOptions),
        restyle.video: (EngineOptions, ImageOptions, VideoOptions),
        restyle.audio: (AudioOptions,),
    }
    for function, kinds in calls.items():
        text = " ".join((function.__doc__ or "").split())
        for each in (each for kind in kinds for each in fields(kind)):
            assert f" {each.name} : " in text
            assert " ".join(each.metadata["help"].split()) in text
        for name in inspect.signature(function).parameters:
            assert name == "options" or f" {name}" in text
        assert "Any" not in str(inspect.signature(function)).partition(") ->")[0]


def test_an_option_set_from_outside_gets_its_flags(capsys: pytest.CaptureFixture[str]) -> None:
    @dataclass(frozen=True, kw_only=True)
    class WaveOptions(OptionSet):
        height: float = opt(1.5, "Height of the wave.", (0, 9), panel="Waves")
        foam: Literal["little", "much"] | None = opt(None, "Foam.", bare="much")
        steps: int = again(AudioOptions, "steps", 7)

    got: list[WaveOptions] = []

    def wave(options: WaveOptions) -> None:
        """Draw a wave."""
        got.append(options)

    wave.__annotations__["options"] = WaveOptions
    application = typer.Typer(add_completion=False)
    application.command(cls=BareValues)(with_flags(wave))

    def run(*arguments: str) -> str:
        with pytest.raises(SystemExit):
            application(arguments)
        return capsys.readouterr().out

    run("--height", "2", "--foam")
    run()
    assert got == [WaveOptions(height=2, foam="much"), WaveOptions()]
    assert WaveOptions().steps == 7
    shown = run("--help")
    assert "--height" in shown
    assert "[0 to 9]" in shown
    assert "little|much" in shown
    assert "Waves" in shown
    with pytest.raises(OptionError, match="height 10 is outside"):
        WaveOptions(height=10)


def test_signatures_take_their_defaults_from_the_sets() -> None:
    defaults = {each.name: each.default for kind in SETS for each in fields(kind)}
    for function in (restyle.image, Stylizer.__call__, Stylizer.__init__):
        named = inspect.signature(function).parameters.values()
        shared = [each for each in named if each.name in defaults]
        assert shared
        assert all(each.default == defaults[each.name] for each in shared)


def test_defaults_agree_with_what_other_modules_call_default() -> None:
    assert ImageOptions().max_pixels == DEFAULT_MAX_PIXELS
    assert EngineOptions().model == catalog.DEFAULT
    assert EngineOptions().model in catalog.records()


def test_an_unknown_keyword_suggests_the_near_one() -> None:
    with pytest.raises(TypeError, match="keep_colors"):
        restyle.image(np.zeros((8, 8, 3), np.uint8), "great-wave", keep_colours="luminance")  # type: ignore[call-overload]


@pytest.mark.parametrize(("former", "now"), [*base.FORMER_NAMES.items()])
def test_a_former_name_works_with_a_warning(former: str, now: str) -> None:
    kind = next(kind for kind in (NetworkOptions, StyleOptions, EncoderOptions) if hasattr(kind, now))
    value = {"normalization": "none"}.get(now, 0.5)
    with pytest.warns(DeprecationWarning, match=f"'{former}' is now '{now}'") as caught:
        (options,) = base.from_keywords({former: value}, kind)
    assert len(caught) == 1
    assert getattr(options, now) == value


def test_a_former_value_works_with_a_warning() -> None:
    with pytest.warns(DeprecationWarning, match="'steady=statistics' is now 'steady=none'"):
        (options,) = base.from_keywords({"steady": "statistics"}, VideoOptions)
    assert options.steady == "none"


def test_a_network_takes_its_former_keyword() -> None:
    with pytest.warns(DeprecationWarning, match="normalization") as caught:
        network = restyle.StyleNetwork(normalisation="blocks")  # type: ignore[call-arg]
    assert caught[0].filename == __file__, "a warning that points into restyle is not shown"
    assert network.options.normalization == "blocks"


def test_numbers_of_numpy_and_true_are_taken() -> None:
    options = ImageOptions(strength=np.float32(0.5), max_pixels=np.int64(9), keep_colors=True)  # type: ignore[arg-type]
    assert (options.strength, options.max_pixels, options.keep_colors) == (0.5, 9, "luminance")
    assert [type(each) for each in (options.strength, options.max_pixels)] == [float, int]
    assert ImageOptions(keep_colors=False).keep_colors is None  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="strength"):
        ImageOptions(strength=np.zeros(1))  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="strength True"):
        ImageOptions(strength=True)
