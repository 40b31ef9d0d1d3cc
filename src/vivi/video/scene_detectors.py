"""Cuts by the detectors of PySceneDetect (the extra `scenes`), which look at every frame of the file.

https://github.com/Breakthrough/PySceneDetect, scenedetect/detectors/. Each detector keeps its own defaults;
its threshold can be set. Frames are decoded and scaled by us, so a cut near a threshold may fall otherwise than in its
own program.
"""

import importlib
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Annotated, Any

import cv2
from pydantic import Field

from vivi.core.config import config
from vivi.core.errors import ConfigError
from vivi.video.decode import TimedFrame
from vivi.video.every_frame import EveryFrame

_OLDEST = (0, 7)


@config
class SceneDetector(EveryFrame):
    """Base of the adapters."""

    version: str = ""
    """Of PySceneDetect, on which the cuts depend; empty accepts any."""
    shortest: Annotated[int, Field(ge=1)] = 15
    """Frames of the file between two cuts, at least; PySceneDetect's own default."""

    def check(self, videos: Sequence[str]) -> None:  # noqa: ARG002
        """See before the work that PySceneDetect is there.

        Raises:
            ConfigError: it is not, or in another version than the settings say.
        """
        found = scenedetect_version()
        if self.version and self.version != found:
            raise ConfigError(
                f"the settings say PySceneDetect {self.version} and {found} is installed: its cuts may differ; "
                f"pip install scenedetect-headless=={self.version}, or use another --out"
            )

    @abstractmethod
    def detector(self) -> Any:
        """A fresh detector of PySceneDetect."""

    def cuts(self, frames: Iterable[TimedFrame]) -> list[float]:
        """What the detector finds, frame after frame; its numbers of frames become the times of these frames."""
        timecode = importlib.import_module("scenedetect").FrameTimecode
        detector, rate = self.detector(), Fraction(1000)
        seconds: list[float] = []
        numbers: set[int] = set()
        now = timecode(0, fps=rate)
        for second, image_HWC in frames:
            now = timecode(len(seconds), fps=rate)
            seconds.append(second)
            image_BGR = cv2.cvtColor(image_HWC, cv2.COLOR_RGB2BGR)
            numbers |= {int(cut.frame_num) for cut in detector.process_frame(now, image_BGR)}
        numbers |= {int(cut.frame_num) for cut in detector.post_process(now)}
        return [seconds[number] for number in sorted(numbers) if 0 < number < len(seconds)]


@config
class ContentScenes(SceneDetector):
    """ContentDetector: change of hue, saturation and brightness."""

    threshold: Annotated[float, Field(gt=0, le=255)] = 27.0

    def detector(self) -> Any:
        """ContentDetector."""
        return _detectors().ContentDetector(threshold=self.threshold, min_scene_len=self.shortest)


@config
class AdaptiveScenes(SceneDetector):
    """AdaptiveDetector: the same change, compared with that of the frames around."""

    threshold: Annotated[float, Field(gt=0)] = 3.0
    """Times the mean around it."""

    def detector(self) -> Any:
        """AdaptiveDetector."""
        return _detectors().AdaptiveDetector(adaptive_threshold=self.threshold, min_scene_len=self.shortest)


@config
class FadeScenes(SceneDetector):
    """ThresholdDetector: fades to black and back; the cut lies between."""

    threshold: Annotated[float, Field(gt=0, le=255)] = 12.0
    """Mean brightness under which a frame is black."""

    def detector(self) -> Any:
        """ThresholdDetector."""
        return _detectors().ThresholdDetector(threshold=self.threshold, min_scene_len=self.shortest)


@config
class HistogramScenes(SceneDetector):
    """HistogramDetector: correlation of the histograms of brightness."""

    threshold: Annotated[float, Field(gt=0, le=1)] = 0.2

    def detector(self) -> Any:
        """HistogramDetector."""
        return _detectors().HistogramDetector(threshold=self.threshold, min_scene_len=self.shortest)


@config
class HashScenes(SceneDetector):
    """HashDetector: perceptual hashes."""

    threshold: Annotated[float, Field(gt=0, le=1)] = 0.35

    def detector(self) -> Any:
        """HashDetector."""
        return _detectors().HashDetector(threshold=self.threshold, min_scene_len=self.shortest)


def scenedetect_version() -> str:
    """The version of PySceneDetect.

    Raises:
        ConfigError: it is not installed, or too old.
    """
    try:
        version = str(importlib.import_module("scenedetect").__version__)
    except ImportError as error:
        raise ConfigError('--shots scenedetect:... needs PySceneDetect: pip install "vivi[scenes]"') from error
    if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST:
        raise ConfigError(f'PySceneDetect {version} is too old: pip install --upgrade "vivi[scenes]" (0.7 or newer)')
    return version


def _detectors() -> Any:
    return importlib.import_module("scenedetect.detectors")
