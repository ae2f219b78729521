"""The plan of a study: which settings are compared, and how often."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, get_args, get_type_hints

from restyle.errors import OptionError
from restyle.options.train import NetworkOptions, StyleOptions, StyleTrainOptions

Setting = dict[str, Any]
_SETS = (NetworkOptions, StyleOptions, StyleTrainOptions)
_FIXED = {"steps", "minutes", "seed", "threads", "device", "held_out"}  # the same for all


def options_to_vary() -> dict[str, type]:
    """Names of the options that a study may vary, and the set that each is of."""
    return {each.name: kind for kind in _SETS for each in fields(kind) if each.name not in _FIXED}


def parse_vary(texts: Sequence[str]) -> dict[str, list[Any]]:
    """Read `kernel-size=3,5,7` and the like; of a text option the values are divided by semicolons.

    Raises
    ------
    OptionError
        An option is unknown or not to be varied, or a value is none of its values.

    Examples
    --------
    >>> parse_vary(["kernel-size=3,5", "normalisation=all,blocks"])
    {'kernel_size': [3, 5], 'normalisation': ['all', 'blocks']}
    """
    known = options_to_vary()
    found: dict[str, list[Any]] = {}
    for text in texts:
        name, _, values = text.partition("=")
        key = name.strip().replace("-", "_")
        if key not in known:
            options = ", ".join(sorted(each.replace("_", "-") for each in known))
            raise OptionError(f"vary '{text}': '{name}' is none of {options}")
        hint = get_type_hints(known[key])[key]
        plain = hint is str
        parts = [part.strip() for part in values.split(";" if plain else ",") if part.strip()]
        try:
            made = [part if plain or get_args(hint) else hint(part) for part in parts]
        except ValueError:
            if ".." in values and not plain:
                raise OptionError(
                    f"vary '{text}': a span goes with --search optuna; write {name}=VALUE,VALUE"
                ) from None
            raise OptionError(f"vary '{text}': a value is not of type {hint.__name__}") from None
        if not made:
            raise OptionError(f"vary '{text}': write {name}=VALUE,VALUE")
        for value in made:
            given: dict[str, Any] = {key: value}
            known[key](**given)  # its own check
        found[key] = list(dict.fromkeys(made))
    return found


def settings(vary: dict[str, list[Any]], sample: int = 0, seed: int = 1) -> list[Setting]:
    """All combinations, in order; or `sample` of them drawn at random."""
    every = [dict(zip(vary, values, strict=True)) for values in itertools.product(*vary.values())]
    if not 0 < sample < len(every):
        return every
    chosen = sorted(random.Random(seed).sample(range(len(every)), sample))
    return [every[index] for index in chosen]


def shown(setting: Setting) -> str:
    """`kernel-size 3, width 16`."""
    parts = [
        f"{name.replace('_', '-')} {f'{value:.4g}' if isinstance(value, float) else value}"
        for name, value in setting.items()
    ]
    return ", ".join(parts) or "usual"


def label(setting: Setting) -> str:
    """A file name for a setting: `kernel-size-3_width-16`."""
    parts = [f"{name.replace('_', '-')}-{value}".replace(",", "+") for name, value in setting.items()]
    return "_".join(parts) or "usual"
