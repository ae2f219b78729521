from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from restyle.errors import InputError, OptionError
from restyle.nn.encoders import EncoderShape, PerceptualEncoder
from restyle.nn.losses import gap, gram
from restyle.options.train import EncoderOptions, TrainOptions
from restyle.train.encoder import STEPS, AdversarialPictures, EncoderTask, add_noise
from restyle.train.loop import Step, fit

SMALL = EncoderShape(widths=(4, 6, 8, 8, 8), depths=(1, 1, 1, 1, 1), heads=(6, 7, 8, 9, 10))

NARROW = EncoderShape(widths=(4, 4, 4, 4, 4), depths=(1, 1, 1, 1, 1), heads=(6, 7, 8, 9, 10))


def teacher(path: Path, blocks: int = 5, widths: tuple[int, ...] = SMALL.heads) -> Path:
    """A random VGG-shaped teacher; by default as wide as the heads of SMALL."""
    torch.manual_seed(1)
    weights = {"conv0.weight": torch.eye(3)[:, :, None, None].clone(), "conv0.bias": torch.zeros(3)}
    channels = 3
    for block, width in enumerate(widths[:blocks], 1):
        weights[f"conv{block}_1.weight"] = torch.randn(width, channels, 3, 3) * (2 / (9 * channels)) ** 0.5
        weights[f"conv{block}_1.bias"] = torch.zeros(width)
        channels = width
    save_file(weights, path)
    return path


def folder(path: Path, seed: int) -> Path:
    path.mkdir()
    rng = np.random.default_rng(seed)
    for index in range(4):
        coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
        coarse.resize((96, 72), Image.Resampling.BICUBIC).save(path / f"{index}.png")
    return path


@pytest.mark.slow
def test_student_comes_closer_to_the_teacher(tmp_path: Path) -> None:
    task = EncoderTask(
        [folder(tmp_path / "photos", 0), folder(tmp_path / "art", 1)],
        [teacher(tmp_path / "t.safetensors")],
        EncoderOptions(crop=32, batch=4),
        SMALL,
    )
    steps: list[Step] = []
    model = fit(
        task,
        tmp_path / "run",
        TrainOptions(steps=60, rate=5e-3, warmup=5, average=0.9, log_every=10, preview_every=60),
        callback=steps.append,
    )
    assert isinstance(model, PerceptualEncoder)
    assert steps[-1].losses["total"] < 0.7 * steps[0].losses["total"]
    with Image.open(tmp_path / "run" / "preview-000060.jpg") as preview:
        assert preview.size == (5 * 192, 2 * 192)


def test_first_teacher_that_has_a_layer_teaches_it(tmp_path: Path) -> None:
    art = folder(tmp_path / "art", 1)
    shallow, deep = teacher(tmp_path / "a.safetensors", 2), teacher(tmp_path / "b.safetensors")
    task = EncoderTask([art], [shallow, deep], EncoderOptions(crop=32, batch=2), SMALL)
    x = torch.rand(1, 3, 32, 32)
    targets = task.targets(x)
    assert [t.shape[1] for t in targets] == [6, 7, 8, 9, 10]
    assert torch.equal(targets[0], task.teachers[0](x)[0])


def test_a_teacher_is_needed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no teacher"):
        EncoderTask([folder(tmp_path / "art", 1)], [])


def test_teachers_have_the_widths_of_the_heads(tmp_path: Path) -> None:
    art, narrow = folder(tmp_path / "art", 1), teacher(tmp_path / "narrow.safetensors")
    with pytest.raises(InputError, match=r"narrow.safetensors' has 6 channels at relu1_1, not 64"):
        EncoderTask([art], [narrow])
    with pytest.raises(InputError, match=r"shallow.safetensors' has relu3_1"):
        EncoderTask([art], [teacher(tmp_path / "shallow.safetensors", 2)], shape=SMALL)


def test_hints_are_the_narrow_features_in_any_scale(tmp_path: Path) -> None:
    same = EncoderShape(widths=(6, 7, 8, 9, 10), depths=(1, 1, 1, 1, 1), heads=(6, 7, 8, 9, 10))
    art, path = folder(tmp_path / "art", 1), teacher(tmp_path / "t.safetensors")
    task = EncoderTask([art], [path], EncoderOptions(crop=32, batch=2, hint_weight=1.0), same)
    x = torch.rand(2, 3, 32, 32)
    theirs = task.teachers[0].features(x, heads=False)
    assert float(task.hint([7 * each for each in theirs], x)) == pytest.approx(0, abs=1e-5)
    assert float(task.hint([torch.rand_like(each) for each in theirs], x)) > 0.3
    with torch.no_grad():
        found = task.losses(task.model, {"pictures": x}, 0)
    assert float(found["total"]) > float(found["hint"]) > 0
    assert float(task.hint([*(torch.rand(2, 3, 4, 4) for _ in theirs[1:]), theirs[-1]], x)) < 1e-5
    narrow = EncoderTask([art], [path], EncoderOptions(crop=32, batch=2, hint_weight=1.0), NARROW)
    with pytest.raises(OptionError, match="hint-weight"):
        narrow.losses(narrow.model, {"pictures": x}, 0)


