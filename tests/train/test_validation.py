from pathlib import Path

import pytest
import torch

from restyle.nn.conditional import ConditionalShape, ConditionalTransformer
from restyle.train.validation import held_out_losses
from tests.train.made_pictures import judge, photos, picture


def test_same_network_same_figures_and_a_worse_one_worse_ones(tmp_path: Path) -> None:
    paths = sorted(photos(tmp_path / "photos", 3).iterdir())
    judge(tmp_path / "judge.safetensors")
    picture(90, 80, 5, (40, 90, 200)).save(tmp_path / "style.png")
    torch.manual_seed(2)
    network = ConditionalTransformer(ConditionalShape(width=4, blocks=1))

    def found() -> dict[str, float]:
        return held_out_losses(
            network, paths, [tmp_path / "style.png"], 64, 64, tmp_path / "judge.safetensors"
        )

    first = found()
    assert set(first) == {"total", "style", "content"}
    assert found() == pytest.approx(first)
    with torch.no_grad():
        network.out.weight += 5  # far out of range
    assert found()["total"] > first["total"] + 1
