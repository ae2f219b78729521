"""Pictures of any size, at any strength: tiles, thumbnails, mixing."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from restyle.errors import InputError, ModelError, OptionError, StyleError
from restyle.models import arbitrary, catalog
from restyle.models.arbitrary import Arbitrary
from restyle.models.style_codes import interpolate_code, mix_codes, normalize_weights, restore_content
from restyle.types import FloatArray


def textured(height: int, width: int, seed: int = 0) -> FloatArray:
    """[height, width, 3]: wide waves of color, with noise."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    waves = np.stack([np.sin(rows / 31), np.cos(columns / 23), np.sin((rows + columns) / 47)], -1)
    noise = np.random.default_rng(seed).normal(0, 0.05, (height, width, 3))
    return np.clip(0.5 + 0.3 * waves + noise, 0, 1).astype(np.float32)


@pytest.fixture
def tiny(tiny_model: Path) -> Arbitrary:
    return Arbitrary(tiny_model, threads=1)


def test_code_is_what_the_graph_says(tiny: Arbitrary) -> None:
    flat = np.full((80, 100, 3), [0.2, 0.4, 0.6], np.float32)
    assert tiny.encode(flat) == pytest.approx([0.2, 0.4, 0.6, 0.01, 0.01, 0.01], abs=1e-3)
    assert tiny.code_size == 6
    assert tiny.name == "tiny-1"


def test_encode_resizes_to_the_style_size(tiny: Arbitrary) -> None:
    fine = np.indices((256, 256)).sum(0) % 2  # a checkerboard of single pixels is gray when downscaled
    board = np.repeat(fine[..., None], 3, -1).astype(np.float32)
    assert tiny.encode(board)[3] < 0.05
    assert tiny.encode(board, scale=4)[3] > 0.4


@pytest.mark.parametrize("size", [(7, 300), (3, 3), (1, 1)])
def test_style_pictures_without_brushwork_are_refused(tiny: Arbitrary, size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="too small"):
        tiny.encode(np.zeros((*size, 3), np.float32))


@pytest.mark.parametrize("size", [(8, 8), (8, 2000), (900, 20)])
def test_small_and_long_style_images(tiny: Arbitrary, size: tuple[int, int]) -> None:
    code = tiny.encode(np.full((*size, 3), 0.5, np.float32))
    assert code == pytest.approx([0.5] * 3 + [0.01] * 3, abs=1e-3)


