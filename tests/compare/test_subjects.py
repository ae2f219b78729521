import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restyle.compare.subjects import (
    DIRECTIONS,
    THUMBNAIL,
    LayerMoments,
    Need,
    StyleMetric,
    blocks_of,
    color_histogram,
    kind_of,
    load_metric,
    measure,
    members,
    moments_of,
    palette_of,
)
from restyle.errors import InputError, ModelError, StyleError
from restyle.images import picture as images
from restyle.models import arbitrary, catalog, session
from restyle.models.session import LAYERS
from restyle.sounds.sources import FOLDER
from restyle.style import Style


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((64, 48, 3), np.float32)


def statistics(seed: int = 0) -> tuple[dict[str, LayerMoments], np.ndarray]:
    return moments_of(picture(seed), session.feature_encoder()), color_histogram(picture(seed))


def test_gram_and_correlation_follow_from_the_moments() -> None:
    values = np.random.default_rng(2).random((5, 400))
    moments = LayerMoments(values.mean(1), np.cov(values, bias=True))
    np.testing.assert_allclose(moments.gram, values @ values.T / 400, rtol=1e-10)
    np.testing.assert_allclose(moments.correlation, np.corrcoef(values), atol=1e-3)


def test_blocks_have_the_lengths_of_the_shipped_metric() -> None:
    metric = load_metric()
    blocks = blocks_of(*statistics(), metric.bases)
    assert [len(block) for block in blocks[:5]] == [count * (count + 1) // 2 for count in DIRECTIONS]
    assert sum(map(len, blocks)) == len(metric.center) == len(metric.spread) == len(metric.matrix)
    assert metric.offset.shape == (metric.matrix.shape[1],)


def test_the_vector_has_unit_length_and_depends_on_the_picture() -> None:
    metric = load_metric()
    first, second = (metric.vector(*statistics(seed)) for seed in (0, 1))
    assert np.linalg.norm(first) == pytest.approx(1)
    assert np.linalg.norm(first - second) > 0
    np.testing.assert_array_equal(first, metric.vector(*statistics(0)))


def test_every_block_counts_alike() -> None:
    metric = load_metric()
    joined = metric.standardize(blocks_of(*statistics(), metric.bases))
    assert np.linalg.norm(joined) ** 2 == pytest.approx(len(LAYERS) + 2)


def test_bytes_come_back() -> None:
    metric = load_metric()
    again = StyleMetric.from_bytes(metric.to_bytes())
    np.testing.assert_allclose(again.matrix, metric.matrix, rtol=1e-3)
    np.testing.assert_allclose(again.vector(*statistics()), metric.vector(*statistics()), atol=1e-3)


def test_other_files_are_refused() -> None:
    with pytest.raises(ModelError, match="damaged"):
        StyleMetric.from_bytes(b"not an archive")
    with pytest.raises(ModelError, match="damaged"):
        StyleMetric.from_bytes(load_metric().to_bytes()[:5000])
    file = io.BytesIO()
    np.savez(file, format=np.array("other/1"))
    with pytest.raises(ModelError, match="other/1"):
        StyleMetric.from_bytes(file.getvalue())


def test_a_grey_picture_has_a_vector() -> None:
    flat = np.full((64, 64, 3), 0.5, np.float32)
    found = load_metric().vector(moments_of(flat, session.feature_encoder()), color_histogram(flat))
    assert np.isfinite(found).all()


def test_moments_are_frozen() -> None:
    moments = LayerMoments(np.zeros(2), np.eye(2))
    assert replace(moments, mean=np.ones(2)).mean.sum() == 2


def test_a_metric_of_another_encoder_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    record = catalog.find(session.EMBEDDED)
    assert load_metric().encoder == record.file("features").sha256
    other = tmp_path / "metric.npz"
    other.write_bytes(replace(load_metric(), encoder="0" * 64).to_bytes())
    files = tuple(
        replace(each, path=other, sha256=None) if each.role == "metric" else each for each in record.files
    )
    monkeypatch.setattr(catalog, "find", lambda name: replace(record, files=files))
    load_metric.cache_clear()
    with pytest.raises(ModelError, match="fitted with another encoder"):
        load_metric()
    load_metric.cache_clear()


ALL: frozenset[Need] = frozenset({"code", "features", "colors", "vector"})


def test_kinds_are_told_from_names_and_content(photo_file: Path, tmp_path: Path) -> None:
    model = arbitrary.load(threads=1)
    saved = Style.from_preset("great-wave").save(tmp_path / "mine.style")
    disguised = tmp_path / "really-a-sound.jpg"
    disguised.write_bytes((FOLDER / "rain.ogg").read_bytes())
    expected = {
        "great-wave": "preset",
        "Great Wave": "preset",
        str(photo_file): "picture",
        str(saved): "style",
        "rain": "sound",
        "missing.wav": "sound",
        "missing.jpg": "picture",
        str(disguised): "sound",
    }
    assert {source: kind_of(source, model) for source in expected} == expected
    assert kind_of(np.zeros((9, 9, 3)), model) == "picture"
    assert kind_of(Style.from_preset("great-wave"), model) == "style"


@pytest.mark.slow
def test_only_what_is_needed_is_measured(photo_file: Path) -> None:
    model = arbitrary.load(threads=1)
    bare = measure(photo_file, frozenset({"colors"}), model)
    assert bare.histogram is not None
    assert bare.palette is not None
    assert (bare.code, bare.layers, bare.vector) == (None, None, None)
    full = measure(photo_file, ALL, model)
    assert full.code is not None
    assert full.layers is not None
    assert full.vector is not None
    assert full.name == "photo.png"


@pytest.mark.slow
def test_a_picture_has_codes_from_three_distances(photo_file: Path) -> None:
    model = arbitrary.load(threads=1)
    found = measure(photo_file, frozenset({"code"}), model)
    pixels = images.load_image(photo_file).pixels
    assert found.code is not None
    assert found.afar is not None
    np.testing.assert_array_equal(found.code, model.encode(pixels))
    np.testing.assert_array_equal(found.afar[1], model.encode(pixels, 0.5))
    assert measure("great-wave", frozenset({"code"}), model).afar is None


def test_thumbnails_keep_the_aspect(tmp_path: Path) -> None:
    path = tmp_path / "wide.png"
    Image.new("RGB", (800, 200), "red").save(path)
    thumbnail = measure(path, frozenset(), arbitrary.load(threads=1)).thumbnail
    assert thumbnail is not None
    assert thumbnail.shape == (THUMBNAIL // 4, THUMBNAIL, 3)
    assert (thumbnail == (255, 0, 0)).all()


def test_a_preset_is_a_code(photo_file: Path) -> None:
    found = measure("great-wave", ALL, arbitrary.load(threads=1))
    assert found.kind == "preset"
    assert found.code is not None
    assert (found.vector, found.layers, found.palette, found.thumbnail) == (None, None, None, None)


def test_moments_are_those_of_the_features() -> None:
    picture = np.random.default_rng(0).random((40, 56, 3), np.float32)
    encoder = session.feature_encoder()
    found = moments_of(picture, encoder)
    for layer, values in encoder.features(picture).items():
        flat = values.reshape(len(values), -1)
        np.testing.assert_allclose(found[layer].mean, flat.mean(1), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(found[layer].covariance, np.cov(flat, bias=True), rtol=1e-3, atol=1e-5)


def test_histogram_counts_boxes() -> None:
    picture = np.zeros((2, 2, 3), np.float32)
    picture[0, 0] = 1.0
    found = color_histogram(picture)
    assert found.shape == (512,)
    assert found[0] == 0.75
    assert found[511] == 0.25


def test_palette_knows_no_places() -> None:
    picture = np.random.default_rng(0).random((30, 30, 3), np.float32)
    shuffled = np.random.default_rng(1).permutation(picture.reshape(-1, 3)).reshape(30, 30, 3)
    np.testing.assert_allclose(palette_of(picture), palette_of(shuffled), atol=1e-12)


def test_members_are_pictures_styles_and_sounds(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / ".hidden").mkdir()
    for name in ("a.jpg", "deep/b.style", "c.ogg", "notes.txt", ".d.png", ".hidden/e.png", "f.mp4"):
        (tmp_path / name).write_bytes(b"x")
    found = [path.relative_to(tmp_path).as_posix() for path in members(tmp_path)]
    assert found == ["a.jpg", "c.ogg", "deep/b.style"]
    (tmp_path / ".hidden" / "nothing").mkdir()
    with pytest.raises(InputError, match="holds no pictures, saved styles or sounds"):
        members(tmp_path / ".hidden" / "nothing")
    with pytest.raises(InputError, match="no such file"):
        members(tmp_path / "away")


def test_a_wrong_name_is_said_with_those_that_are_near() -> None:
    model = arbitrary.load(threads=1)
    with pytest.raises(StyleError, match="did you mean 'great-wave'"):
        measure("great-wav", ALL, model)
    with pytest.raises(InputError, match=r"missing\.jpg"):
        measure("missing.jpg", ALL, model)


def test_silence_cannot_be_compared(tmp_path: Path) -> None:
    import soundfile

    path = tmp_path / "silence.wav"
    soundfile.write(path, np.zeros(8000), 8000)
    with pytest.raises(InputError, match=r"silence\.wav: contains only silence"):
        measure(path, frozenset({"sound"}), arbitrary.load(threads=1))
