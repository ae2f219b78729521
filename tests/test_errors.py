"""The exception tree, as drawn at the top of the module."""

from __future__ import annotations

import pytest

from restyle import errors

CLASSES = [name for name in errors.__all__ if isinstance(getattr(errors, name), type)]


def test_tree() -> None:
    for name in CLASSES:
        assert issubclass(getattr(errors, name), errors.RestyleError)
    assert issubclass(errors.InputError, ValueError)
    assert issubclass(errors.OptionError, ValueError)
    assert not issubclass(errors.OutputError, ValueError)


def test_every_class_is_drawn() -> None:
    assert errors.__doc__ is not None
    for name in CLASSES:
        assert name in errors.__doc__


@pytest.mark.parametrize("name", [name for name in CLASSES if name != "MissingExtraError"])
def test_messages_are_one_line(name: str) -> None:
    assert str(getattr(errors, name)("one\n  two\tthree")) == "one two three"


def test_missing_extra_says_what_to_type() -> None:
    error = errors.MissingExtraError("--method optimize", "torch")
    assert str(error) == "--method optimize needs an extra: pip install 'restyle[torch]'"
    assert error.extra == "torch"
