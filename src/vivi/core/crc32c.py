"""The checksum of TensorFlow's files, CRC-32C (Castagnoli) and its mask, in NumPy: about half a gigabyte a second.

A CRC is linear over bits. From state 0, the state after a block is the exclusive or of what each byte would leave on
its own, which depends on its value and its place: one look-up in a table. Blocks are joined by the linear map that
takes a state over a block of zeros. Zeros in front of a text change nothing when the state starts at 0, so the text is
filled up in front to whole blocks; the start from all ones is the same as inverting the first four bytes.
"""

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]

_POLYNOMIAL = 0x82F63B78
_MASK_DELTA = 0xA282EAD8
_ONES = 0xFFFFFFFF
_BLOCK = 512
"""Bytes of a block; its table of 512 KiB stays in the processor's cache."""
_AT_ONCE = 128
"""Blocks that are looked up together, so that little memory is needed."""
_SHORT = 16
"""Bytes of a text below which the plain loop is quicker."""


def masked_crc32c(data: bytes | memoryview) -> int:
    """The CRC-32C of `data` as TensorFlow and LevelDB store it: rotated right by 15 bits, plus a constant."""
    crc = crc32c(data)
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & _ONES


def crc32c(data: bytes | memoryview) -> int:
    """The CRC-32C of `data`; of the nine digits 123456789 it is 0xE3069283."""
    if len(data) < _SHORT:
        state = _ONES
        for byte in bytes(data):
            state = _BYTES[(state ^ byte) & 0xFF] ^ (state >> 8)
        return state ^ _ONES
    state = 0
    blocks_NL = _blocks(data)
    for start in range(0, len(blocks_NL), _AT_ONCE):
        places_NL = _PLACES + blocks_NL[start : start + _AT_ONCE]
        for own in np.bitwise_xor.reduce(_TABLE[places_NL], axis=1).tolist():
            state = _FIRST[state & 0xFF] ^ _SECOND[state >> 8 & 0xFF] ^ _THIRD[state >> 16 & 0xFF] ^ _LAST[state >> 24]
            state ^= own
    return state ^ _ONES


def _blocks(data: bytes | memoryview) -> NDArray[np.uint8]:
    """The text in whole blocks, filled up in front, its first four bytes inverted."""
    values = np.frombuffer(data, np.uint8)
    count = -(-len(values) // _BLOCK)
    filled = np.zeros(count * _BLOCK, np.uint8)
    filled[-len(values) :] = values
    first = len(filled) - len(values)
    filled[first : first + 4] ^= np.uint8(0xFF)
    return filled.reshape(count, _BLOCK)


def _over_zero(states: Words) -> Words:
    """The states after one byte of zero."""
    low: Words = _OF_BYTE[states & np.uint32(0xFF)]
    return low ^ (states >> np.uint32(8))


def _of_byte() -> Words:
    """The state after each byte from state 0."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = (table >> np.uint32(1)) ^ np.where(table & np.uint32(1), np.uint32(_POLYNOMIAL), np.uint32(0))
    return table


def _of_place_and_byte() -> Words:
    """The state that each byte at each place leaves at the end of a block, from state 0, at [place * 256 + byte]."""
    table = np.empty((_BLOCK, 256), np.uint32)
    table[-1] = _OF_BYTE
    for place in range(_BLOCK - 2, -1, -1):
        table[place] = _over_zero(table[place + 1])
    return table.ravel()


def _over_zeros() -> list[list[int]]:
    """The map of a state over a block of zeros, as four tables for the bytes of the state, the lowest first."""
    states = np.arange(256, dtype=np.uint32) << (np.uint32(8) * np.arange(4, dtype=np.uint32)[:, None])
    for _ in range(_BLOCK):
        states = _over_zero(states)
    tables: list[list[int]] = states.tolist()
    return tables


_OF_BYTE = _of_byte()
_BYTES: list[int] = _OF_BYTE.tolist()
_TABLE = _of_place_and_byte()
_PLACES = np.arange(_BLOCK, dtype=np.int32) * np.int32(256)
_FIRST, _SECOND, _THIRD, _LAST = _over_zeros()
