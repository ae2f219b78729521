"""Painting: gradients, sizes, ugly inputs, and that the artwork's strokes arrive."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import restyle
from restyle.errors import InputError
from restyle.methods.paint import network, painter
from restyle.methods.paint.cleanup import Objects
from restyle.methods.paint.matching import blocks
from restyle.methods.paint.painter import Artwork, Pyramid, at_scales, fitted, paint, scales, shown
from restyle.methods.protocol import Step
from restyle.models.session import MemoryShortage
from restyle.types import FloatArray


@pytest.fixture(scope="module")
def net() -> network.PaintingNetwork:
    return network.load()


def textured(height: int, width: int, seed: int = 0) -> FloatArray:
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    waves = np.stack([np.sin(rows / 9), np.cos(columns / 7), np.sin((rows + columns) / 11)], -1)
    return np.clip(0.5 + 0.3 * waves + rng.normal(0, 0.03, (height, width, 3)), 0, 1).astype(np.float32)


def test_the_gradient_is_that_of_the_loss(net: network.PaintingNetwork) -> None:
    """Against central differences along its own signs, in the interior, where nothing is mirrored."""
    picture = fitted(textured(96, 96), 96)
    works = [painter.Work(Artwork(textured(96, 96, 1)), 96, net)]
    feed = painter.targets(Objects(picture), picture, works, net, 0.5, first=True)
    _, gradient = net.gradient(picture, feed)
    direction = np.zeros_like(picture)
    direction[:, 32:64, 32:64] = np.sign(gradient[:, 32:64, 32:64])
    step = 5e-4
    ahead, _ = net.gradient(picture + step * direction, feed)
    behind, _ = net.gradient(picture - step * direction, feed)
    measured = (ahead - behind) / (2 * step)
    assert measured == pytest.approx(float((gradient * direction).sum()), rel=0.03)


def test_the_gradient_does_not_depend_on_the_bands(
    net: network.PaintingNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = fitted(textured(104, 96), 104)
    works = [painter.Work(Artwork(textured(96, 96, 1)), 96, net)]
    found = []
    for pixels in (1 << 20, 128 * 30, 128 * 8):
        monkeypatch.setattr(network, "BAND_PIXELS", pixels)
        feed = painter.targets(Objects(picture), picture, works, net, 0.5, first=True)
        found.append((len(feed.bands), *net.gradient(picture, feed)))
    assert [count for count, _, _ in found] == [1, 5, 17]
    for _, loss, gradient in found[1:]:
        assert loss == pytest.approx(found[0][1], rel=1e-5)
        np.testing.assert_allclose(gradient, found[0][2], rtol=0, atol=1e-5 * np.abs(found[0][2]).max())


@pytest.mark.slow
def test_painting_lowers_the_loss_and_moves_toward_the_artwork(net: network.PaintingNetwork) -> None:
    photo, artwork = textured(120, 160), textured(128, 128, 5)[..., ::-1] * [1.0, 0.4, 0.2]
    art = np.asarray(artwork, np.float32)
    result = paint(at_scales(photo, 160), [Artwork(art)], net, side=160, effort=0.5)
    assert result.shape == (120, 160, 3)
    colors = [image.reshape(-1, 3).mean(0) for image in (photo, art, result)]
    assert np.abs(colors[2] - colors[1]).sum() < 0.4 * np.abs(colors[0] - colors[1]).sum()


@pytest.mark.slow
def test_the_same_twice(net: network.PaintingNetwork) -> None:
    photo, artworks = textured(64, 80), [Artwork(textured(64, 64, 3))]
    first, second = (paint(at_scales(photo, 80), artworks, net, side=80, effort=0.3) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(3, 3), (300, 20), (16, 16)])
def test_small_and_long_artworks_and_photos(net: network.PaintingNetwork, size: tuple[int, int]) -> None:
    for photo, art in ((textured(48, 64), textured(*size)), (textured(*size), textured(48, 64))):
        result = paint(at_scales(photo, 64), [Artwork(art)], net, side=64, effort=0.2)
        assert np.isfinite(result).all()


def test_an_artwork_of_one_color(net: network.PaintingNetwork) -> None:
    art = np.full((64, 64, 3), (0.8, 0.2, 0.1), np.float32)
    result = paint(at_scales(textured(64, 64), 64), [Artwork(art)], net, side=64, effort=0.2)
    assert np.isfinite(result).all()


def test_progress_rises_and_can_stop(net: network.PaintingNetwork) -> None:
    seen: list[float] = []

    def progress(state: painter.State) -> bool:
        seen.append(state.done)
        assert state.picture().shape == (*state.size, 3)
        return state.number == 3

    result = paint(
        at_scales(textured(64, 64), 64), [Artwork(textured(64, 64, 1))], net, side=64, progress=progress
    )
    assert result.shape == (64, 64, 3)
    assert seen == sorted(seen)
    assert len(seen) == 3


@pytest.mark.slow
def test_from_a_start_only_the_largest_scales_are_painted(net: network.PaintingNetwork) -> None:
    sides: list[int] = []
    photo, start = textured(96, 256), textured(96, 256, 2)

    def progress(state: painter.State) -> None:
        sides.append(max(state.size))

    paint(at_scales(photo, 256), [Artwork(photo)], net, side=256, effort=0.01, start=start, progress=progress)
    plan = [scale.side for scale in scales(256)]
    assert sorted({*sides}) == [round(side / 8) * 8 for side in plan[-painter.AGAIN :]]
    assert len(plan) >= painter.AGAIN


def test_scales_rise_to_the_side() -> None:
    for side in (64, 128, 512, 1024):
        sides = [scale.side for scale in scales(side)]
        assert sides == sorted(sides)
        assert sides[-1] == side
        assert all(b / a <= 2 for a, b in pairwise(sides))


def test_blocks_copy_what_lies_below() -> None:
    fine = np.arange(2 * 6 * 8, dtype=np.float32).reshape(2, 6, 8)
    index = np.arange(12).reshape(3, 4)
    np.testing.assert_array_equal(blocks(fine, index, 4, 2), fine)


def test_a_scroll_is_cut() -> None:
    assert shown(np.zeros((60_000, 10, 3), np.float32), 1.0).shape[:2] == (40, 10)


@pytest.mark.slow
def test_by_the_public_call_with_a_preset() -> None:
    photo = Image.fromarray((textured(90, 120) * 255).astype(np.uint8))
    art = restyle.image(photo, "great-wave", method="paint", paint_size=64, effort="draft")
    assert art.size == photo.size
    large = restyle.image(
        photo.resize((240, 180)), "great-wave", method="paint", paint_size=64, effort="draft"
    )
    near = np.asarray(large.resize(photo.size, Image.Resampling.BOX), float) - np.asarray(art, float)
    assert np.abs(near).mean() < 12  # levels of 255: both are painted at 64 px


@pytest.mark.slow
def test_the_style_of_a_folder_is_prepared_once(net: network.PaintingNetwork) -> None:
    art = textured(64, 64, 3)
    first = painter.prepare_style(Artwork(art), 64, net)
    assert painter.prepare_style(Artwork(art.copy()), 64, net) is first
    assert painter.prepare_style(Artwork(art, scale=2), 64, net) is not first
    assert painter.prepare_style(Artwork(1 - art), 64, net) is not first
    large = painter.KEPT_SIDE + 8  # takes much memory
    assert painter.prepare_style(Artwork(art), large, net) is not painter.prepare_style(
        Artwork(art), large, net
    )


@pytest.mark.slow
def test_steps_are_reported_and_previews_written(tmp_path: Path) -> None:
    photo = Image.fromarray((textured(64, 80) * 255).astype(np.uint8))
    photo.save(tmp_path / "photo.png")
    seen: list[Step] = []
    output = restyle.image(
        tmp_path / "photo.png",
        "great-wave",
        method="paint",
        effort="draft",
        output=tmp_path / "art.png",
        preview=tmp_path / "preview.png",
        save_every=10,
        callback=seen.append,
    )
    assert [step.number for step in seen] == list(range(1, seen[-1].total + 1))
    assert seen[0].loss > seen[-1].loss > 0
    last = np.asarray(Image.open(tmp_path / "preview.png"), int)
    assert np.abs(last - np.asarray(Image.open(output), int)).max() <= 1
    assert len(list(tmp_path.glob("art-*.png"))) == seen[-1].total // 10


def test_the_picture_so_far_is_kept_at_ctrl_c(tmp_path: Path) -> None:
    def stop(step: Step) -> None:
        if step.number == 5:
            raise KeyboardInterrupt

    photo = Image.fromarray((textured(64, 80) * 255).astype(np.uint8))
    with pytest.raises(KeyboardInterrupt, match=r"picture so far is in .*art\.png$"):
        restyle.image(photo, "great-wave", method="paint", output=tmp_path / "art.png", callback=stop)
    with Image.open(tmp_path / "art.png") as art:
        assert art.size == photo.size


@pytest.mark.parametrize("error", [MemoryError("Unable to allocate 64.0 MiB"), MemoryShortage("13 shapes")])
def test_too_little_memory_is_one_clear_line(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: object, **__: object) -> FloatArray:
        raise error

    monkeypatch.setattr(painter, "paint", fail)
    with pytest.raises(InputError, match="not enough memory to paint at 80 px; use a smaller --paint-size"):
        restyle.image(Image.new("RGB", (80, 64)), "great-wave", method="paint")


def test_the_pyramid_approaches_a_target() -> None:
    rng = np.random.default_rng(1)
    target = np.repeat(np.repeat(rng.random((3, 4, 6), np.float32), 8, 1), 8, 2)
    pyramid = Pyramid(np.full((3, 32, 48), 0.5, np.float32), 60)
    before = np.abs(pyramid.picture() - target).mean()
    for _ in range(60):
        pyramid.step(pyramid.picture() - target)
    after = pyramid.picture()
    assert np.abs(after - target).mean() < 0.3 * before
    assert 0 <= after.min() <= after.max() <= 1
