"""Photographic looks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from restyle.errors import InputError, OptionError, OutputError
from restyle.images.color import ColorLut, rgb_to_oklab
from restyle.images.looks import (
    LOOKS,
    Look,
    apply_look,
    load_cube,
    load_look,
    look_name,
    parse_cube,
    save_cube,
)
from restyle.images.statistics import LUMA
from restyle.types import FloatArray

GRAYS = np.repeat(np.linspace(0, 1, 65, dtype=np.float32)[:, None], 3, axis=1)


def test_a_look_without_settings_changes_nothing() -> None:
    colors = np.random.default_rng(0).uniform(0.25, 0.75, (500, 3))
    np.testing.assert_allclose(Look(name="none", title="")(colors), colors, atol=2e-3)


@pytest.mark.parametrize("name", LOOKS)
def test_looks_keep_tones_in_order_and_colors_in_range(name: str) -> None:
    look = load_look(name)
    assert look.table is not None
    assert np.isfinite(look.table.nodes).all()
    assert look.table.nodes.min() >= 0
    assert look.table.nodes.max() <= 1
    luma = look.apply(GRAYS) @ LUMA
    assert (np.diff(luma) > -2e-3).all()
    assert luma[-1] - luma[0] > 0.35
    steps = np.abs(np.diff(look.table.nodes, axis=0)).max()
    assert steps < 0.25, "no jumps between neighboring colors"


def test_looks_are_what_they_are_called() -> None:
    def mean(name: str, colors: FloatArray = GRAYS) -> FloatArray:
        return np.asarray(rgb_to_oklab(load_look(name).apply(colors).astype(np.float64)).mean(axis=0))

    middle = GRAYS[20:45]
    assert (
        np.ptp(load_look("silver").apply(np.random.default_rng(0).random((99, 3), np.float32)), axis=1).max()
        < 0.01
    )
    assert mean("golden-hour", middle)[2] > 0.02 > -0.02 > mean("blue-hour", middle)[2]
    assert mean("cyanotype", middle)[2] < -0.03
    assert mean("sepia", middle)[2] > 0.03
    assert mean("night", middle)[0] < mean("blue-hour", middle)[0] < mean("silver", middle)[0]
    sky = np.array([[0.4, 0.6, 0.9]], np.float32)
    assert load_look("red-filter").apply(sky).mean() < load_look("silver").apply(sky).mean() - 0.1


def test_strength_mixes() -> None:
    look = load_look("sepia")
    np.testing.assert_allclose(apply_look(look, GRAYS, 0), GRAYS)
    half = apply_look(look, GRAYS, 0.5)
    np.testing.assert_allclose(half, (GRAYS + look.apply(GRAYS)) / 2, atol=1e-6)


def test_names_and_files(tmp_path: Path) -> None:
    assert look_name("sepia") == "sepia"
    assert look_name("looks/my evening.cube") == "my evening"
    with pytest.raises(OptionError, match=r"look 'sepja' is neither.*did you mean 'sepia'"):
        load_look("sepja")
    with pytest.raises(InputError, match=r"no\.cube: does not exist"):
        load_look(str(tmp_path / "no.cube"))
    path = tmp_path / "a.cube"
    path.write_text("LUT_1D_SIZE 2\n0 0 0\n1 1 1\n")
    np.testing.assert_allclose(load_look(str(path)).apply(GRAYS), GRAYS, atol=1e-6)


CORNERS = [f"{r} {g} {b}" for b in (0, 1) for g in (0, 1) for r in (0, 1)]  # the identity, red first
IDENTITY = "\n".join(["LUT_3D_SIZE 2", *CORNERS])


@pytest.fixture(scope="module")
def pixels() -> FloatArray:
    return np.random.default_rng(0).random((40, 50, 3), np.float32)


def nodes(side: int) -> FloatArray:
    axis = np.linspace(0, 1, side, dtype=np.float32)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)


@pytest.mark.slow
def test_a_table_survives_the_file(tmp_path: Path, pixels: FloatArray) -> None:
    grid = nodes(33)
    table = ColorLut(np.stack([grid[..., 2] ** 2, grid[..., 0] * 0.8, 1 - grid[..., 1]], axis=-1))
    path = save_cube(table, tmp_path / "a.cube", title='evening "1"')
    read = load_cube(path)
    assert read.title == "evening 1"
    assert read.table is not None
    np.testing.assert_allclose(read.table.nodes, table.nodes, atol=1e-6)
    np.testing.assert_allclose(read.apply(pixels), table.apply(pixels), atol=1e-5)


def test_red_changes_fastest(pixels: FloatArray) -> None:
    np.testing.assert_allclose(parse_cube(IDENTITY, "a.cube").apply(pixels), pixels, atol=1e-6)


def test_comments_keywords_and_line_ends_of_other_programs(pixels: FloatArray) -> None:
    text = "\r\n".join(
        [
            'TITLE "a # b"',
            "# made by hand",
            "# a TITLE in a comment",
            "LUT_3D_SIZE 2",
            "DOMAIN_MIN 0 0 0",
            "",
            "LUT_IN_VIDEO_RANGE",
            *CORNERS,
        ]
    )
    cube = parse_cube(text, "a.cube")
    assert cube.title == "a # b"
    np.testing.assert_allclose(cube.apply(pixels), pixels, atol=1e-6)


def test_curves_of_each_channel(pixels: FloatArray) -> None:
    cube = parse_cube("LUT_1D_SIZE 3\n0 0 1\n0.25 0.5 0.5\n1 1 0", "a.cube")
    mapped = cube.apply(np.array([[0.5, 0.5, 0.25], [0.75, 0.2, 1.0]], np.float32))
    np.testing.assert_allclose(mapped, [[0.25, 0.5, 0.75], [0.625, 0.2, 0]], atol=1e-6)


def test_a_shaper_comes_before_the_table() -> None:
    text = "\n".join(["LUT_1D_SIZE 2", "LUT_3D_SIZE 2", "0 0 0", "0.5 0.5 0.5", *CORNERS])
    mapped = parse_cube(text, "a.cube").apply(np.array([[1.0, 0.5, 0.0]], np.float32))
    np.testing.assert_allclose(mapped, [[0.5, 0.25, 0]], atol=1e-6)


@pytest.mark.parametrize(
    "domain", ["DOMAIN_MIN 0.2 0.2 0.2\nDOMAIN_MAX 0.8 0.8 0.8", "LUT_3D_INPUT_RANGE 0.2 0.8"]
)
def test_domains(domain: str) -> None:
    mapped = parse_cube(f"{domain}\n{IDENTITY}", "a.cube").apply(np.array([[0.1, 0.5, 0.8]], np.float32))
    np.testing.assert_allclose(mapped, [[0, 0.5, 1]], atol=1e-6)


def test_results_are_clipped() -> None:
    text = "\n".join(["LUT_3D_SIZE 2", *("-3 0.5 7" for _ in CORNERS)])
    np.testing.assert_allclose(parse_cube(text, "a.cube").apply(np.ones((1, 3), np.float32)), [[0, 0.5, 1]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hello", "line 1 is no line of a .cube file: 'hello'"),
        ("# nothing", "neither LUT_3D_SIZE nor LUT_1D_SIZE"),
        ("LUT_3D_SIZE 2\n0 0 0", "has 1 colors instead of 8; it may be cut off"),
        (f"{IDENTITY}\n0 0 0", "has 9 colors instead of 8"),
        ("LUT_3D_SIZE 2\n0 0", "line 2 has 2 values instead of 3"),
        ("LUT_3D_SIZE 1000000", "is not a whole number in 2..129"),
        ("LUT_3D_SIZE 2.5", "is not a whole number"),
        ("LUT_3D_SIZE", "needs 1 number"),
        ("LUT_3D_SIZE two", "needs 1 number, not 'two'"),
        ("LUT_3D_SIZE 2\nLUT_3D_SIZE 2", "line 2 repeats LUT_3D_SIZE"),
        ("DOMAIN_MIN 0 0\n", "needs 3 numbers"),
        ("DOMAIN_MIN nan 0 0\n", "needs 3 numbers"),
        (f"DOMAIN_MIN 1 1 1\n{IDENTITY}", "is not above its smallest"),
        (IDENTITY.replace("1 1 1", "1 nan 1"), "contains NaN, infinite values"),
        (IDENTITY.replace("1 1 1", "NaN 1 1"), "contains NaN, infinite values"),
        (IDENTITY.replace("1 1 1", "1 1e30 1"), "infinite values, or values above 1000"),
        (IDENTITY.replace("1 1 1", "1 0,5 1"), "a value that is no number"),
        ("LUT_1D_SIZE 70000", "line 1: LUT_1D_SIZE 70000 is not a whole number in 2..65536"),
        ("LUT_1D_SIZE 2\n0 0 0", "has 1 colors instead of 2"),
        (IDENTITY.replace("1 1 1", "1 1e99 1"), "infinite values, or values above 1000"),
        (IDENTITY.replace("1 1 1", "1 1e999 1"), "infinite values, or values above 1000"),
        (IDENTITY.replace("1 1 1", "1 0x1 1"), "a value that is no number"),
    ],
)
def test_damaged_files_are_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(InputError, match=r"^a\.cube: ") as caught:
        parse_cube(text, "a.cube")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_text(tmp_path: Path) -> None:
    for name, data, message in (
        ("empty.cube", b" \n", "is empty"),
        ("binary.cube", b"\x89PNG\0\0", "contains no text"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match=message):
            load_cube(tmp_path / name)
    with pytest.raises(InputError, match="cannot be read"):
        load_cube(tmp_path / "missing.cube")
    with pytest.raises(InputError, match="is a folder"):
        load_cube(tmp_path)
    (tmp_path / "latin.cube").write_bytes(b"\xef\xbb\xbf# caf\xe9\n" + IDENTITY.encode())
    assert load_cube(tmp_path / "latin.cube").table is not None


def test_nothing_is_replaced_unasked(tmp_path: Path) -> None:
    target = tmp_path / "a.cube"
    target.write_text("mine")
    with pytest.raises(OutputError):
        save_cube(ColorLut(nodes(2)), target)
    assert target.read_text() == "mine"
    save_cube(ColorLut(nodes(2)), target, overwrite=True)
    assert load_cube(target).table is not None
