"""Scalars for TensorBoard, written in the caller's thread: a full disk is an error here, not a traceback elsewhere."""

import importlib.util
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vivi.core.files import disk_full_named


def has_tensorboard() -> bool:
    """Whether TensorBoard is installed (extra `tensorboard`)."""
    return importlib.util.find_spec("tensorboard") is not None


class Board:
    """An event file below `folder` for the steps behind `first_step`; later points of earlier files are hidden."""

    def __init__(self, folder: Path, *, first_step: int) -> None:
        from tensorboard.compat.proto import event_pb2, summary_pb2
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._events, self._summaries = event_pb2, summary_pb2
        self._path = folder / f"events.out.tfevents.{first_step:010d}.vivi"
        with disk_full_named(self._path):
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("wb", buffering=0)
        self._records = RecordWriter(self._file)
        try:
            self._write(file_version="brain.Event:2")
            start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
            self._write(step=first_step + 1, session_log=start)
        except BaseException:
            self.close()
            raise

    def add(self, values: Mapping[str, float], *, step: int) -> None:
        """Write one point of every curve.

        Raises:
            DiskFullError: the disk is full.
        """
        value = self._summaries.Summary.Value
        points = [value(tag=name, simple_value=number) for name, number in values.items()]
        self._write(step=step, summary=self._summaries.Summary(value=points))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, **fields: Any) -> None:
        event = self._events.Event(wall_time=time.time(), **fields)
        with disk_full_named(self._path):
            self._records.write(event.SerializeToString())
