"""Search by names equals a slow one, and never finds what reaches from one name into the next."""

import numpy as np
import pytest

from vivi.browse.names import Names

PATHS = ("a/Beach.mp4", "a/beach day.mp4", "b/STRASSE.mp4", "b/straße beach.mp4", "line\nbreak.mp4", "zz.mp4")
MEASURES = {"shots": np.array([1, 5, 5, 9, 0, 2]), "frames": np.array([6, 5, 4, 3, 2, 1])}


@pytest.fixture
def names() -> Names:
    return Names(PATHS, measures=MEASURES)


@pytest.mark.parametrize("words", ["", "beach", "BEACH day", "strasse", "mp4", "a/ beach", "nothing", "  z  ", "k.mp4"])
def test_as_a_slow_search(names, words):
    slow = [
        number for number, path in enumerate(PATHS) if all(word in path.casefold() for word in words.casefold().split())
    ]
    assert names.search(words).tolist() == slow


def test_nothing_is_found_across_names():
    names = Names(("ab", "cd"), measures={})
    assert names.search("bc").tolist() == [] and names.search("b\nc").tolist() == []
    assert names.search("\n").tolist() == [0, 1]  # a blank is no word


def test_orders(names):
    assert names.search("", order="shots").tolist() == [3, 1, 2, 5, 0, 4]
    assert names.search("beach", order="frames").tolist() == [0, 1, 3]
    assert names.search("beach", order="<b>").tolist() == [0, 1, 3]


def test_long_searches_are_cut(names):
    assert names.search("beach" + 300 * " " + "nowhere").tolist() == [0, 1, 3]


def test_no_videos():
    assert Names((), measures={}).search("a").tolist() == []
