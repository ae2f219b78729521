"""Stylize videos: read, stylize and write frames in overlapping stages."""

from restyle.videos.api import VideoStylizer, is_folder, video

__all__ = ["VideoStylizer", "is_folder", "video"]
