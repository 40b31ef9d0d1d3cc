"""When a run is saved, and that no process ends while the first one still writes."""

from dataclasses import dataclass

from vivi.core.checkpoint_writer import CheckpointWriter
from vivi.core.rundir import RunFolder
from vivi.core.world import World
from vivi.training.meter import Meter
from vivi.training.spectrum import write_spectrum
from vivi.training.state import TrainState
from vivi.training.step import StepResult


@dataclass(frozen=True, slots=True)
class Saver:
    """Saves one run. All ranks have one and call its methods alike; the first one writes."""

    run: RunFolder
    state: TrainState
    writer: CheckpointWriter
    world: World
    paces: tuple[int, ...]
    """Steps that are multiples of one of these are saved; 0 stands for none."""

    def is_due(self) -> bool:
        """Whether the state is to be saved as it is, because of its step."""
        return any(pace and self.state.step % pace == 0 for pace in self.paces)

    def save(self, meter: Meter, *, result: StepResult | None = None) -> None:
        """Begin to write a checkpoint; waits for the device.

        Args:
            meter: of the open log interval.
            result: of the last step, whose features' spectrum is kept too.

        Raises:
            DivergedError: a loss of the interval was infinite or not a number; on every rank.
            DiskFullError: the checkpoint before could not be written.
        """
        meter.check_finite(self.state.step)
        self.state.interval = meter.sums()
        if self.world.is_first:
            self.writer.save(self.state)
            write_spectrum(self.run, step=self.state.step, result=result)

    def settle(self) -> None:
        """All ranks wait for the checkpoint: where one process has ended, a launcher ends the one that writes.

        Raises:
            DiskFullError: it could not be written.
        """
        self.writer.wait()
        self.world.barrier()