def test_noise_is_on_every_third_picture_and_within_range() -> None:
    pictures = torch.full((7, 3, 32, 32), 0.5)
    made = add_noise(pictures, 0.2, np.random.default_rng(0))
    changed = (made != pictures).flatten(1).any(1).tolist()
    assert changed == [True, False, False, True, False, False, True]
    assert made.min() >= 0
    assert made.max() <= 1
    assert float(made.std((1, 2, 3)).max()) < 0.25
    assert torch.equal(made, add_noise(pictures, 0.2, np.random.default_rng(0)))


def test_adversarial_pictures_replace_some_crops(tmp_path: Path) -> None:
    task = EncoderTask(
        [folder(tmp_path / "art", 1)],
        [teacher(tmp_path / "t.safetensors")],
        EncoderOptions(crop=32, batch=4, half_optimized=0.5),
        SMALL,
    )
    seen: list[torch.Tensor] = []
    task.targets = lambda pictures: seen.append(pictures) or EncoderTask.targets(task, pictures)  # type: ignore[method-assign,func-returns-value]
    pictures = torch.rand(4, 3, 32, 32)
    task.losses(task.model, {"pictures": pictures}, 3)
    assert torch.equal(seen[0][:2], pictures[2:])
    assert not torch.equal(seen[0][2:], pictures[:2])
    assert sum(game is not None for game in task.adversarial.pool) == 2


def test_widths_depths_and_sides_are_five_numbers(tmp_path: Path) -> None:
    art = folder(tmp_path / "art", 1)
    path = teacher(tmp_path / "t.safetensors", widths=EncoderShape().heads)
    options = EncoderOptions(widths="4, 6,8,8,10", depths="1,2,1,3,1", sides="0,0,256,0,0")
    model = EncoderTask([art], [path], options).model
    assert isinstance(model, PerceptualEncoder)
    assert model.shape.widths == (4, 6, 8, 8, 10)
    assert [len(block) for block in model.blocks] == [1, 2, 1, 3, 1]  # type: ignore[arg-type]
    assert model(torch.rand(1, 3, 32, 32))[2].shape[1] == 256
    for name, wrong in (("depths", "0,1,1,1,1"), ("sides", "0,0,256"), ("sides", "-1,0,0,0,0")):
        with pytest.raises(OptionError, match=f"{name} '{wrong}'"):
            EncoderOptions(**{name: wrong})  # type: ignore[arg-type]
    for wrong in ("1,2,3", "16,32,64,128,wide", "0,1,1,1,1"):
        with pytest.raises(OptionError, match=f"widths '{wrong}'"):
            EncoderOptions(widths=wrong)


def encoder() -> PerceptualEncoder:
    torch.manual_seed(0)
    made = PerceptualEncoder(EncoderShape(widths=(4, 6, 8, 8, 8), depths=(1,) * 5, heads=(6, 7, 8, 9, 10)))
    return made.requires_grad_(False)


def draw(count: int, rng: np.random.Generator) -> Tensor:
    return torch.from_numpy(rng.random((count, 3, 32, 32), np.float32))


def test_pictures_are_optimized_and_stay_in_range() -> None:
    student, pool, rng = encoder(), AdversarialPictures(draw, 1), np.random.default_rng(1)

    def loss(picture: Tensor) -> float:
        game = pool.pool[0]
        assert game is not None
        features = student.features(picture)
        features = student.widened(features) if game.wide else features
        style = [float(gap(gram(a), b)) for a, b in zip(features, game.style, strict=True)]
        return sum(style) / 5 + game.weight * float(gap(features[3], game.content))

    first = pool.batch(student, 1, rng)
    for _ in range(15):
        last = pool.batch(student, 1, rng)
    assert loss(last) < 0.9 * loss(first)
    assert 0 <= float(last.min()) <= float(last.max()) <= 1


def test_a_picture_is_replaced_after_its_steps() -> None:
    student, pool, rng = encoder(), AdversarialPictures(draw, 1), np.random.default_rng(1)
    pool.batch(student, 1, rng)
    first = pool.pool[0]
    assert first is not None
    assert STEPS[0] - 1 <= first.left < STEPS[1]
    first.left = 0
    pool.batch(student, 1, rng)
    assert pool.pool[0] is not first


def test_more_pictures_than_the_pool_holds() -> None:
    assert AdversarialPictures(draw, 2).batch(encoder(), 3, np.random.default_rng(0)).shape == (3, 3, 32, 32)
