"""Films: read, painted and written in overlapping stages."""

from restyle.videos.api import make, method_for, styles_of, video
from restyle.videos.io import default_output, is_folder

__all__ = ["default_output", "is_folder", "make", "method_for", "styles_of", "video"]
