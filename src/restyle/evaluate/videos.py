"""Measure videos: frames as pictures, and the temporal error along the motion of the content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np

from restyle.errors import InputError
from restyle.evaluate.bench import Bench, Subject, scaled, shrunk
from restyle.evaluate.cache import Measurement, key_of
from restyle.evaluate.temporal import Motion
from restyle.images import formats, picture
from restyle.types import FloatArray
from restyle.videos.info import VideoFrame
from restyle.videos.read import VideoReader

MOTION_SIDE = 320  # px, long side for optical flow: TV-L1 takes a second, and minutes at larger sizes
MEASURED_FRAMES = 4  # measured as pictures

Frames = Sequence[FloatArray]


def frames_of(path: Path, count: int) -> list[FloatArray]:
    """Read the first frames of a video, upright.

    Parameters
    ----------
    path : Path
        A video, or a folder with a picture for each frame.
    count : int
        Maximum number.

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


class VideoSubject:
    """A video and one style, against which stylized videos are measured.

    Parameters
    ----------
    bench : Bench
    content : sequence of np.ndarray [shape=(H, W, 3), float32, range 0..1, RGB]
        Each from `Bench.fitted`.
    style : np.ndarray [shape=(h, w, 3), float32, range 0..1, RGB]
    """

    def __init__(self, bench: Bench, content: Frames, style: FloatArray) -> None:
        self.bench, self.content, self.style = bench, content, style
        self.indices = sorted(
            set(np.linspace(0, len(content) - 1, MEASURED_FRAMES).round().astype(int).tolist())
        )
        self.subjects = [Subject(bench, content[index], style) for index in self.indices]

    @cached_property
    def motion(self) -> Motion:
        """Motion of the content, computed once for all results."""
        return Motion([small(frame) for frame in self.content])

    def fitted(self, frames: Frames, name: str = "result") -> list[FloatArray]:
        """Scale a stylized video to the size of its content.

        Raises
        ------
        InputError
            It has another number of frames, or another aspect ratio.
        """
        if len(frames) != len(self.content):
            raise InputError(f"{name}: has {len(frames)} frames, its content has {len(self.content)}")
        return [self.subjects[0].fitted(frame, name) for frame in frames]

    def measure(self, frames: Frames, motion: Motion | None = None) -> Measurement:
        """Measure a video from `fitted`: the mean over a few frames, and `temporal` over all.

        Parameters
        ----------
        motion : Motion or None
            Of this content, if it is known from another style.
        """
        measured = [
            subject.measure(frames[index]) for subject, index in zip(self.subjects, self.indices, strict=True)
        ]
        mean = Measurement.mean_of(measured)

        def temporal() -> Measurement:
            error = (motion or self.motion).error([small(frame) for frame in frames])
            return Measurement({"temporal": error}, np.zeros(0, np.float32), np.zeros(0, np.float32))

        found = self.bench.cached(key_of("temporal", *self.content, *frames), temporal)
        return replace(mean, figures={**mean.figures, **found.figures})

    @property
    def style_measurement(self) -> Measurement:
        """Features of the style for the Frechet distances."""
        return self.subjects[0].style_measurement

    def style_copy(self) -> list[FloatArray]:
        """The style as a still video."""
        return [self.subjects[0].style_copy()] * len(self.content)


def small(frame: FloatArray) -> FloatArray:
    """Scale a frame to the size for optical flow."""
    height, width = frame.shape[:2]
    short = round(MOTION_SIDE * min(height, width) / max(height, width))
    return scaled(frame, shrunk(frame, short).shape[:2])
