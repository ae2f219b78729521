"""Options of single pictures, which films do not have."""

from __future__ import annotations

from dataclasses import dataclass, field

from restyle.errors import OptionError
from restyle.options.base import about
from restyle.options.image import ImageOptions


@dataclass(frozen=True, kw_only=True)
class PhotoOptions(ImageOptions):
    """What happens to a picture that is no frame of a film.

    Parameters
    ----------
    paint_size
        As its help below says; the others as for `ImageOptions`.

    Raises
    ------
    OptionError
        A value outside its range, or two options that contradict each other.
    """

    paint_size: int | None = field(
        default=None,
        metadata=about(
            "Paint with strokes as large as in a picture of this longest side (1024), at the photo's own"
            " size and with its detail: for large photos.",
            low=64,
            high=100_000,
            metavar="PX",
        ),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.paint_size is not None and self.colors_only:
            raise OptionError("paint-size and colors-only contradict each other; give one of them")
