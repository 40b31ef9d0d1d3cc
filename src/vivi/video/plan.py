"""Which frames of a video a sampling takes, and which packets must be decoded for them; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from vivi.video.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Clock:
    """The sampling instants 0, 1/rate, 2/rate, ... seconds, counted in units of time_base."""

    time_base: Fraction
    """Seconds of one unit of the file's timestamps."""
    rate: Fraction
    """Samples a second."""

    def count(self, offset: int, *, parts: int = 1) -> int:
        """How many sampling instants lie before offset / parts (units since the first frame)."""
        scale = self.time_base * self.rate
        return -(-offset * scale.numerator // (scale.denominator * parts))

    def count_to_end(self, last: int, *, frames: int) -> int:
        """How many lie before the end of the last of `frames` frames, which lasts as long as the mean of the others."""
        return self.count(last * frames, parts=frames - 1) if frames > 1 else 1

    def chosen(self, shown: Sequence[int]) -> list[int]:
        """Of growing presentation times those of the frames that are on the screen at a sampling instant, once each."""
        # `count` of each, with the scale worked out once
        numerator, denominator = (self.time_base * self.rate).as_integer_ratio()
        counts = [-((shown[0] - time) * numerator // denominator) for time in shown]
        counts += [self.count_to_end(time - shown[0], frames=len(shown)) for time in shown[-1:]]
        return [time for time, before, after in zip(shown, counts, counts[1:], strict=False) if after > before]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do with each packet, in the order of the file."""

    packet_times: tuple[int, ...]
    """Presentation times, as announced by the first pass."""
    times: frozenset[int]
    """Presentation times of the frames taken."""
    needed: NDArray[np.bool_]
    """Whether the packet is decoded at all."""


def plan_decoding(timeline: Timeline, clock: Clock) -> Plan:
    """Choose the frames and the packets that they need.

    A frame needs every packet from the last key frame that comes before it both in the file and on the screen (a
    picture shown before its key frame may refer to the group before: open GOP).
    """
    shown = sorted(time for time, hidden in zip(timeline.times, timeline.hidden, strict=True) if not hidden)
    times = frozenset(clock.chosen(shown))
    needed = np.zeros(len(timeline.times), dtype=np.bool_)
    keys: list[int] = []
    for index, (time, is_key) in enumerate(zip(timeline.times, timeline.keys, strict=True)):
        keys += [index] * is_key
        if time in times:
            start = next((key for key in reversed(keys) if timeline.times[key] <= time), 0)
            needed[start : index + 1] = True
    return Plan(packet_times=timeline.times, times=times, needed=needed)
