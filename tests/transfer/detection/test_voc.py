"""A folder in VOC's format: lists, images, classes."""

import numpy as np
import pytest
from PIL import Image
from tests.reference.voc_world import SHAPES, markup

from vivi.core.errors import ViviError
from vivi.transfer.detection.voc import check_known, fingerprint, read_list


def refused(folder, name, text):
    with pytest.raises(ViviError, match=text) as caught:
        read_list(folder, name)
    assert "\n" not in str(caught.value)


def listed(folder, text, name="trainval"):
    (folder / "ImageSets" / "Main" / f"{name}.txt").write_text(text)


def test_the_drawn_world_is_read(world):
    train, test = read_list(world, "trainval"), read_list(world, "test")
    assert (len(train.images), len(test.images)) == (12, 6)
    assert [each.name for each in test.images] == [f"{number:06}" for number in range(12, 18)]
    assert train.classes == SHAPES
    assert train.objects == sum(len(each.annotation.names) for each in train.images)
    assert train.clipped == 0


def test_boxes_frame_what_was_drawn(world):
    """Inside a square's box all pixels are of one colour up to noise; one pixel further they are not."""
    checked = 0
    for image in read_list(world, "trainval").images:
        pixels_HWC = np.asarray(Image.open(image.file)).astype(float)
        for name, (x0, y0, x1, y1) in zip(image.annotation.names, image.annotation.boxes_O4.astype(int), strict=True):
            inside = pixels_HWC[y0 + 2 : y1 - 2, x0 + 2 : x1 - 2]
            if name == "square":
                assert inside.std(axis=(0, 1)).max() < 15
                if x0 > 2:
                    outside = pixels_HWC[y0 + 2 : y1 - 2, x0 - 3 : x0 - 1].mean(axis=(0, 1))
                    assert np.abs(outside - inside.mean(axis=(0, 1))).max() > 20
                    checked += 1
    assert checked > 2


def test_blank_lines_and_spaces_do_not_matter(own_world):
    listed(own_world, "\n 000001 \r\n000000\n\n")
    assert [each.name for each in read_list(own_world, "trainval").images] == ["000001", "000000"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names no image"),
        ("000000 -1\n", r"trainval\.txt, line 1 has 2 words, as in a list of one class"),
        ("000000\n000001\n000000\n", r"line 3: '000000' is already in line 1"),
        ("../000000\n", r"line 1: '\.\./000000' is not a name"),
        ("..\n", "is not a name"),
        ("a\\b\n", "is not a name"),
        ("000007\n", r"JPEGImages has no image 000007\.jpg"),
    ],
)
def test_a_bad_list_is_named_with_its_line(own_world, text, said):
    (own_world / "Annotations" / "000007.xml").write_text((own_world / "Annotations" / "000000.xml").read_text())
    listed(own_world, text)
    refused(own_world, "trainval", said)


def test_what_is_missing_is_named(own_world, tmp_path):
    refused(own_world, "val", r"no list .*val\.txt; in its folder are: test, trainval")
    refused(own_world, "../trainval", "is not the name of a list")
    refused(tmp_path, "test", r"Main is no folder: give a folder in VOC's format")
    refused(tmp_path / "none", "test", r"none is no folder")
    (own_world / "Annotations" / "000001.xml").unlink()
    refused(own_world, "trainval", r"000001\.xml: no such file")
    listed(own_world, "é".encode("latin-1").decode("latin-1"))
    (own_world / "ImageSets" / "Main" / "bytes.txt").write_bytes(b"\xff\n")
    refused(own_world, "bytes", "not UTF-8")


def test_another_ending_of_an_image_is_found(own_world):
    (own_world / "JPEGImages" / "000000.jpg").rename(own_world / "JPEGImages" / "000000.png")
    assert read_list(own_world, "trainval").images[0].file.name == "000000.png"


def test_an_object_of_an_unknown_class_is_named(own_world):
    file = own_world / "Annotations" / "000003.xml"
    file.write_text(file.read_text().replace("</annotation>", markup("zebra", (1, 1, 5, 5)) + "</annotation>"))
    with pytest.raises(ViviError, match=r"000003\.xml: object \d is of class 'zebra', .* it has disc, square"):
        check_known(read_list(own_world, "test"), classes=("disc", "square", "triangle"))


def test_the_fingerprint_follows_boxes_names_and_flags(own_world):
    def now():
        return fingerprint([read_list(own_world, name) for name in ("trainval", "test")])

    seen = {now()}
    assert now() in seen
    file = own_world / "Annotations" / "000000.xml"
    text = file.read_text()
    for old, new in (("<difficult>0", "<difficult>1"), ("<name>", "<name>x"), ("<xmin>", "<xmin>0.9")):
        file.write_text(text.replace(old, new, 1))
        seen.add(now())
    file.write_text(text)
    listed(own_world, "000000\n000002\n000001\n")
    seen.add(now())
    listed(own_world, "000000\n000001\n")
    listed(own_world, "000002\n000003\n000004\n", name="test")
    seen.add(now())
    assert len(seen) == 6
