"""The folder of a fine-tuning run: what is run, its log, its checkpoints, and in the end the result."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vivi.core.config import differences
from vivi.core.errors import CheckpointError, ViviError
from vivi.core.files import TEMPORARY, read_json, remove_temporaries, write_json
from vivi.core.rundir import RunFolder

FORMAT, VERSION = "vivi-detection-run", 1
_OURS = (".lock", TEMPORARY)


@dataclass(frozen=True, slots=True)
class DetectionFolder:
    """The folder that one fine-tuning run owns.

    detection-run.json   encoder, data and recipe
    metrics.jsonl        one JSON object a line, in the order of the steps
    checkpoints/         the newest ones; the last holds the finished detector
    detection.json       the result, written last
    """

    path: Path

    @property
    def identity(self) -> Path:
        """What is run."""
        return self.path / "detection-run.json"

    @property
    def result(self) -> Path:
        """Written last."""
        return self.path / "detection.json"

    @property
    def run(self) -> RunFolder:
        """The same folder, for its log and checkpoints."""
        return RunFolder(self.path)

    def claim(self, identity: dict[str, Any]) -> None:
        """Begin a run here, or go on with the same one.

        Raises:
            CheckpointError: the folder holds another run; the text names what differs.
            ViviError: the folder holds something else.
        """
        identity = {"format": FORMAT, "version": VERSION, **identity}
        if not self.identity.exists():
            others = sorted(each.name for each in self.path.iterdir() if not each.name.startswith(_OURS))
            if others:
                raise ViviError(
                    f"{self.path} is not empty and holds no run of detection (it holds {others[0]!r}): choose another "
                    "--out"
                )
            write_json(self.identity, identity)
        elif changes := differences(read_json(self.identity), identity):
            raise CheckpointError(
                f"{self.path} holds another run; it differs in {'; '.join(changes[:3])}"
                + (f" and {len(changes) - 3} more" if len(changes) > 3 else "")
                + ": choose another --out, or give the same encoder, data and --set values to go on"
            )
        remove_temporaries(self.path)
