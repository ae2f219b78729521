"""Films: read, painted and written in overlapping stages."""

from restyle.film.ends import default_output, is_folder
from restyle.film.making import make, method_for, styles_of, video

__all__ = ["default_output", "is_folder", "make", "method_for", "styles_of", "video"]
