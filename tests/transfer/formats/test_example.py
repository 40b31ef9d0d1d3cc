"""tf.train.Example: against the protobuf library, packed and not, and what is wrong in one."""

import numpy as np
import pytest
from tests.reference.checkpoint_files import field
from tests.reference.tfrecord_files import example, feature

from vivi.transfer.formats.example import parse_example

FEATURES = {"image": b"\x00\xffbytes", "label": 7, "ids": [0, -1, 300, -(2**63), 2**63 - 1], "z": [1.5, -0.25, 1e30]}


@pytest.fixture(scope="module")
def message_class():
    """The class that the protobuf library makes of the public description of the format."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    kind = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="example.proto", package="t", syntax="proto3")

    def add(name, *fields):
        message = file.message_type.add(name=name)
        for number, (label, type_, of) in enumerate(fields, 1):
            message.field.add(
                name=f"f{number}", number=number, type=type_, label=label, type_name=f".t.{of}" if of else None
            )
        return message

    many, one = kind.LABEL_REPEATED, kind.LABEL_OPTIONAL
    add("BytesList", (many, kind.TYPE_BYTES, None))
    add("FloatList", (many, kind.TYPE_FLOAT, None))
    add("Int64List", (many, kind.TYPE_INT64, None))
    add("Feature", *((one, kind.TYPE_MESSAGE, name) for name in ("BytesList", "FloatList", "Int64List")))
    table = add("Features", (many, kind.TYPE_MESSAGE, "Features.F1Entry"))
    entry = table.nested_type.add(name="F1Entry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=kind.TYPE_STRING, label=one)
    entry.field.add(name="value", number=2, type=kind.TYPE_MESSAGE, label=one, type_name=".t.Feature")
    add("Example", (one, kind.TYPE_MESSAGE, "Features"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("t.Example"))


def check(payload: bytes) -> None:
    found = parse_example(payload)
    assert set(found.features) == set(FEATURES)
    assert (found.one_bytes("image"), found.one_int("label")) == (FEATURES["image"], 7)
    assert found.ints("ids") == FEATURES["ids"] and found.ints("label") == [7]
    assert found.floats("z").dtype == np.float32
    np.testing.assert_array_equal(found.floats("z"), np.array(FEATURES["z"], np.float32))


@pytest.mark.parametrize("packed", [True, False])
def test_both_ways_to_write_lists(packed):
    check(example(FEATURES, packed=packed))
    check(bytes(memoryview(example(FEATURES, packed=packed))))


def test_what_the_protobuf_library_writes(message_class):
    message = message_class()
    table = message.f1.f1
    table["image"].f1.f1.append(FEATURES["image"])
    table["label"].f3.f1.append(7)
    table["ids"].f3.f1.extend(FEATURES["ids"])
    table["z"].f2.f1.extend(FEATURES["z"])
    check(message.SerializeToString())


def test_the_protobuf_library_reads_the_reference(message_class):
    message = message_class.FromString(example(FEATURES, packed=False))
    assert list(message.f1.f1["ids"].f3.f1) == FEATURES["ids"]


def test_empty_lists_and_features():
    found = parse_example(example({"none": []}))
    assert found.ints("none") == []
    assert parse_example(field(1, field(1, field(1, b"bare")))).floats("bare").tolist() == []
    assert parse_example(b"").features == {}


@pytest.mark.parametrize(
    ("ask", "text"),
    [
        (lambda e: e.one_int("Label"), r"it has no feature 'Label' \(it has ids, image, label, z\)"),
        (lambda e: e.one_int("ids"), "'ids' holds 5 values where one should be"),
        (lambda e: e.one_int("image"), "'image' holds bytes where integers should be"),
        (lambda e: e.one_bytes("label"), "'label' holds integers where bytes should be"),
        (lambda e: e.floats("label"), "'label' holds integers where floats should be"),
        (lambda e: e.ints("z"), "'z' holds floats where integers should be"),
    ],
)
def test_features_that_are_not_what_is_asked_for(ask, text):
    with pytest.raises(ValueError, match=text):
        ask(parse_example(example(FEATURES)))


def test_names_of_features_never_break_the_line():
    with pytest.raises(ValueError, match=r"it has no feature 'label' \(it has c, a b\)"):
        parse_example(example({"a\nb": 1, "\x0bc": 2})).one_int("label")


def test_two_images_where_one_should_be():
    payload = field(1, field(1, field(1, b"image") + field(2, field(1, field(1, b"a") + field(1, b"b")))))
    with pytest.raises(ValueError, match="holds 2 values"):
        parse_example(payload).one_bytes("image")


def test_a_float_of_three_bytes():
    payload = field(1, field(1, field(1, b"z") + field(2, field(2, field(1, b"abc")))))
    with pytest.raises(ValueError, match="'z' holds a float that is not 4 bytes"):
        parse_example(payload).floats("z")


def test_random_damage_gives_values_or_a_value_error():
    whole, rng = example(FEATURES), np.random.default_rng(3)
    seen = 0
    for _ in range(500):
        changed = bytearray(whole)
        changed[rng.integers(len(whole))] = rng.integers(256)
        try:
            found = parse_example(bytes(changed))
            found.one_bytes("image"), found.ints("ids"), found.floats("z"), found.one_int("label")
        except ValueError:
            seen += 1
    assert 50 < seen < 500
    assert feature(7) == b"\x1a\x03\x0a\x01\x07"
