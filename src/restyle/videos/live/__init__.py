"""A camera, painted while it runs: frames are dropped so that what is shown is never late."""

from restyle.videos.live.loop import Summary, show

__all__ = ["Summary", "show"]
