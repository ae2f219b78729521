"""What a fit trains: names of styles, a new module, the same one, or one with rows added."""

from pathlib import Path

import pytest
import torch

from restyle.errors import OptionError, StyleError
from restyle.nn import conditional
from restyle.options.train import StyleOptions
from restyle.train.log import History
from restyle.train.own_network import prepare, read_pictures, style_names
from restyle.train.style_network import StyleNetwork
from tests.train.made_pictures import encoder_file, photos, picture

OWN = ("blue", "red")


def test_names_follow_the_rows() -> None:
    assert style_names(OWN, ("gold",), add=True) == ("blue", "red", "gold")
    assert style_names(OWN, ("gold",), add=False) == ("gold",)
    with pytest.raises(OptionError, match="nothing to add to"):
        style_names((), ("gold",), add=True)
    with pytest.raises(StyleError, match="two styles are called 'red'"):
        style_names(OWN, ("red",), add=True)


@pytest.mark.parametrize(
    ("names", "add", "rows", "same"),
    [(OWN, False, 2, True), (("gold", "red"), False, 2, False), (("gold",), True, 3, False)],
    ids=["goes on", "begins anew", "adds"],
)
def test_what_is_trained(tmp_path: Path, names: tuple[str, ...], add: bool, rows: int, same: bool) -> None:
    photos(tmp_path / "photos")
    encoder_file(tmp_path / "encoder.safetensors")
    paths = [tmp_path / f"{name}.png" for name in names]
    for path in paths:
        picture(90, 80, 7, (40, 90, 200)).save(path)
    recipe = StyleOptions(crop=64, style_size=64, held_out=2)
    pictures = read_pictures(tmp_path / "photos", paths, recipe, (None, None), History(), lambda line: None)
    network = StyleNetwork(width=4, blocks=1, seed=6)
    present = conditional.build({"width": 4, "blocks": 1}, 2, None, 5)
    network._module, network.styles = present, OWN
    found, task = prepare(network, pictures, add, 2, 1, tmp_path / "encoder.safetensors")
    module = task.model
    assert isinstance(module, conditional.ConditionalTransformer)
    assert found == ((*OWN, *names) if add else names)
    assert len(module.scale) == rows
    assert (module is present) == same
    assert torch.equal(module.stem.weight, present.stem.weight) == (same or add)
    assert [name for name, each in module.named_parameters() if each.requires_grad] == (
        ["scale", "shift"] if add else [name for name, _ in present.named_parameters()]
    )
