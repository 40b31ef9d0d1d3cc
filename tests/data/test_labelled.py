"""Labelled images: shares that are balanced, lists that are followed to the letter, batches that are the right ones."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.reference.loaders import image_loader, video_loader
from tests.reference.tiny_images import CLASSES, TRAIN, tiny_images  # noqa: F401 (a fixture)

from vivi.core.config import build
from vivi.core.errors import ConfigError, ViviError
from vivi.core.seeds import rng
from vivi.data.augment import Augmentation
from vivi.data.clips import SingleImages
from vivi.data.crop import Cropper, InceptionCrop
from vivi.data.file_list import read_names
from vivi.data.image_source import ImageSource
from vivi.data.images import ImageFolder, LabelledImage
from vivi.data.labelled import ImageLoader, LabelledImages, LabelledSet
from vivi.data.order import batch_ids

SIDE = 16
AUGMENTATION = Augmentation(crop=InceptionCrop(size=SIDE))


def fill(root: Path, paths: Iterable[str]) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


def many(root: Path, counts: dict[str, int]) -> Path:
    """A folder with a given split whose train part has so many images of each class."""
    train = (f"train/{name}/{name}_{number:04}.JPEG" for name, count in counts.items() for number in range(count))
    return fill(root, [*train, *(f"val/{name}/{name}_val.JPEG" for name in counts)])


def per_class(labelled: LabelledSet) -> dict[str, int]:
    return dict(Counter(labelled.classes[image.label] for image in labelled.images))


def paths_of(labelled: LabelledSet) -> list[str]:
    return [image.path for image in labelled.images]


def loader_of(labelled: LabelledSet, *, images: int = 8, share: float = 1.0, **changes) -> ImageLoader:
    settings = LabelledImages(images_per_step=images, share=share, augmentation=AUGMENTATION)
    return image_loader(labelled, settings=settings, **changes)


@pytest.fixture
def labelled(tiny_images: Path) -> LabelledSet:  # noqa: F811
    return LabelledSet.open(tiny_images, seed=0)


def test_everything_is_the_train_part(tiny_images: Path, labelled: LabelledSet) -> None:  # noqa: F811
    assert (labelled.root, labelled.classes) == (tiny_images, CLASSES)
    assert per_class(labelled) == dict.fromkeys(CLASSES, TRAIN)
    assert all(image.path.startswith(f"train/{CLASSES[image.label]}/") for image in labelled.images)


def test_nothing_that_evaluation_holds_out_is_seen(tmp_path: Path) -> None:
    fill(tmp_path, [f"{name}/{number}.jpg" for name in "ab" for number in range(20)])
    held = {image.path for image in ImageFolder.open(tmp_path).test}
    assert len(held) == 10
    for seed in range(5):
        assert not held & set(paths_of(LabelledSet.open(tmp_path, seed=seed)))


@pytest.mark.parametrize(("share", "of_each"), [(0.01, 3), (0.1, 30), (0.25, 75), (0.001, 1)])
def test_a_share_has_equally_many_of_each_class(tmp_path: Path, share: float, of_each: int) -> None:
    many(tmp_path, {"a": 200, "b": 300, "c": 400})
    found = LabelledSet.open(tmp_path, share=share, seed=1)
    assert per_class(found) == dict.fromkeys("abc", of_each)
    assert len(set(paths_of(found))) == len(found.images)
    assert paths_of(found) == sorted(paths_of(found))


def test_the_whole_share_takes_all_as_they_are(tmp_path: Path) -> None:
    many(tmp_path, {"a": 20, "b": 30})
    assert per_class(LabelledSet.open(tmp_path, share=1.0, seed=1)) == {"a": 20, "b": 30}


def test_a_class_with_fewer_gives_all_it_has(tmp_path: Path) -> None:
    many(tmp_path, {"a": 5, "b": 95, "c": 200})
    assert per_class(LabelledSet.open(tmp_path, share=0.5, seed=1)) == {"a": 5, "b": 50, "c": 50}


def test_shares_are_seeded_and_nested(tmp_path: Path) -> None:
    many(tmp_path, {"a": 100, "b": 100})
    few, again, other = (LabelledSet.open(tmp_path, share=0.1, seed=seed) for seed in (3, 3, 4))
    more = LabelledSet.open(tmp_path, share=0.3, seed=3)
    assert few == again
    assert set(few.images) != set(other.images)
    assert set(few.images) < set(more.images)


def test_batches_equal_the_slow_way(labelled: LabelledSet) -> None:
    for step, batch in enumerate(loader_of(labelled).batches(0, 7)):
        ids = batch_ids(np.arange(len(labelled.images)), seed=7, step=step, size=8, stream="images/")
        assert batch.step == step
        assert (batch.images_BVCHW.shape, batch.images_BVCHW.dtype) == ((8, 1, 3, SIDE, SIDE), torch.uint8)
        assert (batch.labels_B.shape, batch.labels_B.dtype) == ((8,), torch.int64)
        for position, number in enumerate(ids.tolist()):
            image = labelled.images[number]
            with Image.open(labelled.root / image.path) as opened:
                image_HWC = np.asarray(opened.convert("RGB"))
            assert labelled.classes[batch.labels_B[position]] == image.path.split("/")[1]
            generator = rng(7, step=step, purpose="images/crop", sample=position)
            height, width, _ = image_HWC.shape
            [crop] = InceptionCrop(size=SIDE).draw(generator, height=height, width=width, count=1)
            expected = np.empty((3, SIDE, SIDE), np.uint8)
            Cropper(SIDE).cut(np.dstack([image_HWC, image_HWC[..., :1]]), crop=crop, out_CSS=expected)
            assert np.array_equal(batch.images_BVCHW[position, 0].numpy(), expected)


def test_videos_beside_them_have_other_random_numbers(labelled: LabelledSet) -> None:
    videos = video_loader(
        ImageSource(labelled.root, paths_of(labelled)),
        sampling=SingleImages(frames=1),
        augmentation=AUGMENTATION,
        samples_per_step=len(labelled.images),
    )
    [theirs] = videos.batches(0, 1)
    [ours] = loader_of(labelled, images=len(labelled.images)).batches(0, 1)
    labels_V = torch.tensor([image.label for image in labelled.images])
    assert not torch.equal(labels_V[theirs.sample_ids_N], ours.labels_B)
    assert not set(map(bytes, theirs.frames_NKLCHW.numpy())) & set(map(bytes, ours.images_BVCHW.numpy()))


def all_of(loader: ImageLoader, first: int, last: int) -> tuple[torch.Tensor, torch.Tensor]:
    batches = list(loader.batches(first, last))
    return torch.stack([each.images_BVCHW for each in batches]), torch.stack([each.labels_B for each in batches])


def test_an_epoch_shows_no_image_twice(labelled: LabelledSet) -> None:
    numbered = tuple(LabelledImage(image.path, label) for label, image in enumerate(labelled.images))
    each_a_class = LabelledSet(root=labelled.root, classes=tuple(map(str, range(40))), images=numbered)
    labels = all_of(loader_of(each_a_class, images=12), 0, 6)[1]
    epochs = labels.view(2, 36).tolist()  # 3 steps of 12 from 40, what is left over is dropped
    assert [len(set(epoch)) for epoch in epochs] == [36, 36]
    assert epochs[0] != epochs[1]


@pytest.mark.parametrize("ranks", [2, 4])
def test_ranks_hold_slices_of_the_whole_batch(labelled: LabelledSet, ranks: int) -> None:
    images, labels = all_of(loader_of(labelled), 0, 3)
    parts = [all_of(loader_of(labelled, rank=rank, ranks=ranks, workers=1), 0, 3) for rank in range(ranks)]
    assert torch.equal(torch.cat([part for part, _ in parts], dim=1), images)
    assert torch.equal(torch.cat([part for _, part in parts], dim=1), labels)


def test_reading_resumes_at_any_step(labelled: LabelledSet) -> None:
    images, labels = all_of(loader_of(labelled), 0, 9)
    tail_images, tail_labels = all_of(loader_of(labelled, workers=3, prefetch=1), 6, 9)
    assert torch.equal(tail_images, images[6:])
    assert torch.equal(tail_labels, labels[6:])
    assert not torch.equal(all_of(loader_of(labelled, seed=8), 6, 9)[1], tail_labels)


def test_more_images_a_step_than_there_are(labelled: LabelledSet) -> None:
    with pytest.raises(ConfigError, match=r"41 different images, there are 40: .*--set labelled.images_per_step=40"):
        loader_of(labelled, images=41)
    with pytest.raises(ConfigError, match=r"a share of 0.5 of the labelled images are 40, and a step needs 41 differ"):
        loader_of(labelled, images=41, share=0.5)


def test_a_bad_file_is_named(tmp_path: Path) -> None:
    fill(tmp_path, [f"{split}/{name}/{number}.jpg" for split in ("train", "val") for name in "ab" for number in "12"])
    with pytest.raises(ViviError, match=r"train/[ab]/[12]\.jpg: empty file; repair or remove this file"):
        list(loader_of(LabelledSet.open(tmp_path, seed=0), images=4).batches(0, 1))


@pytest.mark.parametrize(
    "text",
    [
        '{"values": ["a_0003.JPEG", "b_0001.JPEG", "a_0000.JPEG"]}',
        "b_0001.JPEG\na_0003.JPEG\r\n\na_0000.JPEG",
        "./train/a/a_0003.JPEG\ntrain/b/b_0001.JPEG\ntrain/a/a_0000.JPEG\n",
        "a/a_0003.JPEG 17\nb/b_0001.JPEG\t0\na_0000.JPEG  3\na_0000.JPEG",
        "\ufeffa/a_0003.JPEG n01440764\nb/b_0001.JPEG cat\ntrain/a/a_0000.JPEG -1\n",
    ],
)
def test_a_list_is_followed_to_the_letter(tmp_path: Path, text: str) -> None:
    many(tmp_path / "images", {"a": 5, "b": 5})
    (tmp_path / "list").write_text(text)
    found = LabelledSet.open(tmp_path / "images", share=0.3, seed=0, file_list=tmp_path / "list")
    assert [(image.path, image.label) for image in found.images] == [
        ("train/a/a_0000.JPEG", 0),
        ("train/a/a_0003.JPEG", 0),
        ("train/b/b_0001.JPEG", 1),
    ]
    assert found.classes == ("a", "b")


def test_a_list_without_a_class(tmp_path: Path) -> None:
    many(tmp_path / "images", {"a": 5, "b": 5, "c": 5})
    (tmp_path / "list").write_text("a_0000.JPEG\nb_0001.JPEG\nb_0002.JPEG")
    with pytest.raises(ViviError, match=r"names no image of 1 of the 3 classes of .*, such as 'c': add some, or give"):
        LabelledSet.open(tmp_path / "images", share=0.2, seed=0, file_list=tmp_path / "list")


def test_names_with_spaces_and_labels(tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(b"a b/c d.jpg\na b/c d.png 4\n[x] 1.jpg\n\xff.jpg 3\nno ending\n")
    assert read_names(tmp_path / "list") == ["a b/c d.jpg", "a b/c d.png", "[x] 1.jpg", "\udcff.jpg", "no ending"]


def refused(root: Path, names: str, said: str, **changes) -> None:
    (root / "list").write_text(names)
    with pytest.raises(ViviError, match=said) as caught:
        LabelledSet.open(root / "images", **({"seed": 0, "file_list": root / "list"} | changes))
    assert "\n" not in str(caught.value)
    assert str(root / "list") in str(caught.value)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("", "names no images; legal are a JSON object with the key"),
        ('{"values": []}', "names no images"),
        ('{"names": ["a_0001.JPEG"]}', 'no list of file names under the key "values"'),
        ('{"values": [1, 2]}', 'no list of file names under the key "values"'),
        ('{"values": ["a_0001.JPEG"', "no valid JSON"),
        (
            "a_0001.JPEG\nx.JPEG\ny.JPEG\nb_0001.JPEG\nz.JPEG\nv.JPEG",
            r"4 of 6 names are no training images of .*images: 'x.JPEG', 'y.JPEG', 'z.JPEG', \.\.\.; legal are file "
            "names, and paths relative to the folder such as 'train/a/a_0000.JPEG'$",
        ),
        ("a_0001.JPEG\nb_val.JPEG", r"1 of 2 names .*1 of them are held out for testing \(given: train, val\)$"),
        ("a_0001.JPEG\na_0002.JPEG", "single class"),
        ("a_0001.JPEG\nb_0001.JPEG\ntwin.jpg", r"1 of 3 names fit several .*'twin.jpg' fits train/a/twin.jpg and"),
    ],
)
def test_lists_that_do_not_fit(tmp_path: Path, names: str, said: str) -> None:
    many(tmp_path / "images", {"a": 5, "b": 5})
    fill(tmp_path / "images", ["train/a/twin.jpg", "train/b/twin.jpg"])
    refused(tmp_path, names, said)


def test_a_path_says_which_of_two_twins_is_meant(tmp_path: Path) -> None:
    fill(many(tmp_path / "images", {"a": 2, "b": 2}), ["train/a/twin.jpg", "train/b/twin.jpg"])
    (tmp_path / "list").write_text("b/twin.jpg\na_0000.JPEG")
    found = LabelledSet.open(tmp_path / "images", share=1 / 3, seed=0, file_list=tmp_path / "list")
    assert paths_of(found) == ["train/a/a_0000.JPEG", "train/b/twin.jpg"]


def test_a_list_that_names_what_a_seeded_split_holds_out(tmp_path: Path) -> None:
    images = fill(tmp_path / "images", [f"{name}/{name}{number}.jpg" for name in "ab" for number in range(8)])
    names = "\n".join(path.name for path in images.rglob("*.jpg"))
    refused(
        tmp_path, names, r"4 of 16 .*4 of them are held out for testing \(seeded 75/25, seed 0\): with train/CLASS/"
    )


def test_a_list_of_another_share_and_a_list_that_is_not_there(tmp_path: Path) -> None:
    many(tmp_path / "images", {"a": 50, "b": 50})
    names = "\n".join(f"{name}_{number:04}.JPEG" for name in "ab" for number in range(10))
    said = "names 20 of the 100 training images of .*, a share of 0.2, but labelled.share is 0.5: .*labelled.share=0.2"
    refused(tmp_path, names, said, share=0.5)
    few = LabelledSet.open(tmp_path / "images", share=0.21, seed=0, file_list=tmp_path / "list")
    assert len(few.images) == 20
    (tmp_path / "folder").mkdir()
    for name in ("missing", "folder"):
        with pytest.raises(ViviError, match=f"{name} cannot be read .*: name a list of images"):
            LabelledSet.open(tmp_path / "images", seed=0, file_list=tmp_path / name)


def test_shares_out_of_range_and_folders_with_one_class(tmp_path: Path) -> None:
    for share in (0.0, -0.1, 1.1, float("nan")):
        with pytest.raises(ViviError, match=f"labelled.share is {share}: it must be above 0 and at most 1"):
            LabelledSet.open(tmp_path, share=share, seed=0)
    many(tmp_path, {"only": 5})
    with pytest.raises(ViviError, match="single class, 'only'"):
        LabelledSet.open(tmp_path, seed=0)


@pytest.mark.parametrize("field", ["share=0", "share=1.5", "images_per_step=0", "norm_group=0"])
def test_settings_out_of_range(field: str) -> None:
    name, _, value = field.partition("=")
    with pytest.raises(ConfigError, match=f"{name}: Input should be"):
        build(LabelledImages, {name: json.loads(value)}, source="here")


def test_the_digest_knows_images_and_labels(tmp_path: Path) -> None:
    def digest(root: Path, **changes) -> str:
        return LabelledSet.open(root, **({"seed": 0} | changes)).digest

    first = digest(many(tmp_path / "one", {"a": 6, "b": 6}))
    assert digest(many(tmp_path / "two", {"b": 6, "a": 6})) == first
    assert len(first) == 12
    shares = {digest(tmp_path / "one", share=0.5, seed=seed) for seed in range(3)}
    assert len(shares | {first}) == 4
    (tmp_path / "two/val/a/a_val.JPEG").write_bytes(b"not learned from")
    assert digest(tmp_path / "two") == first
    (tmp_path / "two/train/a/a_0001.JPEG").write_bytes(b"repaired")
    assert digest(tmp_path / "two") == first
    found = LabelledSet.open(tmp_path / "one", seed=0)
    assert replace(found, images=found.images[::-1]).digest == first
    swapped = tuple(LabelledImage(image.path, 1 - image.label) for image in found.images)
    assert replace(found, images=swapped).digest != first
    more_classes = fill(tmp_path / "one", ["train/aa/1.jpg"])
    assert digest(more_classes) != first
