"""Build, fit, predict, save, load: the life of a network of one's own, on tiny pictures."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import restyle
from restyle.errors import InputError, ModelError, OptionError, OutputError, StyleError
from restyle.options.train import StyleOptions, StyleTrainOptions
from restyle.train.loop import Step
from restyle.train.style_network import StyleNetwork
from tests.train.made_pictures import encoder_file, photos, picture, two_styles

RECIPE = StyleOptions(crop=64, style_size=64, held_out=2)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos, three styles, an encoder, and a network of two styles after four steps."""
    folder = tmp_path_factory.mktemp("place")
    photos(folder / "photos")
    encoder_file(folder / "encoder.safetensors")
    two_styles(folder / "styles", "Blue Wave", "red")
    picture(90, 80, 50, (200, 200, 60)).save(folder / "yellow.png")
    fitted(folder, folder / "styles").save(folder / "two.restyle")
    return folder


def fitted(folder: Path, style: Path, **options: object) -> StyleNetwork:
    network = StyleNetwork(width=4, blocks=1)
    network.fit(folder / "photos", style, **keywords(folder) | options)  # type: ignore[arg-type]
    return network


def keywords(folder: Path) -> dict[str, object]:
    return {
        "steps": 4,
        "batch_size": 2,
        "recipe": RECIPE,
        "encoder": folder / "encoder.safetensors",
        "threads": 1,
        "log_every": 2,
        "warmup": 1,
    }


def photo() -> np.ndarray:
    return np.asarray(picture(50, 42, 3))


@pytest.mark.slow
def test_history_tells_what_happened(place: Path) -> None:
    seen: list[int] = []

    def note(step: Step) -> bool:
        seen.append(step.step)
        return step.step >= 4

    network = StyleNetwork(width=4, blocks=1)
    options = keywords(place) | {"steps": 20, "evaluate_every": 2, "callbacks": [note]}
    history = network.fit(place / "photos", place / "yellow.png", **options)  # type: ignore[arg-type]
    assert seen == history.step == [2, 4]
    assert set(history.losses) == {"total", "style", "color", "content", "variation", "range"}
    assert history.held_out["step"] == [2, 4]
    assert history.held_out["held out"][1] > 0
    assert network.styles == ("yellow",)
    assert network.training["steps"] == 4  # those that were done, of 20
    assert set(network.training["losses"]) == set(history.losses)
    (warning,) = history.warnings
    assert "only 12 photos" in warning


def test_the_last_evaluation_is_in_the_history(place: Path) -> None:
    network = StyleNetwork(width=4, blocks=1)
    options = keywords(place) | {"steps": 3, "log_every": 2, "evaluate_every": 2}
    history = network.fit(place / "photos", place / "yellow.png", **options)  # type: ignore[arg-type]
    assert history.step == [2]
    assert history.held_out["step"] == [2, 3]
    assert len(history.held_out["held out style"]) == 2


def test_epochs_are_counted_in_photos(place: Path) -> None:
    options = {k: v for k, v in keywords(place).items() if k != "steps"} | {"log_every": 1}
    network = StyleNetwork(width=4, blocks=1)
    history = network.fit(place / "photos", place / "yellow.png", epochs=2, **options)  # type: ignore[arg-type]
    assert history.step[-1] == 2 * 5  # 12 photos, 2 of them held out, 2 a step


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", lambda p: torch.optim.RMSprop(p, lr=1e-3)])
def test_optimizers_are_used(place: Path, optimizer: object) -> None:
    usual = fitted(place, place / "yellow.png").module.stem.weight
    other = fitted(place, place / "yellow.png", optimizer=optimizer).module.stem.weight
    assert torch.equal(usual, other) is (optimizer == "adam")


def test_predict_returns_the_type_of_its_input(place: Path, tmp_path: Path) -> None:
    network = StyleNetwork.load(place / "two.restyle")
    art = network.predict(photo(), "red")
    assert isinstance(art, np.ndarray)
    assert (art.shape, art.dtype) == ((42, 50, 3), np.uint8)
    assert isinstance(network.predict(Image.fromarray(photo()), "blue-wave"), Image.Image)
    Image.fromarray(photo()).save(tmp_path / "p.png")
    written = network.predict(tmp_path / "p.png", "red", output=tmp_path / "art.png")
    with Image.open(written) as image:
        assert np.array_equal(np.asarray(image), art)


