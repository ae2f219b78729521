"""Photographic looks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from restyle.errors import InputError, OptionError
from restyle.images.color import LUMA, rgb_to_oklab
from restyle.images.looks import LOOKS, Look, apply_look, load_look, look_name
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
