from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from restyle.errors import ModelError
from restyle.nn.encoders import EncoderShape, PerceptualEncoder, VGGTeacher, load_encoder, save_encoder

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
    # What it sees is the pooled block before it; no head comes after it.
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
    """Reflection padding: no border darkens or brightens."""
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
def test_damaged_files_are_one_line(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "photo.safetensors"
    file.write_bytes(content)
    for load in (load_encoder, VGGTeacher.load):
        with pytest.raises(ModelError, match=r"photo.safetensors' is no readable safetensors file: .+"):
            load(file)


def _teacher(heads: bool) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    weights = {"conv0.weight": torch.eye(3)[:, :, None, None].clone(), "conv0.bias": torch.zeros(3)}
    channels = 3
    for name, width in (("conv1_1", 4), ("conv1_2", 4), ("conv2_1", 6)):
        weights[f"{name}.weight"] = torch.randn(width, channels, 3, 3)
        weights[f"{name}.bias"] = torch.zeros(width)
        channels = width
    if heads:
        weights["head2_1.weight"], weights["head2_1.bias"] = torch.randn(9, 6, 1, 1), torch.zeros(9)
    return weights


def test_teacher_stops_where_its_file_ends_and_where_asked() -> None:
    x = torch.rand(1, 3, 16, 16)
    teacher = VGGTeacher(_teacher(heads=True))
    assert [f.shape[1] for f in teacher(x)] == [4, 9]
    assert [f.shape[1] for f in teacher.features(x, heads=False)] == [4, 6]
    assert len(teacher.features(x, until=1)) == 1


def test_teacher_equals_its_convolutions_written_out() -> None:
    weights = _teacher(heads=False)
    x = torch.rand(1, 3, 8, 8)
    padded = torch.nn.functional.pad(x, (1, 1, 1, 1), mode="reflect")
    expected = torch.nn.functional.conv2d(padded, weights["conv1_1.weight"]).clamp(min=0)
    torch.testing.assert_close(VGGTeacher(weights)(x)[0], expected)
