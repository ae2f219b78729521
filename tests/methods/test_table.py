"""A method is one module and one row of the table; no other module contains the name of a method."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import restyle
import restyle.cli.app  # --help is written now, without the rows of the tests
import restyle.cli.image
from restyle.cli import main
from restyle.errors import MissingExtraError, OptionError
from restyle.images import picture as images
from restyle.methods import table
from restyle.methods.table import METHODS, MethodInfo

Photo = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
SOURCE = Path(restyle.__file__).parent


@pytest.fixture
def inverted(monkeypatch: pytest.MonkeyPatch) -> None:
    row = MethodInfo(name="inverted", summary="inverts", module="tests.methods.inverted")
    monkeypatch.setitem(METHODS, "inverted", row)


@pytest.mark.usefixtures("inverted")
def test_a_method_from_outside_stylizes(photo: Photo, tiny_model: Path) -> None:
    fractions: list[float] = []

    def call(**options: Any) -> Photo:
        return np.asarray(restyle.image(photo, "great-wave", method="inverted", model=tiny_model, **options))

    np.testing.assert_array_equal(call(report=fractions.append), 255 - photo)
    assert fractions == [1.0]
    assert np.abs(call(strength=0.5).astype(int) - 127).max() <= 1, "mixed with the content"
    left = np.zeros(photo.shape[:2], np.uint8)
    left[:, :30] = 255
    half = restyle.image(
        photo, regions=[(left, "great-wave")], feather=0, method="inverted", model=tiny_model
    )
    np.testing.assert_array_equal(half[:, :30], 255 - photo[:, :30])
    np.testing.assert_array_equal(half[:, 30:], photo[:, 30:])


@pytest.mark.usefixtures("inverted")
def test_a_method_from_outside_refuses_what_it_cannot_do(photo: Photo, tiny_model: Path) -> None:
    wrong: list[dict[str, Any]] = [{"steps": 5}, {"paint_size": 64}, {"callback": print}]
    for options in wrong:
        with pytest.raises(OptionError, match=next(iter(options)).replace("_", "-")):
            restyle.image(photo, "great-wave", method="inverted", model=tiny_model, **options)


@pytest.mark.usefixtures("inverted")
def test_a_method_from_outside_at_the_command_line(
    photo: Photo, photo_file: Path, tiny_model: Path, in_folder: Path
) -> None:
    arguments = ["image", str(photo_file), "-s", "great-wave", "--method", "inverted", "-o", "a.png"]
    with pytest.raises(SystemExit) as leaving:
        main([*arguments, "--model", str(tiny_model)])
    assert not leaving.value.code
    np.testing.assert_array_equal(images.to_array(images.load_image("a.png"), photo), 255 - photo)


def test_unknown_methods_and_missing_extras(photo: Photo, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match=r"'oil'.*fast, paint, photo, optimize"):
        restyle.image(photo, "great-wave", method="oil")
    row = MethodInfo(name="oil", summary="", module="not_installed", extra="oil")
    monkeypatch.setitem(METHODS, "oil", row)
    with pytest.raises(MissingExtraError, match=r"restyle\[oil\]"):
        table.load("oil")


@pytest.mark.parametrize("name", METHODS)
def test_rows_tell_what_the_modules_can_do(name: str) -> None:
    row, module = METHODS[name], importlib.import_module(METHODS[name].module)
    assert callable(module.stylize)
    assert hasattr(module, "stylize_regions") == row.regions
    assert hasattr(module, "stylize_frame") == row.previous_frame
    assert hasattr(module, "stylize_key") == row.key_frames


@pytest.mark.parametrize("above", ["pipeline.py", "stylizer.py", "cli/image.py", "videos/painter.py"])
def test_nothing_above_the_table_names_a_method(above: str) -> None:
    words = [
        node for node in ast.walk(ast.parse((SOURCE / above).read_text())) if isinstance(node, ast.Constant)
    ]
    assert not {word.value for word in words} & set(METHODS)
