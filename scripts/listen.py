"""Make the sounds of docs/listen.md: `python -m scripts.listen` writes docs/listen/*.ogg.

The contents and styles are sounds of this project; the speech is made by espeak-ng, which must be installed.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import restyle
from restyle.sounds.features import RATE, at_rate
from restyle.sounds.files import SoundWriter
from restyle.sounds.read import load_sound
from restyle.sounds.sources import preset_path
from restyle.sounds.stft import Float

FOLDER = Path(__file__).parent.parent / "docs" / "listen"
SECONDS = 7
TEXT = (
    "A picture has a subject, and it has a manner. A sound has both as well. "
    "This voice will soon be made of other sounds. Can you still understand it?"
)
CONTENTS = ("speech", "eight-bit", "harp", "bells")
STYLES = ("rain", "choir", "brass", "fire")


def content(name: str) -> Float:
    """Some seconds of a content, mono at `RATE` [shape=(n,), float32]."""
    if name == "speech":
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "speech.wav"
            subprocess.run(["espeak-ng", "-v", "en-us", "-s", "150", "-w", str(path), TEXT], check=True)
            y = at_rate(*load_sound(path))
    else:
        y = at_rate(*load_sound(preset_path(name)))
    return y[: SECONDS * RATE]


def write(name: str, y: Float) -> None:
    """Write one sound."""
    with SoundWriter(FOLDER / f"{name}.ogg", RATE, 1, "PCM_16", None) as writer:
        writer.write(y[:, None])


def main() -> None:
    """Write contents, styles and results."""
    FOLDER.mkdir(exist_ok=True)
    for style in STYLES:
        write(style, at_rate(*load_sound(preset_path(style)))[: SECONDS * RATE])
    for name in CONTENTS:
        y = content(name)
        write(f"content-{name}", y)
        for style in STYLES:
            write(f"{name}-{style}", restyle.audio(y, style, sr=RATE))
            if name == "speech":
                write(f"{name}-{style}-kept", restyle.audio(y, style, sr=RATE, keep_speech=0.5))
        print(name)


if __name__ == "__main__":
    main()
