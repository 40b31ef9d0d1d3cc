"""Copies of real videos are found, and nothing else: encoded again, scaled, begun later, cut at the edges."""

import os
from pathlib import Path
from typing import Any

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


HARD = {"cut by 10 %": 12, "begun 1.5 s later": 12}
"""Kinds of copies of which not all are found, and how many of 24 must be."""
KINDS: dict[str, dict[str, Any]] = {
    "again at CRF 38": {"crf": 38},
    "scaled to 40 %": {"scale": 0.4},
    "begun 2 s later": {"later": 2.0},
    "cut by 3 %": {"cut": 0.03},
    "cut by 10 %": {"cut": 0.1},
    "begun 1.5 s later": {"later": 1.5},
}


def seconds(file: Path) -> float:
    with av.open(str(file)) as container:
        return (container.duration or 0) / av.time_base


def test_how_many_copies_of_each_kind_are_found(root: Path, tmp_path: Path) -> None:
    """24 videos of 6 to 30 seconds, evenly spread over all of them; see docs/doctor.md."""
    known = {path for pair in KNOWN for path in pair}
    files = sorted(file for file in root.rglob("*") if file.is_file() and str(file.relative_to(root)) not in known)
    fitting = [file for file in files if 6 <= seconds(file) <= 30]
    chosen = [fitting[number * len(fitting) // 24] for number in range(24)]
    folder = tmp_path / "videos"
    folder.mkdir()
    for number, file in enumerate(chosen):
        (folder / f"{number}-original.mp4").write_bytes(file.read_bytes())
        for kind, (_, change) in enumerate(KINDS.items()):
            copy(file, folder / f"{number}-{kind}.mp4", **change)
    ingest([folder], out=tmp_path / "store", settings=IngestSettings(), workers=2)
    found = pairs(tmp_path / "store")
    for kind, name in enumerate(KINDS):
        count = sum((f"{number}-{kind}.mp4", f"{number}-original.mp4") in found for number in range(24))
        print(f"{name}: {count} of 24")
        assert count >= HARD.get(name, 24)
    strangers = {pair for pair in found if pair[0].partition("-")[0] != pair[1].partition("-")[0]}
    print(f"strangers that were paired: {len(strangers)}")
    assert not strangers


def test_no_strangers_among_the_real_videos(root: Path, tmp_path: Path) -> None:
    ingest([root], out=tmp_path / "store", settings=IngestSettings(), workers=2)
    assert pairs(tmp_path / "store") == KNOWN
