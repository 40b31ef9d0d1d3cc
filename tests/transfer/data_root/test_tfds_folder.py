"""Prepared folders of TFDS, for every task: made in miniature by hand, cut as VTAB does."""

import json
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from tests.reference.natural_sets import pixels
from tests.reference.structured_sets import encoded
from tests.reference.tfrecord_files import example, write_records

from vivi.core.errors import ViviError
from vivi.data.image_file import ImageError
from vivi.transfer.data_root.tfds_folder import find_tfds, open_tfds
from vivi.transfer.data_root.tfds_table import TFDS
from vivi.transfer.suites import VTAB, chosen

PLACES = {
    "caltech101": "caltech101/3.0.1",
    "cifar": "cifar100/3.0.2",
    "dtd": "dtd/3.0.1",
    "oxford_flowers102": "oxford_flowers102/2.1.1",
    "oxford_iiit_pet": "oxford_iiit_pet/3.2.0",
    "sun397": "sun397/tfds/4.0.0",
    "svhn": "svhn_cropped/3.0.0",
    "patch_camelyon": "patch_camelyon/2.0.0",
    "eurosat": "eurosat/rgb/2.0.0",
    "resisc45": "resisc45/3.0.0",
    "diabetic_retinopathy": "diabetic_retinopathy_detection/btgraham-300/3.0.0",
    "clevr_count": "clevr/3.1.0",
    "clevr_dist": "clevr/3.1.0",
    "dmlab": "dmlab/2.0.1",
    "dsprites_loc": "dsprites/2.0.0",
    "dsprites_ori": "dsprites/2.0.0",
    "kitti": "kitti/3.2.0",
    "smallnorb_azi": "smallnorb/2.0.0",
    "smallnorb_ele": "smallnorb/2.0.0",
}
"""Where TFDS keeps each task."""
SHARDS = {"train": (7, 3, 10), "validation": (4,), "test": (2, 6)}
"""Records of each file of each split."""
FIRST = {"train": 0, "validation": 100, "test": 200}
"""Number of the first record of a split."""
CUTS = {
    ("train 0 20", "validation 0 4", "test 0 8"): (
        "dtd", "oxford_flowers102", "sun397", "patch_camelyon", "diabetic_retinopathy", "dmlab", "kitti",
    ),
    ("train 0 18", "train 18 20", "test 0 8"): ("caltech101", "cifar", "svhn"),
    ("train 0 16", "train 16 20", "test 0 8"): ("oxford_iiit_pet",),
    ("train 0 12", "train 12 16", "train 16 20"): ("eurosat", "resisc45"),
    ("train 0 18", "train 18 20", "validation 0 4"): ("clevr_count", "clevr_dist"),
    ("train 0 16", "train 16 18", "train 18 20"): ("dsprites_loc", "dsprites_ori"),
    ("train 0 20", "test 0 4", "test 4 8"): ("smallnorb_azi", "smallnorb_ele"),
}  # fmt: skip
"""Where train, val and test lie in these splits: VTAB's percentages worked out for 20 and 8 records."""


def clevr(at: int) -> dict:
    count = 3 + at % 8
    depths = [(1.0, 2.0, 7.5 + 0.5 * (at % 6) + each) for each in range(count)]
    return {"objects/size": [0] * count, "objects/pixel_coords": [value for each in depths for value in each]}


def kitti(at: int) -> dict:
    """A nearer pedestrian (3), and a vehicle (0, 1 or 2) in the class at % 4; none in class 3, which may be empty."""
    if at % 4 == 3:
        return {"objects/type": [3] * (at % 2 + 1), "objects/location": [0.5, 0.5, 1.0] * (at % 2 + 1)}
    return {"objects/type": [3, at % 3], "objects/location": [0.5, 0.5, 1.0, 0.5, 0.5, (8.0, 8.01, 20.01)[at % 4]]}


