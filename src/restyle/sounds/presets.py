"""The preset sound styles: short sounds that `scripts/sounds.py` computes, shipped as Ogg files."""

from __future__ import annotations

import difflib
from pathlib import Path

from restyle.errors import StyleError

FOLDER = Path(__file__).parent / "recordings"

# name: what it is, in the order in which they are listed
SOUNDS = {
    "rain": "steady rain with drops",
    "bees": "a swarm that comes near and goes",
    "brass": "horns and trumpets over two and a half octaves",
    "choir": "voices on ah, oh, oo and eh",
    "eight-bit": "a game console: pulses, triangle, noise",
    "vinyl": "crackle and rumble of an old record",
    "bells": "struck bells with their inharmonic partials",
    "strings": "a bowed string orchestra",
    "wind": "gusts through bands that wander",
    "fire": "roar, hiss and wood that snaps",
    "organ": "pipes at four stops, with their chiff",
    "harp": "plucked strings over four octaves",
}


def sound_path(name: str) -> Path:
    """File of a preset sound style.

    Raises
    ------
    StyleError
        There is no such preset; the message names the nearest.
    """
    if name not in SOUNDS:
        near = difflib.get_close_matches(name, SOUNDS, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(SOUNDS)}"
        raise StyleError(f"sound style '{name}' is neither a file nor a preset; {hint}")
    return FOLDER / f"{name}.ogg"
