"""The folder of a study: whose encoder, by which protocol, on which data; one result file for each run.

study.json               written first; nothing else goes on here
runs/TASK/RUN.json       written by whoever does the run
results.json             written from these files whenever something has changed
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vivi.core.config import differences, dump
from vivi.core.errors import ViviError
from vivi.core.files import TEMPORARY, read_json, remove_temporaries, write_json
from vivi.transfer.task import Group, OpenedTask
from vivi.transfer.vtab.backbones import Backbone
from vivi.transfer.vtab.protocol import VtabProtocol
from vivi.transfer.vtab.runs import FORMAT, RUNS, VERSION, Run
from vivi.transfer.vtab.sources import fingerprint

STUDY_FORMAT, STUDY_VERSION = "vivi-vtab-study", 1
STUDY, RESULTS = "study.json", "results.json"
_OURS = (".lock", ".gpu-", TEMPORARY)
_SAME = ("fingerprint", "feature_dim", "preprocessing")
"""What makes two encoders the same."""


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """What a study has to know of a task without its images."""

    title: str
    group: Group
    classes: int
    sizes: dict[str, int]
    """Examples of each split that the protocol uses."""
    origin: str
    is_official: bool
    remarks: list[str]
    examples: dict[str, str]
    """The fingerprint of each, see `sources.fingerprint`."""

    @classmethod
    def of(cls, opened: OpenedTask, protocol: VtabProtocol) -> "TaskFacts":
        """The facts of an opened task.

        Raises:
            ViviError: it lacks a split that the protocol needs.
        """
        protocol.check(opened)
        splits = {name: opened.splits[name] for name in dict.fromkeys(protocol.splits.all)}
        return cls(
            title=opened.task.title,
            group=opened.task.group,
            classes=opened.task.classes,
            sizes={name: len(examples) for name, examples in splits.items()},
            origin=opened.origin,
            is_official=opened.is_official,
            remarks=list(opened.remarks),
            examples={name: fingerprint(examples) for name, examples in splits.items()},
        )


@dataclass(frozen=True, slots=True)
class StudyFolder:
    """The folder that a study owns."""

    path: Path

    def claim(self, backbone: Backbone, protocol: VtabProtocol, tasks: Mapping[str, TaskFacts]) -> dict[str, TaskFacts]:
        """Begin a study here, or go on with the same one, perhaps with more tasks.

        Returns:
            All tasks of the study.

        Raises:
            ViviError: the folder holds another study or something else; the text names what differs.
        """
        begun, ours = self.check(backbone, protocol, tasks), _plain(tasks)
        remove_temporaries(self.path)  # only now: in a folder of somebody else they are not ours
        if begun is None:
            record = {"encoder": backbone.described(), "protocol": dump(protocol), "tasks": ours}
            write_json(self.path / STUDY, {"format": STUDY_FORMAT, "version": STUDY_VERSION, **record})
            return dict(tasks)
        joined = begun["tasks"] | ours
        if joined != begun["tasks"]:
            write_json(self.path / STUDY, begun | {"tasks": joined})
        return {name: TaskFacts(**facts) for name, facts in joined.items()}

    def check(
        self, backbone: Backbone, protocol: VtabProtocol, tasks: Mapping[str, TaskFacts]
    ) -> dict[str, Any] | None:
        """What study.json says of the study that was begun here, if any; nothing is written.

        Raises:
            ViviError: see `claim`.
        """
        if not self.path.exists():
            return None
        if not (self.path / STUDY).exists():
            self._refuse_foreign()
            return None
        begun = self._begun()
        ours: dict[str, Any] = {"encoder": backbone.described(), "protocol": dump(protocol), "tasks": _plain(tasks)}
        shared = {name: begun["tasks"].get(name, facts) for name, facts in ours["tasks"].items()}
        changes = [
            *differences(
                *({key: each[key] for key in _SAME} for each in (begun["encoder"], ours["encoder"])), path="encoder"
            ),
            *differences(begun["protocol"], ours["protocol"], path="protocol"),
            *differences(shared, ours["tasks"], path="data"),
        ]
        if changes:
            raise ViviError(
                f"{self.path} holds another study; it differs in {'; '.join(changes[:3])}"
                + (f" and {len(changes) - 3} more" if len(changes) > 3 else "")
                + ": choose another --out, or give the same encoder, data and settings to go on"
            )
        return begun

    def is_done(self, run: Run) -> bool:
        """Whether its result is there."""
        return run.file(self.path).exists()

    def result(self, run: Run) -> dict[str, Any]:
        """What a run found.

        Raises:
            ViviError: the file is not what it should be.
        """
        file = run.file(self.path)
        found = read_json(file)
        if not isinstance(found, dict) or (found.get("format"), found.get("version")) != (FORMAT, VERSION):
            raise ViviError(f"{file} is not of the format {FORMAT} {VERSION}: delete it, and its run is done again")
        return found

    def _begun(self) -> dict[str, Any]:
        file = self.path / STUDY
        begun = read_json(file)
        if not isinstance(begun, dict) or (begun.get("format"), begun.get("version")) != (STUDY_FORMAT, STUDY_VERSION):
            raise ViviError(f"{file} is not of the format {STUDY_FORMAT} {STUDY_VERSION}: choose another --out")
        return begun

    def _refuse_foreign(self) -> None:
        others = sorted(each.name for each in self.path.iterdir() if not each.name.startswith(_OURS))
        if others:
            found = "runs but no study.json" if others == [RUNS] else repr(others[0])
            raise ViviError(f"{self.path} is not empty and not a study (it holds {found}): choose another --out")


def _plain(tasks: Mapping[str, TaskFacts]) -> dict[str, Any]:
    return {name: asdict(facts) for name, facts in tasks.items()}
