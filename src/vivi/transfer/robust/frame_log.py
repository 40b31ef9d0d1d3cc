"""Predictions on the frames of a benchmark, written chunk by chunk as they come, so that none is made twice.

FOLDER/log.json         format, version, and what the predictions are of; another classifier or benchmark is refused
FOLDER/chunk-00000.json {frame: class}, whole or absent; a frame that gave no image is in none of them
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vivi.core.config import differences
from vivi.core.errors import ViviError
from vivi.core.files import TEMPORARY, read_json, remove_temporaries, write_json

FORMAT, VERSION = "vivi-frame-log", 1
_LOG, _CHUNKS = "log.json", "chunk-*.json"
_OURS = (".lock", TEMPORARY)


@dataclass(frozen=True, slots=True)
class FrameLog:
    """A folder of predictions; one process at a time, see `vivi.core.files.locked`."""

    path: Path

    @classmethod
    def open(cls, path: Path, *, of: Mapping[str, Any]) -> "FrameLog":
        """Begin a log here, or go on with one of the same things.

        Args:
            path: the folder.
            of: what the predictions depend on, JSON values.

        Raises:
            ViviError: the folder holds predictions of something else, or no predictions.
        """
        record = {"format": FORMAT, "version": VERSION, "of": dict(of)}
        if not (path / _LOG).exists():
            others = [each.name for each in path.iterdir() if not each.name.startswith(_OURS)] if path.is_dir() else []
            if others:
                raise ViviError(f"{path} holds {min(others)!r} and is no log of predictions: choose another --out")
            write_json(path / _LOG, record)
        elif changes := differences(read_json(path / _LOG), record):
            raise ViviError(
                f"{path} holds predictions of something else ({'; '.join(changes[:3])}): choose another --out, or "
                "delete this folder"
            )
        remove_temporaries(path)
        return cls(path)

    def read(self) -> dict[str, int]:
        """All predictions that were written so far.

        Raises:
            ViviError: a chunk is damaged.
        """
        found: dict[str, int] = {}
        for file in sorted(self.path.glob(_CHUNKS)):
            chunk = read_json(file)
            if not isinstance(chunk, dict) or not all(type(each) is int for each in chunk.values()):
                raise ViviError(f"{file} is damaged: delete it, its frames are then predicted again")
            found.update(chunk)
        return found

    def append(self, predictions: Mapping[str, int]) -> None:
        """Write one more chunk.

        Raises:
            DiskFullError: the disk is full; earlier chunks are intact.
        """
        number = 1 + max((int(file.stem.split("-")[1]) for file in self.path.glob(_CHUNKS)), default=-1)
        write_json(self.path / f"chunk-{number:05}.json", dict(predictions))
