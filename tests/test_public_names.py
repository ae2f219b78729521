"""The small door: what `restyle` offers, and nothing more."""

import pytest

import restyle


def test_public_names_are_these() -> None:
    assert restyle.__all__ == [
        "RestyleError",
        "Style",
        "StyleNetwork",
        "Stylizer",
        "__version__",
        "audio",
        "image",
        "similarity",
        "styles",
        "video",
    ]
    assert len(restyle.__all__) <= 12


@pytest.mark.parametrize("name", restyle.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    assert name in dir(restyle)
    assert getattr(restyle, name).__doc__


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'imgae'"):
        _ = restyle.imgae