FEATURES = {
    "clevr": clevr,
    "kitti": kitti,
    "dsprites": lambda at: {"label_x_position": at % 32, "label_orientation": at % 40},
    "smallnorb": lambda at: {"label_azimuth": at % 18, "label_elevation": at % 9, "label_category": 1},
}
EXPECTED = {
    "clevr_count": lambda at: at % 8,
    "clevr_dist": lambda at: (0, 0, 1, 2, 3, 4)[at % 6],
    "kitti": lambda at: at % 4,
    "dsprites_loc": lambda at: at % 32 // 2,
    "dsprites_ori": lambda at: int(at % 40 / 2.5),
    "smallnorb_azi": lambda at: at % 18,
    "smallnorb_ele": lambda at: at % 9,
}


def features(builder: str, at: int, *, classes: int) -> dict:
    image = pixels(at, height=3, width=4)
    if builder == "dsprites":
        image = image // 128
    extra = FEATURES[builder](at) if builder in FEATURES else {"label": at % classes}
    return {"image": encoded(image), "file_name": f"{at}.png".encode(), **extra}


def write_prepared(root, name: str, *, place: str | None = None):
    """The folder of a task's data set, all three splits."""
    (task,) = chosen([name])
    folder = root / (place or PLACES[name])
    builder = folder.relative_to(root).parts[0]
    for split, lengths in SHARDS.items():
        numbers = iter(range(FIRST[split], FIRST[split] + sum(lengths)))
        for shard, length in enumerate(lengths):
            records = [example(features(builder, next(numbers), classes=task.classes)) for _ in range(length)]
            write_records(folder / f"{builder}-{split}.tfrecord-{shard:05d}-of-{len(lengths):05d}", records)
    info = {
        "name": builder,
        "fileFormat": "tfrecord",
        "splits": [
            {"name": split, "shardLengths": [str(each) for each in lengths]} for split, lengths in SHARDS.items()
        ],
    }
    (folder / "dataset_info.json").write_text(json.dumps(info))
    return task, folder


def numbers(place: str) -> list[int]:
    split, start, end = place.split()
    return [FIRST[split] + at for at in range(int(start), int(end))]


def test_every_task_of_vtab_has_its_place():
    assert (
        {task.name for task in VTAB} == set(TFDS) == set(PLACES) == {name for names in CUTS.values() for name in names}
    )


