"""CLEVR from its scenes: both tasks."""

import json

import numpy as np
import pytest
from tests.reference.natural_sets import pixels, slow_order
from tests.reference.structured_sets import write_clevr

from vivi.core.errors import ViviError
from vivi.transfer.data_root.opening import open_parts
from vivi.transfer.tasks.clevr import TASKS, read_clevr_count, read_clevr_dist

COUNT, DIST = TASKS
DEPTHS = [[8.2, 9.7, 12.0], [11.0] * 10, [7.9, 8.6, 9.2, 9.6], [9.4] * 5]


@pytest.fixture
def folder(tmp_path):
    write_clevr(tmp_path, {"train": DEPTHS * 5, "val": DEPTHS})
    return tmp_path / COUNT.folder


@pytest.mark.parametrize(("task", "labels"), [(COUNT, [0, 7, 1, 2]), (DIST, [1, 5, 0, 3])], ids=["count", "distance"])
def test_the_scenes_of_both_parts(task, labels, folder):
    parts = task.read(folder)
    train = slow_order([f"CLEVR_train_{at:06d}.png" for at in range(20)], split="train")
    val = slow_order([f"CLEVR_val_{at:06d}.png" for at in range(4)], split="validation")
    for part, part_name, names in (
        (parts.train, "train", train[:18]),
        (parts.val, "train", train[18:]),
        (parts.test, "val", val),
    ):
        numbers = [int(name[-10:-4]) for name in names]
        assert [part.name(at) for at in range(len(part))] == [f"{part_name}/{name}" for name in names]
        assert part.labels_N.tolist() == [labels[number % 4] for number in numbers]
        np.testing.assert_array_equal(part.read(0), pixels(numbers[0]))


def test_the_official_sizes_give_the_known_order(tmp_path, monkeypatch):
    """Golden vectors of the order, through the reader; no images are there, and objects say nothing."""
    monkeypatch.setattr("vivi.transfer.formats.image_list.require_files", lambda *_, **__: None)
    (tmp_path / COUNT.folder / "scenes").mkdir(parents=True)
    for part, count in (("train", 70_000), ("val", 15_000)):
        scenes = (f'{{"image_filename":"CLEVR_{part}_{at:06d}.png","objects":[{{}},{{}},{{}}]}}' for at in range(count))
        file = tmp_path / COUNT.folder / "scenes" / f"CLEVR_{part}_scenes.json"
        file.write_text(f'{{"scenes":[{",".join(scenes)}]}}')
    opened = open_parts(COUNT, COUNT.read(tmp_path / COUNT.folder), origin="original files")
    assert opened.is_official
    numbers = {split: [of.name(at)[-10:-4] for at in range(5)] for split, of in opened.splits.items()}
    assert numbers["train800"] == ["043876", "033421", "062025", "021419", "004851"]
    assert numbers["val200"][:3] == ["035084", "029360", "004525"]


@pytest.mark.parametrize("keep", [0, 100, -1])
def test_a_file_that_was_cut_short(keep, folder):
    file = folder / "scenes" / "CLEVR_val_scenes.json"
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(ViviError, match=r"CLEVR_val_scenes\.json is damaged or cut off \(.*fetch it again"):
        read_clevr_count(folder)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda scene: scene.pop("objects"), "no 'objects'"),
        (lambda scene: scene.pop("image_filename"), "no 'image_filename'"),
        (lambda scene: scene["objects"].pop(), "2 objects, not 3 to 10"),
        (lambda scene: scene.update(objects=7), "has no len"),
        (lambda scene: scene.update(image_filename="../x.png"), "not a relative path"),
    ],
)
def test_scenes_of_another_form_are_named(change, text, folder):
    file = folder / "scenes" / "CLEVR_train_scenes.json"
    content = json.loads(file.read_text())
    change(content["scenes"][4])
    file.write_text(json.dumps(content))
    with pytest.raises(ViviError, match=rf"CLEVR_train_scenes\.json, scene 4: .*{text}"):
        read_clevr_count(folder)


@pytest.mark.parametrize(
    ("coordinates", "text"),
    [
        ([1, 2], "index out of range"),
        ([1, 2, "far"], "could not convert"),
        ([1, 2, None], "must be"),
        ([1, 2, 0.0], "is 0.0 away"),
        ([1, 2, float("nan")], "an object at a distance that is no number"),
        ([1, 2, float("inf")], "an object at a distance that is no number"),
    ],
)
def test_depths_of_another_form_are_named(coordinates, text, folder):
    file = folder / "scenes" / "CLEVR_val_scenes.json"
    content = json.loads(file.read_text())
    content["scenes"][2]["objects"][1]["pixel_coords"] = coordinates
    file.write_text(json.dumps(content))
    with pytest.raises(ViviError, match=rf"CLEVR_val_scenes\.json, scene 2: .*{text}"):
        read_clevr_dist(folder)


def test_other_files(folder):
    file = folder / "scenes" / "CLEVR_val_scenes.json"
    for content in ("[]", "{}", '{"scenes": []}', '{"scenes": 5}'):
        file.write_text(content)
        with pytest.raises(ViviError, match="has no list of scenes"):
            read_clevr_count(folder)
    file.unlink()
    with pytest.raises(ViviError, match=r"cannot read .*CLEVR_val_scenes\.json: No such file"):
        read_clevr_count(folder)


def test_images_that_are_not_there(folder):
    (folder / "images" / "train" / "CLEVR_train_000003.png").unlink()
    with pytest.raises(ViviError, match=r"CLEVR_train_000003\.png is missing: fetch and unpack"):
        read_clevr_count(folder)
    (folder / "images" / "train" / "CLEVR_train_000007.png").unlink()
    with pytest.raises(ViviError, match=r"CLEVR_train_000003\.png and 1 more are missing"):
        read_clevr_count(folder)
