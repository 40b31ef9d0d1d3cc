"""The lines of a run's log on every rank: the first one writes and shows them, the others only read their losses."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from vivi.core.rundir import RunFolder
from vivi.core.world import World
from vivi.training.meter import Meter
from vivi.training.monitor import Monitor, OnlineKNN
from vivi.training.spikes import Spikes
from vivi.training.state import TrainState

Progress = Callable[[dict[str, float]], None]
"""Called with each line of the log."""


@dataclass(frozen=True, slots=True)
class Log:
    """Writes and shows the lines; on other ranks than the first there is no writer."""

    writer: tuple[Monitor, Spikes] | None
    progress: Progress
    knn_every: int | None
    """Steps between kNN accuracies, which only the first rank has; None where none is asked for."""

    @classmethod
    @contextmanager
    def of(
        cls,
        run: RunFolder,
        *,
        first_step: int,
        knn: OnlineKNN | None,
        knn_every: int | None,
        spikes: Callable[[], Spikes],
        world: World,
        progress: Progress,
    ) -> Iterator[Self]:
        """Open the log of `run` behind `first_step`; `spikes` is called on the first rank."""
        if not world.is_first:
            yield cls(None, progress, knn_every)
            return
        with Monitor(run, first_step=first_step, knn=knn) as monitor:
            yield cls((monitor, spikes()), progress, knn_every)

    def due(self, step: int) -> bool:
        """Whether a line is wanted after so many steps, besides those of the log's pace.

        The same on every rank: whoever reads its losses may find that they have diverged, and all ranks must then.
        """
        return self.knn_every is not None and step % self.knn_every == 0

    def write(self, meter: Meter, *, state: TrainState, last: bool) -> None:
        """Read the interval, and write its line; waits for the device.

        Raises:
            DivergedError: a loss was infinite or not a number; on every rank.
            DiskFullError: the disk is full.
        """
        line = meter.read(state.step)
        if self.writer is not None:
            monitor, spikes = self.writer
            self.progress(monitor.log(line, state=state, last=last))
            spikes.look(line, worst=meter.worst())
