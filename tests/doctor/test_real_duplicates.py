"""Copies of real videos are found, and nothing else: encoded again, scaled, begun later, cut at the edges."""

import os
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from vivi.data.store import ShotStore
from vivi.doctor.duplicates import find_duplicates
from vivi.doctor.look import look_at
from vivi.video.ingest import IngestSettings, ingest

pytestmark = [pytest.mark.real, pytest.mark.slow]

ORIGINALS = (
    "Zulko+moviepy/chaplin.mp4",
    "YueFan1014+VideoAgent/boats.mp4",
    "mdn+learning-area/rabbit320.webm",
    "facebook+C3D",
    "mdn+interactive-examples",
)
"""Videos, or folders whose first video is taken."""
KNOWN = {
    ("AleksMa+UCF11-classifier/v_biking_01_01.mpg", "muhammad2033+Action-Recognition-using-UCF50/v_Biking_g01_c01.avi"),
    ("gadm21+videoToSeq/video236.mp4", "gadm21+videoToSeq/video4382.mp4"),
    ("gadm21+videoToSeq/video7202.mp4", "gadm21+videoToSeq/video9769.mp4"),
}
"""The pairs among the real videos; each was looked at, and shows the same."""


@pytest.fixture(scope="module")
def root() -> Path:
    if not os.environ.get("VIVI_REAL_DATA"):
        pytest.skip("VIVI_REAL_DATA is not set")
    return Path(os.environ["VIVI_REAL_DATA"]) / "videos"


def pairs(store: Path) -> set[tuple[str, str]]:
    opened = ShotStore.open(store)
    found = find_duplicates(look_at(opened, videos=range(opened.info.num_videos), threads=2))
    return {(opened.video_path(pair.first), opened.video_path(pair.second)) for pair in found.pairs}


def copy(
    source: Path, target: Path, *, later: float = 0.0, scale: float = 1.0, cut: float = 0.0, crf: int = 28
) -> None:
    """Decode, change and encode every frame."""
    with av.open(str(source)) as before, av.open(str(target), "w") as after:
        video = before.streams.video[0]
        stream = after.add_stream("libx264", rate=video.average_rate, options={"crf": str(crf), "preset": "veryfast"})
        stream.pix_fmt = "yuv420p"
        first = None
        for frame in before.decode(video):
            first = frame.time if first is None else first
            if frame.time - first < later:
                continue
            image = frame.to_ndarray(format="rgb24")
            rows, columns = (round(cut * side / 2) for side in image.shape[:2])
            image = image[rows : image.shape[0] - rows, columns : image.shape[1] - columns]
            height, width = (int(scale * side) // 2 * 2 for side in image.shape[:2])
            image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
            if not stream.codec_context.is_open:
                stream.height, stream.width = height, width
            after.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")))
        after.mux(stream.encode(None))


def test_copies_are_found(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    expected = set()
    for number, name in enumerate(ORIGINALS):
        file = root / name
        file = sorted(file.iterdir())[0] if file.is_dir() else file
        names = [f"{number}-{kind}.mp4" for kind in ("again", "cut", "later", "original", "small")]
        copy(file, folder / names[0], crf=38)
        copy(file, folder / names[1], cut=0.03)
        copy(file, folder / names[2], later=2.0)
        (folder / names[3]).write_bytes(file.read_bytes())
        copy(file, folder / names[4], scale=0.4)
        expected |= {tuple(sorted((each, names[3]))) for each in names if each != names[3]}
    ingest([folder], out=tmp_path / "store", settings=IngestSettings(), workers=2)
    found = pairs(tmp_path / "store")
    assert expected - found == set()
    assert {pair for pair in found if pair[0][0] != pair[1][0]} == set()


def test_no_strangers_among_the_real_videos(root: Path, tmp_path: Path) -> None:
    ingest([root], out=tmp_path / "store", settings=IngestSettings(), workers=2)
    assert pairs(tmp_path / "store") == KNOWN
