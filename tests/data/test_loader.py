"""Batches: the right frames, the same whatever the threads, ranks and start; errors arrive and threads end."""

import gc
import threading
import time

import numpy as np
import pytest
import simplejpeg
import torch
from tests.reference.loaders import video_loader
from tests.reference.tiny_store import tiny_store  # noqa: F401 (a fixture)

from vivi.core.errors import ConfigError, StoreError
from vivi.core.seeds import rng
from vivi.data.augment import Augmentation
from vivi.data.clips import ConsecutiveShots, RepeatedFrame, SingleShots
from vivi.data.crop import Cropper, InceptionCrop
from vivi.data.loader import VideoLoader
from vivi.data.order import batch_ids
from vivi.data.records import ShotTable
from vivi.data.store import ShotStore
from vivi.data.store.stored import StoredVideo

SIDE = 16


class MemoryStore:
    """Videos of three shots of 3, 5 and 4 frames; sizes differ from video to video."""

    def __init__(self, videos: int = 8) -> None:
        self.table = ShotTable(np.arange(videos + 1) * 3, np.tile([0, 3, 8], videos), np.tile([3, 5, 4], videos))
        self.reads: list[tuple[int, int, int]] = []
        self.delay = 0.0
        random = np.random.default_rng(0)
        self.files = [
            [simplejpeg.encode_jpeg(random.integers(0, 256, (*self.frame_size(v), 3), np.uint8)) for _ in range(12)]
            for v in range(videos)
        ]

    def video(self, number: int) -> StoredVideo:
        return StoredVideo(self, number, *self.frame_size(number))

    def video_path(self, video: int) -> str:
        return f"folder/film {video}.mp4"

    def frame_size(self, video: int) -> tuple[int, int]:
        return 24 + 2 * video, 40 - video

    def read_frames(self, video: int, *, first: int, count: int) -> list[bytes]:
        self.reads.append((video, first, count))
        time.sleep(self.delay)
        assert first >= 0
        assert first + count <= 12
        return self.files[video][first : first + count]


def loader_of(store: MemoryStore, **changes) -> VideoLoader:
    arguments = {
        "sampling": ConsecutiveShots(shots=2, frames=3),
        "augmentation": Augmentation(crop=InceptionCrop(size=SIDE)),
        "samples_per_step": 4,
    }
    return video_loader(store, **(arguments | changes))


def loader_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("vivi-loader")]


@pytest.fixture(autouse=True)
def _no_thread_is_left():
    yield
    assert not loader_threads()


@pytest.mark.parametrize(
    "sampling", [ConsecutiveShots(shots=2, frames=3), SingleShots(frames=4), RepeatedFrame(frames=3)]
)
def test_batches_hold_the_frames_of_their_clips(sampling):
    store = MemoryStore()
    for step, batch in enumerate(loader_of(store, sampling=sampling).batches(0, 3)):
        ids = batch_ids(sampling.eligible(store.table), seed=7, step=step, size=4)
        assert batch.step == step
        assert batch.sample_ids_N.tolist() == ids.tolist()
        assert batch.frames_NKLCHW.shape == (4, sampling.shots, sampling.frames, 3, SIDE, SIDE)
        assert batch.frames_NKLCHW.dtype == torch.uint8
        for position, sample in enumerate(ids.tolist()):
            clip = sampling.draw(sample, store.table, seed=7, step=step)
            height, width = store.frame_size(clip.video)
            crops = InceptionCrop(size=SIDE).draw(
                rng(7, step=step, purpose="crop", sample=position),
                height=height,
                width=width,
                count=clip.frame_numbers_KL.size,
            )
            frames = batch.frames_NKLCHW[position].flatten(0, 1)
            for number, crop, frame in zip(clip.frame_numbers_KL.ravel(), crops, frames, strict=True):
                image = simplejpeg.decode_jpeg(store.files[clip.video][number], "RGBX")
                expected = np.empty((3, SIDE, SIDE), np.uint8)
                Cropper(SIDE).cut(image, crop=crop, out_CSS=expected)
                assert np.array_equal(frame.numpy(), expected)


