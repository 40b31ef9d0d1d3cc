"""Small writers of other programs' weight files, from their format descriptions, sharing nothing with our readers."""

import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np

DATA_TYPES = {"float32": 1, "float64": 2, "int32": 3, "int64": 9, "float16": 19}


def integer(value: int) -> bytes:
    """A protocol buffer's varint."""
    parts = []
    while value > 127:
        parts.append(value % 128 + 128)
        value //= 128
    return bytes([*parts, value])


def field(number: int, value: int | bytes) -> bytes:
    """A field of a message: an integer, or bytes with their length."""
    if isinstance(value, int):
        return integer(8 * number) + integer(value)
    return integer(8 * number + 2) + integer(len(value)) + value


def crc32c(data: bytes) -> int:
    """Bit by bit."""
    remainder = 0xFFFFFFFF
    for byte in data:
        remainder ^= byte
        for _ in range(8):
            remainder = remainder // 2 ^ (0x82F63B78 if remainder % 2 else 0)
    return remainder ^ 0xFFFFFFFF


def masked(data: bytes, fast) -> bytes:
    """The checksum as the files store it; `fast` gives the unmasked one, ours for large arrays."""
    crc = fast(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) % 2**32)


def block(pairs, *, compression: int = 0, restart: int = 4) -> bytes:
    """A table's block with its trailer; every `restart`-th key is written out, the others by their difference."""
    out, starts, last = b"", [], b""
    for index, (key, value) in enumerate(pairs):
        shared = 0
        if index % restart == 0:
            starts.append(len(out))
        else:
            while shared < min(len(key), len(last)) and key[shared] == last[shared]:
                shared += 1
        out += integer(shared) + integer(len(key) - shared) + integer(len(value)) + key[shared:] + value
        last = key
    out += b"".join(struct.pack("<I", start) for start in starts or [0]) + struct.pack("<I", max(1, len(starts)))
    out += bytes([compression])
    return out + masked(out, crc32c)


def table(pairs, *, compression: int = 0, entries: int = 7) -> bytes:
    """A whole table: blocks of `entries` pairs, an empty block of meta data, the block of handles, the footer."""
    pairs, out, handles = sorted(pairs), b"", []

    def add(content: bytes) -> bytes:
        nonlocal out
        handle = integer(len(out)) + integer(len(content) - 5)
        out += content
        return handle

    for start in range(0, len(pairs), entries):
        part = pairs[start : start + entries]
        handles.append((part[-1][0], add(block(part, compression=compression))))
    meta, index = add(block([])), add(block(handles, restart=1))
    footer = (meta + index).ljust(40, b"\0")
    return out + footer + struct.pack("<Q", 0xDB4775248B80FB57)


def entry(kind: int, shape, *, shard: int, offset: int, size: int, crc: bytes, extra: bytes = b"") -> bytes:
    """BundleEntryProto; zeros are not written, as in any proto3 message."""
    dimensions = b"".join(field(2, field(1, length)) for length in shape)
    numbers = b"".join(field(name, value) for name, value in ((3, shard), (4, offset), (5, size)) if value)
    return field(1, kind) + field(2, dimensions) + numbers + b"\x35" + crc + extra


def write_bundle(
    prefix: Path,
    variables: Mapping[str, np.ndarray],
    *,
    shards: int = 1,
    endian: int = 0,
    compression: int = 0,
    extra: bytes = b"",
    fast=crc32c,
) -> None:
    """A TensorFlow checkpoint; variables go to the data files in turn. Texts (dtype object) become DT_STRING."""
    prefix.parent.mkdir(parents=True, exist_ok=True)
    header = field(1, shards) + (field(2, endian) if endian else b"") + field(3, field(1, 1))
    pairs, files = [(b"", header)], [b""] * shards
    for number, (name, values) in enumerate(sorted(variables.items())):
        shard = number % shards
        data = values.tobytes() if values.dtype != object else b"\x04text"
        kind = DATA_TYPES.get(str(values.dtype), 7)
        place = {"shard": shard, "offset": len(files[shard]), "size": len(data), "crc": masked(data, fast)}
        pairs.append((name.encode(), entry(kind, values.shape, **place, extra=extra)))
        files[shard] += data
    prefix.with_name(f"{prefix.name}.index").write_bytes(table(pairs, compression=compression))
    for shard, data in enumerate(files):
        prefix.with_name(f"{prefix.name}.data-{shard:05d}-of-{shards:05d}").write_bytes(data)


def blob(values: np.ndarray, *, old: bool = False, packed: bool = True) -> bytes:
    """BlobProto: four old dimensions, or a BlobShape; numbers packed, or one by one."""
    if old:
        sizes = (1,) * (4 - values.ndim) + values.shape
        shape = b"".join(field(number, size) for number, size in enumerate(sizes, start=1))
    else:
        shape = field(7, field(1, b"".join(integer(size) for size in values.shape)))
    if values.dtype == np.float64:
        return shape + field(8, values.tobytes())
    if packed:
        return shape + field(5, values.tobytes())
    return shape + b"".join(integer(8 * 5 + 5) + struct.pack("<f", value) for value in values.ravel())


def write_caffemodel(
    path: Path, layers: Mapping[str, list[np.ndarray]], *, old: bool = False, packed: bool = True
) -> None:
    """NetParameter with LayerParameters, or with V1LayerParameters where `old`; a ReLU without blobs after each."""
    out = field(1, b"a net")
    for name, arrays in layers.items():
        blobs = [blob(values, old=old, packed=packed) for values in arrays]
        if old:
            out += field(2, field(2, b"data") + field(4, name.encode()) + field(5, 4) + b"".join(map_fields(6, blobs)))
            out += field(2, field(4, f"relu_{name}".encode()) + field(5, 18))
        else:
            out += field(100, field(1, name.encode()) + field(2, b"Convolution") + b"".join(map_fields(7, blobs)))
            out += field(100, field(1, f"relu_{name}".encode()) + field(2, b"ReLU"))
    path.write_bytes(out)


def map_fields(number: int, messages: list[bytes]) -> list[bytes]:
    """The same field once for each message."""
    return [field(number, message) for message in messages]
