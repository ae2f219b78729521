"""One graph on one device."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from restyle.errors import ModelError, OptionError
from restyle.models import catalog
from restyle.models.session import Session


@pytest.fixture
def encoder(tiny_model: Path) -> Session:
    return Session((tiny_model / "style_encoder.onnx").read_bytes(), name="tiny", threads=1)


def test_runs_by_name(encoder: Session) -> None:
    out = encoder.run(style=np.full((2, 3, 16, 24), 0.5, np.float32))
    assert out["code"].shape == (2, 6)
    assert out["code"][:, :3] == pytest.approx(np.full((2, 3), 0.5))


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


def test_only_the_outputs_that_are_wanted() -> None:
    record = catalog.find("painter-1")
    session = Session(record.file("features").read(), name="painter", release=True)
    picture = np.full((1, 3, 32, 32), 0.5, np.float32)
    everything, some = session.run(image=picture), session.run(["relu4_1"], image=picture)
    assert list(some) == ["relu4_1"]
    assert len(everything) > 1
    np.testing.assert_array_equal(some["relu4_1"], everything["relu4_1"])
