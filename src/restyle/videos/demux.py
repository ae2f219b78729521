"""Read the packets of media files with time stamps that a new file can take."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

# Formats whose clock does not start at 0.
_BROADCAST = {"mpegts", "mpeg", "vob"}
_MAX_HELD = 64  # packets
MOST_PAUSE = 3600  # seconds between two packets of a stream


def demux(container: Any, clock: Clock, *streams: Any) -> Iterator[Any]:
    """Yield the packets of some streams, with corrected time stamps."""
    held: dict[int, list[Any]] = {}  # packets before the first one with a dts
    started: set[int] = set()
    for packet in container.demux(*streams):
        clock.apply(packet)
        index = packet.stream_index
        waiting = held.setdefault(index, [])
        if index not in started and packet.dts is None and packet.size and len(waiting) < _MAX_HELD:
            waiting.append(packet)
            continue
        started.add(index)
        # Matroska has no dts, and FFmpeg does not know those of the first B-frames.
        step = max(1, packet.duration or 0)
        for place, each in enumerate(waiting):
            if packet.dts is not None:
                each.dts = packet.dts - step * (len(waiting) - place)
            yield each
        waiting.clear()
        yield packet
    for waiting in held.values():
        yield from waiting


class Clock:
    """Corrects the clock of broadcast files (TS, VOB), which starts anywhere and jumps where files join.

    Of other files it leaves out pauses of more than `MOST_PAUSE`, which no container could hold; `left_out`
    is their sum in seconds.
    """

    def __init__(self, container: Any) -> None:
        self._broadcast = container.format.name in _BROADCAST
        late = self._broadcast and container.start_time
        self.shift = Fraction(container.start_time, 1_000_000) if late else Fraction(0)  # seconds, at first
        self.left_out = Fraction(0)
        self._shifts = [self.shift]
        self._current: dict[int, Fraction] = {}  # shift of each stream
        self._last: dict[int, int] = {}  # last dts of each stream
        self._ends: dict[int, Fraction] = {}  # end of the last packet of each stream, in seconds

    def apply(self, packet: Any) -> None:
        """Correct the time stamps of a packet."""
        # Where B-frames are, the dts of other files may be guessed, and lag behind a jump.
        stamps = (packet.dts, packet.pts) if self._broadcast else (packet.pts, packet.dts)
        stamp = next((each for each in stamps if each is not None), None)
        if stamp is None:
            return
        index, time = packet.stream_index, stamp * packet.time_base
        shift, end = self._current.get(index, self.shift), self._ends.get(index)
        if end is not None and not self._follows(time - shift, end):
            # All streams jump at about the same place; they stay in sync if they use the same shift.
            known = (each for each in reversed(self._shifts) if self._follows(time - each, end))
            jump = time - max(self._ends.values()) if self._broadcast or time - shift > end else shift
            shift = next(known, jump)
            self._shifts.append(shift)
            if not self._broadcast:
                self.left_out = max(self.left_out, shift)
        self._current[index] = shift
        if (packet.duration or 0) * packet.time_base > MOST_PAUSE:
            packet.duration = round(Fraction(1, 25) / packet.time_base)
        self._ends[index] = time - shift + (packet.duration or 0) * packet.time_base
        if not (self._broadcast or shift):
            return
        units = round(shift / packet.time_base)
        if packet.dts is not None:
            packet.dts = max(packet.dts - units, self._last.get(index, packet.dts - units - 1) + 1)
            self._last[index] = packet.dts
        if packet.pts is not None:
            packet.pts -= units

    def _follows(self, time: Fraction, end: Fraction) -> bool:
        """Return whether a packet can follow one that ended at `end`, in seconds, without a correction."""
        if not self._broadcast:
            return abs(time - end) <= MOST_PAUSE
        return end - Fraction(1, 10) <= time <= end + 10
