"""Units of work on a Ray cluster: the same function, units and outcomes as `vivi.core.work`, on many machines.

Results are files in a folder that all machines share, as everywhere here; the package has to be installed on each.
A unit that is limited in memory runs in a process of its own beside Ray's, so that it can be killed and its machine's
worker goes on. `ray` is imported only when a cluster is used. Names and meanings: Ray Core's documentation of tasks,
resources and fault tolerance.
"""

import json
import math
import os
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from vivi.core.errors import ViviError
from vivi.core.kept import kept_process
from vivi.core.work import End, Outcome, Unit

_LOOK_SECONDS = 30.0
"""Between two looks at whether a unit's time is up."""


@dataclass(frozen=True, slots=True)
class RayEngine:
    """What one unit needs, and where the cluster is; calling it is like calling `run_units`."""

    gpus: float = 0.0
    """GPUs of one unit; a share of one lets units share it."""
    cpus: float = 1.0
    """Cores of one unit."""
    address: str = "auto"
    """Of the cluster, e.g. "HOST:6379"; "auto": RAY_ADDRESS, or the one that this machine belongs to; "local": a new
    one on this machine that lives as long as the call and can be reached from the network, as any Ray."""
    attempts: int = 2
    """How often a unit is tried that fails or whose process dies; Ray spreads them over the machines."""
    losses: int = 5
    """How often a unit that is limited in memory is taken from a machine that died, beside these attempts."""
    settings: dict[str, Any] = field(default_factory=dict)
    """More keyword arguments for `ray.init`."""

    def capacity(self) -> int:
        """How many units the cluster does at the same time.

        Raises:
            ViviError: see `resources`.
        """
        return self._room(self.resources())

    def resources(self) -> dict[str, float]:
        """What the cluster has: "CPU", "GPU" and more.

        Raises:
            ViviError: ray is missing, or the cluster cannot be reached.
        """
        with _cluster(self) as ray:
            return dict(ray.cluster_resources())

    def __call__(
        self,
        function: Callable[[Any], Any],
        *,
        units: Iterable[Unit | None],
        workers: int,
        memory: int | None = None,
    ) -> Iterator[Outcome]:
        """Call `function` on the argument of every unit; outcomes come as they happen.

        Args:
            function: a top-level function of a module that all machines can import; takes and returns JSON values.
            units: taken one by one as there is room; None as for `run_units`.
            workers: units in flight at most.
            memory: limit of a unit's address space in bytes, which then runs in a process of its own on its machine,
                and its time counts from when it begins there; None: no limit, and its time counts from when Ray has it.

        Raises:
            ViviError: ray is missing, the cluster cannot be reached, none of its machines is large enough, or one of
                them cannot start the function.
        """
        with _cluster(self) as ray:
            if not self._room(ray.cluster_resources()):
                raise ViviError(
                    f"the Ray cluster has {_words(ray.cluster_resources())}, a unit needs {self.cpus:g} cores and "
                    f"{self.gpus:g} GPUs: add machines, or use --engine local"
                )
            yield from _Flight(ray, self, function, memory=memory).run(iter(units), workers=workers)

    def _room(self, resources: dict[str, float]) -> int:
        by_cpu = resources.get("CPU", 0.0) // self.cpus if self.cpus else float("inf")
        by_gpu = resources.get("GPU", 0.0) // self.gpus if self.gpus else float("inf")
        return int(min(by_cpu, by_gpu))


def call_by_name(reference: str, argument: str) -> str:
    """What a worker of the cluster does: call the function `module:name`, and say how it ended; JSON text both ways."""
    module, _, name = reference.partition(":")
    try:
        value = getattr(import_module(module), name)(json.loads(argument))
    except Exception as error:  # told in words: not every error can be sent
        return json.dumps({"end": End.FAILED.name, "value": None, "detail": f"{type(error).__name__}: {error}"})
    return json.dumps({"end": End.DONE.name, "value": value, "detail": ""})


def call_within_limits(reference: str, argument: str, *, seconds: float, memory: int) -> str:
    """As `call_by_name`, in a process beside this one with limits on time and memory; "stop" if none can be started."""
    unit = Unit(reference, json.loads(argument), seconds)
    try:
        outcome = kept_process(reference, memory=memory).do(unit)
    except ViviError as error:
        return json.dumps({"stop": f"on machine {socket.gethostname()}: {error}"})
    return json.dumps({"end": outcome.end.name, "value": outcome.value, "detail": outcome.detail})


@dataclass(slots=True)
class _Flying:
    unit: Unit
    attempt: int
    losses: int
    deadline: float


