"""The checksum of TensorFlow's files: CRC-32C (Castagnoli), masked; for large arrays in NumPy.

A CRC without its first and last complement is linear over bits. So a long text is cut into lanes of equal length that
are worked through side by side, one byte of every lane at a time, and joined by the linear map that shifts a CRC over
a lane of zeros. That map comes for free, from 32 more lanes that hold zeros and start with one bit each.
"""

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]

_POLYNOMIAL = 0x82F63B78
_MASK_DELTA = 0xA282EAD8
_ONES = 0xFFFFFFFF
_LANES = 4096


def masked_crc32c(data: bytes | memoryview) -> int:
    """The CRC-32C of `data` as TensorFlow and LevelDB store it: rotated right by 15 bits, plus a constant."""
    crc = crc32c(data)
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & _ONES


def crc32c(data: bytes | memoryview) -> int:
    """The CRC-32C of `data`; of the nine digits 123456789 it is 0xE3069283."""
    values = np.frombuffer(data, np.uint8)
    length = len(values) // _LANES
    state = _ONES
    if length:
        states, shift = _lanes(values[: length * _LANES].reshape(_LANES, length))
        for each in states.tolist():
            state = _apply(shift, state) ^ each
    for byte in values[length * _LANES :].tolist():
        state = _TABLE_LIST[(state ^ byte) & 0xFF] ^ (state >> 8)
    return state ^ _ONES


def _lanes(values_LT: NDArray[np.uint8]) -> tuple[Words, list[list[int]]]:
    """The state after each lane, started at 0, and the shift over a lane as four tables of the bytes of a state."""
    basis = np.left_shift(np.uint32(1), np.arange(32, dtype=np.uint32))
    states = np.concatenate([np.zeros(len(values_LT), np.uint32), basis])
    zeros = np.zeros(32, np.uint8)
    for values_L in np.ascontiguousarray(values_LT.T):
        low = (states & np.uint32(0xFF)).astype(np.uint8) ^ np.concatenate([values_L, zeros])
        states = _TABLE[low] ^ (states >> np.uint32(8))
    return states[:-32], [_span(states[-32 + 8 * byte :][:8].tolist()) for byte in range(4)]


def _span(images: list[int]) -> list[int]:
    """The image of each of the 256 bytes, given those of its eight bits."""
    table = [0]
    for image in images:
        table += [each ^ image for each in table]
    return table


def _apply(shift: list[list[int]], state: int) -> int:
    bytes_of_state = (state & 0xFF, state >> 8 & 0xFF, state >> 16 & 0xFF, state >> 24)
    first, second, third, fourth = (table[byte] for table, byte in zip(shift, bytes_of_state, strict=True))
    return first ^ second ^ third ^ fourth


def _make_table() -> Words:
    """The state after each byte from state 0."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = (table >> np.uint32(1)) ^ np.where(table & np.uint32(1), np.uint32(_POLYNOMIAL), np.uint32(0))
    return table


_TABLE = _make_table()
_TABLE_LIST: list[int] = _TABLE.tolist()
