"""Records that give no picture: which they are, how many a run bears, and which sample is shown instead.

All of it is a function of the data, the seed, the step and the place in the whole batch: threads, ranks and the step
where reading begins change nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import gcd

import numpy as np
from numpy.typing import NDArray

from vivi.core.errors import StoreError, ViviError
from vivi.core.seeds import rng
from vivi.data.clips import Clip
from vivi.data.frame_source import FrameSource, RecordName
from vivi.data.image_file import ImageError
from vivi.data.jpeg import RowDecoder


@dataclass(frozen=True, slots=True)
class DamagedRecord:
    """A stored frame or an image file that fails its checksum or cannot be decoded."""

    name: RecordName
    reason: str


class TooManyDamagedError(ViviError):
    """More records are damaged than a run bears.

    Args:
        count: how many.
        limit: how many are borne.
        example: one of them.
    """

    def __init__(self, count: int, *, limit: int, example: DamagedRecord) -> None:
        name = example.name
        frame = "" if name.video is None else f", frame {name.frame} of video {name.video!r}"
        super().__init__(
            f"{count} records of the data are damaged, more than --bad-records {limit}, one of them is {name.file}"
            f"{frame}: mend the data and delete bad_records.jsonl of the run, or give a higher --bad-records"
        )


class Damage:
    """What was found to be damaged in the batches that were handed out. Not for several threads at once.

    Args:
        limit: so many damaged records are borne; 0: the first one ends the run.
    """

    def __init__(self, limit: int = 0) -> None:
        self.limit: int = limit
        self._found: list[tuple[int, DamagedRecord]] = []

    @property
    def has_news(self) -> bool:
        """Whether anything was found since the last `take`."""
        return bool(self._found)

    def add(self, step: int, records: Iterable[DamagedRecord]) -> None:
        """Take note of what was found while the batch of `step` was made."""
        self._found += [(step, record) for record in records]

    def take(self) -> list[tuple[int, DamagedRecord]]:
        """Step and record of everything since the last call, in the order of steps and samples."""
        found, self._found = self._found, []
        return found


def damaged_records(source: FrameSource, clip: Clip) -> list[DamagedRecord]:
    """Those of the frames of a clip that cannot be read and decoded, each tried by itself."""
    found = []
    for number in dict.fromkeys(clip.frame_numbers_KL.ravel().tolist()):
        try:
            video = source.video(clip.video)
            [frame] = video.read(first=number, count=1)
            frame.decode(RowDecoder(), rows=video.height)
        except (StoreError, ImageError) as error:
            reason = error.reason if isinstance(error, ImageError) else str(error)
            found.append(DamagedRecord(source.record_name(clip.video, number), reason))
    return found


def sample_instead(
    position: int,
    *,
    attempt: int,
    eligible: NDArray[np.int64],
    ids_N: NDArray[np.int64],
    seed: int,
    step: int,
    stream: str = "",
) -> int | None:
    """The sample that is shown where the one at `position` of the whole batch is damaged; None when all were tried.

    It is one of the others: the whole batch's own samples are not repeated, and two places of a batch get different
    samples, as long as the source has enough.

    Args:
        position: in the whole batch.
        attempt: 0 for the first replacement, 1 where that one is damaged too, and so on.
        eligible: all samples.
        ids_N: those of the whole batch, as they were drawn.
        seed: of the experiment.
        step: the global step.
        stream: as in `batch_ids`.
    """
    others = eligible[~np.isin(eligible, ids_N)]
    pool = others if len(others) else eligible
    if attempt >= len(pool):
        return None
    stride = next(each for each in range(len(ids_N), len(ids_N) + len(pool)) if gcd(each, len(pool)) == 1)
    order = rng(seed, step=step, purpose=f"{stream}instead of damaged").permutation(len(pool))
    return int(pool[order[(position + attempt * stride) % len(pool)]])
