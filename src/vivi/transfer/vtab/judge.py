"""An encoder on VTAB, or on whatever of it is there: a study of independent runs that goes on where it was stopped."""

import dataclasses
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from vivi.core.errors import InterruptedRunError
from vivi.core.files import locked, write_json
from vivi.core.work import End, Outcome, Unit, run_units, usable_cores
from vivi.transfer.vtab.opened_study import OpenedStudy, number_of_jobs, open_study
from vivi.transfer.vtab.protocol import VtabProtocol
from vivi.transfer.vtab.runs import Run, argument_of, do_runs
from vivi.transfer.vtab.study import RESULTS
from vivi.transfer.vtab.summary import results

PATIENCE = 20 * 86_400.0
"""Seconds after which a run is given up; the system waits for no more than 24 days at once."""
PROTOCOL = VtabProtocol()
"""VTAB's own, version 2."""


class Engine(Protocol):
    """Where runs are done: `vivi.core.work.run_units` on this machine, `vivi.core.cluster.RayEngine` on a cluster."""

    def __call__(self, function: Callable[[Any], Any], *, units: Iterable[Unit], workers: int) -> Iterator[Outcome]:
        """See `run_units`."""


@dataclass(frozen=True, slots=True)
class VtabProgress:
    """How far a study is."""

    done: int
    """Runs."""
    runs: int
    failed: int
    cost: int
    """Of the runs done in this call, in forward passes of one image;"""
    total_cost: int
    """of all that were to do. Before the settings are chosen it is a guess."""
    last: str
    """Task and run that ended last, if any."""


@dataclass(frozen=True, slots=True)
class VtabResults:
    """What a study has found so far."""

    path: Path
    """results.json."""
    record: dict[str, Any]
    """What stands in it."""
    failures: tuple[tuple[str, str], ...]
    """Runs that failed in this call, and why; the same call tries them again."""
    left_out: tuple[str, ...] = ()
    """Tasks that are begun under the root but not whole, with what they lack."""


def vtab(
    encoder: str | Path,
    *,
    data: Path | None = None,
    out: Path,
    tasks: Sequence[str] = (),
    folders: Sequence[Path] = (),
    protocol: VtabProtocol = PROTOCOL,
    jobs: int | None = None,
    threads: int | None = None,
    engine: Engine = run_units,
    device: str = "auto",
    progress: Callable[[VtabProgress], None] = lambda _: None,
) -> VtabResults:
    """Judge an encoder by VTAB's protocol on the tasks that are there; stopped, the same call goes on.

    Args:
        encoder: see `open_backbone`.
        data: the folder with the tasks of VTAB; None for folders of images alone.
        out: the folder of the study.
        tasks: tasks of VTAB by name; none: all that `data` has.
        folders: labelled images that are judged by the same protocol, beside VTAB.
        protocol: see `VtabProtocol`.
        jobs: runs at the same time; None: one for each GPU, or one.
        threads: of each of them; None: its share of the cores.
        engine: where the runs are done.
        device: "auto", "cpu", "cuda" (each job takes a GPU of its own) or "cuda:N".
        progress: called at the start and after every run.

    Raises:
        InterruptedRunError: SIGINT or SIGTERM came; what was done is kept.
        ViviError: anything the user can mend; a run that fails is in the result and does not end the others.
    """
    workers = number_of_jobs(jobs, device=device)
    study = open_study(encoder, data=data, out=out, tasks=tasks, folders=folders, protocol=protocol)
    with locked(out):
        study = dataclasses.replace(study, facts=study.folder.claim(study.backbone, protocol, study.facts))
        session = _Session(
            study,
            engine=engine,
            workers=workers,
            threads=threads or max(1, usable_cores() // workers),
            device=device,
            progress=progress,
        )
        try:
            with _sigterm_as_interrupt():
                session.do(study.sweeps())
                session.do(study.finals(study.choices()))
        except KeyboardInterrupt as error:
            raise InterruptedRunError(
                f"stopped: {study.runs - study.left()} of {study.runs} runs are done in {out}; the same command goes on"
            ) from error
        finally:
            record = results(study.folder, backbone=study.backbone, protocol=protocol, tasks=study.facts)
            write_json(out / RESULTS, record)
    return VtabResults(out / RESULTS, record, tuple(session.failures), study.left_out)


@dataclass(slots=True)
class _Session:
    """What one call does of a study."""

    study: OpenedStudy
    engine: Engine
    workers: int
    threads: int
    device: str
    progress: Callable[[VtabProgress], None]
    failures: list[tuple[str, str]] = field(default_factory=list)
    cost: int = 0

    def do(self, units: Sequence[list[Run]]) -> None:
        """Do these units of runs, and keep count."""
        of_unit = {f"{unit[0].task}/{unit[0].name}": unit for unit in units}
        work = [Unit(name, self._argument(unit), PATIENCE) for name, unit in of_unit.items()]
        self._report("")
        with closing(self._outcomes(work)) as outcomes:
            for outcome in outcomes:
                self._settle(outcome, of_unit[outcome.unit.name])

    def cost_left(self) -> int:
        """Of the runs that are left; where a setting is not chosen yet, with one of middling cost."""
        found = self.study.choices()
        guessed = [unit for each in self.study.possible_finals(found) for unit in each[len(each) // 2]]
        return self.study.load(self.study.sweeps() + self.study.finals(found) + guessed).cost

    def _outcomes(self, work: list[Unit]) -> Generator[Outcome, None, None]:
        yield from self.engine(do_runs, units=work, workers=self.workers)

    def _settle(self, outcome: Outcome, unit: list[Run]) -> None:
        name = outcome.unit.name
        if outcome.end is not End.DONE:
            self.failures.append((name, outcome.detail))
        elif not all(map(self.study.folder.is_done, unit)):
            folder = self.study.folder.path
            self.failures.append((name, f"its result is not in {folder}: all machines must share that folder"))
        else:
            self.cost += self.study.load([unit]).cost
        self._report(name)

    def _argument(self, runs: Sequence[Run]) -> dict[str, Any]:
        study = self.study
        found = argument_of(
            runs,
            out=study.folder.path,
            backbone=study.backbone,
            source=study.sources[runs[0].task],
            examples=study.facts[runs[0].task].examples,
            protocol=study.protocol,
            device=self.device,
        )
        return found | {"threads": self.threads}

    def _report(self, last: str) -> None:
        runs, total = self.study.runs, self.cost + self.cost_left()
        self.progress(VtabProgress(runs - self.study.left(), runs, len(self.failures), self.cost, total, last))


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """While the block runs, SIGTERM is a KeyboardInterrupt, as Ctrl-C is; in threads nothing changes."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
