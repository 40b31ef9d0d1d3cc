"""Made once, whatever happens."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from vivi.core.errors import ViviError
from vivi.data.image_file import ImageError
from vivi.transfer.formats.once import Once


def test_threads_get_the_same_value():
    calls = []

    def make() -> list[int]:
        calls.append(1)
        time.sleep(0.02)
        return [len(calls)]

    value = Once(make)
    assert calls == []
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda at: value(name=f"record {at}"), range(16)))
    assert calls == [1] and all(each is found[0] for each in found)


def test_an_error_is_kept_and_names_each_image():
    calls = []

    def fail() -> int:
        calls.append(1)
        raise ViviError("a.bin is damaged")

    value = Once(fail)
    for at in range(3):
        with pytest.raises(ImageError, match=f"record {at}: a.bin is damaged"):
            value(name=f"record {at}")
    assert calls == [1]


def test_other_errors_are_not_swallowed():
    with pytest.raises(ZeroDivisionError):
        Once(lambda: 1 // 0)(name="record 0")
