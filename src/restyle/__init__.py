"""restyle: give a picture, a video or a sound the style of another."""

__version__ = "0.1.0"
