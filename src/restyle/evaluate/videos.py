"""Measure films: their frames as pictures, and how steady they are along the motion of their content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np

from restyle.errors import InputError
from restyle.evaluate.bench import Bench, Subject, scaled, shrunk
from restyle.evaluate.cache import key_of
from restyle.evaluate.record import Measurement
from restyle.evaluate.steadiness import Motion
from restyle.images import formats, picture
from restyle.types import FloatArray
from restyle.videos.info import VideoFrame
from restyle.videos.read import VideoReader

MOTION_SIDE = 320  # px, long side at which motion is looked for: TV-L1 takes a second there and minutes above
LOOKED_AT = 4  # frames that are measured as pictures

Film = Sequence[FloatArray]


def frames_of(path: Path, count: int) -> list[FloatArray]:
    """The first frames of a video, upright.

    Parameters
    ----------
    path : Path
        A video, or a folder with a picture for each frame.
    count : int
        How many, one after the other; fewer where the video is shorter.

    Returns
    -------
    list of np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]

    Raises
    ------
    InputError
        It cannot be read, or a frame is damaged.
    """
    if path.is_dir():
        files = sorted(formats.find_images(path))[:count]
        return [picture.load_image(file).pixels for file in files]
    found: list[FloatArray] = []
    with VideoReader(path) as reader:
        for item in reader.items():
            if not isinstance(item, VideoFrame):
                continue
            if item.pixels is None:
                raise InputError(f"{path}: frame {len(found)} is damaged")
            found.append(picture.from_array(item.pixels).pixels)
            if len(found) == count:
                break
    if len(found) < 2:
        raise InputError(f"{path}: has {len(found)} frames; temporal error needs two")
    return found


class FilmSubject:
    """A film and one style: what stylised films are held against.

    Parameters
    ----------
    bench : Bench
    content : sequence of np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
        As `Bench.fitted` gives each.
    style : np.ndarray [shape=(h, w, 3), float32, range 0..1, RGB]
    """

    def __init__(self, bench: Bench, content: Film, style: FloatArray) -> None:
        self.bench, self.content, self.style = bench, content, style
        self.looked_at = sorted(set(np.linspace(0, len(content) - 1, LOOKED_AT).round().astype(int).tolist()))
        self.subjects: list[Subject] = [bench.subject(content[index], style) for index in self.looked_at]

    @cached_property
    def motion(self) -> Motion:
        """Of the content; found when first needed, and for all results."""
        return Motion([small(frame) for frame in self.content])

    def fitted(self, film: Film, name: str = "result") -> list[FloatArray]:
        """Bring a stylised film to the size of its content.

        Raises
        ------
        InputError
            It has another number of frames, or another aspect.
        """
        if len(film) != len(self.content):
            raise InputError(f"{name}: has {len(film)} frames where its content has {len(self.content)}")
        return [self.subjects[0].fitted(frame, name) for frame in film]

    def measure(self, film: Film, motion: Motion | None = None) -> Measurement:
        """Measure a film as `fitted` gives it: the mean over a few frames, and `temporal` over all.

        Parameters
        ----------
        motion : Motion or None
            Of this content, where it is known from another style.
        """
        looks = [
            subject.measure(film[index]) for subject, index in zip(self.subjects, self.looked_at, strict=True)
        ]
        mean = Measurement.mean_of(looks)
        kept = self.bench.kept
        key = key_of("temporal", *self.content, *film)
        found = kept.find(key) if kept else None
        if found is None:
            error = (motion or self.motion).error([small(frame) for frame in film])
            found = Measurement({"temporal": error}, np.zeros(0, np.float32), np.zeros(0, np.float32))
            if kept:
                kept.file(key, found)
        return replace(mean, figures={**mean.figures, **found.figures})

    @property
    def style_measurement(self) -> Measurement:
        """What the set is judged by."""
        return self.subjects[0].style_measurement

    def copied_style(self) -> list[FloatArray]:
        """The style as a still film."""
        return [self.subjects[0].copied_style()] * len(self.content)


def small(frame: FloatArray) -> FloatArray:
    """Bring a frame to the size at which motion is looked for."""
    height, width = frame.shape[:2]
    short = round(MOTION_SIDE * min(height, width) / max(height, width))
    return scaled(frame, shrunk(frame, short).shape[:2])
