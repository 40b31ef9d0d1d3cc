"""A study before and while it runs: its encoder and tasks, opened once, and which of its runs are left."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from vivi.core.errors import ViviError
from vivi.core.world import find_device
from vivi.transfer.data_root.finding import survey
from vivi.transfer.suites import chosen
from vivi.transfer.vtab.backbones import Backbone, open_backbone
from vivi.transfer.vtab.protocol import VtabProtocol
from vivi.transfer.vtab.runs import Run
from vivi.transfer.vtab.sources import FolderSource, TaskSource, VtabSource
from vivi.transfer.vtab.study import StudyFolder, TaskFacts
from vivi.transfer.vtab.summary import Choice, choices, final_runs, sweep_runs
from vivi.transfer.vtab.workload import Load, in_units, load_of


@dataclass(frozen=True, slots=True)
class OpenedStudy:
    """All that a study is made of."""

    backbone: Backbone
    protocol: VtabProtocol
    folder: StudyFolder
    sources: dict[str, TaskSource]
    """The tasks of this call, by name;"""
    facts: dict[str, TaskFacts]
    """and what is known of all tasks of the study."""
    left_out: tuple[str, ...]
    """Tasks of VTAB that are begun under the root but not whole, with what they lack."""

    @property
    def runs(self) -> int:
        """Runs of this call's tasks, done or not; where no setting is chosen yet, the most that it can be."""
        swept, found = len(sweep_runs("", self.protocol)), self.choices()
        most = max(map(self.protocol.repeats_of, self.protocol.settings))
        finals = (self.protocol.repeats_of(found[task].setting) if task in found else most for task in self.sources)
        return len(self.sources) * swept + sum(finals)

    def left(self) -> int:
        """Runs that are left, counted in the same way."""
        found = self.choices()
        sure = sum(map(len, self.sweeps() + self.finals(found)))
        return sure + sum(max(sum(map(len, units)) for units in each) for each in self.possible_finals(found))

    def choices(self) -> dict[str, Choice]:
        """The chosen setting of each of this call's tasks whose sweep is complete."""
        found = choices(self.folder, self.facts, self.protocol)
        return {task: found[task] for task in self.sources if task in found}

    def sweeps(self) -> list[list[Run]]:
        """Units of sweeps that are left."""
        return [unit for task in self.sources for unit in self._pending(sweep_runs(task, self.protocol))]

    def finals(self, found: dict[str, Choice]) -> list[list[Run]]:
        """Units of finals that are left, of the tasks whose setting is chosen."""
        return [
            unit
            for task, choice in found.items()
            for unit in self._pending(final_runs(task, choice.setting, self.protocol))
        ]

    def possible_finals(self, found: dict[str, Choice]) -> list[list[list[list[Run]]]]:
        """For each of the other tasks, the units of its finals with every setting, the cheapest first."""
        others = (task for task in self.sources if task not in found)
        return [sorted(self._possible(task), key=lambda units: self.load(units).cost) for task in others]

    def _possible(self, task: str) -> list[list[list[Run]]]:
        return [self._pending(final_runs(task, setting, self.protocol)) for setting in self.protocol.settings]

    def load(self, units: Iterable[Sequence[Run]]) -> Load:
        """What units cost."""
        return sum((load_of(runs, self.facts[runs[0].task], self.protocol) for runs in units), Load())

    def _pending(self, runs: Sequence[Run]) -> list[list[Run]]:
        """Units of the runs, all of one task and stage, that are not done."""
        return in_units([run for run in runs if not self.folder.is_done(run)], self.protocol)


def open_study(
    encoder: str | Path,
    *,
    data: Path | None,
    out: Path,
    tasks: Sequence[str],
    folders: Sequence[Path],
    protocol: VtabProtocol,
) -> OpenedStudy:
    """Open the encoder and look into every task; nothing is written.

    Raises:
        ViviError: encoder, tasks or protocol are not usable, or do not fit one another.
    """
    path = Path(encoder)
    backbone = open_backbone(str(path.resolve()) if path.exists() else str(encoder))
    backbone.check_size(protocol.image_size)
    sources: dict[str, TaskSource] = {}
    facts: dict[str, TaskFacts] = {}
    there, left_out = _sources(data, tasks=tasks, folders=folders)
    for source in there:
        opened = source.open()
        name = opened.task.name
        if name in sources:
            raise ViviError(f"two folders are called {name!r}: rename one, results go by that name")
        sources[name], facts[name] = source, TaskFacts.of(opened, protocol)
    return OpenedStudy(backbone, protocol, StudyFolder(out), sources, facts, left_out)


def number_of_jobs(jobs: int | None, *, device: str) -> int:
    """As many as were asked for; else one for each GPU, or one.

    Raises:
        ViviError: less than one.
    """
    if jobs is not None:
        if jobs < 1:
            raise ViviError(f"--jobs {jobs}: must be at least 1")
        return jobs
    found = find_device(device)
    return max(1, torch.cuda.device_count()) if found.type == "cuda" and found.index is None else 1


def _sources(
    data: Path | None, *, tasks: Sequence[str], folders: Sequence[Path]
) -> tuple[list[TaskSource], tuple[str, ...]]:
    """The tasks that were asked for, or all that are there; and those that are begun but not whole."""
    if data is None and (tasks or not folders):
        raise ViviError("--data is missing: give the folder that holds the tasks, or --folder IMAGES")
    there: list[TaskSource] = []
    left_out: list[str] = []
    if data is not None:
        surveyed = survey(data, chosen(tasks))
        names = [found.task.name for found in surveyed if tasks or found.is_there]
        partly = [found for found in surveyed if found.is_begun and found.task.name not in names]
        left_out = [f"{found.task.name}: {data} lacks {found.missing[0]}" for found in partly]
        if not names and not folders:
            begun = "none of the tasks of VTAB is whole" if partly else "none of the tasks of VTAB is there"
            raise ViviError(f"{data}: {begun}; `vivi tasks {data}` says what is looked for")
        there = [VtabSource(task=name, root=str(data.resolve())) for name in names]
    return there + [FolderSource(path=str(folder.resolve())) for folder in folders], tuple(left_out)
