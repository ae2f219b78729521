from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restyle.compare.subjects import (
    THUMBNAIL,
    Need,
    color_histogram,
    kind_of,
    measure,
    members,
    moments_of,
    palette_of,
)
from restyle.errors import InputError, StyleError
from restyle.images import picture as images
from restyle.models import arbitrary, features
from restyle.sounds import styles as sound_styles
from restyle.style import Style

ALL: frozenset[Need] = frozenset({"code", "features", "colors", "vector"})


def test_kinds_are_told_from_names_and_content(photo_file: Path, tmp_path: Path) -> None:
    model = arbitrary.load(threads=1)
    saved = Style.from_preset("great-wave").save(tmp_path / "mine.style")
    disguised = tmp_path / "really-a-sound.jpg"
    disguised.write_bytes((sound_styles.FOLDER / "rain.ogg").read_bytes())
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
    encoder = features.load()
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
