from pathlib import Path

import numpy as np
import pytest
import torch

from restyle.nn.transformer import TransformerShape
from restyle.options.train import StyleTrainOptions
from restyle.study.style_counts import StyleCountTask
from restyle.train.augmentation import CONTENT, STYLE
from restyle.train.data import Pictures
from restyle.train.log import read_log
from restyle.train.loop import fit
from tests.train.made_pictures import encoder_file, photos

SHAPE = TransformerShape(half=4, quarter=4, eighth=6, full=4, blocks=1, code=8)


@pytest.mark.slow
def test_trains_on_some_styles_and_evaluates_on_others(tmp_path: Path) -> None:
    paths = sorted(photos(tmp_path / "photos", 8).iterdir())
    encoder_file(tmp_path / "encoder.safetensors")

    def task() -> StyleCountTask:
        return StyleCountTask(
            Pictures(paths[:3], CONTENT),
            Pictures(paths[3:5], STYLE),
            Pictures(paths[5:], STYLE),
            crop=64,
            batch=2,
            shape=SHAPE,
            encoder=tmp_path / "encoder.safetensors",
        )

    made = task()
    batch = made.batch(0, np.random.default_rng(0))
    assert batch["style"].shape == (2, 3, 64, 64)
    assert torch.equal(batch["style"], task().batch(0, np.random.default_rng(0))["style"])
    options = StyleTrainOptions(steps=2, evaluate_every=1, log_every=1, preview_every=2, threads=1)
    fit(made, tmp_path / "run", options)
    measured = read_log(tmp_path / "run" / "held-out.csv")
    assert measured["step"] == [1, 2]
    assert measured["train style"] != measured["held out style"]
    assert (tmp_path / "run" / "preview-000002.jpg").exists()
