"""A method from outside the package: inverts the picture."""

from __future__ import annotations

import numpy as np

from restyle.methods.protocol import Settings
from restyle.style import Style
from restyle.types import FloatArray


def stylize(content: FloatArray, style: Style, settings: Settings) -> FloatArray:
    settings.report(1.0)
    return np.asarray(1 - content, np.float32)
