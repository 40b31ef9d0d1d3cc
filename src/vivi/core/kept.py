"""One unit at a time within limits on memory and time, in a process that is kept for the units that follow.

This is how a worker of a cluster guards itself: what a unit does to its process costs that process alone.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from vivi.core.work import Outcome, Unit, run_units


class KeptProcess:
    """A process that calls one function, and is started anew when it has died."""

    def __init__(self, function: Callable[[Any], Any], *, memory: int | None) -> None:
        self._function, self._memory = function, memory
        self._asked: Unit | None = None
        self._outcomes: Iterator[Outcome] | None = None

    def do(self, unit: Unit) -> Outcome:
        """Do one unit; it is tried once.

        Raises:
            ViviError: the process does not start.
        """
        if self._outcomes is None:
            self._outcomes = run_units(self._function, units=self._units(), workers=1, memory=self._memory, attempts=1)
        self._asked = unit
        try:
            return next(self._outcomes)
        except BaseException:
            self._outcomes = None
            raise

    def _units(self) -> Iterator[Unit | None]:
        while True:
            unit, self._asked = self._asked, None
            yield unit


@lru_cache(maxsize=1)
def kept_process(reference: str, *, memory: int) -> KeptProcess:
    """The process that this one keeps for the function `module:name`, which is not imported here.

    Args:
        reference: the function.
        memory: limit of the process's address space in bytes.
    """

    def stand_in(_: Any) -> Any:
        raise AssertionError(f"only the process beside this one calls {reference}")

    stand_in.__module__, _, stand_in.__qualname__ = reference.partition(":")
    return KeptProcess(stand_in, memory=memory)
