"""Pictures of any size, at any strength: tiles, thumbnails, blending."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from restyle.models import arbitrary, catalog
from restyle.models.arbitrary import Arbitrary
from tests.models.made_textures import textured


@pytest.fixture
def tiny(tiny_model: Path) -> Arbitrary:
    return Arbitrary(tiny_model, threads=1)


@pytest.fixture(scope="module")
def real() -> Arbitrary:
    if any(file.state() != "ok" for file in catalog.records()[catalog.DEFAULT].files):
        pytest.skip("the embedded weights are not there")
    return Arbitrary(threads=2)


def test_tiles_are_the_one_pass_when_the_statistics_are(
    tiny: Arbitrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arbitrary, "TILE", 128)
    monkeypatch.setattr(arbitrary, "HALO", 16)
    content, code = textured(301, 422), np.array([0.5, 0.5, 0.5, 0.2, 0.2, 0.2], np.float32)
    told: list[float] = []
    tiled = tiny.transfer_tiles(content, code, told.append)
    whole, _ = tiny.transfer(content, code)
    assert tiled.shape == content.shape
    assert np.abs(tiled - whole).max() < 0.02  # the padding of the thumbnail differs, nothing else
    assert told == sorted(told)
    assert told[-1] == 1


def test_no_seam_with_the_real_weights(real: Arbitrary, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one set of statistics, tiles are the single pass, pixel by pixel: the halo covers what is seen."""
    monkeypatch.setattr(arbitrary, "TILE", 256)
    content = textured(512, 640)
    code = real.encode(textured(300, 300, seed=9) ** 2)
    whole, stats = real.transfer(content, code)
    monkeypatch.setattr(Arbitrary, "thumbnail_stats", lambda *_: stats)
    tiled = real.transfer_tiles(content, code)
    assert np.abs(tiled - whole).max() < 2e-3


def test_thumbnail_statistics_are_nearly_those_of_the_picture(
    real: Arbitrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arbitrary, "THUMBNAIL_PIXELS", 256 * 320)
    content = textured(512, 640)
    content = np.repeat(np.repeat(content[::4, ::4], 4, 0), 4, 1)  # nothing finer than the thumbnail shows
    code = real.encode(textured(300, 300, seed=9) ** 2)
    own = real.transfer(content, code)[1]
    thumbnail = real.thumbnail_stats(content, code)
    gap = np.linalg.norm(own - thumbnail) / np.linalg.norm(own)
    assert gap < 0.35


@pytest.mark.parametrize("strength", [0.0, 0.01, 0.3, 1.0])
def test_strength_is_its_formula(tiny: Arbitrary, strength: float) -> None:
    content = textured(64, 72)
    code = np.array([0.4, 0.6, 0.5, 0.05, 0.06, 0.07], np.float32)
    own = tiny.encode(content)
    styled = tiny.transfer(content, own + np.float32(strength) * (code - own))[0]
    expected = np.clip(styled + (1 - strength) * (content - tiny.transfer(content, own)[0]), 0, 1)
    assert tiny.stylize(content, code, strength) == pytest.approx(expected, abs=1e-5)


def test_strength_0_is_the_content_itself_and_not_its_memory(tiny: Arbitrary) -> None:
    content = textured(40, 40)
    result = tiny.stylize(content, np.zeros(6, np.float32), 0)
    assert (result == content).all()
    assert not np.shares_memory(result, content)


def test_change_grows_steadily_with_strength(real: Arbitrary) -> None:
    content, code = textured(96, 128), real.encode(1 - textured(200, 200, seed=4))
    changes = [
        float(np.abs(real.stylize(content, code, s) - content).mean()) for s in (0, 0.02, 0.25, 0.5, 0.75, 1)
    ]
    assert changes[0] == 0
    assert changes == sorted(changes)
    assert changes[1] < 0.02


def test_load_gives_the_same_model_again(tiny_model: Path) -> None:
    assert arbitrary.load(str(tiny_model)) is arbitrary.load(str(tiny_model))


def test_steady_painting_gives_what_transfer_gives(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Arbitrary(tiny_model, threads=1)
    picture = np.random.default_rng(0).random((40, 48, 3), np.float32)
    code = model.encode(picture)
    whole, stats = model.paint_steady(picture, code, None, 0.0)
    assert np.array_equal(whole, model.transfer(picture, code)[0])
    monkeypatch.setattr("restyle.models.arbitrary.ONE_PASS_PIXELS", 1000)
    tiled, same = model.paint_steady(picture, code, stats, 0.5)
    np.testing.assert_allclose(tiled, whole, atol=1e-4)
    np.testing.assert_allclose(same, stats, atol=1e-5)
