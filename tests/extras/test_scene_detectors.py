"""PySceneDetect's detectors find, through our frames, the cuts that its own manager finds on the same pictures.

Run by `make test-extras`; without PySceneDetect these tests fail, they do not skip.
"""

from pathlib import Path

import av
import numpy as np
import pytest

from vivi.core.config import dump, load
from vivi.core.errors import ConfigError
from vivi.data.store import ShotStore
from vivi.video.ingest import IngestSettings, ingest
from vivi.video.scene_detectors import ContentScenes, FadeScenes, scenedetect_version
from vivi.video.shots import CutsAt, ShotMethod
from vivi.video.shots_flag import ShotFlags, shot_method

pytestmark = pytest.mark.extras

RATE = 25
CUTS = (40, 80)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three scenes of moving blocks; between the last two it fades to black and back."""
    rng = np.random.default_rng(4)
    scenes = [rng.integers(60, 255, (6, 14, 3)).astype(np.uint8) for _ in range(3)]
    images = []
    for number in range(120):
        large = scenes[sum(number >= cut for cut in CUTS)].repeat(16, 0).repeat(16, 1)
        light = min(1.0, abs(number - 80) / 8) if number > 60 else 1.0
        images.append((large[:, number // 4 : number // 4 + 160] * light).astype(np.uint8))
    path = tmp_path_factory.mktemp("scenes") / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"threads": "1", "crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")))
        container.mux(stream.encode(None))
    return path


def theirs(clip: Path, name: str) -> list[float]:
    import scenedetect

    video = scenedetect.open_video(str(clip), backend="pyav")
    manager = scenedetect.SceneManager()
    manager.auto_downscale = False
    manager.add_detector(getattr(scenedetect.detectors, name)())
    manager.detect_scenes(video)
    return [start.seconds for start, _ in manager.get_scene_list()[1:]]


@pytest.mark.parametrize(
    ("flag", "name"),
    [
        ("content", "ContentDetector"),
        ("adaptive", "AdaptiveDetector"),
        ("threshold", "ThresholdDetector"),
        ("hash", "HashDetector"),
        ("hist", "HistogramDetector"),
    ],
)
def test_the_cuts_are_those_of_its_own_program(clip: Path, flag: str, name: str) -> None:
    method = shot_method(f"scenedetect:{flag}")
    assert load(dump(method), ShotMethod) == method
    found = method.of_video(clip, video="clip.mp4")
    assert isinstance(found, CutsAt)
    expected = theirs(clip, name)
    assert expected, "a test without cuts would show nothing"
    assert list(found.seconds) == pytest.approx(expected, abs=0.002)


def test_the_first_cut_is_at_its_frame(clip: Path) -> None:
    found = ContentScenes().of_video(clip, video="clip.mp4")
    assert found.seconds[0] == pytest.approx(CUTS[0] / RATE, abs=0.001)
    (fade,) = FadeScenes().of_video(clip, video="clip.mp4").seconds
    assert fade == pytest.approx(CUTS[1] / RATE, abs=2 / RATE)


def test_the_threshold_is_the_detectors_own(clip: Path) -> None:
    method = shot_method("scenedetect:content", flags=ShotFlags(threshold=250))
    assert method == ContentScenes(threshold=250, version=scenedetect_version())
    assert method.of_video(clip, video="clip.mp4") == CutsAt(seconds=())


def test_another_version_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"the settings say PySceneDetect 0\.1 and"):
        ContentScenes(version="0.1").check([])


def test_ingest_takes_its_cuts(clip: Path, tmp_path: Path) -> None:
    settings = IngestSettings(fps=5.0, shots=shot_method("scenedetect:content"))
    ingest([clip], out=tmp_path / "store", settings=settings, workers=1)
    first = ShotStore.open(tmp_path / "store").table.shots(0)[0]
    assert first.length == CUTS[0] // 5
