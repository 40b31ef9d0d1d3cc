"""Frames per second and core of the loader beside bare JPEG decoding and a Pillow + DataLoader pipeline.

    python benchmarks/loader.py

All contenders read the same JPEGs from the same shot store and run in turns, several times over; a ratio is the
median over the turns of (contender / bare decoding in the same turn). Each run has a process of its own and is
warmed up. Speed is frames per second of CPU time, children included, so other load on the machine matters little.
The frames are real where VIVI_REAL_DATA names a folder of videos, else procedural textures.
"""

import argparse
import io
import math
import multiprocessing
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import simplejpeg
import torch
from numpy.typing import NDArray
from PIL import Image, ImageEnhance
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from vivi.core.seeds import rng
from vivi.data.augment import Augmentation
from vivi.data.clips import ConsecutiveShots
from vivi.data.crop import InceptionCrop
from vivi.data.delivery import Delivery
from vivi.data.loader import VideoLoader
from vivi.data.store import ShotStore
from vivi.data.store.format import VideoRecord, video_key
from vivi.data.store.parts import Parts
from vivi.data.store.writer import Packer, finish

SHOTS, FRAMES, HEIGHT, WIDTH = 4, 8, 256, 456
BATCH = 4
CHUNK = 16
"""Frames coloured at a time, as a training step with chunks does."""


def real_pictures(folder: Path) -> Iterator[list[NDArray[Any]]]:
    """32 frames each of the videos below `folder` that are large and long enough, every sixth frame."""
    import av

    for path in sorted(folder.rglob("*.mp4")):
        with av.open(str(path)) as container:
            video = container.streams.video[0]
            if min(video.width, video.height) < HEIGHT or video.width < video.height:
                continue
            every_sixth = islice(container.decode(video), 0, None, 6)
            frames = [
                frame.to_ndarray(format="rgb24", width=WIDTH, height=HEIGHT, interpolation="AREA")
                for frame in islice(every_sixth, SHOTS * FRAMES)
            ]
        if len(frames) == SHOTS * FRAMES:
            yield frames


def procedural_pictures() -> Iterator[list[NDArray[Any]]]:
    """Frames of drifting textures: octaves of smooth noise."""
    for video in range(1000):
        random = rng(0, step=0, purpose="benchmark", sample=video)
        canvas = np.full((HEIGHT + 64, WIDTH + 64, 3), 128, dtype=np.float32)
        for octave in range(2, 8):
            noise = random.normal(size=(2**octave, 2**octave, 3)).astype(np.float32)
            canvas += 110 * 0.6**octave * cv2.resize(noise, canvas.shape[1::-1], interpolation=cv2.INTER_CUBIC)
        pixels = np.clip(canvas, 0, 255).astype(np.uint8)
        offsets = range(0, 2 * SHOTS * FRAMES, 2)
        yield [np.ascontiguousarray(pixels[at : at + HEIGHT, at : at + WIDTH]) for at in offsets]


def make_store(path: Path, *, videos: int) -> ShotStore:
    """A store of `videos` videos of 4 shots of 8 frames of 456 x 256 pixels, JPEG quality 90, 4:2:0."""
    real = os.environ.get("VIVI_REAL_DATA")
    pictures = real_pictures(Path(real)) if real else procedural_pictures()
    parts, packer = Parts(path), Packer(path, shard_bytes=1 << 28)
    for number, frames in enumerate(islice(pictures, videos)):
        name = f"{number}.mp4"
        jpegs = [simplejpeg.encode_jpeg(frame, quality=90, colorsubsampling="420") for frame in frames]
        sizes, checksums = parts.write_frames(video_key(name), jpegs)
        packer.add(
            VideoRecord(
                path=name,
                key=video_key(name),
                bytes=1,
                container="mp4",
                codec="h264",
                seconds=float(len(frames)),
                source_fps=1.0,
                source_width=WIDTH,
                source_height=HEIGHT,
                width=WIDTH,
                height=HEIGHT,
                shots=tuple((shot * FRAMES, FRAMES) for shot in range(SHOTS)),
                frame_bytes=sizes,
                frame_crc32=checksums,
            )
        )
    packer.flush()
    finish(packer, skipped=[], fps=1.0, short_side=HEIGHT, settings={})
    return ShotStore.open(path)


def all_jpegs(store: ShotStore) -> list[bytes]:
    per_video = (store.read_frames(video, first=0, count=SHOTS * FRAMES) for video in range(store.info.num_videos))
    return [jpeg for jpegs in per_video for jpeg in jpegs]


def bare_decoding(jpegs: list[bytes], *, frames: int) -> None:
    buffer = np.empty((HEIGHT, WIDTH, 3), dtype=np.uint8)
    for index in range(frames):
        simplejpeg.decode_jpeg(jpegs[index % len(jpegs)], buffer=buffer)


def run_loader(loader: VideoLoader, augmentation: Augmentation, *, steps: int, colour: bool) -> None:
    total = BATCH * SHOTS * FRAMES
    for batch in loader.batches(0, steps):
        if colour:
            for first, frames_BCHW in zip(
                range(0, total, CHUNK), batch.frames_NKLCHW.flatten(0, 2).split(CHUNK), strict=True
            ):
                augmentation.on_device(frames_BCHW, seed=0, step=batch.step, first=first, total=total, views=1)