@pytest.mark.parametrize(("cuts", "name"), [(cuts, name) for cuts, names in CUTS.items() for name in names])
def test_the_parts_of_every_task(cuts, name, tmp_path):
    task, folder = write_prepared(tmp_path, name)
    assert find_tfds(task, tmp_path) == folder
    opened = open_tfds(task, folder=folder)
    expected = EXPECTED.get(name, lambda at: at % task.classes)
    for split, place in zip(("train", "val", "test"), cuts, strict=True):
        part, members = opened.splits[split], numbers(place)
        assert part.labels_N.tolist() == [expected(at) for at in members]
        for at, number in enumerate(members):
            image = pixels(number, height=3, width=4)
            np.testing.assert_array_equal(part.read(at), image // 128 * 255 if "dsprites" in name else image)
    builder = PLACES[name].partition("/")[0]
    assert opened.splits["train"].name(8).endswith(f"{builder}-train.tfrecord-00001-of-00003, record 1")
    assert opened.origin == f"prepared by TFDS: {builder} {folder.name}"
    assert opened.remarks[-1] == f"test has {len(opened.splits['test'])} images, VTAB has {task.sizes.test}"
    kinds = {"caltech101": "file system", "eurosat": "need not be VTAB's", "resisc45": "need not be VTAB's"}
    assert kinds.get(name, "train has") in opened.remarks[0]


def test_shares_cover_a_split_without_gaps():
    for prepared in TFDS.values():
        spans: dict[str, list[tuple[Fraction, Fraction]]] = {}
        for share in (prepared.parts.train, prepared.parts.val, prepared.parts.test):
            spans.setdefault(share.split, []).append((share.start, share.end))
        for found in spans.values():
            assert (found[0][0], found[-1][1]) == (0, 1)
            assert all(one[1] == two[0] for one, two in pairwise(found))


def test_known_versions_are_preferred_and_others_are_said(tmp_path):
    task, old = write_prepared(tmp_path, "dtd")
    assert find_tfds(task, tmp_path / "nowhere") is None
    _, other = write_prepared(tmp_path, "dtd", place="dtd/10.0.0")
    _, newer = write_prepared(tmp_path, "dtd", place="dtd/3.0.10")
    (tmp_path / "dtd" / "3.0.99").mkdir()
    (tmp_path / "dtd" / "3.0.98.incompleteX").mkdir()
    (tmp_path / "dtd" / "3.0.98.incompleteX" / "dataset_info.json").write_text("{}")
    assert find_tfds(task, tmp_path) == newer != old
    assert "of version 3.*.* of dtd, these are of 10.0.0" in open_tfds(task, folder=other).remarks[0]


def test_damaged_files_are_named(tmp_path):
    task, folder = write_prepared(tmp_path, "svhn")
    file = folder / "svhn_cropped-train.tfrecord-00001-of-00003"
    whole = file.read_bytes()

    def refused(text):
        with pytest.raises(ViviError, match=text) as caught:
            open_tfds(task, folder=folder)
        assert "\n" not in str(caught.value)

    file.write_bytes(whole[:-1])
    refused(r"train\.tfrecord-00001-of-00003, record 2: the file is cut off")
    file.write_bytes(whole[: len(whole) * 2 // 3])
    refused(r"00001-of-00003 has 2 records, dataset_info\.json says 3: it is cut off; prepare it again")
    write_records(file, [example(features("svhn_cropped", 7, classes=10))])
    refused(r"00001-of-00003 has 1 records, dataset_info\.json says 3: it is cut off; prepare it again")
    write_records(file, [example({"image": b"", "label": 10})] * 3)
    refused(r"00001-of-00003, record 0 has class 10, not one of 0 to 9")
    write_records(file, [example({"image": b"", "labels": 1})] * 3)
    refused(r"00001-of-00003, record 0: it has no feature 'label' \(it has image, labels\)")
    file.unlink()
    refused(r"cannot read .*train\.tfrecord-00001-of-00003: No such file")
    changed = bytearray(whole)
    changed[changed.index(b"IDAT") + 6] ^= 8
    file.write_bytes(changed)
    train = open_tfds(task, folder=folder).splits["train"]
    with pytest.raises(ImageError, match=r"00001-of-00003, record 0: damaged \(its checksum is wrong\)"):
        train.read(7)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"name": "svhn"}, "is of the data set 'svhn', not 'svhn_cropped'"),
        ({"fileFormat": "array_record"}, "the files are of the format array_record, only tfrecord is read"),
        ({"splits": []}, "has no split 'test'"),
        ({"splits": [{"name": "test"}]}, "of a version of TFDS before 2 .no 'shardLengths'"),
        ({"splits": [{"name": "test", "shardLengths": ["x"]}]}, "invalid literal"),
        ({"splits": 5}, "not iterable"),
    ],
)
def test_a_description_of_another_form(change, text, tmp_path):
    task, folder = write_prepared(tmp_path, "svhn")
    info = folder / "dataset_info.json"
    info.write_text(json.dumps(json.loads(info.read_text()) | change))
    with pytest.raises(ViviError, match=rf"dataset_info\.json.*{text}"):
        open_tfds(task, folder=folder)


def test_a_description_that_is_damaged_or_missing(tmp_path):
    task, folder = write_prepared(tmp_path, "svhn")
    info = folder / "dataset_info.json"
    info.write_text(info.read_text().replace('"fileFormat": "tfrecord",', ""))
    assert len(open_tfds(task, folder=folder).splits["test"]) == 8, "older versions do not name the format"
    for content in ("", "[]", '{"name": "svhn_cropped"', "{}"):
        info.write_text(content)
        with pytest.raises(ViviError, match=r"dataset_info\.json is damaged"):
            open_tfds(task, folder=folder)
    info.unlink()
    with pytest.raises(ViviError, match=r"cannot read .*dataset_info\.json: No such file"):
        open_tfds(task, folder=folder)
