"""Damaged records: the same samples instead of them whatever the threads, ranks and start; named; a limit."""

import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.reference.damaged_store import flip
from tests.reference.loaders import image_loader, video_loader
from tests.reference.tiny_images import tiny_images  # noqa: F401 (a fixture)
from tests.reference.tiny_store import FRAMES, SHOTS, tiny_store  # noqa: F401 (a fixture)

from vivi.core.errors import StoreError, ViviError
from vivi.data.augment import Augmentation
from vivi.data.clips import ConsecutiveShots
from vivi.data.crop import InceptionCrop
from vivi.data.damage import Damage, TooManyDamagedError, sample_instead
from vivi.data.labelled import LabelledImages, LabelledSet
from vivi.data.loader import VideoLoader
from vivi.data.order import batch_ids
from vivi.data.store import ShotStore

BAD = {3: (1, 8), 11: (13,)}
"""Video: numbers of its damaged frames. Every clip of the sampling below shows all frames of two neighbouring shots."""
SAMPLING = ConsecutiveShots(shots=2, frames=FRAMES)
STEPS = 10


@pytest.fixture(scope="module")
def damaged(tiny_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    store = shutil.copytree(tiny_store, tmp_path_factory.mktemp("damaged") / "store")
    for video, frames in BAD.items():
        for frame in frames:
            flip(store, video=video, frame=frame)
    return store


def loader_of(store: Path, damage: Damage | None, **changes) -> VideoLoader:
    arguments = {
        "sampling": SAMPLING,
        "augmentation": Augmentation(crop=InceptionCrop(size=16)),
        "samples_per_step": 4,
        "damage": damage or Damage(),
    }
    return video_loader(ShotStore.open(store), **(arguments | changes))


def read(store: Path, first: int = 0, last: int = STEPS, *, limit: int = 9, **changes):
    """Ids and pixels of some steps, and what was found to be damaged."""
    damage = Damage(limit)
    batches = list(loader_of(store, damage, **changes).batches(first, last))
    ids = torch.stack([batch.sample_ids_N for batch in batches])
    return ids, torch.stack([batch.frames_NKLCHW for batch in batches]), damage.take()


def test_without_leave_the_first_damaged_frame_is_an_error(damaged: Path) -> None:
    with pytest.raises(StoreError, match=r"frame (1|8|13) of video (3|11) .* does not match its checksum"):
        read(damaged, limit=0)


def test_without_damage_leave_changes_nothing(tiny_store: Path) -> None:  # noqa: F811
    ids, pixels, found = read(tiny_store)
    plain_ids, plain_pixels, _ = read(tiny_store, limit=0)
    assert torch.equal(ids, plain_ids) and torch.equal(pixels, plain_pixels) and found == []


def test_only_damaged_samples_are_replaced_and_each_is_named(damaged: Path, tiny_store: Path) -> None:  # noqa: F811
    ids, pixels, found = read(damaged)
    whole_ids, whole_pixels, _ = read(tiny_store)
    drawn = torch.from_numpy(np.stack([batch_ids(np.arange(20), seed=7, step=step, size=4) for step in range(STEPS)]))
    assert torch.equal(whole_ids, drawn)
    shown = {
        (step, place): set(SAMPLING.draw(int(video), ShotStore.open(damaged).table, seed=7, step=step)
                           .frame_numbers_KL.ravel().tolist()) & set(BAD.get(int(video), ()))
        for step in range(STEPS) for place, video in enumerate(drawn[step])
    }  # fmt: skip
    expected = {at for at, frames in shown.items() if frames}
    assert 1 < len(expected) < 2 * STEPS
    changed = {tuple(at) for at in (ids != drawn).nonzero().tolist()}
    assert changed == expected
    for step, place in np.ndindex(STEPS, 4):
        if (step, place) not in expected:
            assert torch.equal(pixels[step, place], whole_pixels[step, place])
        assert len(set(ids[step].tolist())) == 4, "no sample comes twice in a batch"
    first_steps = {}
    for step, record in found:
        first_steps.setdefault((record.name.video, record.name.frame), step)
        assert record.name.file.startswith("shards/shard-") and "does not match its checksum" in record.reason
    named = {(f"video{drawn[at]}.mp4", frame): at[0] for at in sorted(expected, reverse=True) for frame in shown[at]}
    assert first_steps == named


def test_a_replacement_is_what_that_sample_shows_at_that_place(damaged: Path, tiny_store: Path) -> None:  # noqa: F811
    ids, pixels, found = read(damaged)
    step = found[0][0]
    [place] = (ids[step] != torch.from_numpy(batch_ids(np.arange(20), seed=7, step=step, size=4))).nonzero()[0].tolist()
    clip = SAMPLING.draw(int(ids[step, place]), ShotStore.open(tiny_store).table, seed=7, step=step)
    pipeline = loader_of(tiny_store, None)._pipeline
    memory = np.zeros((1, 2, FRAMES, 3, 16, 16), np.uint8)
    sample = pipeline._drawn(clip, position=place, step=step)
    assert pipeline._frames.fill(memory, 0, sample=sample, stop=threading.Event())
    assert np.array_equal(memory[0], pixels[step, place].numpy())


@pytest.mark.parametrize("changes", [{"workers": 1}, {"workers": 5}, {"prefetch": 7}])
def test_threads_change_nothing(damaged: Path, changes: dict) -> None:
    ids, pixels, found = read(damaged)
    other_ids, other_pixels, other_found = read(damaged, **changes)
    assert torch.equal(ids, other_ids) and torch.equal(pixels, other_pixels) and found == other_found


@pytest.mark.parametrize("ranks", [2, 4])
def test_ranks_hold_slices_of_the_same_batch_and_find_the_same_together(damaged: Path, ranks: int) -> None:
    ids, pixels, found = read(damaged)
    parts = [read(damaged, rank=rank, ranks=ranks) for rank in range(ranks)]
    assert torch.equal(torch.cat([part[0] for part in parts], dim=1), ids)
    assert torch.equal(torch.cat([part[1] for part in parts], dim=1), pixels)
    together = {(step, record.name) for part in parts for step, record in part[2]}
    assert together == {(step, record.name) for step, record in found}


def test_reading_goes_on_at_any_step(damaged: Path) -> None:
    ids, pixels, found = read(damaged)
    later_ids, later_pixels, later_found = read(damaged, first=5)
    assert torch.equal(later_ids, ids[5:]) and torch.equal(later_pixels, pixels[5:])
    assert later_found == [(step, record) for step, record in found if step >= 5]


def test_what_is_found_waits_for_its_step(damaged: Path) -> None:
    _, _, found = read(damaged)
    damage = Damage(9)
    for batch in loader_of(damaged, damage, prefetch=5).batches(0, STEPS):
        assert damage.take() == [each for each in found if each[0] == batch.step]


def test_more_in_one_sample_than_is_borne_are_an_error_that_counts(tiny_store: Path, tmp_path: Path) -> None:  # noqa: F811
    store = shutil.copytree(tiny_store, tmp_path / "store")
    for frame in range(SHOTS * FRAMES):
        flip(store, video=3, frame=frame)
    with pytest.raises(TooManyDamagedError, match=rf"{2 * FRAMES} records .* --bad-records 5, .* 'video3\.mp4'"):
        read(store, limit=5)
    _, _, found = read(store, limit=2 * FRAMES)
    assert {record.name.video for _, record in found} == {"video3.mp4"}


def test_a_store_without_a_whole_sample_is_an_error(tiny_store: Path, tmp_path: Path) -> None:  # noqa: F811
    store = shutil.copytree(tiny_store, tmp_path / "store")
    for shard in (store / "shards").iterdir():
        shard.write_bytes(bytes(len(shard.read_bytes())))
    with pytest.raises(StoreError, match="does not match its checksum"):
        read(store, last=1, limit=10**6)


@pytest.mark.parametrize(("eligible", "size"), [(20, 4), (9, 4), (6, 4), (5, 4), (4, 4), (1, 1), (13, 6), (12, 4)])
def test_every_other_sample_is_tried_once_and_places_share_none_while_there_are_enough(
    eligible: int, size: int
) -> None:
    numbers = np.arange(eligible) * 10
    ids = numbers[:size]

    def instead(position: int, attempt: int) -> int | None:
        return sample_instead(position, attempt=attempt, eligible=numbers, ids_N=ids, seed=1, step=2)

    others = set(numbers.tolist()) - set(ids.tolist()) or set(numbers.tolist())
    for position in range(size):
        tried = [instead(position, attempt) for attempt in range(len(others))]
        assert set(tried) == others
        assert instead(position, len(others)) is None
    if len(others) >= size:
        assert len({instead(position, 0) for position in range(size)}) == size


def test_the_sample_instead_changes_with_the_seed_and_the_step() -> None:
    numbers = np.arange(1000)
    draws = [
        sample_instead(0, attempt=0, eligible=numbers, ids_N=numbers[:4], seed=seed, step=step)
        for seed in range(3)
        for step in range(3)
    ]
    assert len(set(draws)) > 6


def test_labelled_images_that_do_not_decode_are_replaced(tiny_images: Path, tmp_path: Path) -> None:  # noqa: F811
    folder = shutil.copytree(tiny_images, tmp_path / "images")
    labelled = LabelledSet.open(folder, seed=0)
    broken = [image.path for image in labelled.images][::5]
    for path in broken:
        (folder / path).write_bytes((folder / path).read_bytes()[:60])

    def batches(limit: int, workers: int = 2):
        damage = Damage(limit)
        settings = LabelledImages(images_per_step=4, augmentation=Augmentation(crop=InceptionCrop(size=16)))
        loader = image_loader(labelled, settings=settings, workers=workers, damage=damage)
        return list(loader.batches(0, len(labelled.images) // 4)), damage.take()

    with pytest.raises(ViviError, match="repair or remove"):
        batches(0)
    made, found = batches(len(broken))
    assert {record.name.file for _, record in found} <= set(broken)
    assert all(record.name.video is None and record.reason for _, record in found)
    again, _ = batches(len(broken), workers=1)
    for one, other in zip(made, again, strict=True):
        assert torch.equal(one.images_BVCHW, other.images_BVCHW) and torch.equal(one.labels_B, other.labels_B)
