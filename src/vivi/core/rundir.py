"""A run folder: what was run, its metrics line by line, and whether it is done."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vivi.core.config import differences
from vivi.core.errors import CheckpointError, ViviError
from vivi.core.files import TEMPORARY, disk_full_named, read_json, remove_temporaries, write_json, write_text

FORMAT = "vivi-run"
VERSION = 1


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder that one run owns."""

    path: Path

    @property
    def experiment(self) -> Path:
        """What was run: the dumped experiment, its fingerprint, the data's fingerprint."""
        return self.path / "experiment.json"

    @property
    def metrics(self) -> Path:
        """One JSON object a line, in the order of the steps."""
        return self.path / "metrics.jsonl"

    @property
    def spectrum(self) -> Path:
        """How the variance of the features is spread over their principal axes, at the newest checkpoint."""
        return self.path / "spectrum.json"

    @property
    def checkpoints(self) -> Path:
        """The newest checkpoints."""
        return self.path / "checkpoints"

    @property
    def encoder(self) -> Path:
        """The encoder folder that the run ends with."""
        return self.path / "encoder"

    @property
    def done(self) -> Path:
        """Written last."""
        return self.path / "done.json"

    def claim(self, identity: dict[str, Any]) -> bool:
        """Begin a run here, or go on with the same one; True when there was one.

        Raises:
            CheckpointError: the folder holds another run; the text names what differs.
            ViviError: the folder holds something else.
        """
        identity = {"format": FORMAT, "version": VERSION} | identity
        if not self.experiment.exists():
            found = [each.name for each in self.path.iterdir()] if self.path.exists() else []
            others = [each for each in found if each != ".lock" and not each.startswith(TEMPORARY)]
            if others:  # not ours, and so are temporary files in it
                raise ViviError(
                    f"{self.path} is not empty and not a run (it holds {others[0]!r}): choose another --out"
                )
            remove_temporaries(self.path)
            write_json(self.experiment, identity)
            return False
        found = read_json(self.experiment)
        changes = differences(found.get("experiment"), identity["experiment"])
        for name, flags in (
            ("data", "--data"),
            ("labels", "--labels or --label-list"),
            ("init_from", "--init-from"),
        ):
            if found.get(name) != identity.get(name):
                changes.append(f"{flags} names other files")
        if found.get("decode") != identity.get("decode"):
            changes.append("--gpu-decode, which was given for one of them alone")
        if not changes and found != identity:
            changes.append("the version of the format")
        if changes:
            raise CheckpointError(
                f"{self.path} holds another run; it differs in {'; '.join(changes[:3])}"
                + (f" and {len(changes) - 3} more" if len(changes) > 3 else "")
                + ": choose another --out, or give the same preset, data and --set values to go on"
            )
        remove_temporaries(self.path)
        return True

    def append_metrics(self, line: dict[str, float]) -> None:
        """Add one line; it is whole on disk when this returns.

        Raises:
            DiskFullError: the disk is full.
        """
        with disk_full_named(self.metrics), self.metrics.open("ab") as file:
            file.write((json.dumps(line) + "\n").encode())
            file.flush()
            os.fsync(file.fileno())

    def read_metrics(self) -> list[dict[str, float]]:
        """All whole lines."""
        if not self.metrics.exists():
            return []
        text = self.metrics.read_text()
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def cut_metrics(self, step: int) -> None:
        """Drop the lines behind `step`: a resumed run writes them again."""
        kept = [line for line in self.read_metrics() if line["step"] <= step]
        write_text(self.metrics, "".join(json.dumps(line) + "\n" for line in kept))
