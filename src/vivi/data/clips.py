"""Which frames a sample shows: K shots of L frames. Pure over the table of shots."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from vivi.core.config import config
from vivi.core.errors import ConfigError
from vivi.core.seeds import rng
from vivi.data.records import ShotTable


@dataclass(frozen=True, slots=True)
class Clip:
    """The frames of one sample: K shots of L frames of one video."""

    video: int
    """Number of the video in its store."""
    frame_numbers_KL: NDArray[np.int64]
    """Counted in the stored frames of the video."""


@config
class Sampling(ABC):
    """How samples are drawn from a store."""

    unit: ClassVar[str] = "samples"
    """What the ids count, in the plural, for messages."""

    @property
    @abstractmethod
    def shots(self) -> int:
        """K: shots of a sample."""

    @property
    @abstractmethod
    def frames(self) -> int:
        """L: frames of each shot."""

    @abstractmethod
    def eligible(self, table: ShotTable) -> NDArray[np.int64]:
        """Ids of all samples that can be drawn, ascending.

        Raises:
            ConfigError: there are none; the text says what the store would allow.
        """

    @abstractmethod
    def draw(self, sample: int, table: ShotTable, *, seed: int, step: int) -> Clip:
        """The frames that the eligible sample `sample` shows at `step`."""


@config
class ConsecutiveShots(Sampling):
    """K neighbouring shots of a video, each with at least L frames; L consecutive frames of each (paper, section 4).

    Ids are videos. The window of shots is uniform over the legal ones, the first frame uniform within each shot.
    """

    unit: ClassVar[str] = "videos with enough long shots"
    shots: int = 4
    frames: int = 8

    def __post_init__(self) -> None:
        _check_positive(shots=self.shots, frames=self.frames)

    def eligible(self, table: ShotTable) -> NDArray[np.int64]:
        """Videos with at least one legal window, ascending.

        Raises:
            ConfigError: there are none; the text says what the store would allow.
        """
        videos = _videos_with_window(table, shots=self.shots, frames=self.frames)
        if not len(videos):
            raise ConfigError(
                f"no video of the store has {self.shots} consecutive shots of at least {self.frames} frames; "
                + _what_is_possible(table, shots=self.shots, frames=self.frames)
            )
        return videos

    def draw(self, sample: int, table: ShotTable, *, seed: int, step: int) -> Clip:
        """K neighbouring shots of video `sample`, L consecutive frames of each."""
        generator = rng(seed, step=step, purpose="clip", sample=sample)
        start, end = table.video_start_V1[sample : sample + 2]
        windows = np.flatnonzero(_window_minimum(table.length_S[start:end], self.shots) >= self.frames)
        first_shot = start + windows[generator.integers(len(windows))]
        chosen = slice(first_shot, first_shot + self.shots)
        offset_K = generator.integers(table.length_S[chosen] - self.frames + 1)
        return Clip(int(sample), (table.first_S[chosen] + offset_K)[:, None] + np.arange(self.frames))


@config
class OneShot(Sampling):
    """Base of the samplings whose samples know no other shots of their video: K=1, L frames."""

    frames: int = 8

    def __post_init__(self) -> None:
        _check_positive(frames=self.frames)

    @property
    def shots(self) -> int:
        """Always 1."""
        return 1


@config
class SingleShots(OneShot):
    """Every shot of at least L frames is a sample of its own, K=1 (the paper's Ex-YT-S). Ids are shots of the table."""

    unit: ClassVar[str] = "shots that are long enough"

    def eligible(self, table: ShotTable) -> NDArray[np.int64]:
        """Numbers of all shots with at least L frames, ascending.

        Raises:
            ConfigError: there are none; the text says what the store would allow.
        """
        shots = np.flatnonzero(table.length_S >= self.frames)
        if not len(shots):
            raise ConfigError(
                f"no shot of the store has {self.frames} frames; "
                + _what_is_possible(table, shots=1, frames=self.frames)
            )
        return shots

    def draw(self, sample: int, table: ShotTable, *, seed: int, step: int) -> Clip:
        """L consecutive frames of shot `sample`, the first one uniform."""
        generator = rng(seed, step=step, purpose="clip", sample=sample)
        first = table.first_S[sample] + generator.integers(table.length_S[sample] - self.frames + 1)
        video = int(np.searchsorted(table.video_start_V1, sample, side="right")) - 1
        return Clip(video, first + np.arange(self.frames)[None, :])


@config
class RepeatedFrame(OneShot):
    """One frame of each video, fixed for the run, shown L times, K=1 (the paper's Ex-YT-F). Ids are videos."""

    unit: ClassVar[str] = "videos"

    def eligible(self, table: ShotTable) -> NDArray[np.int64]:
        """All videos with at least one frame, ascending.

        Raises:
            ConfigError: the store has no frames.
        """
        videos = _videos_with_window(table, shots=1, frames=1)
        if not len(videos):
            raise ConfigError("the store has no frames: ingest at least one readable video")
        return videos

    def draw(self, sample: int, table: ShotTable, *, seed: int, step: int) -> Clip:  # noqa: ARG002
        """A frame of video `sample`, uniform over its frames and the same at every step, L times."""
        start, end = table.video_start_V1[sample : sample + 2]
        ends_S = np.cumsum(table.length_S[start:end])
        position = rng(seed, step=0, purpose="frame", sample=sample).integers(ends_S[-1])
        shot = int(np.searchsorted(ends_S, position, side="right"))
        number = table.first_S[start + shot] + position - (ends_S[shot] - table.length_S[start + shot])
        return Clip(int(sample), np.full((1, self.frames), number, dtype=np.int64))


@config
class SingleImages(OneShot):
    """Every image of a folder, shown L times, K=1 (the baselines on ImageNet, paper, section 4). Ids are images."""

    unit: ClassVar[str] = "images"

    def eligible(self, table: ShotTable) -> NDArray[np.int64]:
        """All images, ascending.

        Raises:
            ConfigError: these are no images but videos.
        """
        if len(table.length_S) != table.num_videos or (table.length_S != 1).any():
            raise ConfigError(
                "sampling: SingleImages takes a folder of images, this is a store of videos; "
                "--set sampling=RepeatedFrame takes one frame of each"
            )
        return np.arange(table.num_videos)

    def draw(self, sample: int, table: ShotTable, *, seed: int, step: int) -> Clip:  # noqa: ARG002
        """Image `sample`, L times."""
        return Clip(int(sample), np.zeros((1, self.frames), dtype=np.int64))


def num_videos_for(table: ShotTable, *, shots: int, frames: int) -> int:
    """How many videos have `shots` consecutive shots of at least `frames` frames each; 0 is an answer."""
    return len(_videos_with_window(table, shots=shots, frames=frames))


def _check_positive(**values: int) -> None:
    for name, value in values.items():
        if value < 1:
            raise ValueError(f"{name}: must be at least 1")


def _window_minimum(length_S: NDArray[np.int64], shots: int) -> NDArray[np.int64]:
    """The shortest shot of each run of `shots` neighbours: one value per run, none when there are too few shots."""
    count = max(len(length_S) - shots + 1, 0)
    shortest = np.full(count, np.iinfo(np.int64).max)
    for offset in range(shots if count else 0):
        np.minimum(shortest, length_S[offset : offset + count], out=shortest)
    return shortest


def _window_minimum_in_videos(table: ShotTable, shots: int) -> NDArray[np.int64]:
    """As `_window_minimum`, one value per shot that starts a run; 0 where the run would leave the video."""
    shortest_S = np.zeros(len(table.length_S), dtype=np.int64)
    inside = _window_minimum(table.length_S, shots)
    shortest_S[: len(inside)] = inside
    end_of_video_S = np.repeat(table.video_start_V1[1:], np.diff(table.video_start_V1))
    shortest_S[np.arange(len(shortest_S)) + shots > end_of_video_S] = 0
    return shortest_S


def _videos_with_window(table: ShotTable, *, shots: int, frames: int) -> NDArray[np.int64]:
    legal_S = _window_minimum_in_videos(table, shots) >= frames
    windows_S1 = np.concatenate([[0], np.cumsum(legal_S)])
    windows_V = np.diff(windows_S1[table.video_start_V1])
    return np.flatnonzero(windows_V)


def _what_is_possible(table: ShotTable, *, shots: int, frames: int) -> str:
    """The nearest K and L that the store allows, and how to ask for them."""
    most_shots = max((k for k in range(2, shots) if num_videos_for(table, shots=k, frames=frames)), default=0)
    most_frames = int(_window_minimum_in_videos(table, shots).max(initial=0))
    possible = [f"K={most_shots} at L={frames} (--set sampling.shots={most_shots})"] if most_shots else []
    if most_frames:
        possible.append(f"K={shots} at L={most_frames} (--set sampling.frames={most_frames})")
    longest = int(table.length_S.max(initial=0))
    allowed = "the store allows " + " or ".join(possible) if possible else f"its longest shot has {longest} frames"
    return f"{allowed}; or ingest with a higher --fps, or longer videos (vivi doctor STORE says what would help)"