def passes(model: Arbitrary, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The list that gets the number of pixels of each pass through the style encoder."""
    encoded: list[int] = []
    run = model.style_encoder.run

    def counted(**inputs: FloatArray) -> dict[str, FloatArray]:
        encoded.append(inputs["style"].shape[2] * inputs["style"].shape[3])
        return run(**inputs)

    monkeypatch.setattr(model.style_encoder, "run", counted)
    return encoded


def test_a_long_scroll_is_encoded_in_windows(tiny: Arbitrary, monkeypatch: pytest.MonkeyPatch) -> None:
    scroll = textured(64, 1280)
    whole = tiny.encode(scroll)
    monkeypatch.setattr(arbitrary, "STYLE_PIXELS", 64 * 320)
    assert tiny.encode(scroll) == pytest.approx(whole, abs=0.02)


def test_a_scroll_of_many_windows_costs_as_much_as_a_few(
    tiny: Arbitrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arbitrary, "STYLE_PIXELS", 64 * 64)
    encoded = passes(tiny, monkeypatch)
    tiny.encode(textured(64, 2560))
    assert encoded == arbitrary.MOST_WINDOWS[0] * [64 * 256]  # four squares


@pytest.mark.parametrize("size", [(10, 60_000), (60_000, 10), (8, 3000), (300, 900)])
@pytest.mark.parametrize("scale", [0.25, 0.7, 1.0, 2.0, 4.0])
def test_a_style_of_any_shape_is_encoded_in_little_memory(
    tiny: Arbitrary, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], scale: float
) -> None:
    """Memory grows with the pixels of a pass, time with their sum."""
    monkeypatch.setattr(arbitrary, "STYLE_PIXELS", 4 * 64 * 64)
    encoded = passes(tiny, monkeypatch)
    tiny.encode(np.full((*size, 3), 0.5, np.float32), scale)
    assert max(encoded) <= 1.1 * 4 * 64 * 64
    assert sum(encoded) <= 1.1 * 16 * 4 * 64 * 64


@pytest.mark.parametrize("size", [(60, 80), (200, 90), (64, 64), (40, 100)])
def test_an_ordinary_style_is_encoded_in_one_pass_unless_strokes_are_large(
    tiny: Arbitrary, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    monkeypatch.setattr(arbitrary, "STYLE_PIXELS", 1)
    encoded = passes(tiny, monkeypatch)
    for scale in (0.25, 1.0, 4.0):
        tiny.encode(textured(*size), scale)
    pixels = [(64 * scale) ** 2 * max(size) / min(size) for scale in (0.25, 1, 4)]
    assert encoded[:2] == pytest.approx(pixels[:2], rel=0.05)
    assert max(encoded) <= 1.1 * 4 * 64 * 64
    assert sum(encoded[2:]) == pytest.approx(pixels[2], rel=0.05)  # all of it counts


@pytest.mark.parametrize("scale", [0.1, 5, float("nan")])
def test_scale_has_bounds(tiny: Arbitrary, scale: float) -> None:
    with pytest.raises(OptionError, match="style scale"):
        tiny.encode(textured(64, 64), scale)


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (16, 16), (17, 31), (64, 64), (61, 203)])
def test_any_size_comes_back_exactly(tiny: Arbitrary, size: tuple[int, int]) -> None:
    code = np.array([0.5, 0.5, 0.5, 0.1, 0.1, 0.1], np.float32)
    picture, stats = tiny.transfer(textured(*size), code)
    assert picture.shape == (*size, 3)
    assert picture.dtype == np.float32
    assert stats.shape == (6,)
    assert np.isfinite(picture).all()


def test_the_result_has_the_moments_of_the_code(tiny: Arbitrary) -> None:
    code = np.array([0.6, 0.5, 0.4, 0.1, 0.08, 0.05], np.float32)
    picture, _ = tiny.transfer(textured(64, 128), code)
    assert picture.mean((0, 1)) == pytest.approx(code[:3], abs=0.01)
    assert picture.std((0, 1)) == pytest.approx(code[3:], abs=0.01)


def test_given_statistics_replace_the_pictures_own(tiny: Arbitrary) -> None:
    code = np.array([0.5, 0.5, 0.5, 0.1, 0.1, 0.1], np.float32)
    content = textured(64, 64)
    own, stats = tiny.transfer(content, code)
    again, used = tiny.transfer(content, code, stats)
    assert again == pytest.approx(own, abs=1e-5)
    other, used = tiny.transfer(content, code, stats + np.float32(0.1))
    assert used == pytest.approx(stats + 0.1, abs=1e-5)
    assert np.abs(other - own).mean() > 0.01


def test_only_what_is_needed_is_loaded(tiny: Arbitrary) -> None:
    tiny.stylize(textured(32, 32), np.full(6, 0.3, np.float32), 1)
    assert "transformer" in vars(tiny)
    assert "style_encoder" not in vars(tiny)


def test_two_threads_load_one_session_and_agree(tiny: Arbitrary) -> None:
    content, code = textured(64, 64), np.full(6, 0.3, np.float32)
    results: list[FloatArray] = []
    sessions = set()

    def work() -> None:
        results.append(tiny.stylize(content, code, 0.5))
        sessions.add(id(tiny.transformer))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sessions) == 1
    assert len(results) == 6
    assert all((result == results[0]).all() for result in results)


def test_a_model_with_other_inputs_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    for role in ("style_encoder", "transformer"):
        (tmp_path / f"{role}.onnx").write_bytes((tiny_model / "style_encoder.onnx").read_bytes())
    with pytest.raises(ModelError, match="a transformer takes"):
        _ = Arbitrary(tmp_path).transformer


def test_wrong_device_and_threads() -> None:
    with pytest.raises(OptionError, match="unknown device 'tpu'"):
        Arbitrary(device="tpu")
    with pytest.raises(OptionError, match="threads 0"):
        Arbitrary(threads=0)


def test_statistics_are_mixed_by_weight(tiny_model: Path) -> None:
    """With the tiny model, `stats` are the mean and deviation of the blurred picture."""
    model = Arbitrary(tiny_model, threads=1)
    dark = np.full((24, 32, 3), 0.2, np.float32)
    light = np.full((24, 32, 3), 0.8, np.float32)
    code = model.encode(dark)
    before = model.transfer(dark, code)[1]
    _, mixed = model.transfer(light, code, before, 0.75)
    own = model.transfer(light, code)[1]
    np.testing.assert_allclose(mixed, 0.75 * before + 0.25 * own, atol=1e-5)


@pytest.fixture
def tiny_arbitrary(tiny_model: Path) -> Arbitrary:
    return Arbitrary(tiny_model, threads=1)


@pytest.fixture(scope="module")
def real() -> Arbitrary:
    if any(file.state() != "ok" for file in catalog.records()[catalog.DEFAULT].files):
        pytest.skip("the embedded weights are not there")
    return Arbitrary(threads=2)


def test_tiles_are_the_one_pass_when_the_statistics_are(
    tiny_arbitrary: Arbitrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arbitrary, "TILE", 128)
    monkeypatch.setattr(arbitrary, "HALO", 16)
    content, code = textured(301, 422), np.array([0.5, 0.5, 0.5, 0.2, 0.2, 0.2], np.float32)
    told: list[float] = []
    tiled = tiny_arbitrary.transfer_tiles(content, code, told.append)
    whole, _ = tiny_arbitrary.transfer(content, code)
    assert tiled.shape == content.shape
    assert np.abs(tiled - whole).max() < 0.02  # the padding of the thumbnail differs, nothing else
    assert told == sorted(told)
    assert told[-1] == 1


@pytest.mark.slow
def test_no_seam_with_the_real_weights(real: Arbitrary, monkeypatch: pytest.MonkeyPatch) -> None:
    """With equal statistics, tiles equal a single pass: the halo covers the receptive field."""
    monkeypatch.setattr(arbitrary, "TILE", 256)
    content = textured(512, 640)
    code = real.encode(textured(300, 300, seed=9) ** 2)
    whole, stats = real.transfer(content, code)
    monkeypatch.setattr(Arbitrary, "thumbnail_stats", lambda *_: stats)
    tiled = real.transfer_tiles(content, code)
    assert np.abs(tiled - whole).max() < 2e-3


@pytest.mark.slow
def test_thumbnail_statistics_are_nearly_those_of_the_picture(
    real: Arbitrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arbitrary, "THUMBNAIL_PIXELS", 256 * 320)
    content = textured(512, 640)
    content = np.repeat(np.repeat(content[::4, ::4], 4, 0), 4, 1)  # no detail finer than the thumbnail
    code = real.encode(textured(300, 300, seed=9) ** 2)
    own = real.transfer(content, code)[1]
    thumbnail = real.thumbnail_stats(content, code)
    gap = np.linalg.norm(own - thumbnail) / np.linalg.norm(own)
    assert gap < 0.35


@pytest.mark.parametrize("strength", [0.0, 0.01, 0.3, 1.0])
def test_strength_is_its_formula(tiny_arbitrary: Arbitrary, strength: float) -> None:
    content = textured(64, 72)
    code = np.array([0.4, 0.6, 0.5, 0.05, 0.06, 0.07], np.float32)
    own = tiny_arbitrary.encode(content)
    styled = tiny_arbitrary.transfer(content, own + np.float32(strength) * (code - own))[0]
    expected = np.clip(styled + (1 - strength) * (content - tiny_arbitrary.transfer(content, own)[0]), 0, 1)
    assert tiny_arbitrary.stylize(content, code, strength) == pytest.approx(expected, abs=1e-5)


def test_strength_0_returns_a_copy_of_the_content(tiny_arbitrary: Arbitrary) -> None:
    content = textured(40, 40)
    result = tiny_arbitrary.stylize(content, np.zeros(6, np.float32), 0)
    assert (result == content).all()
    assert not np.shares_memory(result, content)


@pytest.mark.slow
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


def test_the_same_model_with_another_number_of_threads(tiny_model: Path) -> None:
    model = Arbitrary(tiny_model, threads=2)
    one = model.with_threads(1)
    assert one is model.with_threads(1)
    assert one.with_threads(1) is one
    assert (one.threads, one.transformer.threads, model.threads) == (1, 1, 2)
    picture = np.random.default_rng(0).random((40, 48, 3), np.float32)
    np.testing.assert_allclose(
        one.paint(picture, one.encode(picture)), model.paint(picture, model.encode(picture))
    )


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=6).filter(lambda weights: sum(weights) > 1e-3))
def test_convex_weights_sum_to_one_and_keep_their_proportions(weights: list[float]) -> None:
    convex = normalize_weights(weights)
    assert convex.sum() == pytest.approx(1, abs=1e-5)
    assert convex == pytest.approx(np.asarray(weights) / sum(weights), abs=1e-6)


@pytest.mark.parametrize("weights", [[-1.0, 2.0], [float("nan")], [float("inf"), 1.0], [0.0, 0.0]])
def test_invalid_weights(weights: list[float]) -> None:
    with pytest.raises(StyleError):
        normalize_weights(weights)


def test_mix_is_the_weighted_mean() -> None:
    codes = [np.array([0, 1], np.float32), np.array([1, 0], np.float32)]
    assert mix_codes(codes, [3, 1]) == pytest.approx([0.25, 0.75])


def test_interpolate_code() -> None:
    own, code = np.array([0, 4], np.float32), np.array([2, 0], np.float32)
    assert interpolate_code(own, code, 0).tolist() == own.tolist()
    assert interpolate_code(own, code, 1).tolist() == code.tolist()
    assert interpolate_code(own, code, 0.5).tolist() == [1, 2]


def test_restore_content_at_strength_0_is_the_content() -> None:
    content, own = np.random.default_rng(0).random((2, 600, 5, 3), np.float32)
    given_back = restore_content(own.copy(), content, own, 0.0)
    assert given_back == pytest.approx(content, abs=1e-6)


def test_restore_content_is_its_formula_in_place() -> None:
    styled, content, own = np.random.default_rng(1).random((3, 300, 7, 3), np.float32)
    expected = np.clip(styled + 0.7 * (content - own), 0, 1)
    result = restore_content(styled, content, own, 0.3)
    assert result is styled
    assert result == pytest.approx(expected, abs=1e-6)
