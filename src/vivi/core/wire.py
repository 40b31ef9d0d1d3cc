"""The wire format of protocol buffers, as much as reading needs: fields by their numbers, no schema.

Source: the encoding page of the protocol buffers documentation.
"""

from collections.abc import Iterator

Value = int | memoryview
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5
_LONGEST_VARINT = 10


def fields(message: memoryview) -> Iterator[tuple[int, Value]]:
    """Number and value of every field, in order: an integer, or the bytes of a text, message or fixed-size number.

    Raises:
        ValueError: the message is cut off, or is no message.
    """
    position = 0
    while position < len(message):
        key, position = varint(message, position)
        kind = key & 7
        if kind == _VARINT:
            value, position = varint(message, position)
            yield key >> 3, value
            continue
        if kind == _LENGTH:
            size, position = varint(message, position)
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            size = 8 if kind == _EIGHT_BYTES else 4
        else:
            raise ValueError(f"a field of wire type {kind} at byte {position}")
        if position + size > len(message):
            raise ValueError(f"a field of {size} bytes at byte {position} of {len(message)}")
        yield key >> 3, message[position : position + size]
        position += size


def varint(data: memoryview, position: int) -> tuple[int, int]:
    """The unsigned integer at `position` and the position behind it.

    Raises:
        ValueError: it is cut off or too long.
    """
    if position < len(data) and (only := data[position]) < 0x80:  # nearly all of them
        return only, position + 1
    value = 0
    for count, byte in enumerate(data[position : position + _LONGEST_VARINT]):
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return value, position + count + 1
    raise ValueError(f"an integer that does not end at byte {position}")


def number(value: Value) -> int:
    """A field that must be an integer.

    Raises:
        ValueError: it is of another wire type.
    """
    if not isinstance(value, int):
        raise ValueError("bytes where an integer should be")
    return value


def content(value: Value) -> memoryview:
    """A field that must be a text, a message or a fixed-size number.

    Raises:
        ValueError: it is of another wire type.
    """
    if isinstance(value, int):
        raise ValueError("an integer where bytes should be")
    return value
