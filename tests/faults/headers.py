"""Headers that declare sizes, lengths and times that are not there."""

import struct
from collections.abc import Callable, Iterator

from tests.faults.boxes import patched, replaced
from tests.faults.cases import DAMAGED, STORED, Case, chance, of_bytes, of_film

HEADS = (1, 3, 8, 32, 100, 512)
SIZES = (0, 1, 7, 0x7FFFFFFF, 0xFFFFFFFF)
MOST, DAY = b"\xff\xff\xff\xff", (1000 * 86400).to_bytes(4, "big")
LARGE = (16384).to_bytes(2, "big") + (8704).to_bytes(2, "big")
LIES: dict[str, tuple[tuple[bytes, int, bytes], ...]] = {
    "announces a day": ((b"mvhd", 16, DAY), (b"mdhd", 16, DAY), (b"tkhd", 20, DAY)),
    "announces 4 billion samples": ((b"stsz", 8, MOST),),
    "announces 4 billion time entries": ((b"stts", 4, MOST),),
    "has samples of 4 billion bytes": ((b"stsz", 12, MOST),),
    "has samples of 4 billion units": ((b"stts", 12, MOST),),
    "has chunks at 4 billion": ((b"stco", 8, MOST),),
    "has no time base": ((b"mdhd", 12, bytes(4)),),
    "has the largest time base": ((b"mdhd", 12, MOST),),
    "declares 16384 x 8704": ((b"avc1", 24, LARGE),),
    "declares 0 x 0": ((b"avc1", 24, bytes(4)), (b"tkhd", 76, bytes(8))),
    "declares 65535 x 65535": ((b"avc1", 24, MOST),),
    "is turned by a matrix of noise": ((b"tkhd", 40, chance("matrix").randbytes(36)),),
}
"""Of MP4: kind of a box, where behind it, and the bytes."""
QUICK = {"announces a day", "announces 4 billion samples", "declares 65535 x 65535"}
AVI_SIZE, AVI_LARGE = struct.pack("<II", 64, 48), struct.pack("<II", 16384, 8704)
DEEP = b"".join((8 * (3000 - depth)).to_bytes(4, "big") + b"moov" for depth in range(3000))
_PICTURE = b"\x2c" + bytes(4) + b"\xff\xff\xff\xff\x00\x02\x02\x4c\x01\x00"
GIF = b"GIF89a\xff\xff\xff\xff\x80\x00\x00" + bytes(6) + 3 * _PICTURE + b"\x3b"


def cases() -> Iterator[Case]:
    """All of them."""
    for length in HEADS:
        yield of_film(f"the first {length} bytes of an MP4", "early.mp4", _head(length), file="a.mp4")
    for name, lies in LIES.items():
        # FFmpeg believes the times of the samples, not what the header says of all of them
        ends = STORED if name == "announces a day" else DAMAGED
        yield of_film(f"an MP4 that {name}", "early.mp4", _patch(*lies), file="a.mp4", ends=ends, quick=name in QUICK)
    for kind in (b"moov", b"trak", b"stbl", b"avcC"):
        for size in SIZES:
            name = f"an MP4 whose box {kind.decode()} has {size} bytes"
            yield of_film(name, "early.mp4", _patch((kind, -8, size.to_bytes(4, "big"))), file="a.mp4")
    yield of_film("3000 boxes in one another", "early.mp4", lambda data: data[:32] + DEEP, file="a.mp4")
    lie = _patch((b"\x44\x89\x88", -1, struct.pack(">d", 86_400_000.0)))
    yield of_film("a Matroska file that announces a day", "a.mkv", lie, file="a.mkv", ends={"truncated"}, quick=True)
    lie = _replace(b"\xb0\x81\x40\xba\x81\x30", b"\xb0\x82\x40\x00\xba\x82\x22\x00")
    yield of_film("a Matroska file of 16384 x 8704", "a.mkv", lie, file="a.mkv")
    lie, ends = _replace(AVI_SIZE, AVI_LARGE), frozenset({"too large", "corrupt"})
    yield of_film("a raw AVI of 16384 x 8704", "raw.avi", lie, file="a.avi", ends=ends, quick=True)
    yield of_bytes("a GIF of 65535 x 65535", lambda _: GIF, file="a.gif", ends=DAMAGED, quick=True)


def _head(length: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:length]


def _patch(*patches: tuple[bytes, int, bytes]) -> Callable[[bytes], bytes]:
    return lambda data: patched(data, *patches)


def _replace(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    return lambda data: replaced(data, old, new)
