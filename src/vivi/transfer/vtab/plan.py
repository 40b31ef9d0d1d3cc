"""What a study would cost, before it is begun."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from vivi.core.world import find_device
from vivi.transfer.vtab.opened_study import number_of_jobs, open_study
from vivi.transfer.vtab.protocol import VtabProtocol
from vivi.transfer.vtab.workload import Load, measured_speed


@dataclass(frozen=True, slots=True)
class Plan:
    """What a call would do, and about how long it would take."""

    tasks: tuple[str, ...]
    runs: int
    """Of all tasks: sweeps and repetitions."""
    done: int
    least: Load
    most: Load
    """Of the runs that are left; it depends on which settings are chosen."""
    seconds: tuple[float, float]
    """For both, from a short measured step; without reading the images."""
    left_out: tuple[str, ...]
    """Tasks that are begun under the root but not whole, with what they lack."""


def plan(
    encoder: str | Path,
    *,
    data: Path | None = None,
    out: Path,
    tasks: Sequence[str] = (),
    folders: Sequence[Path] = (),
    protocol: VtabProtocol,
    jobs: int | None = None,
    device: str = "auto",
) -> Plan:
    """What `vivi.transfer.vtab.judge.vtab` would do with the same arguments; nothing is written.

    Raises:
        ViviError: as `vtab`, before its first run.
    """
    workers = number_of_jobs(jobs, device=device)
    study = open_study(encoder, data=data, out=out, tasks=tasks, folders=folders, protocol=protocol)
    study.folder.check(study.backbone, protocol, study.facts)
    found = study.choices()
    sure = study.sweeps() + study.finals(found)
    possible = study.possible_finals(found)
    least = study.load(sure + [unit for each in possible for unit in each[0]])
    most = study.load(sure + [unit for each in possible for unit in each[-1]])
    where = find_device(device)
    speed = measured_speed(study.backbone, protocol, device=where)
    abreast = min(workers, _devices(where))  # the measured step had a whole device, which jobs may share
    return Plan(
        tasks=tuple(study.sources),
        runs=study.runs,
        done=study.runs - study.left(),
        least=least,
        most=most,
        seconds=(speed.seconds(least) / abreast, speed.seconds(most) / abreast),
        left_out=study.left_out,
    )


def _devices(where: torch.device) -> int:
    """How many devices the jobs are spread over; all cores are one."""
    return torch.cuda.device_count() if where.type == "cuda" and where.index is None else 1
