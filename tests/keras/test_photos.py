"""Photos from a folder: what a batch is, and that chance comes from the seed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

from restyle.errors import InputError, OptionError, StyleError
from restyle.keras import Photos, StyleNetwork
from restyle.keras.photos import check_batch


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


def test_crops_depend_on_seed_epoch_and_index(folder: Path) -> None:
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
def test_invalid_crops_are_rejected(folder: Path, wrong: Any) -> None:
    with pytest.raises(OptionError):
        Photos(folder, **wrong)


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no readable picture"):
        Photos(tmp_path)


X = np.random.default_rng(0).random((2, 12, 16, 3)).astype(np.float32)
CODE = np.eye(2, dtype=np.float32)

BAD: list[tuple[Any, str]] = [
    (X[0], r"photos have shape \(12, 16, 3\), without a batch axis: give photo\[None\]"),
    (X[..., :1], r"photos have shape \(2, 12, 16, 1\), not \(N, height, width, 3\)"),
    (X[:0], r"photos have shape \(0, 12, 16, 3\): there are none"),
    ((255 * X).astype(np.uint8), "photos are uint8; the network takes float32 in 0..1"),
    (255 * X, r"photos reach 25\d.*; the network takes 0..1: give photos / 255"),
    (np.full_like(X, np.nan), "photos have NaN or infinite values"),
]


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    def __init__(self, batch: Any) -> None:
        super().__init__()
        self.batch = batch

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self.batch, self.batch


@pytest.mark.parametrize(("photos", "said"), BAD)
def test_unusable_photos_are_rejected(photos: Any, said: str) -> None:
    for given in (photos, keras.ops.convert_to_tensor(photos), Batches(photos)):
        with pytest.raises(InputError, match=said):
            check_batch(given, 1)


def test_fit_evaluate_and_predict_check_photos() -> None:
    network = StyleNetwork(width=4, blocks=0)
    network.compile("adam", loss="mse")
    for verb in (network.fit, network.evaluate, network.predict):
        with pytest.raises(InputError, match="photos reach"):
            verb(255 * X)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (X, r"this network has 2 styles: give .*weights of shape \(N, 2\)"),
        ({"content": X}, "this network has 2 styles"),
        (
            {"content": X, "code": CODE[:1]},
            r"code has shape \(1, 2\); 2 photos and 2 styles need \(2, 2\)",
        ),
        ({"content": X, "code": np.ones((2, 3))}, r"code has shape \(2, 3\)"),
    ],
)
def test_several_styles_need_their_weights(given: Any, said: str) -> None:
    with pytest.raises(StyleError, match=said):
        check_batch(given, 2)


def test_valid_photos_pass() -> None:
    check_batch(X * 1.3 - 0.1, 1)
    check_batch({"content": X, "code": CODE}, 2)
    check_batch(Batches({"content": X, "code": CODE}), 2)
    check_batch([(X,)], 1)


def test_nothing_is_taken_from_a_generator() -> None:
    def batches() -> Iterator[tuple[Any]]:
        yield (255 * X,)

    given = batches()
    check_batch(given, 1)
    assert len(list(given)) == 1
