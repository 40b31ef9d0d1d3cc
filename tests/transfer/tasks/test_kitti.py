"""KITTI from its labels and the mapping of its development kit."""

import random

import numpy as np
import pytest
from tests.reference.natural_sets import pixels, slow_order
from tests.reference.structured_sets import kitti_line, write_kitti

from vivi.core.errors import ViviError
from vivi.transfer.tasks.kitti import TASKS, read_kitti, split_by_video

(TASK,) = TASKS
VIDEOS = [f"2011_09_26_drive_{at % 23:04d}_sync" for at in range(60)]
OBJECTS = [
    [kitti_line("Car", 7.5), kitti_line("Pedestrian", 2.0)],
    [kitti_line("Van", 8.01), kitti_line("Car", 60.0)],
    [kitti_line("Truck", 20.01), kitti_line("DontCare", -1000.0), kitti_line("Tram", 3.0)],
    [kitti_line("Cyclist", 1.0), kitti_line("DontCare", -1000.0)],
    [],
]
LABELS = [0, 1, 2, 3, 3]


@pytest.fixture
def folder(tmp_path):
    write_kitti(tmp_path, VIDEOS, [OBJECTS[at % 5] for at in range(60)])
    return tmp_path / TASK.folder


def old_generator(seed: int) -> random.Random:
    """The Mersenne twister as NumPy's old generator starts it: Knuth's recursion from the seed."""
    words = [seed]
    for index in range(1, 624):
        words.append((1812433253 * (words[-1] ^ (words[-1] >> 30)) + index) % 2**32)
    twister = random.Random()
    twister.setstate((3, (*words, 624), None))
    return twister


def old_permutation(count: int, twister: random.Random) -> list[int]:
    """Fisher and Yates from the end; an index is drawn by masking bits until it fits."""
    order = list(range(count))
    for last in range(count - 1, 0, -1):
        mask = 2 ** last.bit_length() - 1
        while (drawn := twister.getrandbits(32) & mask) > last:
            pass
        order[last], order[drawn] = order[drawn], order[last]
    return order


@pytest.mark.parametrize("count", [3, 9, 25, 141])
def test_videos_are_drawn_as_by_numpys_old_generator(count):
    """Against the generator written out; the global one is left alone."""
    names = [f"v{at:04d}" for at in range(count)]
    twister = old_generator(123)
    share = max(1, count // 10)
    test = {names[at] for at in old_permutation(count, twister)[:share]}
    rest = [name for name in names if name not in test]
    val = {rest[at] for at in old_permutation(len(rest), twister)[:share]}
    images = [names[(7 * at) % count] for at in range(3 * count)]
    before = np.random.get_state()[1].tolist()
    found = split_by_video(images)
    assert np.random.get_state()[1].tolist() == before
    expected = [
        [at for at, name in enumerate(images) if (name in val, name in test) == wanted]
        for wanted in ((False, False), (True, False), (False, True))
    ]
    assert list(found) == expected
    assert sorted(at for part in found for at in part) == list(range(len(images)))


def test_images_are_split_by_video_and_labelled_by_the_nearest_vehicle(folder):
    parts = read_kitti(folder)
    numbers = split_by_video(VIDEOS)
    videos = [{VIDEOS[at] for at in part} for part in numbers]
    assert [len(part) for part in videos] == [19, 2, 2]
    assert not videos[0] & videos[1] | videos[0] & videos[2] | videos[1] & videos[2]
    for part, members, split in zip(
        (parts.train, parts.val, parts.test), numbers, ("train", "validation", "test"), strict=True
    ):
        names = slow_order([f"{at:06d}.png" for at in members], split=split)
        ordered = [int(name[:6]) for name in names]
        assert [part.name(at) for at in range(len(part))] == [f"image_2/{name}" for name in names]
        assert part.labels_N.tolist() == [LABELS[at % 5] for at in ordered]
        np.testing.assert_array_equal(part.read(0), pixels(ordered[0]))


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (kitti_line("Car", 7.5).rpartition(" ")[0], "14 columns, not 15"),
        (kitti_line("Car", 7.5).replace("7.50", "near"), "could not convert string to float"),
    ],
)
def test_lines_of_another_form_are_named(line, text, folder):
    file = folder / "training" / "label_2" / "000031.txt"
    file.write_text(f"{kitti_line('Car', 9)}\n{line}\n")
    with pytest.raises(ViviError, match=rf"000031\.txt, line 2: {text}.*unpack data_object_label_2\.zip again"):
        read_kitti(folder)
    file.write_text(kitti_line("Car", -200))
    with pytest.raises(ViviError, match=r"000031\.txt: a vehicle at z = -200\.0"):
        read_kitti(folder)
    for depth in ("nan", "inf", "1e999"):  # not as far away as no vehicle
        file.write_text(f"{kitti_line('Van', 5)}\n{kitti_line('Car', 7.5).replace('7.50', depth)}\n")
        with pytest.raises(ViviError, match=r"000031\.txt: a vehicle at a distance that is no number of metres"):
            read_kitti(folder)


def test_a_mapping_of_another_form_is_named(folder):
    order, mapping = folder / "mapping" / "train_rand.txt", folder / "mapping" / "train_mapping.txt"
    whole = order.read_text()
    for numbers, text in (
        ("1,x", "number 1: invalid literal"),
        ("1,2,61", "number 2: there is no line 61"),
        ("0", "no line 0"),
    ):
        order.write_text(numbers)
        with pytest.raises(ViviError, match=rf"train_rand\.txt, .*{text}.*unpack devkit_object\.zip again"):
            read_kitti(folder)
    order.write_text("1,2")
    with pytest.raises(ViviError, match="the images come from 2 videos, at least 3 are needed"):
        read_kitti(folder)
    order.write_text(whole)
    lines = mapping.read_text().splitlines()
    mapping.write_text("\n".join([*lines[:4], "2011_09_26", *lines[5:]]))
    with pytest.raises(ViviError, match=r"train_mapping\.txt, line 5: it is not DATE VIDEO FRAME"):
        read_kitti(folder)
    mapping.unlink()
    with pytest.raises(ViviError, match=r"cannot read .*train_mapping\.txt"):
        read_kitti(folder)


def test_files_that_are_not_there(folder):
    (folder / "training" / "image_2" / "000005.png").unlink()
    with pytest.raises(ViviError, match=r"000005\.png is missing"):
        read_kitti(folder)
    (folder / "training" / "image_2" / "000005.png").write_bytes(b"")
    (folder / "training" / "label_2" / "000006.txt").unlink()
    with pytest.raises(ViviError, match=r"cannot read .*000006\.txt"):
        read_kitti(folder)
