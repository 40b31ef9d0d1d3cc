"""TFRecord files: written by TensorBoard and by hand, read by number, and damaged in every way."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tests.reference.tfrecord_files import example, record, write_records

from vivi.core.errors import ViviError
from vivi.data.image_file import ImageError
from vivi.transfer.formats.records import index_examples
from vivi.transfer.formats.tfrecord import index_records

PAYLOADS = [b"first", b"", b"x" * 700, bytes(range(256)) * 5]


def indexed(path):
    file, visited = index_records(path, visit=bytes)
    return file, visited


def test_records_are_found_by_their_number(tmp_path):
    write_records(tmp_path / "a.tfrecord", PAYLOADS)
    file, visited = indexed(tmp_path / "a.tfrecord")
    assert visited == PAYLOADS and len(file) == 4
    assert [file.read(at) for at in (2, 0, 3, 1)] == [PAYLOADS[at] for at in (2, 0, 3, 1)]
    assert file.starts_N.tolist() == [12, 12 + 5 + 16, 12 + 5 + 16 + 16, 12 + 5 + 16 + 16 + 700 + 16]
    assert file.name(2) == f"{tmp_path / 'a.tfrecord'}, record 2"


def test_files_that_tensorboard_writes(tmp_path):
    """The writer of another program, with its own checksums."""
    from tensorboard.summary.writer.record_writer import RecordWriter

    with (tmp_path / "b").open("wb") as opened:
        writer = RecordWriter(opened)
        for payload in PAYLOADS:
            writer.write(payload)
        writer.flush()
    assert indexed(tmp_path / "b")[1] == PAYLOADS


def test_an_empty_file_has_no_records(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    file, visited = indexed(tmp_path / "a")
    assert (len(file), visited) == (0, [])


def test_threads_read_at_once(tmp_path):
    payloads = [np.random.default_rng(at).bytes(1000 + at) for at in range(50)]
    write_records(tmp_path / "a", payloads)
    file, _ = indexed(tmp_path / "a")
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(file.read, [at % 50 for at in range(200)])) == payloads * 4


def test_only_what_is_looked_at_is_read(tmp_path):
    """A payload with a wrong checksum is found when it is read, not before."""
    whole = bytearray(b"".join(map(record, PAYLOADS)))
    whole[-10] ^= 1
    (tmp_path / "a").write_bytes(whole)
    file, _ = indexed(tmp_path / "a")
    assert file.read(2) == PAYLOADS[2]
    with pytest.raises(ImageError, match=r"/a, record 3: damaged \(its checksum is wrong\); fetch"):
        file.read(3)


@pytest.mark.parametrize("at", range(4, 12))
def test_a_wrong_length_never_leads_astray(at, tmp_path):
    whole = bytearray(record(b"one") + record(b"two"))
    whole[19 + at] ^= 0x40
    (tmp_path / "a").write_bytes(whole)
    with pytest.raises(ViviError, match=r"/a, record 1: damaged at byte 19 .the checksum of its length"):
        indexed(tmp_path / "a")


@pytest.mark.parametrize("left", [1, 11, 12, 14, 18])
def test_a_file_that_is_cut_off_names_the_record(left, tmp_path):
    (tmp_path / "a").write_bytes(record(b"one") + record(b"two")[:left])
    with pytest.raises(ViviError, match=f"/a, record 1: the file is cut off inside this record, at byte {19 + left};"):
        indexed(tmp_path / "a")


def test_every_changed_byte_is_seen(tmp_path):
    whole = b"".join(map(record, [b"some", b"payload"]))
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 0x10
        (tmp_path / "a").write_bytes(changed)
        with pytest.raises(ViviError, match=f"record {0 if at < 20 else 1}:"):
            file, _ = indexed(tmp_path / "a")
            for number in range(len(file)):
                file.read(number)


def test_what_the_visitor_refuses_is_named(tmp_path):
    def refuse(payload: memoryview) -> int:
        if payload == b"two":
            raise ValueError("it is two")
        return 0

    write_records(tmp_path / "a", [b"one", b"two"])
    with pytest.raises(ViviError, match="/a, record 1: it is two; fetch or prepare this file again"):
        index_records(tmp_path / "a", visit=refuse)


def test_a_damaged_record_that_the_visitor_refuses_is_called_damaged(tmp_path):
    def refuse(payload: memoryview) -> int:
        raise ValueError("it has no feature 'label'")

    whole = bytearray(record(b"one"))
    whole[13] ^= 1
    (tmp_path / "a").write_bytes(whole)
    with pytest.raises(ViviError, match=r"/a, record 0: damaged \(its checksum is wrong\); fetch or prepare"):
        index_records(tmp_path / "a", visit=refuse)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ViviError, match=r"cannot read .*/a: No such file"):
        indexed(tmp_path / "a")
    write_records(tmp_path / "a", [b"one"])
    file, _ = indexed(tmp_path / "a")
    (tmp_path / "a").unlink()
    with pytest.raises(ImageError, match=r"/a, record 0: unreadable \(No such file"):
        file.read(0)


def test_a_record_has_one_name_wherever_its_file_lies(tmp_path):
    """Names are part of what a study knows of its examples, and the data may lie elsewhere on another machine."""
    names = []
    for folder in (tmp_path / "here", tmp_path / "there"):
        write_records(folder / "a", [example({"label": 0})] * 2)
        write_records(folder / "b", [example({"label": 0})])
        records, _ = index_examples([folder / "a", folder / "b"], visit=lambda _: None)
        names.append([records.name(at) for at in range(len(records))])
    assert names[0] == names[1] == ["a, record 0", "a, record 1", "b, record 0"]
