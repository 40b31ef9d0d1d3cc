"""What decides the bytes of a store, its sources apart."""

from typing import Annotated

from pydantic import Field

from vivi.core.config import config
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
