"""The exceptions of restyle.

RestyleError
 ├── InputError          a file or array that cannot be used (also a ValueError)
 ├── StyleError          an unknown preset, a bad style file, a bad weight
 ├── OptionError         an option outside its range (also a ValueError)
 ├── OutputError         a file that cannot or must not be written
 ├── ModelError          missing or damaged weights
 └── MissingExtraError   needs ``pip install 'restyle[...]'``

A message is one line that quotes the offending value and says what to do.
"""

from __future__ import annotations

__all__ = [
    "InputError",
    "MissingExtraError",
    "ModelError",
    "OptionError",
    "OutputError",
    "RestyleError",
    "StyleError",
    "require",
]


class RestyleError(Exception):
    """Base class; the message is one line."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class InputError(RestyleError, ValueError):
    """A file or array that cannot be used: missing, empty, damaged, too large, wrong shape or range."""


class StyleError(RestyleError):
    """A style that cannot be used: an unknown preset, a bad style file, a bad weight."""


class OptionError(RestyleError, ValueError):
    """An option outside its range, or two options that contradict each other."""


class OutputError(RestyleError):
    """A file that cannot be written: exists, is an input, folder not writable, disk full, unknown suffix."""


class ModelError(RestyleError):
    """Weights that are missing or damaged, or do not match their record."""


class MissingExtraError(RestyleError):
    """A required extra, such as ``"torch"``, is not installed; `what` needs it: ``"--method optimize"``."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs an extra: pip install 'restyle[{extra}]'")
        self.extra = extra


def require(what: str, extra: str, *modules: str) -> None:
    """Raise MissingExtraError unless all modules of the extra can be imported, without doing so."""
    from importlib.util import find_spec

    if any(find_spec(module) is None for module in modules):
        raise MissingExtraError(what, extra)