def test_predict_is_what_pytorch_computes(place: Path) -> None:
    network = StyleNetwork.load(place / "two.restyle")
    content = torch.from_numpy(photo()[:40, :48] / 255).permute(2, 0, 1)[None].float()
    with torch.inference_mode():
        expected = network.module.eval()(content, torch.tensor([[0.0, 1.0]]))[0].clamp(0, 1)[0]
    art = network.predict(photo()[:40, :48], "red")
    assert (
        np.abs(art / 255 - expected.permute(1, 2, 0).numpy()).max() < 0.004
    )  # half an 8-bit level and float16


def test_the_file_works_wherever_a_model_is_expected(place: Path) -> None:
    model = place / "two.restyle"
    art = restyle.image(photo(), "red", model=model)
    assert np.array_equal(art, StyleNetwork.load(model).predict(photo(), "red"))
    assert [style.name for style in restyle.styles(model)] == ["blue-wave", "red"]
    mixed = restyle.image(photo(), ["red:0.5", "blue-wave:0.5"], model=model)
    assert not np.array_equal(mixed, art)
    half = restyle.image(photo(), "red", model=model, strength=0.5)
    assert np.abs(half - (art / 2.0 + photo() / 2.0)).max() <= 1
    assert np.array_equal(restyle.image(photo(), "red", model=model, strength=0.0), photo())


@pytest.mark.slow
def test_unknown_styles_are_errors_that_list_the_known_ones(place: Path, tmp_path: Path) -> None:
    model = place / "two.restyle"
    with pytest.raises(OptionError, match="network 'two' has blue-wave, red"):
        restyle.image(photo(), model=model)
    with pytest.raises(StyleError, match="did you mean 'red'"):
        restyle.image(photo(), "rad", model=model)
    with pytest.raises(StyleError, match="no style of network 'two' is called 'gold'; it has blue-wave, red"):
        restyle.image(photo(), "gold", model=model)
    with pytest.raises(StyleError, match="has only its own styles"):
        restyle.image(photo(), photo(), model=model)
    with pytest.raises(StyleError, match="one stroke size"):
        restyle.Stylizer(model).style("red", scale=2.0)
    assert (
        restyle.image(photo(), "red", model=model, style_scale=2.0)
        != restyle.image(photo(), "red", model=model)
    ).any()
    one = fitted(place, place / "yellow.png")
    path = one.save(tmp_path / "one.restyle")
    assert np.array_equal(restyle.image(photo(), model=path), one.predict(photo()))


@pytest.mark.slow
def test_adding_a_style_does_not_change_the_others(place: Path, tmp_path: Path) -> None:
    network = StyleNetwork.load(place / "two.restyle")
    before = network.predict(photo(), ["red:0.3", "blue-wave:0.7"])
    convolutions = network.module.stem.weight.detach().clone()
    rates: list[float] = []
    options = keywords(place) | {
        "optimizer": "adamw",  # its decay must not reach the others
        "callbacks": [lambda step: rates.append(step.rate)],
    }
    network.fit(place / "photos", place / "yellow.png", add=True, **options)  # type: ignore[arg-type]
    assert network.styles == ("blue-wave", "red", "yellow")
    assert max(rates) > 3 * StyleTrainOptions.rate
    assert torch.equal(network.module.stem.weight, convolutions)
    assert np.array_equal(network.predict(photo(), ["red:0.3", "blue-wave:0.7"]), before)
    assert not np.array_equal(network.predict(photo(), "yellow"), network.predict(photo(), "red"))
    with pytest.raises(StyleError, match="two styles are called 'red'"):
        network.fit(place / "photos", place / "styles" / "red.png", add=True, **keywords(place))  # type: ignore[arg-type]


