"""A part of the videos held out for testing, by their names alone.

A video is held out if the first 64 bits of the sha256 of its name, divided by 2 ** 64, are below the share. These bits
are also its key in the store. So it is always in the same part, whatever else is there and in whatever order, and a
larger share holds out all that a smaller one does, and more.
"""

from collections.abc import Iterable, Iterator
from typing import Annotated

from pydantic import Field

from vivi.core.config import config
from vivi.data.store.format import Skip, video_key
from vivi.video.listing import Candidate


@config
class Holdout:
    """Which part of the videos is taken."""

    share: Annotated[float, Field(gt=0, lt=1)]
    """Of the videos that are held out, on average."""
    is_test: bool = False
    """Take those that are held out, rather than the others."""

    def of(self, found: Iterable[Candidate | Skip]) -> Iterator[Candidate | Skip]:
        """The part of what was found; the other part is passed over."""
        return (each for each in found if is_held_out(each.path, share=self.share) == self.is_test)


def is_held_out(name: str, *, share: float) -> bool:
    """Whether the video that a store calls `name` (before `printable`) is held out.

    Args:
        name: its relative path or id.
        share: between 0 and 1.
    """
    return int(video_key(name), 16) < share * 2**64
