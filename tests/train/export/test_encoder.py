from pathlib import Path

import numpy as np
import pytest
import torch

from restyle.errors import ModelError
from restyle.models import catalog
from restyle.models.features import LAYERS, load
from restyle.models.session import Session
from restyle.nn.encoders import EncoderShape, PerceptualEncoder, load_encoder
from restyle.train.export.encoder import export_encoder

SMALL = EncoderShape(widths=(4, 6, 8, 8, 8), depths=(1, 1, 1, 1, 1), heads=(4, 4, 4, 4, 4))


def test_graph_runs_at_sizes_that_it_was_not_traced_at(tmp_path: Path) -> None:
    torch.manual_seed(0)
    encoder = PerceptualEncoder(SMALL)
    differences = export_encoder(encoder, tmp_path / "e.onnx", "tiny")
    assert max(differences.values()) < 1e-4
    session = Session((tmp_path / "e.onnx").read_bytes(), name="tiny")
    picture = torch.rand(1, 3, 41, 90)
    with torch.no_grad():
        expected = encoder(picture)
    found = session.run(picture=picture.numpy())
    assert session.setting("restyle_model") == "tiny"
    for layer, theirs in zip(LAYERS, expected, strict=True):
        np.testing.assert_allclose(found[layer], theirs.numpy(), atol=1e-4)


def test_beyond_the_tolerance_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="tolerance"):
        export_encoder(PerceptualEncoder(SMALL), tmp_path / "e.onnx", tolerance=-1.0)
    assert list(tmp_path.iterdir()) == []


def test_shipped_graph_gives_the_features_of_the_shipped_torch_encoder() -> None:
    picture = np.random.default_rng(0).random((48, 64, 3), np.float32)
    found = load().features(picture)
    encoder = load_encoder(catalog.find("encoder-1").file("encoder").path)
    with torch.no_grad():
        expected = encoder(torch.from_numpy(picture.transpose(2, 0, 1))[None])
    for layer, theirs in zip(LAYERS, expected, strict=True):
        assert found[layer].shape == theirs.shape[1:]
        np.testing.assert_allclose(found[layer], theirs[0].numpy(), atol=1e-4 * float(theirs.max()))
