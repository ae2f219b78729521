"""One graph on one device."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from restyle.errors import ModelError, OptionError
from restyle.methods import table
from restyle.models import catalog, session
from restyle.models.arbitrary import Arbitrary
from restyle.models.session import (
    LAYERS,
    MOST_PIXELS,
    PROVIDERS,
    SHORT,
    SMALLEST,
    Device,
    Session,
    comparable,
    feature_encoder,
)


@pytest.fixture
def encoder(tiny_model: Path) -> Session:
    return Session((tiny_model / "style_encoder.onnx").read_bytes(), name="tiny", threads=1)


def test_runs_by_name(encoder: Session) -> None:
    out = encoder.run(style=np.full((2, 3, 16, 24), 0.5, np.float32))
    assert out["code"].shape == (2, 6)
    assert out["code"][:, :3] == pytest.approx(np.full((2, 3), 0.5))


def test_another_thread_stops_runs(encoder: Session) -> None:
    picture = np.zeros((1, 3, 256, 256), np.float32)
    encoder.run(style=picture[..., :64, :64])
    threading.Timer(0.01, session.interrupt, [True]).start()
    try:
        with pytest.raises(session.Interrupted):
            [encoder.run(style=picture) for _ in range(10_000)]
        with pytest.raises(session.Interrupted):
            encoder.run(style=picture[..., :64, :64])
    finally:
        session.interrupt(False)
    assert encoder.run(style=picture[..., :64, :64])["code"].shape == (1, 6)
    assert session._under_way == []


def test_takes_views_and_other_floats(encoder: Session) -> None:
    out = encoder.run(style=np.ones((16, 24, 3)).transpose(2, 0, 1)[None])  # type: ignore[arg-type]
    assert out["code"][0, :3] == pytest.approx([1, 1, 1])


def test_knows_its_widths_and_metadata(encoder: Session) -> None:
    assert encoder.width("code") == 6
    assert encoder.setting("restyle_model") == "tiny-1"
    with pytest.raises(ModelError, match="has no constant width of 'style'"):
        encoder.width("style")
    with pytest.raises(ModelError, match="lacks the metadata 'colour'"):
        encoder.setting("colour")


@pytest.mark.parametrize("text", ["0", "-8", "1e9", "4097", "8.0", "٣", "9" * 5000, ""])
def test_numbers_of_the_metadata_are_checked(encoder: Session, text: str) -> None:
    encoder.metadata["stride"] = "8"
    assert encoder.number("stride", 4096) == 8
    assert encoder.number("halo", 4096, 64) == 64
    encoder.metadata["stride"] = text
    with pytest.raises(ModelError, match=r"tiny.*stride is .* not a number from 1 to 4096"):
        encoder.number("stride", 4096)


def test_device_is_logged_once(tiny_model: Path, caplog: pytest.LogCaptureFixture) -> None:
    content = (tiny_model / "transformer.onnx").read_bytes()
    with caplog.at_level(logging.INFO, logger="restyle"):
        Session(content, name="tiny", threads=2)
    assert [record.message for record in caplog.records] == ["tiny runs on cpu with 2 threads"]


def test_not_a_model() -> None:
    with pytest.raises(ModelError, match="model 'nothing' cannot be loaded") as caught:
        Session(b"these bytes are no graph", name="nothing")
    assert "\n" not in str(caught.value)


def test_wrong_size(tiny_model: Path) -> None:
    session = Session((tiny_model / "transformer.onnx").read_bytes(), name="tiny")
    row = np.zeros((1, 6), np.float32)
    with pytest.raises(ModelError, match="failed on content 1 x 3 x 9 x 16") as caught:
        session.run(
            content=np.zeros((1, 3, 9, 16), np.float32),
            code=row,
            stats_in=row,
            stats_weight=np.zeros((1, 1), np.float32),
        )
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(
    "CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="there is a CUDA provider"
)
def test_unavailable_device(tiny_model: Path) -> None:
    content = (tiny_model / "transformer.onnx").read_bytes()
    with pytest.raises(OptionError, match=r"device 'cuda' is not available: .* choose one of cpu"):
        Session(content, name="tiny", device="cuda")


class Pretended:
    """A session of ONNX Runtime that claims to run on a provider; none of these GPUs is at hand."""

    broken: tuple[str, ...] = ()  # providers whose drivers are missing: ONNX Runtime takes the CPU instead
    lost = False  # whether the provider is given up during a run

    def __init__(self, content: bytes, options: Any, providers: list[str]) -> None:
        real = REAL_SESSION(content, options, providers=["CPUExecutionProvider"])
        self._session, self._providers = real, [each for each in providers if each not in self.broken]
        self.fallback = True

    def get_providers(self) -> list[str]:
        return [*self._providers, "CPUExecutionProvider"]

    def disable_fallback(self) -> None:
        self.fallback = False

    def run(self, *given: Any) -> Any:
        if self.lost:
            self._providers = []
        return self._session.run(*given)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)


REAL_SESSION = onnxruntime.InferenceSession


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Callable[..., type[Pretended]]:
    def install(*providers: str, broken: tuple[str, ...] = (), lost: bool = False) -> type[Pretended]:
        kind = type("Kind", (Pretended,), {"broken": broken, "lost": lost})
        monkeypatch.setattr(onnxruntime, "InferenceSession", kind)
        monkeypatch.setattr(
            onnxruntime, "get_available_providers", lambda: [*providers, "CPUExecutionProvider"]
        )
        monkeypatch.setattr("restyle.models.session._chosen", set())
        return kind

    return install


CUDA, DML, WEBGPU = (PROVIDERS[device] for device in ("cuda", "directml", "webgpu"))


def run_tiny(session: Session) -> None:
    row = np.zeros((1, 6), np.float32)
    picture = np.full((1, 3, 16, 16), 0.5, np.float32)
    session.run(content=picture, code=row, stats_in=row, stats_weight=np.zeros((1, 1), np.float32))


@pytest.mark.parametrize("device", ["cuda", "directml", "coreml", "webgpu"])
def test_a_device_asked_for_by_name_is_taken_or_an_error(
    tiny_model: Path, pretend: Callable[..., type[Pretended]], device: Device
) -> None:
    content = (tiny_model / "transformer.onnx").read_bytes()
    pretend(PROVIDERS[device])
    session = Session(content, name="tiny", device=device)
    assert session.device == device
    assert not session._session.fallback
    run_tiny(session)
    pretend(PROVIDERS[device], broken=(PROVIDERS[device],))
    with pytest.raises(OptionError, match=f"'{device}' is not available: its driver"):
        Session(content, name="tiny", device=device)
    pretend()
    with pytest.raises(OptionError, match=f"'{device}' is not available: this onnxruntime has only cpu"):
        Session(content, name="tiny", device=device)
    pretend(PROVIDERS[device], lost=True)
    with pytest.raises(OptionError, match=f"'{device}' is not available"):
        run_tiny(Session(content, name="tiny", device=device))


def test_auto_takes_the_first_that_works_and_tells_it_once(
    tiny_model: Path, pretend: Callable[..., type[Pretended]], caplog: pytest.LogCaptureFixture
) -> None:
    content = (tiny_model / "transformer.onnx").read_bytes()
    for providers, broken, expected in (
        ((CUDA, DML), (), "cuda"),
        ((CUDA, WEBGPU), (CUDA,), "webgpu"),
        ((CUDA,), (CUDA,), "cpu"),
        ((), (), "cpu"),
    ):
        pretend(*providers, broken=broken)
        caplog.clear()
        assert [Session(content, name="tiny", device="auto").device for _ in range(2)] == [expected] * 2
        assert [each.message for each in caplog.records if each.levelname == "WARNING"] == [
            f"device auto: {expected}"
        ]
    model = Arbitrary(tiny_model, device="auto", threads=1)
    assert model.device == "cpu"
    assert model.with_threads(2).threads == 2


def test_mps_is_for_pytorch_only() -> None:
    assert table.network_device("mps", "optimize") == "cpu"
    assert table.network_device("cuda", "fast") == "cuda"
    with pytest.raises(OptionError, match="'mps' is not for method 'fast'; use coreml"):
        table.network_device("mps", "fast")


def test_only_the_outputs_that_are_wanted() -> None:
    record = catalog.find("painter-1")
    session = Session(record.file("features").read(), name="painter", release=True)
    picture = np.full((1, 3, 32, 32), 0.5, np.float32)
    everything, some = session.run(image=picture), session.run(["relu4_1"], image=picture)
    assert list(some) == ["relu4_1"]
    assert len(everything) > 1
    np.testing.assert_array_equal(some["relu4_1"], everything["relu4_1"])


def test_nothing_is_written_to_the_home_folder(tmp_path: Path) -> None:
    """ONNX Runtime's telemetry would leave a device identifier there."""
    code = "import numpy as np, restyle; from restyle.models import session; "
    code += "session.feature_encoder().features(np.zeros((32, 32, 3), np.float32))"
    clean = {name: value for name, value in os.environ.items() if name not in ("ORT_DISABLE_TELEMETRY", "CI")}
    clean |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": ""}
    subprocess.run([sys.executable, "-c", code], env=clean, check=True, timeout=600)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_outputs_can_be_written_into_arrays(encoder: Session) -> None:
    feed = {"style": np.full((2, 3, 16, 24), 0.5, np.float32)}
    expected = encoder.run(**feed)
    given = {name: np.zeros_like(array) for name, array in expected.items()}
    encoder.run(None, given, **feed)
    for name, array in expected.items():
        np.testing.assert_array_equal(given[name], array)


