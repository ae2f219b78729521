"""Photos from a folder: what a batch is, and that chance comes from the seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from restyle.errors import InputError, OptionError
from restyle.keras import Photos


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five photos, one of them smaller than a crop, and a file that is none."""
    for index, side in enumerate((90, 80, 70, 60, 20)):
        noise = np.random.default_rng(index).integers(0, 255, (side, side + 10, 3), np.uint8)
        Image.fromarray(noise).save(tmp_path / f"{index}.png")
    (tmp_path / "bad.jpg").write_text("hello")
    return tmp_path


def test_an_epoch_shows_every_photo_once(folder: Path) -> None:
    photos = Photos(folder, 2, crop=32)
    assert len(photos) == 3
    sizes = [photos[index][0].shape for index in range(3)]
    assert sizes == [(2, 32, 32, 3), (2, 32, 32, 3), (1, 32, 32, 3)]
    first = photos[0][0]
    assert first.dtype == np.float32
    assert 0 <= first.min() < first.max() <= 1
    assert [line.partition(": ")[0] for line in photos.skipped] == [str(folder / "bad.jpg")]


def test_chance_comes_from_seed_epoch_and_place(folder: Path) -> None:
    one, other, same = (Photos(folder, 2, crop=32, seed=seed) for seed in (0, 1, 0))
    before = one[1][0]
    np.testing.assert_array_equal(before, one[1][0])
    np.testing.assert_array_equal(before, same[1][0])
    assert (before != other[1][0]).any()
    one.on_epoch_end()
    assert (before != one[1][0]).any()


def test_with_several_styles_each_photo_gets_one(folder: Path) -> None:
    photos = Photos(sorted(folder.glob("*.png")), 5, crop=32, styles=3)
    (batch,) = photos[0]
    assert batch["content"].shape == (5, 32, 32, 3)
    assert sorted(np.unique(batch["code"])) == [0, 1]
    assert (batch["code"].sum(1) == 1).all()
    assert batch["code"].shape == (5, 3)


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"crop": 30}, {"crop": 28}])
def test_what_cannot_be_cut_is_refused(folder: Path, wrong: Any) -> None:
    with pytest.raises(OptionError):
        Photos(folder, **wrong)


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no readable picture"):
        Photos(tmp_path)
