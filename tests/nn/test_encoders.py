from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from restyle.errors import ModelError
from restyle.nn.encoders import (
    EncoderShape,
    PerceptualEncoder,
    encoder_names,
    load_encoder,
    perceptual_encoder,
    save_encoder,
)
from restyle.nn.vgg import VGGTeacher

SMALL = EncoderShape(widths=(4, 6, 8, 8, 8), depths=(1, 2, 1, 1, 1), heads=(5, 7, 9, 9, 9))


def test_features_halve_from_block_to_block() -> None:
    features = PerceptualEncoder(SMALL)(torch.rand(2, 3, 48, 64))
    assert [tuple(f.shape) for f in features] == [
        (2, 4, 48, 64),
        (2, 6, 24, 32),
        (2, 8, 12, 16),
        (2, 8, 6, 8),
        (2, 8, 3, 4),
    ]


def test_heads_widen_to_the_teachers_channels() -> None:
    encoder = PerceptualEncoder(SMALL)
    widened = encoder.widened(encoder(torch.rand(1, 3, 32, 32)))
    assert [f.shape[1] for f in widened] == list(SMALL.heads)
    assert all(float(f.detach().min()) >= 0 for f in widened)


def test_a_side_convolution_stands_for_a_layer_and_leaves_the_others(tmp_path: Path) -> None:
    plain = PerceptualEncoder(SMALL)
    encoder, x = PerceptualEncoder(replace(SMALL, sides=(0, 0, 9, 0, 0))), torch.rand(1, 3, 32, 48)
    encoder.load_state_dict(plain.state_dict(), strict=False)
    found, others = encoder(x), plain(x)
    assert found[2].shape == (1, 9, 8, 12)
    assert all(torch.equal(found[index], others[index]) for index in (0, 1, 3, 4))
    # Its input is the pooled previous block, and it has no head.
    h = x * 2 - 1
    for block in encoder.blocks[:2]:
        for convolution in block:  # type: ignore[attr-defined]
            h = torch.relu(convolution(F.pad(h, (1, 1, 1, 1), mode="reflect")))
        h = F.max_pool2d(h, 2)
    seen = torch.relu(encoder.sides[2](F.pad(h, (1, 1, 1, 1), mode="reflect")))
    torch.testing.assert_close(found[2], seen)
    torch.testing.assert_close(encoder.widened(found)[2], seen)
    save_encoder(encoder, tmp_path / "e.safetensors")
    assert load_encoder(tmp_path / "e.safetensors").shape.sides == (0, 0, 9, 0, 0)


def test_a_flat_picture_has_flat_features() -> None:
    """Because of reflection padding, borders are neither darker nor brighter."""
    with torch.no_grad():
        features = PerceptualEncoder(SMALL)(torch.full((1, 3, 32, 40), 0.3))
    for feature in features:
        spread = feature.flatten(2).max(2).values - feature.flatten(2).min(2).values
        assert float(spread.max()) < 1e-5


def test_saved_encoder_comes_back(tmp_path: Path) -> None:
    encoder, x = PerceptualEncoder(SMALL), torch.rand(1, 3, 32, 32)
    save_encoder(encoder, tmp_path / "e.safetensors")
    again = load_encoder(tmp_path / "e.safetensors")
    assert again.shape == SMALL
    for ours, theirs in zip(encoder(x), again(x), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=2e-2, atol=2e-2)  # float16 on disk


def test_missing_and_foreign_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        load_encoder(tmp_path / "none.safetensors")
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match="not a restyle encoder"):
        load_encoder(tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match="conv0"):
        VGGTeacher.load(tmp_path / "other.safetensors")


@pytest.mark.parametrize("content", [b"", b"\xff\xd8\xff\xe0 a photo", b"\x10\0\0\0\0\0\0\0{}"])
def test_damaged_files_have_a_message(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "photo.safetensors"
    file.write_bytes(content)
    for load in (load_encoder, VGGTeacher.load):
        with pytest.raises(ModelError, match=r"photo.safetensors' is not a readable safetensors file: .+"):
            load(file)


def test_the_shipped_encoder_is_frozen() -> None:
    encoder = perceptual_encoder()
    assert isinstance(encoder, PerceptualEncoder)
    assert not encoder.training
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    with torch.no_grad():
        assert len(encoder(torch.rand(1, 3, 32, 32))) == 5


def test_encoder_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTYLE_HOME", str(tmp_path))
    assert {"encoder-1", "vgg19"} <= set(encoder_names())
    with pytest.raises(ModelError, match="`restyle models pull vgg19`"):
        perceptual_encoder("vgg19")
    with pytest.raises(ModelError, match=r"no encoder is called 'vgg16'; there are encoder-1, .*vgg19"):
        perceptual_encoder("vgg16")