def test_a_store_on_disk_gives_the_same_as_its_files_in_memory(tiny_store):  # noqa: F811
    store = ShotStore.open(tiny_store)
    memory = MemoryStore(videos=0)
    memory.table, memory.frame_size = store.table, store.frame_size
    memory.files = [store.read_frames(video, first=0, count=24) for video in range(20)]
    memory.read_frames = lambda video, *, first, count: memory.files[video][first : first + count]
    assert torch.equal(all_pixels(loader_of(store), 0, 6), all_pixels(loader_of(memory), 0, 6))


def test_a_shot_is_one_read():
    store = MemoryStore()
    list(loader_of(store, prefetch=1).batches(0, 1))
    assert [count for _, _, count in store.reads] == [3] * 4 * 2


def test_a_repeated_frame_is_read_once_and_cropped_differently():
    store = MemoryStore()
    loader = loader_of(store, sampling=RepeatedFrame(frames=8), prefetch=1)
    [batch] = loader.batches(0, 1)
    assert [count for _, _, count in store.reads] == [1] * 4
    shots = batch.frames_NKLCHW.flatten(0, 1)
    assert all(len({bytes(frame.numpy()) for frame in shot}) > 6 for shot in shots)


def all_pixels(loader: VideoLoader, first: int, last: int) -> torch.Tensor:
    return torch.stack([batch.frames_NKLCHW for batch in loader.batches(first, last)])


@pytest.mark.parametrize("changes", [{"workers": 1}, {"workers": 5}, {"prefetch": 1}, {"prefetch": 9}])
def test_workers_and_prefetch_do_not_change_a_pixel(changes):
    store = MemoryStore()
    assert torch.equal(all_pixels(loader_of(store, **changes), 0, 6), all_pixels(loader_of(store), 0, 6))


@pytest.mark.parametrize("ranks", [2, 4])
def test_ranks_hold_slices_of_the_whole_batch(ranks):
    store = MemoryStore()
    whole = all_pixels(loader_of(store), 0, 3)
    parts = [all_pixels(loader_of(store, rank=rank, ranks=ranks), 0, 3) for rank in range(ranks)]
    assert torch.equal(torch.cat(parts, dim=1), whole)


def test_reading_resumes_at_any_step():
    store = MemoryStore()
    whole = all_pixels(loader_of(store), 0, 6)
    assert torch.equal(all_pixels(loader_of(store), 4, 6), whole[4:])
    assert list(loader_of(store).batches(3, 3)) == []


def test_a_held_batch_is_never_overwritten():
    loader = loader_of(MemoryStore())
    held = []
    for batch in loader.batches(0, 6):
        held.append((batch.frames_NKLCHW[1:], batch.frames_NKLCHW[1:].clone()))
    assert all(torch.equal(frames, copy) for frames, copy in held)


def test_memory_of_forgotten_batches_is_used_again():
    loader = loader_of(MemoryStore())
    places = {batch.frames_NKLCHW.data_ptr() for batch in loader.batches(0, 30)}
    assert len(places) <= 2 + 3  # prefetched, in the consumer's hand, being finished


def test_only_so_many_batches_are_made_ahead():
    store = MemoryStore()
    batches = loader_of(store, prefetch=2).batches(0, 50)
    next(batches)
    time.sleep(0.2)
    assert len(store.reads) == 3 * 4 * 2  # batches, videos, shots
    batches.close()


@pytest.mark.parametrize("number", [0, 4, 11])
def test_a_broken_frame_is_named(number):
    store = MemoryStore()
    for video in range(8):
        store.files[video][number] = store.files[video][number][:80]
    with pytest.raises(StoreError, match=rf"frame {number} of video 'folder/film \d\.mp4'") as caught:
        for _ in loader_of(store).batches(0, 100):
            pass
    assert "\n" not in str(caught.value)