class _Flight:
    """The units in flight, by Ray's references to their results."""

    def __init__(self, ray: Any, engine: RayEngine, function: Callable[[Any], Any], *, memory: int | None) -> None:
        self._ray, self._engine, self._memory = ray, engine, memory
        self._reference = f"{function.__module__}:{function.__qualname__}"
        options = {"num_cpus": engine.cpus, "num_gpus": engine.gpus, "max_retries": 0, "scheduling_strategy": "SPREAD"}
        self._call = ray.remote(call_by_name if memory is None else call_within_limits).options(**options)
        self._flying: dict[Any, _Flying] = {}

    def run(self, units: Iterator[Unit | None], *, workers: int) -> Iterator[Outcome]:
        """See `RayEngine.__call__`."""
        try:
            while True:
                while len(self._flying) < workers and (unit := next(units, None)) is not None:
                    self._launch(unit, attempt=1, losses=0)
                if not self._flying:
                    return
                ready, _ = self._ray.wait(list(self._flying), num_returns=1, timeout=self._patience())
                for reference in ready:
                    yield from self._land(reference)
                if not ready:
                    yield from self._give_up()
        finally:
            for reference in self._flying:
                self._cancel(reference)

    def _launch(self, unit: Unit, *, attempt: int, losses: int) -> None:
        argument = json.dumps(unit.argument)
        if self._memory is None:
            reference, deadline = self._call.remote(self._reference, argument), time.monotonic() + unit.seconds
        else:
            limits = {"seconds": unit.seconds, "memory": self._memory}
            reference, deadline = self._call.remote(self._reference, argument, **limits), math.inf
        self._flying[reference] = _Flying(unit, attempt, losses, deadline)

    def _patience(self) -> float:
        """Seconds until the next unit's time is up, or until it is time to look again."""
        left = min(each.deadline for each in self._flying.values()) - time.monotonic()
        return min(max(left, 0.0), _LOOK_SECONDS)

    def _land(self, reference: Any) -> Iterator[Outcome]:
        flown = self._flying.pop(reference)
        unit, attempt, losses = flown.unit, flown.attempt, flown.losses
        is_lost = False
        try:
            told = json.loads(self._ray.get(reference))
            if "stop" in told:
                raise ViviError(told["stop"])
            outcome = Outcome(unit, End[told["end"]], told["value"], told["detail"])
        except self._ray.exceptions.RayError as error:  # the process or its machine died, or its memory was taken
            outcome = Outcome(unit, End.CRASHED, detail=f"{type(error).__name__}: {_first_line(error)}")
            is_lost = self._memory is not None and losses < self._engine.losses
        if is_lost:
            self._launch(unit, attempt=attempt, losses=losses + 1)
        elif outcome.end not in (End.DONE, End.TIMEOUT) and attempt < self._engine.attempts:
            self._launch(unit, attempt=attempt + 1, losses=losses)
        else:
            yield outcome

    def _give_up(self) -> Iterator[Outcome]:
        now = time.monotonic()
        for reference, flying in list(self._flying.items()):
            if flying.deadline <= now:
                del self._flying[reference]
                self._cancel(reference)
                yield Outcome(flying.unit, End.TIMEOUT, detail=f"not done after {flying.unit.seconds:g} s")

    def _cancel(self, reference: Any) -> None:
        with suppress(self._ray.exceptions.RayError, ValueError):
            self._ray.cancel(reference, force=True)


class _cluster:  # noqa: N801 (a context manager, used as a function)
    """Ray, connected; what was started here ends here."""

    def __init__(self, engine: RayEngine) -> None:
        self._engine = engine
        self._is_ours = False

    def __enter__(self) -> Any:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
        try:
            import ray  # here, so that nothing else needs it
        except ImportError as error:
            raise ViviError(f"--engine ray needs the package ray ({error}): pip install 'vivi[ray]'") from error
        if not ray.is_initialized():
            search_path = os.pathsep.join(entry for entry in sys.path if entry)
            settings: dict[str, Any] = {
                "include_dashboard": False,
                "log_to_driver": False,
                "logging_level": "error",
                "runtime_env": {"env_vars": {"PYTHONPATH": search_path}},
            }
            try:
                ray.init(self._engine.address, **(settings | self._engine.settings))
            except Exception as error:  # its parts raise nearly every kind there is
                raise ViviError(
                    f"no Ray cluster ({type(error).__name__}: {_first_line(error)}): start one with "
                    "`ray start --head`, set RAY_ADDRESS, or use --engine local"
                ) from error
            self._is_ours = True
        return ray

    def __exit__(self, *_: object) -> None:
        if self._is_ours:
            import ray

            ray.shutdown()


def _words(resources: dict[str, float]) -> str:
    return f"{resources.get('CPU', 0):g} cores and {resources.get('GPU', 0):g} GPUs"


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), "")
