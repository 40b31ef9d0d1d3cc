"""Tasks read from folders that TFDS has prepared, without TFDS or TensorFlow.

    folder = find_tfds(task, root)            # root/<builder>[/<config>]/<version>, or None
    opened = open_tfds(task, folder=folder)   # OpenedTask

Such a folder holds dataset_info.json and <builder>-<split>.tfrecord-00000-of-00008 and so on. The records lie in the
order of TFDS already, so VTAB's parts are contiguous cuts of them. Any of the 19 tasks can be read (`tfds_table`).
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from vivi.core.errors import ViviError
from vivi.transfer.data_root.opening import open_parts
from vivi.transfer.data_root.tfds_table import TFDS, Prepared, Share
from vivi.transfer.formats.records import index_examples
from vivi.transfer.subset import cut
from vivi.transfer.task import Examples, OpenedTask, Parts, Task

INFO = "dataset_info.json"
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_REMEDY = "prepare it again with tensorflow_datasets"


def find_tfds(task: Task, root: Path) -> Path | None:
    """The folder of the newest version of a task below a folder of TFDS, such as ~/tensorflow_datasets.

    Versions that VTAB's records are known to be in come first. None if there is no prepared folder, or TFDS has no such
    task.
    """
    prepared = TFDS.get(task.name)
    if prepared is None:
        return None
    folder = root / prepared.builder / (prepared.config or "")
    found = [(version, info.parent) for info in folder.glob(f"*/{INFO}") if (version := _version(info.parent))]
    return max(found, key=lambda each: (each[0][0] in prepared.versions, each[0]))[1] if found else None


def open_tfds(task: Task, *, folder: Path) -> OpenedTask:
    """Open a task from a prepared folder.

    Args:
        task: one of VTAB's.
        folder: of a version, e.g. ~/tensorflow_datasets/kitti/3.2.0.

    Raises:
        ViviError: TFDS has no such task, or a file is missing, cut off, damaged, or of another data set; the text names
            file and record.
    """
    prepared = TFDS.get(task.name)
    if prepared is None:
        raise ViviError(f"{task.name} is no task of TFDS, these are: {', '.join(TFDS)}")
    lengths = _lengths(folder / INFO, prepared=prepared)
    cuts = prepared.parts
    needed = {share.split for share in (cuts.train, cuts.val, cuts.test)}
    splits = {split: _split(folder, split, lengths=lengths, prepared=prepared) for split in sorted(needed)}
    parts = Parts(
        train=_part(splits, cuts.train),
        val=_part(splits, cuts.val),
        test=_part(splits, cuts.test),
        remarks=tuple(_remarks(folder, prepared=prepared)),
    )
    return open_parts(task, parts, origin=f"prepared by TFDS: {prepared.builder} {folder.name}")


def _lengths(info: Path, *, prepared: Prepared) -> dict[str, list[int]]:
    """How many records the files of each split hold."""
    try:
        found = json.loads(info.read_bytes())
        name, file_format = found["name"], found.get("fileFormat", "tfrecord")
        lengths = {split["name"]: [int(length) for length in split["shardLengths"]] for split in found["splits"]}
    except OSError as error:
        raise ViviError(f"cannot read {info}: {error.strerror}; {_REMEDY}") from error
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise ViviError(f"{info} is damaged, or of a version of TFDS before 2 ({reason}); {_REMEDY}") from error
    if name != prepared.builder:
        raise ViviError(f"{info} is of the data set {name!r}, not {prepared.builder!r}: choose another folder")
    if file_format != "tfrecord":
        raise ViviError(f"{info}: the files are of the format {file_format}, only tfrecord is read; {_REMEDY}")
    return lengths


def _split(folder: Path, split: str, *, lengths: Mapping[str, list[int]], prepared: Prepared) -> Examples:
    """All examples of a split, in order."""
    if not lengths.get(split):
        raise ViviError(f"{folder / INFO} has no split {split!r}: it is of another data set; {_REMEDY}")
    count = len(lengths[split])
    paths = [folder / f"{prepared.builder}-{split}.tfrecord-{shard:05d}-of-{count:05d}" for shard in range(count)]
    records, labels = index_examples(paths, visit=prepared.label)
    for file, expected in zip(records.files, lengths[split], strict=True):
        if len(file) != expected:
            raise ViviError(f"{file.path} has {len(file)} records, {INFO} says {expected}: it is cut off; {_REMEDY}")
    return records.examples(np.array(labels, np.int64), factor=prepared.factor)


def _part(splits: Mapping[str, Examples], share: Share) -> Examples:
    return cut(splits[share.split], shares=(share.start, share.end - share.start, 1 - share.end))[1]


def _remarks(folder: Path, *, prepared: Prepared) -> list[str]:
    remarks = [prepared.remark] if prepared.remark else []
    version = _version(folder)
    if version is None or version[0] not in prepared.versions:
        wanted = " or ".join(f"{number}.*.*" for number in prepared.versions)
        remarks.append(
            f"VTAB's records are those of version {wanted} of {prepared.builder}, these are of {folder.name}"
        )
    return remarks


def _version(folder: Path) -> tuple[int, ...] | None:
    found = _VERSION.fullmatch(folder.name)
    return tuple(int(number) for number in found.groups()) if found else None
