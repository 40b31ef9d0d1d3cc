"""Methods that change what another one finds: cuts set right by hand, and shots that would be too long."""

import dataclasses
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vivi.core.config import config
from vivi.data.store.format import printable
from vivi.video.cuts import CutsError, corrected_cuts_of, read_cuts
from vivi.video.shots import CutsAt, ShotMethod, Signature


@config
class Corrected(ShotMethod):
    """The cuts of a file for the videos that it names, and those of another method for all others."""

    method: ShotMethod
    file: str
    """As for `KnownCuts`: CSV path,seconds or JSON; a line with empty seconds says that a video has no cuts."""
    sha256: str = ""
    """Of the file's bytes; empty accepts any."""

    def check(self, videos: Sequence[str]) -> None:
        """See before the work that the file speaks of at least one of these videos.

        Raises:
            CutsError: it names none of them.
        """
        named = set(read_cuts(Path(self.file)))
        others = [video for video in videos if not {video, printable(video)} & named]
        if videos and len(others) == len(videos):
            raise CutsError(
                f"--corrections {self.file} names none of the {len(videos)} videos; they are called like {videos[0]!r}"
            )
        self.method.check(others)

    def signature(self, image_HWC: NDArray[np.uint8]) -> Signature:
        """That of the other method."""
        return self.method.signature(image_HWC)

    def of_video(self, file: Path, *, video: str) -> ShotMethod:
        """The cuts of the file, or what the other method takes for this video."""
        cuts = self._cuts(video)
        return self.method.of_video(file, video=video) if cuts is None else CutsAt(seconds=cuts)

    def boundaries(self, signatures: Sequence[Signature], *, seconds: Sequence[float], video: str) -> list[int]:
        """As the file says, else as the other method finds them."""
        cuts = self._cuts(video)
        method = self.method if cuts is None else CutsAt(seconds=cuts)
        return method.boundaries(signatures, seconds=seconds, video=video)

    def _cuts(self, video: str) -> tuple[float, ...] | None:
        return corrected_cuts_of(video, Path(self.file), sha256=self.sha256)


@config
class EvenlyDivided(ShotMethod):
    """The shots of another method; those that are too long become equal parts, as few as will do."""

    method: ShotMethod
    max_frames: Annotated[int, Field(ge=1)]
    """Stored frames of the longest shot."""

    def check(self, videos: Sequence[str]) -> None:
        """As the other method."""
        self.method.check(videos)

    def signature(self, image_HWC: NDArray[np.uint8]) -> Signature:
        """That of the other method."""
        return self.method.signature(image_HWC)

    def of_video(self, file: Path, *, video: str) -> ShotMethod:
        """The same of what the other method takes for this video."""
        return dataclasses.replace(self, method=self.method.of_video(file, video=video))

    def boundaries(self, signatures: Sequence[Signature], *, seconds: Sequence[float], video: str) -> list[int]:
        """Those of the other method, and those within the shots that are too long."""
        found = self.method.boundaries(signatures, seconds=seconds, video=video)
        limits = [0, *found, len(signatures)]
        return sorted({cut for start, end in pairwise(limits) for cut in self._parts(start, end)} - {0})

    def _parts(self, start: int, end: int) -> list[int]:
        """Where the parts of a shot begin; their lengths differ by at most one frame."""
        parts = -(-(end - start) // self.max_frames)
        return [start + number * (end - start) // parts for number in range(parts)]
