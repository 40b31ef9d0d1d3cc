"""The checksum against the standard's values and a bit by bit one."""

import numpy as np
import pytest
from tests.reference import checkpoint_files as files

from vivi.core.crc32c import crc32c, masked_crc32c


@pytest.mark.parametrize(
    ("data", "crc"),
    [(b"", 0), (b"123456789", 0xE3069283), (bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43)],
)
def test_checksums_of_the_standard(data, crc):
    assert crc32c(data) == files.crc32c(data) == crc


@pytest.mark.parametrize("length", [1, 3, 4, 15, 16, 17, 511, 512, 513, 1023, 1024, 20_011])
def test_checksums_of_long_texts_equal_those_bit_by_bit(length):
    data = np.random.default_rng(length).bytes(length)
    assert crc32c(data) == crc32c(memoryview(data)) == files.crc32c(data)


def test_checksums_of_many_blocks_at_once():
    """More blocks than are looked up together."""
    data = np.random.default_rng(1).bytes(3 * 128 * 512 + 77)
    assert crc32c(data) == files.crc32c(data)


def test_a_text_and_its_checksum_leave_the_same_rest_always():
    """The other way to check a CRC: appended in little-endian, it leaves the residue 0x48674BC7."""
    for length in (5, 600, 70_000):
        data = np.random.default_rng(length).bytes(length)
        assert crc32c(data + crc32c(data).to_bytes(4, "little")) == 0x48674BC7


def test_the_mask():
    """Rotated right by 15 bits, plus 0xa282ead8: worked out for the checksum 0xE3069283 of nine digits."""
    assert masked_crc32c(b"123456789") == (0x2507C60D + 0xA282EAD8) % 2**32
