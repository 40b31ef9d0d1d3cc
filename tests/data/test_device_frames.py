"""Decoding on the device, with a CPU's decoder in the place of a GPU's: the same frames as the threads decode."""

import shutil
import sys
import types
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
import torch
from tests.reference.damaged_store import flip
from tests.reference.loaders import video_loader
from tests.reference.tiny_images import tiny_images  # noqa: F401 (a fixture)
from tests.reference.tiny_store import tiny_store  # noqa: F401 (a fixture)

from vivi.core.errors import ConfigError, StoreError, ViviError
from vivi.data import nvjpeg as nvjpeg_module
from vivi.data.augment import Augmentation
from vivi.data.clips import ConsecutiveShots, RepeatedFrame, SingleImages
from vivi.data.crop import Crop, Cropper, InceptionCrop
from vivi.data.damage import Damage
from vivi.data.device_frames import resized_crops
from vivi.data.image_source import ImageSource
from vivi.data.nvjpeg import check_nvjpeg
from vivi.data.order import batch_ids
from vivi.data.store import ShotStore

CPU = torch.device("cpu")
SIZE = 24


class CountingDecoder:
    """Decodes with simplejpeg and keeps count of how many files it was given at a time."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def __call__(self, files: Sequence[bytes], device: torch.device) -> list[torch.Tensor]:
        self.calls.append(len(files))
        return [torch.from_numpy(simplejpeg.decode_jpeg(file, "RGB")).movedim(2, 0).to(device) for file in files]


def batches(source, *, decode, limit: int = 0, **changes):
    arguments = {
        "sampling": ConsecutiveShots(shots=2, frames=3),
        "augmentation": Augmentation(crop=InceptionCrop(size=SIZE)),
        "samples_per_step": 4,
    }
    loader = video_loader(source, decode=decode, damage=Damage(limit), **(arguments | changes))
    made = list(loader.batches(0, 4))
    return torch.stack([each.frames_NKLCHW for each in made]), torch.stack([each.sample_ids_N for each in made])


def assert_alike(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    """Rounding of halves aside."""
    difference = (ours.int() - theirs.int()).abs()
    assert difference.max() <= 1
    assert (difference > 0).double().mean() < 0.02


@pytest.mark.parametrize("sampling", [ConsecutiveShots(shots=2, frames=3), RepeatedFrame(frames=4)])
def test_frames_are_those_of_the_threads(tiny_store: Path, sampling) -> None:  # noqa: F811
    store = ShotStore.open(tiny_store)
    decoder = CountingDecoder()
    pixels, ids = batches(store, decode=decoder, sampling=sampling)
    expected, expected_ids = batches(store, decode=None, sampling=sampling)
    assert torch.equal(ids, expected_ids)
    assert_alike(pixels, expected)
    different = 6 if isinstance(sampling, ConsecutiveShots) else 1
    assert decoder.calls == [different] * 16, "a sample is decoded by one call, each of its frames once"


def test_threads_and_ranks_change_nothing(tiny_store: Path) -> None:  # noqa: F811
    store = ShotStore.open(tiny_store)
    pixels, _ = batches(store, decode=CountingDecoder())
    alone, _ = batches(store, decode=CountingDecoder(), workers=1, prefetch=1)
    parts = [batches(store, decode=CountingDecoder(), rank=rank, ranks=2)[0] for rank in range(2)]
    assert torch.equal(alone, pixels) and torch.equal(torch.cat(parts, dim=1), pixels)


def test_images_of_every_kind_are_those_of_the_threads(tiny_images: Path) -> None:  # noqa: F811
    source = ImageSource.open(tiny_images)
    decoder = CountingDecoder()
    pixels, _ = batches(source, decode=decoder, sampling=SingleImages(frames=3))
    expected, _ = batches(source, decode=None, sampling=SingleImages(frames=3))
    assert_alike(pixels, expected)
    assert 0 < len(decoder.calls) < 16, "only upright JPEG files are decoded there, the CPU decodes the others"


def test_what_the_device_refuses_the_cpu_decodes(tiny_store: Path) -> None:  # noqa: F811
    store = ShotStore.open(tiny_store)
    expected, _ = batches(store, decode=CountingDecoder())
    decoder = CountingDecoder()
    clip = ConsecutiveShots(shots=2, frames=3).draw(
        int(batch_ids(np.arange(20), seed=7, step=0, size=4)[1]), store.table, seed=7, step=0
    )
    [refused] = store.read_frames(clip.video, first=int(clip.frame_numbers_KL[1, 0]), count=1)

    def particular(files: Sequence[bytes], device: torch.device) -> list[torch.Tensor]:
        if refused in files:
            raise RuntimeError("no such sampling factors")
        return decoder(files, device)

    pixels, _ = batches(store, decode=particular)
    assert torch.equal(pixels, expected)
    assert 1 in decoder.calls, "the other frames of that sample are decoded one by one"


def test_memory_that_is_full_is_an_error(tiny_store: Path) -> None:  # noqa: F811
    def full(files: Sequence[bytes], device: torch.device) -> list[torch.Tensor]:
        raise torch.OutOfMemoryError("full")

    with pytest.raises(torch.OutOfMemoryError):
        batches(ShotStore.open(tiny_store), decode=full)


def test_damaged_frames_are_errors_or_replaced_as_the_threads_do(tiny_store: Path, tmp_path: Path) -> None:  # noqa: F811
    path = shutil.copytree(tiny_store, tmp_path / "store")
    for video in (2, 7, 15):
        for frame in range(6):
            flip(path, video=video, frame=frame)
    store = ShotStore.open(path)
    with pytest.raises(StoreError, match="does not match its checksum"):
        batches(store, decode=CountingDecoder())
    pixels, ids = batches(store, decode=CountingDecoder(), limit=20)
    expected, expected_ids = batches(store, decode=None, limit=20)
    whole_ids = batches(ShotStore.open(tiny_store), decode=None)[1]
    assert torch.equal(ids, expected_ids) and not torch.equal(ids, whole_ids)
    assert_alike(pixels, expected)


def test_crops_of_any_shape_are_those_of_the_cropper() -> None:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (3, 40, 57, 4), dtype=np.uint8)
    crops, which = [], []
    for height, width in [
        (1, 1),
        (40, 57),
        (1, 57),
        (40, 1),
        (SIZE, SIZE),
        (7, 31),
        (39, 50),
        *random.integers(1, 40, (40, 2)),
    ]:
        top, left = random.integers(40 - height + 1), random.integers(57 - width + 1)
        for flip_ in (False, True):
            crops.append(Crop(int(top), int(left), int(height), int(width), flip_))
            which.append(int(random.integers(3)))
    expected = np.empty((len(crops), 3, SIZE, SIZE), np.uint8)
    for out, crop, image in zip(expected, crops, which, strict=True):
        Cropper(SIZE).cut(images[image], crop=crop, out_CSS=out)
    pixels_UCHW = torch.from_numpy(images[..., :3].copy()).movedim(3, 1)
    made = resized_crops(pixels_UCHW, which=which, crops=crops, size=SIZE)
    assert made.shape == expected.shape and made.dtype == torch.uint8
    assert_alike(made, torch.from_numpy(expected))


def test_a_crop_is_the_bilinear_value_worked_out_by_hand() -> None:
    image = torch.tensor([[0, 100], [200, 60]], dtype=torch.uint8).expand(1, 3, 2, 2)
    crops = [Crop(0, 0, 2, 2, False), Crop(0, 0, 2, 2, True)]
    plain, swapped = resized_crops(image, which=[0, 0], crops=crops, size=4)[:, 0]
    assert plain.tolist() == [[0, 50, 100, 100], [100, 90, 80, 80], [200, 130, 60, 60], [200, 130, 60, 60]]
    assert swapped.tolist() == plain.flip(1).tolist()


def test_a_gpu_is_needed() -> None:
    with pytest.raises(ConfigError, match="--gpu-decode: the run is on cpu"):
        check_nvjpeg(CPU)


@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        (ImportError("No module named 'torchvision'"), r"needs torchvision, .*vivi\[gpu-decode\]"),
        (RuntimeError("not compiled with nvJPEG support\nmore"), r"cannot decode on cuda \(not compiled .* support\)"),
        (7, "decodes grey of 128 as 7"),
    ],
)
def test_what_is_missing_is_said_before_the_run(outcome, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def stands_in(files: Sequence[bytes], device: torch.device) -> list[torch.Tensor]:
        if isinstance(outcome, Exception):
            raise outcome
        return [torch.full((3, 32, 32), outcome, dtype=torch.uint8)]

    monkeypatch.setattr(nvjpeg_module, "nvjpeg", stands_in)
    with pytest.raises(ViviError, match=message) as caught:
        check_nvjpeg(torch.device("cuda"))
    assert "\n" not in str(caught.value)


def test_torchvision_is_asked_for_rgb_on_the_device_with_all_files_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def decode_jpeg(coded, *, mode, device):
        asked.append((mode, device, [bytes(each.numpy()) for each in coded]))
        return ["pixels"] * len(coded)

    io = types.SimpleNamespace(decode_jpeg=decode_jpeg, ImageReadMode=types.SimpleNamespace(RGB="RGB"))
    monkeypatch.setitem(sys.modules, "torchvision", types.ModuleType("torchvision"))
    monkeypatch.setitem(sys.modules, "torchvision.io", io)
    assert nvjpeg_module.nvjpeg([b"one", b"two"], torch.device("cuda")) == ["pixels", "pixels"]
    assert asked == [("RGB", torch.device("cuda"), [b"one", b"two"])]
