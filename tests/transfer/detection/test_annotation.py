"""Boxes, names and flags of an annotation, and what is said of bad ones."""

import numpy as np
import pytest
from tests.reference.voc_world import markup

from vivi.transfer.detection.annotation import MAX_NAME, AnnotationError, read_annotation


def boxed(xmin, ymin, xmax, ymax, *, name="dog", more=""):
    borders = zip(("xmin", "ymin", "xmax", "ymax"), (xmin, ymin, xmax, ymax), strict=True)
    inner = "".join(f"<{border}>{value}</{border}>" for border, value in borders)
    return f"<object><name>{name}</name>{more}<bndbox>{inner}</bndbox></object>"


def test_borders_are_counted_from_0_and_span_whole_pixels(written):
    """VOC's first pixel is 1 and its last one belongs to the box."""
    found = read_annotation(
        written(boxed(1, 1, 60, 40) + boxed(11, 6, 11, 6, name="cat") + markup("disc", (0, 3, 9, 7)))
    )
    assert (found.width, found.height) == (60, 40)
    assert found.boxes_O4.tolist() == [[0, 0, 60, 40], [10, 5, 11, 6], [0, 3, 9, 7]]
    assert found.boxes_O4.dtype == np.float32
    assert found.names == ("dog", "cat", "disc")
    assert found.clipped == 0


def test_borders_may_be_fractions_and_in_any_order(written):
    swapped = (
        "<object><name>dog</name><bndbox><ymax>20.5</ymax><xmax>30.25</xmax><ymin>2</ymin><xmin>1.5</xmin></bndbox>"
        "</object>"
    )
    assert read_annotation(written(swapped)).boxes_O4.tolist() == [[0.5, 1, 30.25, 20.5]]


def test_a_pixel_outside_is_clipped_and_counted(written):
    found = read_annotation(written(boxed(0, 0, 60, 40) + boxed(1, 1, 61, 41) + boxed(2, 2, 3, 3)))
    assert found.boxes_O4.tolist() == [[0, 0, 60, 40], [0, 0, 60, 40], [1, 1, 3, 3]]
    assert found.clipped == 2


def test_difficult_is_0_where_it_is_not_said(written):
    flags = ("", "<difficult>0</difficult>", "<difficult> 1 </difficult>")
    found = read_annotation(written("".join(boxed(1, 1, 9, 9, more=flag) for flag in flags)))
    assert found.difficult_O.tolist() == [False, False, True]


def test_parts_of_objects_are_no_objects(written):
    part = "<part><name>head</name><bndbox><xmin>0</xmin></bndbox></part>"
    found = read_annotation(written(boxed(5, 6, 9, 9, name="person", more=part)))
    assert found.names == ("person",)
    assert found.boxes_O4.tolist() == [[4, 5, 9, 9]]


def test_an_image_may_have_no_object(written):
    found = read_annotation(written())
    assert found.boxes_O4.shape == (0, 4)
    assert found.names == () and found.difficult_O.shape == (0,)


@pytest.mark.parametrize(
    ("objects", "said"),
    [
        (boxed(1, 1, 62, 9), r"object 2 \(dog\): box xmin 1, ymin 1, xmax 62, ymax 9 leaves the image of 60 x 40"),
        (boxed(-1, 1, 9, 9), "leaves the image"),
        (boxed(1, 1, 9, 42), "leaves the image"),
        (boxed(9, 1, 8, 9), "has no area"),
        (boxed(1, 9, 9, 8), "has no area"),
        (boxed(61, 1, 61, 9), "has no area"),
        (boxed("nan", 1, 9, 9), "xmin is 'nan': must be a number"),
        (boxed(1, "inf", 9, 9), "ymin is 'inf'"),
        (boxed(1, 1, "1e999", 9), "xmax is '1e999'"),
        (boxed(1, 1, 9, "nine"), "ymax is 'nine'"),
        (boxed(1, 1, 9, ""), "ymax is ''"),
        ("<object><name>dog</name></object>", "xmin is missing"),
        (boxed(1, 1, 9, 9, name=""), "object 2 has no usable <name>"),
        (boxed(1, 1, 9, 9, name="x" * (MAX_NAME + 1)), "no usable <name>"),
        (boxed(1, 1, 9, 9, name="a&#x202e;b"), "no usable <name>"),
        (boxed(1, 1, 9, 9, more="<difficult>Unspecified</difficult>"), "<difficult> is 'Unspecified': must be 0 or 1"),
    ],
)
def test_a_bad_object_is_named_with_its_file(written, objects, said):
    path = written(boxed(1, 1, 2, 2) + objects)
    with pytest.raises(AnnotationError, match=said) as caught:
        read_annotation(path)
    assert str(caught.value).startswith(f"{path}: object 2")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < len(str(path)) + 500


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<html/>", "root element is <html>"),
        ("<annotation/>", "size/width is ''"),
        ("<annotation><size><width>0</width><height>4</height></size></annotation>", "size/width is '0'"),
        ("<annotation><size><width>4</width><height>x</height></size></annotation>", "size/height is 'x'"),
        ("<annotation><size><width>99999999</width><height>4</height></size></annotation>", "size/width is '99999999'"),
        (f"<annotation><size><width>{'1' * 5000}</width><height>4</height></size></annotation>", "size/width is '1111"),
        ("<annotation><size><width>²</width><height>4</height></size></annotation>", "size/width is '²'"),
    ],
)
def test_what_is_no_annotation_is_refused(written, text, said):
    with pytest.raises(AnnotationError, match=said):
        read_annotation(written(text=text))
