"""Units of work in worker processes of this machine, none of which can take the others down with it.

A unit's result is whatever its function writes to files, plus a small JSON value. A worker that is killed, crashes or
hangs costs only its unit, and a worker whose parent is gone ends at once.
"""

import json
import math
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any

from vivi.core.errors import ViviError

_START_SECONDS = 300.0
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TOKIO_WORKER_THREADS")


@dataclass(frozen=True, slots=True)
class Unit:
    """One piece of work."""

    name: str
    argument: Any
    """JSON values, handed to the function."""
    seconds: float
    """After this time the unit is given up."""


class End(Enum):
    """How a unit ended."""

    DONE = "done"
    FAILED = "failed"
    """The function raised an error."""
    CRASHED = "crashed"
    """The process died, in every attempt."""
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a unit."""

    unit: Unit
    end: End
    value: Any = None
    """What the function returned, as JSON values; None unless DONE."""
    detail: str = ""
    """What went wrong, in words; empty if DONE."""


def usable_cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_units(
    function: Callable[[Any], Any],
    *,
    units: Iterable[Unit | None],
    workers: int,
    memory: int | None = None,
    attempts: int = 2,
) -> Iterator[Outcome]:
    """Call `function` on the argument of every unit, in worker processes; outcomes come as they happen.

    Args:
        function: a top-level function of an importable module; takes and returns JSON values.
        units: taken one by one as workers become free. None stands for "nothing at this moment": the next one is asked
            for when another unit has come to its end, so at least one must be at work.
        workers: number of processes.
        memory: limit of a worker's address space in bytes, or None.
        attempts: how often a unit is tried when its process dies; a process may have been killed by chance.

    Raises:
        ViviError: worker processes do not start.
    """
    pool = _Pool(function, units=units, memory=memory, attempts=attempts)
    try:
        yield from pool.run(workers)
    finally:
        pool.end()


@dataclass(frozen=True, slots=True)
class _Task:
    unit: Unit
    attempt: int = 1


class _Worker:
    """The parent's end of one process."""

    def __init__(self, command: list[str], environment: dict[str, str], task: _Task) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `end`)
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=self._errors, env=environment, bufsize=0
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._requests, self.replies = self._process.stdin, self._process.stdout
        self._received = b""
        self.ready = False
        self.begin(task)
        self.deadline = time.monotonic() + _START_SECONDS

    def begin(self, task: _Task) -> None:
        """Send a task; that the process is dead shows when its replies are read."""
        self.task: _Task | None = task
        self.deadline = time.monotonic() + task.unit.seconds
        with suppress(BrokenPipeError):
            self._requests.write(json.dumps(task.unit.argument).encode() + b"\n")

    def started(self) -> None:
        """Take note that the process is up: the time of its first task runs from now."""
        self.ready = True
        self.deadline = time.monotonic() + self.task.unit.seconds if self.task else math.inf

    def rest(self) -> None:
        """Take note that there is nothing to do at this moment."""
        self.task, self.deadline = None, math.inf

    def receive(self) -> list[dict[str, Any]] | None:
        """Messages that have arrived; None when the process is dead."""
        data = os.read(self.replies.fileno(), 1 << 16)
        *lines, self._received = (self._received + data).split(b"\n")
        return [json.loads(line) for line in lines] if data else None

    def wait(self) -> int:
        """Exit status of a process that has closed its end; negative for a signal."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5)
        self._process.kill()
        return self._process.wait()

    def last_words(self) -> str:
        """The last line that the process wrote to its standard error before it was up."""
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")

    def end(self) -> None:
        """Kill the process, if it still lives, and leave nothing open."""
        self._process.kill()
        self._process.wait()
        for file in (self._requests, self.replies, self._errors):
            file.close()


class _Pool:
    def __init__(
        self, function: Callable[[Any], Any], *, units: Iterable[Unit | None], memory: int | None, attempts: int
    ) -> None:
        reference = f"{function.__module__}:{function.__qualname__}"
        self._command = [sys.executable, "-P", "-m", "vivi.core.worker", reference, str(memory or 0)]
        search_path = os.pathsep.join(entry for entry in sys.path if entry)
        self._environment = os.environ | dict.fromkeys(_ONE_THREAD, "1") | {"PYTHONPATH": search_path}
        self._units = iter(units)
        self._is_exhausted = False
        self._again: deque[_Task] = deque()
        self._attempts = attempts
        self._workers: list[_Worker] = []
        self._selector = selectors.DefaultSelector()

    def run(self, workers: int) -> Iterator[Outcome]:
        while self._fill(workers):
            asked = time.monotonic()
            heard = self._heard(asked)
            late = [each for each in self._workers if each.deadline <= asked and each not in heard]
            for worker in heard:
                yield from self._attend(worker)
            for worker in late:
                yield from self._give_up(worker)

    def end(self) -> None:
        while self._workers:
            self._dismiss(self._workers[-1])
        self._selector.close()

    def _next_task(self) -> _Task | None:
        if self._again:
            return self._again.popleft()
        if self._is_exhausted:
            return None
        try:
            unit = next(self._units)
        except StopIteration:
            self._is_exhausted = True
            return None
        return None if unit is None else _Task(unit)

    def _fill(self, workers: int) -> bool:
        """Give work to the processes that have none and start those that are missing; says whether any is at work."""
        resting = [worker for worker in self._workers if worker.task is None]
        while (resting or len(self._workers) < workers) and (task := self._next_task()) is not None:
            if resting:
                resting.pop().begin(task)
            else:
                worker = _Worker(self._command, self._environment, task)
                self._workers.append(worker)
                self._selector.register(worker.replies, selectors.EVENT_READ, worker)
        if self._is_exhausted:
            for worker in resting:
                self._dismiss(worker)
        return any(worker.task is not None for worker in self._workers)

    def _heard(self, now: float) -> list[_Worker]:
        """Workers that have something to say or are dead, waited for until the next one's time is up."""
        patience = min(worker.deadline for worker in self._workers) - now
        return [key.data for key, _ in self._selector.select(max(patience, 0.0))]

    def _attend(self, worker: _Worker) -> Iterator[Outcome]:
        messages = worker.receive()
        if messages is None:
            yield from self._dead(worker)
            return
        for message in messages:
            if "ready" in message:
                worker.started()
            elif worker.task is not None:
                unit = worker.task.unit
                self._reuse(worker)
                yield Outcome(unit, End[message["end"]], message["value"], message["detail"])

    def _reuse(self, worker: _Worker) -> None:
        task = self._next_task()
        if task is not None:
            worker.begin(task)
        elif self._is_exhausted:
            self._dismiss(worker)
        else:
            worker.rest()

    def _give_up(self, worker: _Worker) -> Iterator[Outcome]:
        self._dismiss(worker)
        if not worker.ready:
            raise ViviError(f"a worker process did not start within {_START_SECONDS:g} s: use fewer workers")
        if worker.task is not None:
            unit = worker.task.unit
            yield Outcome(unit, End.TIMEOUT, detail=f"not done after {unit.seconds:g} s")

    def _dead(self, worker: _Worker) -> Iterator[Outcome]:
        code, words = worker.wait(), worker.last_words()
        self._dismiss(worker)
        task = worker.task
        if not worker.ready and code > 0:
            raise ViviError(f"worker processes do not start: {words}")
        if task is None:
            return
        if task.attempt < self._attempts:
            self._again.append(_Task(task.unit, task.attempt + 1))
        else:
            how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit status {code}"
            yield Outcome(task.unit, End.CRASHED, detail=f"the process {how}")

    def _dismiss(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        self._selector.unregister(worker.replies)
        worker.end()
