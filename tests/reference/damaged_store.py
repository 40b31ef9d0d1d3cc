"""Flips a byte of a stored frame, as a failing disk does."""

from pathlib import Path

from vivi.data.store import ShotStore


def flip(store: Path, *, video: int, frame: int) -> None:
    """One bit in the middle of the frame's JPEG file."""
    opened = ShotStore.open(store)
    shard = store / opened.record_name(video, frame).file
    [jpeg] = opened.read_frames(video, first=frame, count=1)
    data = bytearray(shard.read_bytes())
    assert data.count(jpeg) == 1
    data[data.find(jpeg) + len(jpeg) // 2] ^= 0x10
    shard.write_bytes(bytes(data))