class PillowClips(Dataset[Tensor]):
    """The usual pipeline: Pillow decodes, crops as RandomResizedCrop does, resizes, flips and jitters."""

    def __init__(self, store: ShotStore, *, size: int, samples: int, colour: bool) -> None:
        self.store, self.size, self.samples, self.colour = store, size, samples, colour

    def __len__(self) -> int:
        return self.samples

    def __getitem__(self, index: int) -> Tensor:
        random = np.random.default_rng(index)
        jpegs = self.store.read_frames(index % self.store.info.num_videos, first=0, count=SHOTS * FRAMES)
        return torch.stack([self._one(jpeg, random) for jpeg in jpegs])

    def _one(self, jpeg: bytes, random: np.random.Generator) -> Tensor:
        image = Image.open(io.BytesIO(jpeg)).convert("RGB").crop(self._box(random))
        image = image.resize((self.size, self.size), Image.Resampling.BILINEAR)
        if random.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        if self.colour:
            image = ImageEnhance.Brightness(image).enhance(random.uniform(0.875, 1.125))
            image = ImageEnhance.Color(image).enhance(random.uniform(0.5, 1.5))
        frame_CHW = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()
        return frame_CHW.float().div_(127.5).sub_(1) if self.colour else frame_CHW

    def _box(self, random: np.random.Generator) -> tuple[int, int, int, int]:
        for _ in range(10):
            area = random.uniform(0.1, 1) * HEIGHT * WIDTH
            aspect = math.exp(random.uniform(math.log(0.75), math.log(1.33)))
            width, height = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
            if width <= WIDTH and height <= HEIGHT:
                left, top = random.integers(WIDTH - width + 1), random.integers(HEIGHT - height + 1)
                return int(left), int(top), int(left) + width, int(top) + height
        return 0, 0, WIDTH, HEIGHT


def run_pillow(store: ShotStore, *, size: int, samples: int, colour: bool) -> None:
    clips = PillowClips(store, size=size, samples=samples, colour=colour)
    for _ in DataLoader(clips, batch_size=BATCH, num_workers=1, multiprocessing_context="fork"):
        pass


def cpu_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


@dataclass(frozen=True)
class Contender:
    """Something to measure."""

    name: str
    frames: int
    prepare: Callable[[], Callable[[], None]]
    """Makes what is run; not timed."""

    def speed(self) -> float:
        """Frames per CPU second in a process of its own, the second run of two."""
        context = multiprocessing.get_context("fork")
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=self._send_seconds, args=(sender,))
        process.start()
        seconds: float = receiver.recv()
        process.join()
        return self.frames / seconds

    def _send_seconds(self, sender: Connection) -> None:
        run = self.prepare()
        run()
        before = cpu_seconds()
        run()
        sender.send(cpu_seconds() - before)


def contenders(store: ShotStore, *, size: int, steps: int) -> list[Contender]:
    """The first is the measure of the others."""
    jpegs = all_jpegs(store)
    print(
        f"{len(jpegs)} frames of {WIDTH}x{HEIGHT}, {sum(map(len, jpegs)) / len(jpegs) / 1024:.1f} KiB each", flush=True
    )
    augmentation = Augmentation(crop=InceptionCrop(size=size))
    frames = steps * BATCH * SHOTS * FRAMES
    cores = len(os.sched_getaffinity(0))

    def bare() -> Callable[[], None]:
        return lambda: bare_decoding(jpegs, frames=frames)

    def ours(*, workers: int, colour: bool) -> Callable[[], None]:
        loader = VideoLoader(
            store,
            sampling=ConsecutiveShots(shots=SHOTS, frames=FRAMES),
            augmentation=augmentation,
            samples_per_step=BATCH,
            delivery=Delivery(seed=0, workers=workers, device=torch.device("cpu")),
        )
        return lambda: run_loader(loader, augmentation, steps=steps, colour=colour)

    def pillow(*, colour: bool) -> Callable[[], None]:
        return lambda: run_pillow(store, size=size, samples=steps * BATCH, colour=colour)

    return [
        Contender("simplejpeg.decode_jpeg, nothing else", frames, bare),
        Contender("vivi: read, decode, crop, flip; 1 thread", frames, partial(ours, workers=1, colour=False)),
        Contender(f"vivi: the same; {cores} threads", frames, partial(ours, workers=cores, colour=False)),
        Contender("vivi: the same and colour; 1 thread", frames, partial(ours, workers=1, colour=True)),
        Contender("Pillow + DataLoader: read, decode, crop, flip", frames, partial(pillow, colour=False)),
        Contender("Pillow + DataLoader: the same and colour", frames, partial(pillow, colour=True)),
    ]


def measure(runs: list[Contender], *, repeats: int) -> dict[str, list[float]]:
    """Frames per CPU second of each contender in each turn."""
    speeds: dict[str, list[float]] = {each.name: [] for each in runs}
    for _ in range(repeats):
        for each in runs:
            speeds[each.name].append(each.speed())
    return speeds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7, help="turns")
    parser.add_argument("--videos", type=int, default=16, help="videos in the store")
    parser.add_argument("--steps", type=int, default=6, help="batches of 128 frames in a run")
    parser.add_argument("--size", type=int, default=224, help="pixels of the crops")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        store = make_store(Path(folder) / "store", videos=options.videos)
        speeds = measure(contenders(store, size=options.size, steps=options.steps), repeats=options.repeats)
        store.close()
    bare = next(iter(speeds.values()))
    print(f"{'':48}{'frames/s/core':>14}{'of bare decoding':>18}")
    for name, values in speeds.items():
        ratio = statistics.median(a / b for a, b in zip(values, bare, strict=True))
        print(f"{name:48}{statistics.median(values):14.0f}{ratio:18.2f}")


if __name__ == "__main__":
    main()
