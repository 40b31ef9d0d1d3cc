"""Damaged records of the data: each noted once by the first rank, counted over all ranks, too many end the run."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from vivi.core.errors import ViviError
from vivi.core.files import disk_full_named, read_text, write_text
from vivi.core.rundir import RunFolder
from vivi.core.telling import told_by_all
from vivi.core.world import World
from vivi.data.damage import Damage, DamagedRecord, TooManyDamagedError
from vivi.data.frame_source import RecordName

BAD_RECORDS = "bad_records.jsonl"
"""In the run folder, one JSON object a line: step (the first one that met it), file, video, frame, reason."""


_KEYS = ("step", "file", "video", "frame", "reason")


class BadRecords:
    """Counts the damaged records of one run. All ranks make one and call its methods alike.

    Ranks replace what is damaged by themselves. What they found they tell one another where the run's flags are
    exchanged, so that a step without damage costs nothing; the count is that of different records over all ranks and
    the whole run, before a resumption and after it, and the same on any number of ranks.

    Args:
        run: where they are noted.
        world: the ranks; the first one writes.
        damage: what this rank's loaders found.

    Raises:
        TooManyDamagedError: an earlier start of the run has noted more than are borne.
    """

    def __init__(self, run: RunFolder, *, world: World, damage: Damage) -> None:
        self._file = run.path / BAD_RECORDS
        self._world, self._damage = world, damage
        self._known: dict[RecordName, DamagedRecord] = {}
        if damage.limit:
            self._learn(world.decided_by_first(self._noted))
        self.check()

    def check(self, *, before: Callable[[], object] = lambda: None) -> None:
        """See that no more are known than are borne; else call `before` and end the run.

        Raises:
            TooManyDamagedError: there are more.
        """
        if self.are_too_many:
            before()
            *_, last = self._known.values()
            raise TooManyDamagedError(len(self._known), limit=self._damage.limit, example=last)

    @property
    def are_too_many(self) -> bool:
        """Whether more are known than are borne; the same on every rank."""
        return len(self._known) > self._damage.limit

    def any(self, flag: bool) -> bool:
        """As `World.any`; on the way all ranks learn what any of them found, and the first one notes it."""
        if not self._damage.limit:
            return self._world.any(flag)
        if not self._world.any(flag or self._damage.has_news):
            return False
        self._learn_from(told_by_all(self._news(), world=self._world))
        return self._world.any(flag)

    def note_all(self) -> None:
        """Note what every rank found since the last exchange: the run ends with an error."""
        if self._damage.limit:
            self._learn_from(told_by_all(self._news(), world=self._world))

    def _news(self) -> str:
        return json.dumps([_line(step, record) for step, record in self._damage.take()])

    def _learn_from(self, told: Iterable[str]) -> None:
        fresh = self._learn(line for text in told for line in json.loads(text))
        if self._world.is_first and fresh:
            with disk_full_named(self._file), self._file.open("a") as file:
                file.writelines(json.dumps(line) + "\n" for line in fresh)

    def _learn(self, lines: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        """Those of the lines whose records were not known."""
        fresh = []
        for line in lines:
            name = RecordName(line["file"], line["video"], line["frame"])
            if name not in self._known:
                self._known[name] = DamagedRecord(name, line["reason"])
                fresh.append(line)
        return fresh

    def _noted(self) -> list[dict[str, Any]]:
        """What earlier starts of the run have noted; a line that was cut off is dropped, and found again.

        Raises:
            ViviError: the file is not what was written.
        """
        if not self._file.exists():
            return []
        text = read_text(self._file)
        whole = text[: text.rfind("\n") + 1]
        if whole != text:
            write_text(self._file, whole)
        try:
            lines = [json.loads(line) for line in whole.splitlines()]
            return [{key: line[key] for key in _KEYS} for line in lines]
        except (ValueError, KeyError, TypeError) as error:
            raise ViviError(f"{self._file} is damaged ({error}): delete it, the records are found again") from error


def _line(step: int, record: DamagedRecord) -> dict[str, Any]:
    name = record.name
    return {"step": step, "file": name.file, "video": name.video, "frame": name.frame, "reason": record.reason}
