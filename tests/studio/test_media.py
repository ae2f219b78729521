"""Options of the API are those of the command line."""

import pytest

from restyle.cli.app import load_command
from restyle.errors import OptionError
from restyle.studio import ApiError
from restyle.studio.media import (
    AUDIO,
    IMAGE_TYPES,
    IMAGES,
    OMITTED,
    VIDEOS,
    Medium,
    choose_type,
    describe,
    option_sets,
    parse,
    schema,
)

# What the command line says with files, and the API with fields of the request.
PATHS = {"content", "style", "region", "audio_style", "output", "plot", "help"}


@pytest.mark.parametrize(("command", "medium"), [("image", IMAGES), ("video", VIDEOS), ("audio", AUDIO)])
def test_options_are_those_of_the_command_line(command: str, medium: Medium) -> None:
    flags = {each.name for each in load_command(command).params} - PATHS
    assert {each["name"] for each in describe(medium)} == flags - OMITTED.keys()


def test_ranges_choices_and_defaults_are_described() -> None:
    options = {each["name"]: each for each in describe(IMAGES)}
    assert options["keep_colors"]["choices"] == ["luminance", "statistics"]
    assert options["likeness"]["methods"] == ["paint"]
    assert (options["style_scale"]["minimum"], options["style_scale"]["maximum"]) == (0.25, 4)
    properties = schema(VIDEOS)
    assert {"none", "flow"} <= set(properties["steady"]["enum"])
    assert properties["temporal_weight"]["type"] == "number"


def test_texts_become_values() -> None:
    given = [("strength", "0.5"), ("colors_only", "true"), ("keep_colors", ""), ("size", "640x480")]
    values = parse(IMAGES, given)
    assert values == {"strength": 0.5, "colors_only": True, "keep_colors": None, "size": "640x480"}
    photo, method, saving = option_sets(IMAGES, values)
    assert (photo.size, method.method, saving.quality) == ("640x480", None, None)
    assert option_sets(VIDEOS, parse(VIDEOS, [("audio_strength", "0.5")]))[2].of_sound.strength == 0.5


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("strength", "2"),
        ("strength", "nan"),
        ("colors_only", "perhaps"),
        ("seed", "1.5"),
        ("threads", "4"),
        ("overwrite", "true"),
        ("init", "/etc/passwd"),
        ("stength", "1"),
        ("steps", "9"),
    ],
)
def test_wrong_values_are_refused(name: str, text: str) -> None:
    with pytest.raises(OptionError) as caught:
        parse(IMAGES, [("method", "optimize")] * (name == "init") + [(name, text)])
    assert name in str(caught.value)


def test_an_option_is_given_once() -> None:
    with pytest.raises(OptionError, match="twice"):
        parse(IMAGES, [("strength", "1"), ("strength", "0.5")])


@pytest.mark.parametrize("medium", [IMAGES, VIDEOS, AUDIO], ids=lambda medium: medium.name)
@pytest.mark.parametrize(
    "text", ["9" * 1500, "-" + "9" * 1500, "9" * 5000, "nan", "-inf", "1e400", "²", "\0"]
)
def test_odd_numbers_are_option_errors(medium: Medium, text: str) -> None:
    checked = 0
    for each, _ in medium.options():
        if "low" in each.metadata or each.name in ("size", "crop"):
            checked += 1
            with pytest.raises(OptionError):
                parse(medium, [(each.name, text)])
    assert checked > 3


@pytest.mark.parametrize(
    ("accept", "suffix"),
    [
        (None, ".png"),
        ("*/*", ".png"),
        ("image/*", ".png"),
        ("image/webp", ".webp"),
        ("image/jpeg;q=0.5, image/tiff", ".tif"),
        ("text/html, image/avif;q=0.1", ".avif"),
        ("image/png;q=0, image/jpeg;q=x, image/webp;q=0.1", ".webp"),
    ],
)
def test_accepted_type(accept: str | None, suffix: str) -> None:
    assert choose_type(accept, IMAGE_TYPES, ".png")[1] == suffix


def test_no_accepted_type() -> None:
    with pytest.raises(ApiError) as caught:
        choose_type("text/html", IMAGE_TYPES, ".png")
    assert caught.value.status == 406
