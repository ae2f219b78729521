"""The two graphs: codes, padding, statistics, loading."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from restyle.errors import InputError, ModelError, OptionError
from restyle.models import graphs
from restyle.models.arbitrary import Arbitrary
from restyle.types import FloatArray
from tests.models.made_textures import textured


@pytest.fixture
def tiny(tiny_model: Path) -> Arbitrary:
    return Arbitrary(tiny_model, threads=1)


def test_code_is_what_the_graph_says(tiny: Arbitrary) -> None:
    flat = np.full((80, 100, 3), [0.2, 0.4, 0.6], np.float32)
    assert tiny.encode(flat) == pytest.approx([0.2, 0.4, 0.6, 0.01, 0.01, 0.01], abs=1e-3)
    assert tiny.code_size == 6
    assert tiny.name == "tiny-1"


def test_encode_looks_at_the_style_size(tiny: Arbitrary) -> None:
    fine = np.indices((256, 256)).sum(0) % 2  # a checkerboard of single pixels is grey from afar
    board = np.repeat(fine[..., None], 3, -1).astype(np.float32)
    assert tiny.encode(board)[3] < 0.05
    assert tiny.encode(board, scale=4)[3] > 0.4


@pytest.mark.parametrize("size", [(7, 300), (3, 3), (1, 1)])
def test_style_pictures_without_brushwork_are_refused(tiny: Arbitrary, size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="too small"):
        tiny.encode(np.zeros((*size, 3), np.float32))


@pytest.mark.parametrize("size", [(8, 8), (8, 2000), (900, 20)])
def test_small_and_long_style_pictures_serve(tiny: Arbitrary, size: tuple[int, int]) -> None:
    code = tiny.encode(np.full((*size, 3), 0.5, np.float32))
    assert code == pytest.approx([0.5] * 3 + [0.01] * 3, abs=1e-3)


def test_a_long_scroll_is_encoded_in_windows(tiny: Arbitrary, monkeypatch: pytest.MonkeyPatch) -> None:
    scroll = textured(64, 1280)
    whole = tiny.encode(scroll)
    monkeypatch.setattr(graphs, "STYLE_PIXELS", 64 * 320)
    assert tiny.encode(scroll) == pytest.approx(whole, abs=0.02)


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
        Arbitrary(device="tpu")  # type: ignore[arg-type]
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
