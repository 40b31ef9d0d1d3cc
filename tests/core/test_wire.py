"""Fields of a message, against a small writer and by hand; and what is no message."""

import pytest
from tests.reference.checkpoint_files import field, integer

from vivi.core.wire import content, fields, number, varint


def read(message: bytes) -> list[tuple[int, object]]:
    return [(key, value if isinstance(value, int) else bytes(value)) for key, value in fields(memoryview(message))]


def test_every_wire_type_in_order():
    message = field(1, 150) + field(2, b"testing") + b"\x19" + b"12345678" + b"\x25" + b"abcd" + field(16, 2**63)
    assert message[:3] == b"\x08\x96\x01", "the example of the documentation"
    assert read(message) == [(1, 150), (2, b"testing"), (3, b"12345678"), (4, b"abcd"), (16, 2**63)]
    assert read(b"") == []


def test_the_longest_integer():
    assert varint(memoryview(b"\xff" * 9 + b"\x01rest"), 0) == (2**64 - 1, 10)
    assert varint(memoryview(b"xx" + integer(300)), 2) == (300, 4)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (b"\x80", "does not end at byte 0"),
        (b"\xff" * 11, "does not end at byte 0"),
        (b"\x0b", "wire type 3 at byte 1"),
        (b"\x12\x05abc", "a field of 5 bytes at byte 2 of 5"),
        (b"\x25abc", "a field of 4 bytes at byte 1 of 4"),
        (b"\x19abc", "a field of 8 bytes"),
    ],
)
def test_what_is_no_message(message, text):
    with pytest.raises(ValueError, match=text):
        read(message)


def test_fields_of_the_wrong_type():
    with pytest.raises(ValueError, match="bytes where an integer"):
        number(memoryview(b"x"))
    with pytest.raises(ValueError, match="an integer where bytes"):
        content(5)