def test_a_second_fit_continues_the_first(place: Path) -> None:
    network = StyleNetwork.load(place / "two.restyle")
    before = network.module.stem.weight.detach().clone()
    history = network.fit(place / "photos", place / "styles", **keywords(place) | {"rate": 1e-7})  # type: ignore[arg-type]
    assert torch.allclose(network.module.stem.weight, before, atol=1e-5)
    assert history.seconds > 0


def test_loads_and_predicts_without_pytorch(place: Path) -> None:
    code = (
        "import sys\n"
        "for name in ('torch', 'safetensors', 'onnx'): sys.modules[name] = None\n"
        "import numpy as np, restyle\n"
        f"network = restyle.StyleNetwork.load({str(place / 'two.restyle')!r})\n"
        "art = network.predict(np.zeros((20, 30, 3), np.uint8), 'red')\n"
        "print(art.shape)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "(20, 30, 3)", done.stderr


def test_save_sets_the_name_and_load_restores_all(place: Path, tmp_path: Path) -> None:
    network = StyleNetwork.load(place / "two.restyle")
    assert (network.name, network.training["steps"], network.options.width) == ("two", 4, 4)
    path = network.save(tmp_path / "Other Name.restyle")
    assert StyleNetwork.load(path).name == "other-name"
    with pytest.raises(OutputError, match="exists"):
        network.save(path)
    assert "width=4" in repr(network)
    assert "red" in repr(network)


def test_invalid_calls_are_one_line(place: Path, tmp_path: Path) -> None:
    network = StyleNetwork(width=4, blocks=1)
    for act in (lambda: network.save(tmp_path / "n.restyle"), lambda: network.predict(photo())):
        with pytest.raises(StyleError, match="no style yet"):
            act()
    with pytest.raises(OutputError, match=r"suffix of a network file is .restyle"):
        network.save(tmp_path / "n.safetensors")
    with pytest.raises(ModelError, match="no network file"):
        StyleNetwork.load(tmp_path / "none.restyle")
    with pytest.raises(OptionError, match="nothing to add to"):
        network.fit(place / "photos", place / "yellow.png", add=True, **keywords(place))  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="batch-size 0"):
        network.fit(place / "photos", place / "yellow.png", batch_size=0)
    with pytest.raises(OptionError, match="kernel-size 4"):
        StyleNetwork(kernel_size=4)
    with pytest.raises(InputError, match="no picture"):
        network.fit(place / "photos", tmp_path / "no.png", **keywords(place))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="not a folder"):
        network.fit(tmp_path / "none", place / "yellow.png", **keywords(place))  # type: ignore[arg-type]


def test_one_photo_and_corrupt_ones_among_good_ones(place: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    picture(100, 80, 1).save(folder / "only.png")
    for index in range(4):
        (folder / f"bad{index}.jpg").write_bytes(b"no picture")
    network = StyleNetwork(width=4, blocks=1)
    history = network.fit(folder, place / "yellow.png", **keywords(place))  # type: ignore[arg-type]
    assert len(history.skipped) == 4
    assert history.warnings[0].startswith("skipped 4 unreadable pictures")
    assert "and 1 more" in history.warnings[0]
    assert "only 1 photo:" in history.warnings[1]


def test_videos_are_painted_too(place: Path, tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    for index in range(3):
        Image.fromarray(np.roll(photo(), index, 1)).save(tmp_path / "frames" / f"{index}.png")
    for strength in (1.0, 0.5):
        painted = restyle.video(
            tmp_path / "frames",
            "red",
            model=place / "two.restyle",
            output=f"{tmp_path}/out{strength}/",
            strength=strength,
        )
        first = sorted(Path(painted).glob("*.png"))[0]
        with Image.open(first) as image:
            art = np.asarray(image)
        alone = restyle.image(photo(), "red", model=place / "two.restyle", strength=strength)
        assert np.abs(art.astype(int) - alone.astype(int)).max() <= 1


def test_fit_suggests_the_keyword_that_was_meant() -> None:
    with pytest.raises(TypeError, match="unknown keyword 'step'; did you mean 'steps'"):
        StyleNetwork().fit("photos", "style.jpg", step=3)
