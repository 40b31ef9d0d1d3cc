"""Layers and their blobs in a `.caffemodel`, without Caffe.

Source: BVLC/caffe src/caffe/proto/caffe.proto (NetParameter, LayerParameter, V1LayerParameter, BlobProto).
"""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivi.core.errors import CheckpointError
from vivi.core.wire import content, fields, number, varint

_LAYER, _V1_LAYER = 100, 2
_NAME_AND_BLOBS = {_LAYER: (1, 7), _V1_LAYER: (4, 6)}
"""In NetParameter, the field of a layer; in a layer, the fields of its name and its blobs."""
_V0_LAYER = 1
_OLD_DIMENSIONS = range(1, 5)
_DATA, _SHAPE, _DOUBLE_DATA = 5, 7, 8


def read_caffemodel(path: Path) -> dict[str, NDArray[np.generic]]:
    """The blobs of every layer that has some: "conv1_1/weight", "conv1_1/bias", further ones "layer/blob2" and so on.

    Raises:
        CheckpointError: unreadable, damaged, of Caffe's oldest format, or two layers have the same name.
    """
    found: dict[str, NDArray[np.generic]] = {}
    try:
        for name, blobs in _layers(memoryview(path.read_bytes())):
            kinds = ("weight", "bias", *(f"blob{index}" for index in range(2, len(blobs))))
            for kind, blob in zip(kinds, blobs, strict=False):
                if found.setdefault(f"{name}/{kind}", blob) is not blob:
                    raise ValueError(f"two layers are named {name!r}")
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise CheckpointError(f"{path} is not a .caffemodel that vivi can read ({error}): copy it again") from error
    return found


def _layers(net: memoryview) -> Iterator[tuple[str, list[NDArray[np.generic]]]]:
    for field, value in fields(net):
        if field not in _NAME_AND_BLOBS:
            continue
        name_field, blob_field = _NAME_AND_BLOBS[field]
        name, blobs = "", []
        for inner, part in fields(content(value)):
            if field == _V1_LAYER and inner == _V0_LAYER:
                raise ValueError("Caffe's oldest format, which Caffe's upgrade_net_proto_binary brings up to date")
            if inner == name_field:
                name = bytes(content(part)).decode()
            elif inner == blob_field:
                blobs.append(_blob(content(part)))
        if blobs:
            yield name, blobs


def _blob(message: memoryview) -> NDArray[np.generic]:
    shape: tuple[int, ...] | None = None
    old = [1, 1, 1, 1]
    single, double = [], []
    for field, value in fields(message):
        if field in _OLD_DIMENSIONS:
            old[field - 1] = number(value)
        elif field == _SHAPE:
            shape = _dimensions(content(value))
        elif field == _DATA:
            single.append(content(value))
        elif field == _DOUBLE_DATA:
            double.append(content(value))
    shape = _without_leading_ones(old) if shape is None else shape
    data: NDArray[np.generic] = np.frombuffer(_joined(double or single), "<f8" if double else "<f4")
    if math.prod(shape) != data.size:
        raise ValueError(f"{data.size} numbers for a blob of shape {shape}")
    return data.reshape(shape)


def _joined(parts: list[memoryview]) -> bytes | memoryview:
    """A packed field comes in one part, one that is not packed in a part for each number."""
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _dimensions(message: memoryview) -> tuple[int, ...]:
    """BlobShape: packed, or one by one."""
    sizes: list[int] = []
    for _, value in fields(message):
        if isinstance(value, int):
            sizes.append(value)
            continue
        position = 0
        while position < len(value):
            size, position = varint(value, position)
            sizes.append(size)
    return tuple(sizes)


def _without_leading_ones(sizes: list[int]) -> tuple[int, ...]:
    """Old files give a bias of N as 1 x 1 x 1 x N, and a matrix as 1 x 1 x N x M."""
    leading = next((index for index, size in enumerate(sizes) if size != 1), len(sizes) - 1)
    return tuple(sizes[leading:])
