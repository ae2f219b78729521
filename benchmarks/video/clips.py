"""The clips of the video benchmark: DAVIS, Sintel and two real mp4 files, if they are available."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from restyle.images import picture
from restyle.images.resize import fit_size, resize
from restyle.types import FloatArray
from restyle.videos.formats import VideoFrame
from restyle.videos.read import VideoReader

SHARED = Path(os.environ.get("RESTYLE_SHARED", Path(__file__).parents[3] / "shared"))
VIDEOS = SHARED / "data" / "video"
STYLES = SHARED / "data" / "presets"


def names() -> list[str]:
    """Return the available clips."""
    return sorted(path.name for path in VIDEOS.iterdir()) if VIDEOS.is_dir() else []


def load(name: str, count: int, side: int, start: int = 0) -> list[FloatArray]:
    """Return the frames of a clip, reduced.

    Parameters
    ----------
    count : int
        How many, one after the other.
    side : int
        Longest side in px.

    Returns
    -------
    list of np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
    """
    path = VIDEOS / name
    if path.is_dir():
        files = sorted((path / "frames").iterdir())[start : start + count]
        frames = [picture.load_image(file).pixels for file in files]
    else:
        frames = []
        with VideoReader(path) as reader:
            for item in reader.items():
                if isinstance(item, VideoFrame) and item.pixels is not None:
                    frames.append(picture.from_array(item.pixels).pixels)
                if len(frames) == start + count:
                    break
        frames = frames[start:]
    size = fit_size(frames[0].shape[:2], long=side)
    return [np.ascontiguousarray(resize(frame, size, "area")) for frame in frames]
