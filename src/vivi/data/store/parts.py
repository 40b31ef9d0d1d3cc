"""Parts: what became of single videos, each written by one worker, in any order, and read by the packer.

.work/parts/<key>.frames    the frames of one video as tar members
.work/parts/<key>.json      its record, or why it is skipped; a part exists when this file does
"""

import dataclasses
import json
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vivi.core.files import atomic_file, read_json, write_text
from vivi.data.store import format as layout
from vivi.data.store.format import Skip, VideoRecord


class Parts:
    """The results of single videos below `store`, each written by one worker and read by the packer."""

    def __init__(self, store: Path) -> None:
        self.folder = store / layout.WORK / "parts"

    def frames(self, key: str) -> Path:
        """Where the frames of a video wait to be packed."""
        return self.folder / f"{key}.frames"

    def record(self, key: str) -> Path:
        """Where the record of a video waits to be packed."""
        return self.folder / f"{key}.json"

    def write_frames(self, key: str, jpegs: Iterable[bytes]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Write frames as they come; gives the size and the CRC-32 of each."""
        sizes, checksums = [], []
        with atomic_file(self.frames(key)) as file:
            for number, jpeg in enumerate(jpegs):
                file.write(layout.member_header(f"{key}-{number:06d}.jpg", len(jpeg)))
                file.write(jpeg)
                file.write(bytes(layout.padding(len(jpeg))))
                sizes.append(len(jpeg))
                checksums.append(zlib.crc32(jpeg))
        return tuple(sizes), tuple(checksums)

    def write_record(self, key: str, result: VideoRecord | Skip) -> None:
        """Write what became of a video; from now on it is not done again."""
        kind = "video" if isinstance(result, VideoRecord) else "skip"
        write_text(self.record(key), json_line({kind: dataclasses.asdict(result)}))

    def read_record(self, key: str) -> VideoRecord | Skip | None:
        """What became of a video; None if it was not done yet."""
        path = self.record(key)
        if not path.exists():
            return None
        data = read_json(path)
        return Skip(**data["skip"]) if "skip" in data else video_from(data["video"])

    def remove(self, key: str) -> None:
        """Delete a part that has been packed."""
        self.frames(key).unlink(missing_ok=True)
        self.record(key).unlink(missing_ok=True)


def json_line(value: Any) -> str:
    """`value` as one line of JSON, always the same for the same value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")) + "\n"


def video_from(data: dict[str, Any]) -> VideoRecord:
    """A record from its JSON values."""
    shots = tuple((first, length) for first, length in data["shots"])
    frames = {name: tuple(data[name]) for name in ("frame_bytes", "frame_crc32")}
    return VideoRecord(**(data | frames | {"shots": shots}))
