"""Photos that a network would take for something else are refused in one line, before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest

from restyle.errors import InputError, StyleError
from restyle.keras import StyleNetwork
from restyle.keras.inputs import check_batch

X = np.random.default_rng(0).random((2, 12, 16, 3)).astype(np.float32)
CODE = np.eye(2, dtype=np.float32)

BAD: list[tuple[Any, str]] = [
    (X[0], r"photos have shape \(12, 16, 3\), without the axis of the batch: give photo\[None\]"),
    (X[..., :1], r"photos have shape \(2, 12, 16, 1\), not \(N, height, width, 3\)"),
    (X[:0], r"photos have shape \(0, 12, 16, 3\): there is none"),
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
def test_wrong_photos_are_named(photos: Any, said: str) -> None:
    for given in (photos, keras.ops.convert_to_tensor(photos), Batches(photos)):
        with pytest.raises(InputError, match=said):
            check_batch(given, 1)


def test_every_verb_looks() -> None:
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
            r"code has shape \(1, 2\); for 2 photos and 2 styles it is \(2, 2\)",
        ),
        ({"content": X, "code": np.ones((2, 3))}, r"code has shape \(2, 3\)"),
    ],
)
def test_several_styles_need_their_weights(given: Any, said: str) -> None:
    with pytest.raises(StyleError, match=said):
        check_batch(given, 2)


def test_what_is_right_passes() -> None:
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
