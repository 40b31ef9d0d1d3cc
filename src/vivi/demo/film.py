"""Films of the demo world: small encoded videos of several shots, and the times of their cuts.

All shots of a video show the same kind of thing, in the same number, on the same kind of ground; colours, positions,
light and camera are drawn anew for every shot. So a video's shots share shapes, patterns and number, and no colour.
"""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from vivi.core.files import atomic_file, write_bytes, write_json, write_text
from vivi.core.seeds import rng
from vivi.demo.motion import draw_centres, draw_light, draw_paths
from vivi.demo.scenes import Scene, draw_scene
from vivi.demo.shapes import KINDS
from vivi.demo.surfaces import GROUNDS

HEIGHT, WIDTH = 84, 112
RATE = 8
"""Frames per second of the films."""
MOST_THINGS = 4
LARGEST = (0.44, 0.34, 0.29, 0.26)
"""Largest radius of one, two, three, four things together, in view heights."""

_X264 = {"preset": "veryfast", "crf": "20", "threads": "1", "x264-params": "mbtree=0:weightp=0"}
"""Without macroblock trees and weighted prediction, with which the same pictures do not always give the same bytes."""
_SAME_GROUND = 0.15
"""Share of the cuts that stay before the same background, and are hard to see in colours."""
_LIGHT_SWITCHES = 0.04
"""Share of the shots in which the light jumps without a cut."""
_NAMES = ("north/clip {:03d}.mp4", "south/clip {:03d}.mkv", "south/CLIP {:03d}.MP4", "north/Übung №{:03d}.mov")


@dataclass(frozen=True, slots=True)
class Film:
    """What one video shows."""

    path: str
    """Relative path of the file."""
    kind: str
    ground: str
    count: int
    shot_frames: tuple[int, ...]
    """Frames of each shot, at RATE frames per second."""

    @property
    def cuts(self) -> tuple[float, ...]:
        """Seconds of the first frame of every shot but the first."""
        return tuple(float(frames) / RATE for frames in np.cumsum(self.shot_frames[:-1]))


def plan(video: int, *, seed: int) -> Film:
    """What video number `video` of a world shows."""
    draw = rng(seed, step=0, purpose="film/plan", sample=video)
    shots = int(draw.integers(5, 8))
    return Film(
        path=_NAMES[video % len(_NAMES)].format(video // 2),
        kind=KINDS[int(draw.integers(len(KINDS)))],
        ground=GROUNDS[int(draw.integers(len(GROUNDS)))],
        count=1 + int(draw.integers(MOST_THINGS)),
        shot_frames=tuple(int(frames) for frames in draw.integers(2 * RATE, 3 * RATE + 1, shots)),
    )


def scenes(film: Film, video: int, *, seed: int) -> Iterator[Scene]:
    """The scene of every shot of a film, in order."""
    ground = None
    for shot in range(len(film.shot_frames)):
        draw = rng(seed, step=shot, purpose="film/shot", sample=video)
        keep = draw.uniform() < _SAME_GROUND
        scene = draw_scene(
            draw,
            kind=film.kind,
            ground=film.ground,
            paths=draw_paths(
                draw, centres_T2=draw_centres(draw, count=film.count), largest=LARGEST[film.count - 1], restless=1.0
            ),
            light=draw_light(draw, switches=_LIGHT_SWITCHES),
            height=HEIGHT,
            width=WIDTH,
            background_HW3=ground if keep else None,
        )
        ground = scene.background_HW3
        yield scene


def frames(film: Film, video: int, *, seed: int) -> Iterator[NDArray[np.uint8]]:
    """Every frame_HW3 of a film."""
    for scene, count in zip(scenes(film, video, seed=seed), film.shot_frames, strict=True):
        for number in range(count):
            yield scene.frame(number / count)


def encode(pictures: Iterator[NDArray[np.uint8]], out: Path) -> None:
    """Write frames_HW3 as h264 in the container that the suffix of `out` names; the file appears when it is whole.

    Raises:
        DiskFullError: the disk is full.
    """
    container_format = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}[out.suffix.lower()]
    memory = io.BytesIO()
    with av.open(memory, "w", format=container_format, options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=RATE, options=_X264)
        stream.width, stream.height, stream.pix_fmt, stream.time_base = WIDTH, HEIGHT, "yuv420p", Fraction(1, RATE)
        for picture in pictures:
            yuv = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(yuv, format="yuv420p")))
        container.mux(stream.encode(None))
    write_bytes(out, memory.getvalue())


def film(out: Path, *, videos: int, seed: int, progress: Callable[[int], None] | None = None) -> tuple[Film, ...]:
    """Write the videos of a world, and a few files that are no videos.

    Below `out`: the videos (the same base name occurs in two folders), one video cut in half, an empty file and a text.
    Beside it: `cuts.csv` (path, seconds) and `world.json`.

    Raises:
        DiskFullError: the disk is full.
    """
    films = tuple(plan(video, seed=seed) for video in range(videos))
    for video, each in enumerate(films):
        encode(frames(each, video, seed=seed), out / each.path)
        if progress is not None:
            progress(video + 1)
    whole = (out / films[0].path).read_bytes()
    write_bytes(out / "broken" / "half.mp4", whole[: len(whole) // 2])
    write_bytes(out / "broken" / "empty.mkv", b"")
    write_text(out / "notes.txt", "Not a video. It stands here so that the ingest table has something to skip.\n")
    write_cuts(out.parent / "cuts.csv", films)
    world = {"seed": seed, "rate": RATE, "height": HEIGHT, "width": WIDTH, "videos": [asdict(each) for each in films]}
    write_json(out.parent / "world.json", world)
    return films


def write_cuts(path: Path, films: tuple[Film, ...]) -> None:
    """Write the true cuts as CSV: path, seconds."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("path", "seconds"))
    rows.writerows((each.path, f"{seconds:.4f}") for each in films for seconds in each.cuts)
    with atomic_file(path) as file:
        file.write(text.getvalue().encode())
