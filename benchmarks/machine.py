"""What a report says of the machine and the versions: the same facts as in the leaderboard."""

from restyle.evaluate.machine import LIBRARIES, busy, cores, describe

__all__ = ["LIBRARIES", "busy", "cores", "describe"]
