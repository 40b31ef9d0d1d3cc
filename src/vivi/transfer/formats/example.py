"""tf.train.Example: a table from names of features to lists of bytes, floats or integers.

Source: tensorflow/tensorflow core/example/{example,feature}.proto. Lists of numbers may be packed or not.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vivi.core.wire import content, fields, number, varint

_BYTES, _FLOATS, _INTS = 1, 2, 3
_KINDS = {_BYTES: "bytes", _FLOATS: "floats", _INTS: "integers"}


@dataclass(frozen=True, slots=True)
class Example:
    """The features of one example, decoded when they are asked for.

    All that is asked for raises ValueError where the feature is missing, of another kind, or damaged.
    """

    features: dict[str, memoryview]
    """By name, still encoded."""

    def one_bytes(self, name: str) -> bytes:
        """A feature that is one text or image."""
        values = self._values(name, kind=_BYTES)
        if len(values) != 1 or isinstance(values[0], int):
            raise ValueError(f"the feature {name!r} holds {len(values)} values where one should be")
        return bytes(values[0])

    def one_int(self, name: str) -> int:
        """A feature that is one integer."""
        values = self.ints(name)
        if len(values) != 1:
            raise ValueError(f"the feature {name!r} holds {len(values)} values where one should be")
        return values[0]

    def ints(self, name: str) -> list[int]:
        """A feature that is a list of integers."""
        found: list[int] = []
        for value in self._values(name, kind=_INTS):
            if isinstance(value, int):
                found.append(_signed(value))
                continue
            position = 0
            while position < len(value):
                each, position = varint(value, position)
                found.append(_signed(each))
        return found

    def floats(self, name: str) -> NDArray[np.float32]:
        """A feature that is a list of floats."""
        parts = [bytes(content(value)) for value in self._values(name, kind=_FLOATS)]
        if any(len(part) % 4 for part in parts):
            raise ValueError(f"the feature {name!r} holds a float that is not 4 bytes")
        return np.frombuffer(b"".join(parts), "<f4").astype(np.float32)

    def _values(self, name: str, *, kind: int) -> list[int | memoryview]:
        """The values of the feature's list as they are on the wire."""
        if name not in self.features:
            known = " ".join(", ".join(sorted(self.features)).split()) or "none"
            raise ValueError(f"it has no feature {name!r} (it has {known})")
        values: list[int | memoryview] = []
        for found, list_ in fields(self.features[name]):
            if found != kind:
                raise ValueError(
                    f"the feature {name!r} holds {_KINDS.get(found, 'something')} where {_KINDS[kind]} should be"
                )
            values += [value for key, value in fields(content(list_)) if key == 1]
        return values


def parse_example(payload: bytes | memoryview) -> Example:
    """The features of a serialised example.

    Raises:
        ValueError: it is damaged, or something else.
    """
    features: dict[str, memoryview] = {}
    for key, table in fields(memoryview(payload)):
        if key != 1:
            continue
        for entry, pair in fields(content(table)):
            if entry == 1:
                parts = dict(fields(content(pair)))
                features[bytes(content(parts.get(1, memoryview(b"")))).decode()] = content(
                    parts.get(2, memoryview(b""))
                )
    return Example(features)


def _signed(value: int) -> int:
    """An int64 from the unsigned integer it is written as."""
    return number(value) - (2**64 if value >= 2**63 else 0)
