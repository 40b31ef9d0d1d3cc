"""What decides the bytes of a store, its sources apart."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from vivi.core.config import config
from vivi.video.borders import BorderSearch
from vivi.video.cropping import CroppedFrames, sample_within_borders
from vivi.video.decode import VideoFrames, sample_frames
from vivi.video.shots import HistogramShots, ShotMethod


@config
class IngestSettings:
    """Settings of an ingest; they are part of the store."""

    fps: Annotated[float, Field(gt=0, le=1000)] = 1.0
    """Stored frames per second of video."""
    short_side: Annotated[int, Field(ge=16, le=8192)] = 256
    """Pixels of the shorter side of a stored frame; smaller videos are not enlarged."""
    quality: Annotated[int, Field(ge=1, le=100)] = 90
    """Of the JPEG files, which have 4:2:0 chroma."""
    shots: ShotMethod = HistogramShots()
    """How videos are cut into shots."""
    shard_mebibytes: Annotated[int, Field(ge=1)] = 256
    """Largest size of a shard, unless a single video is larger."""

    def frames_of(self, file: Path) -> VideoFrames | CroppedFrames:
        """The frames of a video that are stored.

        Raises:
            DecodeError: see `vivi.video.decode.sample_frames`.
        """
        return sample_frames(file, fps=self.fps, short_side=self.short_side)


@config
class CroppedSettings(IngestSettings):
    """Settings of an ingest that cuts off black borders; its own class, so that plain settings stay as they are."""

    borders: BorderSearch = BorderSearch()
    """What counts as a border."""

    def frames_of(self, file: Path) -> VideoFrames | CroppedFrames:
        """Without the black borders that the video has throughout."""
        return sample_within_borders(file, fps=self.fps, short_side=self.short_side, search=self.borders)
