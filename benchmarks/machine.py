"""Machine and versions for a report: the same facts as in the leaderboard."""

from restyle.evaluate.machine import LIBRARIES, busy, cores, describe

__all__ = ["LIBRARIES", "busy", "cores", "describe"]