def test_an_error_of_the_store_arrives_as_it_is():
    store = MemoryStore()

    def fail(video: int, *, first: int, count: int) -> list[bytes]:
        raise StoreError("shards/shard-000000.tar: frame 3 of video 1 has another checksum")

    store.read_frames = fail
    with pytest.raises(StoreError, match="another checksum"):
        list(loader_of(store).batches(0, 100))


def test_an_error_waits_for_its_step():
    store = MemoryStore()
    bad = set(batch_ids(np.arange(8), seed=7, step=1, size=4).tolist())
    for video in bad:
        store.files[video] = [b"broken"] * 12
    batches = loader_of(store).batches(0, 2)
    assert not set(next(batches).sample_ids_N.tolist()) & bad
    with pytest.raises(StoreError):
        next(batches)
    assert list(batches) == []


def end_by_close(batches) -> None:
    batches.close()


def end_by_throw(batches) -> None:
    with pytest.raises(KeyboardInterrupt):
        batches.throw(KeyboardInterrupt())


@pytest.mark.parametrize("end", [end_by_close, end_by_throw])
def test_threads_stop_promptly(end):
    store = MemoryStore()
    batches = loader_of(store, samples_per_step=8, prefetch=4).batches(0, 1000)
    next(batches)
    assert loader_threads()
    store.delay = 0.05
    begin = time.monotonic()
    end(batches)
    assert time.monotonic() - begin < 1.0
    assert not loader_threads()


def test_a_sample_that_is_being_made_is_given_up():
    store, gate = MemoryStore(), threading.Event()
    batches = loader_of(store, sampling=ConsecutiveShots(shots=3, frames=3), prefetch=1).batches(0, 1000)
    read = store.read_frames

    def wait_at_the_first_shot(video: int, *, first: int, count: int) -> list[bytes]:
        frames = read(video, first=first, count=count)
        return frames if first >= 3 or gate.wait(10) else []

    next(batches)
    while len(store.reads) < 2 * 4 * 3:  # until the second batch is being finished
        time.sleep(0.01)
    store.read_frames = wait_at_the_first_shot
    next(batches)  # now the third is begun
    time.sleep(0.2)
    begun = len(store.reads)
    closing = threading.Thread(target=batches.close)
    closing.start()
    time.sleep(0.2)
    gate.set()
    closing.join()
    assert len(store.reads) == begun


def test_threads_stop_when_the_consumer_forgets_the_iterator():
    def consume() -> None:
        for batch in loader_of(MemoryStore()).batches(0, 1000):
            assert batch.step == 0
            return

    consume()
    gc.collect()
    assert not loader_threads()


def test_threads_stop_when_the_consumer_fails():
    with pytest.raises(ZeroDivisionError):
        for batch in loader_of(MemoryStore()).batches(0, 1000):
            _ = 1 // batch.step
    gc.collect()
    assert not loader_threads()


def test_too_few_videos_are_refused_at_once():
    with pytest.raises(ConfigError, match=r"a step needs 9 different videos with enough long shots, there are 8"):
        loader_of(MemoryStore(), samples_per_step=9)
    with pytest.raises(ConfigError, match=r"a step needs 25 different shots that are long enough, there are 24"):
        loader_of(MemoryStore(), sampling=SingleShots(frames=3), samples_per_step=25)
    with pytest.raises(ConfigError, match="K=2 at L=4"):
        loader_of(MemoryStore(), sampling=ConsecutiveShots(shots=2, frames=6))


@pytest.mark.parametrize("changes", [{"rank": 1}, {"rank": -1}, {"workers": 0}, {"prefetch": 0}])
def test_senseless_numbers_are_refused(changes):
    with pytest.raises(ValueError, match="must be positive, and rank below ranks"):
        loader_of(MemoryStore(), **changes)


@pytest.mark.parametrize("changes", [{"ranks": 3}, {"samples_per_step": 0}, {"samples_per_step": -4}])
def test_a_batch_that_the_ranks_cannot_share_is_refused(changes):
    with pytest.raises(ValueError, match=r"ranks cannot share a batch of (4|0|-4) samples equally"):
        loader_of(MemoryStore(), **changes)
