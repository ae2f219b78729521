from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.retrieval import works
from benchmarks.retrieval.holdout import held_artists, link_others
from restyle.models import session
from restyle.models.session import FeatureEncoder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "style").mkdir()
    rng = np.random.default_rng(0)
    lines = ["file\tartist\tmovement"]
    for index in range(6):
        name = f"style/{'wikiart' if index < 4 else 'vangogh'}__{index}.png"
        Image.fromarray(rng.integers(0, 255, (40, 48, 3), np.uint8)).save(tmp_path / name)
        lines.append(f"{name}\tartist-{index % 3}\tany")
    (tmp_path / "labels.tsv").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_labels_and_their_sources(data: Path) -> None:
    found = works.labels(data)
    assert list(found.artists[:3]) == ["artist-0", "artist-1", "artist-2"]
    assert found.wikiart.tolist() == [True] * 4 + [False] * 2
    assert len(works.labels(data, 3).paths) == 3
    assert [path.name for path in found.only(np.array([5])).paths] == ["vangogh__5.png"]


def test_what_was_measured_is_kept(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = works.labels(data)
    encoder = FeatureEncoder(threads=1)
    first = works.measure(found, encoder, tmp_path / "cache")
    assert len(first) == 6
    monkeypatch.setattr(FeatureEncoder, "features", lambda *_: pytest.fail("measured again"))
    second = works.measure(found, encoder, tmp_path / "cache")
    for layer in session.LAYERS:
        np.testing.assert_array_equal(first.covariances[layer], second.covariances[layer])


def test_every_second_artist_is_held_out(data: Path, tmp_path: Path) -> None:
    found = works.labels(data)
    assert held_artists(found) == ["artist-1"]
    kept, held = link_others(data / "style", found, tmp_path / "rest")
    assert (kept, held) == (4, 2)
    assert {path.name[-5] for path in (tmp_path / "rest").iterdir()} == set("0235")
