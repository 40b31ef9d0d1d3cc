"""Small writers of TFRecord files and tf.train.Example messages, from their format descriptions."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.reference.checkpoint_files import crc32c, field, integer, masked

Value = bytes | int | Sequence[int] | Sequence[float]


def record(payload: bytes) -> bytes:
    length = struct.pack("<Q", len(payload))
    return length + masked(length, crc32c) + payload + masked(payload, crc32c)


def write_records(path: Path, payloads: Sequence[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(record(payload) for payload in payloads))


def int64(value: int) -> bytes:
    return integer(value % 2**64)


def feature(value: Value, *, packed: bool = True) -> bytes:
    """The message of a feature; a list of floats must hold a float, an empty list is one of integers."""
    if isinstance(value, bytes):
        return field(1, field(1, value))
    values = [value] if isinstance(value, int) else list(value)
    if any(isinstance(each, float) for each in values):
        numbers = [struct.pack("<f", each) for each in values]
        return field(2, field(1, b"".join(numbers)) if packed else b"".join(b"\x0d" + each for each in numbers))
    numbers = [int64(each) for each in values]
    return field(3, field(1, b"".join(numbers)) if packed else b"".join(b"\x08" + each for each in numbers))


def example(features: Mapping[str, Value], *, packed: bool = True) -> bytes:
    entries = (field(1, name.encode()) + field(2, feature(each, packed=packed)) for name, each in features.items())
    return field(1, b"".join(field(1, entry) for entry in entries))
