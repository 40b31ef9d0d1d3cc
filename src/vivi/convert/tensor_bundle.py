"""Variables of a TensorFlow checkpoint (X.index and X.data-00000-of-00001), also inside a TF-Hub module or SavedModel.

X.index is a LevelDB-style table from names to entries: type, shape, and where the numbers lie in which data file.

Sources: tensorflow/tensorflow core/util/tensor_bundle/tensor_bundle.cc, core/protobuf/tensor_bundle.proto and
core/lib/io/{format,block}.cc.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivi.core.crc32c import masked_crc32c
from vivi.core.errors import CheckpointError
from vivi.core.wire import content, fields, number, varint

_MAGIC = 0xDB4775248B80FB57.to_bytes(8, "little")
_FOOTER, _TRAILER = 48, 5
_DATA_FILE = re.compile(r"(.+)\.data-\d{5}-of-\d{5}")
_TYPES = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8", 14: "<u2", 19: "<f2"}
_BFLOAT16, _STRING = 14, 7


@dataclass(slots=True)
class _Entry:
    """BundleEntryProto."""

    kind: int = 0
    shape: list[int] = field(default_factory=list)
    shard: int = 0
    offset: int = 0
    size: int = 0
    crc: int = 0
    sliced: bool = False


def find_bundle(source: Path) -> Path | None:
    """X of the checkpoint that `source` names: X itself, one of its files, or a folder that holds it; None if none.

    Raises:
        CheckpointError: a folder with several checkpoints.
    """
    if source.is_dir():
        saved = source / "variables" / "variables.index"
        found = [saved] if saved.is_file() else sorted(source.glob("*.index"))
        if len(found) > 1:
            names = ", ".join(each.name for each in found)
            raise CheckpointError(f"{source} holds several checkpoints ({names}): name one of them")
        return found[0].with_suffix("") if found else None
    inner = _DATA_FILE.fullmatch(source.name)
    prefix = source.with_name(inner[1]) if inner else source
    prefix = prefix.with_suffix("") if prefix.suffix == ".index" else prefix
    return prefix if _index(prefix).is_file() else None


def is_old_checkpoint(path: Path) -> bool:
    """Whether a file is a TensorFlow checkpoint of the first format, a single table without data files."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - len(_MAGIC)))
        return file.read() == _MAGIC


def read_bundle(prefix: Path) -> dict[str, NDArray[np.generic]]:
    """Every variable of the checkpoint X = `prefix` by its name; texts, which hold no weights, are passed over.

    Raises:
        CheckpointError: a file that is missing, unreadable or damaged, or something that vivi cannot read.
    """
    try:
        table = dict(_table(_index(prefix).read_bytes()))
        shards = _header(table.pop(b"", b""))
        entries = {name.decode(): _entry(memoryview(value)) for name, value in table.items()}
        return {name: _values(prefix, shards, name, each) for name, each in entries.items() if each.kind != _STRING}
    except OSError as error:
        raise CheckpointError(f"cannot read {error.filename or prefix}: {error.strerror}") from error
    except ValueError as error:
        raise CheckpointError(f"{prefix} is not a TensorFlow checkpoint that vivi can read: {error}") from error


def _index(prefix: Path) -> Path:
    return prefix.with_name(f"{prefix.name}.index")


def _table(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a table, through its footer and its block of handles."""
    footer = memoryview(data)[-_FOOTER:]
    if len(footer) < _FOOTER or footer[-8:] != _MAGIC:
        raise ValueError("its .index is no table, or is cut off")
    _, _, position = _handle(footer, 0)
    offset, size, _ = _handle(footer, position)
    for _, value in _block(data, offset, size):
        offset, size, _ = _handle(memoryview(value), 0)
        yield from _block(data, offset, size)


def _handle(data: memoryview, position: int) -> tuple[int, int, int]:
    """Offset and size of a block, and the position behind them."""
    offset, position = varint(data, position)
    size, position = varint(data, position)
    return offset, size, position


def _block(data: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a block; a key gives how many bytes it shares with the one before it."""
    whole = memoryview(data)[offset : offset + size + _TRAILER]
    if len(whole) != size + _TRAILER or size < 4:
        raise ValueError("a block of its .index is cut off")
    if masked_crc32c(whole[: size + 1]) != int.from_bytes(whole[size + 1 :], "little"):
        raise ValueError("a block of its .index is damaged, its checksum differs")
    if whole[size] != 0:
        raise ValueError("its .index is compressed with Snappy: save it again with TensorFlow")
    restarts = int.from_bytes(whole[size - 4 : size], "little")
    entries, position, key = whole[: max(0, size - 4 * (restarts + 1))], 0, b""
    while position < len(entries):
        shared, position = varint(entries, position)
        rest, position = varint(entries, position)
        length, position = varint(entries, position)
        key = key[:shared] + bytes(entries[position : position + rest])
        yield key, bytes(entries[position + rest : position + rest + length])
        position += rest + length


def _header(message: bytes) -> int:
    """BundleHeaderProto: the number of data files."""
    found = dict(fields(memoryview(message)))
    if number(found.get(2, 0)):
        raise ValueError("it was written by a big-endian machine")
    return number(found.get(1, 0))


def _entry(message: memoryview) -> _Entry:
    entry = _Entry()
    for name, value in fields(message):
        match name:
            case 1:
                entry.kind = number(value)
            case 2:
                entry.shape = [_dimension(content(each)) for key, each in fields(content(value)) if key == 2]
            case 3:
                entry.shard = number(value)
            case 4:
                entry.offset = number(value)
            case 5:
                entry.size = number(value)
            case 6:
                entry.crc = int.from_bytes(content(value), "little")
            case 7:
                entry.sliced = True
    return entry


def _dimension(message: memoryview) -> int:
    return sum(number(value) for name, value in fields(message) if name == 1)


def _values(prefix: Path, shards: int, name: str, entry: _Entry) -> NDArray[np.generic]:
    if entry.sliced or entry.kind not in _TYPES:
        what = "in slices" if entry.sliced else f"as TensorFlow's data type {entry.kind}"
        raise ValueError(f"the variable {name} is stored {what}, which vivi does not read")
    kind = np.dtype(_TYPES[entry.kind])
    if math.prod(entry.shape) * kind.itemsize != entry.size:
        raise ValueError(f"the variable {name} of shape {tuple(entry.shape)} has {entry.size} bytes")
    path = prefix.with_name(f"{prefix.name}.data-{entry.shard:05d}-of-{shards:05d}")
    if entry.offset + entry.size > path.stat().st_size:
        raise ValueError(f"{path.name} is cut off before the end of the variable {name}: copy it again")
    with path.open("rb") as file:
        file.seek(entry.offset)
        data = file.read(entry.size)
    if masked_crc32c(data) != entry.crc:
        raise ValueError(f"{path.name} is damaged, the checksum of the variable {name} differs: copy it again")
    values = np.frombuffer(data, kind).reshape(entry.shape)
    if entry.kind == _BFLOAT16:  # the upper half of a float32
        return (values.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return values