def test_every_layer_halves_the_size_of_the_one_before() -> None:
    picture = np.random.default_rng(1).random((64, 96, 3), np.float32)
    shapes = [feature_encoder().features(picture)[layer].shape[1:] for layer in LAYERS]
    assert shapes == [(64, 96), (32, 48), (16, 24), (8, 12), (4, 6)]


def test_tiny_pictures_are_padded() -> None:
    found = feature_encoder().features(np.full((3, 5, 3), 0.5, np.float32))
    assert all(np.isfinite(values).all() and values.size for values in found.values())


@pytest.mark.parametrize(
    ("size", "wanted"), [((448, 896), (224, 448)), ((100, 100), (224, 224)), ((224, 300), (224, 300))]
)
def test_pictures_are_compared_at_one_short_side(size: tuple[int, int], wanted: tuple[int, int]) -> None:
    assert SHORT == 224
    assert comparable(np.zeros((*size, 3), np.float32)).shape[:2] == wanted


def test_long_scrolls_are_reduced() -> None:
    height, width = comparable(np.zeros((100, 20000, 3), np.float32)).shape[:2]
    assert height * width <= MOST_PIXELS * 1.05
    assert 150 < width / height < 250


@pytest.mark.parametrize("size", [(10, 60_000), (200_000, 3), (1, 1_000_000)])
def test_the_thinnest_pictures_are_small_after_padding(size: tuple[int, int]) -> None:
    height, width = comparable(np.zeros((*size, 3), np.float32)).shape[:2]
    assert max(height, SMALLEST) * max(width, SMALLEST) <= MOST_PIXELS * 1.01
