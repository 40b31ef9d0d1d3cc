import numpy as np

from vivi.data.images import LabelledImage
from vivi.transfer.mistakes import KEPT, mistakes

CLASSES = ("ant", "bee", "cat")


def images(labels):
    return [LabelledImage(path=f"test/{at}.jpg", label=label) for at, label in enumerate(labels)]


def test_mistakes_are_counted_and_named():
    found = mistakes(
        images([0, 0, 1, 2, 2, 2]),
        predictions_M=np.array([0, 1, 1, 0, 1, 0]),
        classes=CLASSES,
        probe="logistic",
        seed=0,
    )
    assert (found["probe"], found["wrong"]) == ("logistic", 4)
    assert found["confused"] == [
        {"class": "cat", "predicted": "ant", "count": 2},
        {"class": "ant", "predicted": "bee", "count": 1},
        {"class": "cat", "predicted": "bee", "count": 1},
    ]
    shown = {(each["path"], each["class"], each["predicted"]) for each in found["shown"]}
    assert shown == {
        ("test/1.jpg", "ant", "bee"), ("test/3.jpg", "cat", "ant"), ("test/4.jpg", "cat", "bee"),
        ("test/5.jpg", "cat", "ant"),
    }  # fmt: skip


def test_of_many_mistakes_some_are_drawn_by_the_seed():
    given = {"predictions_M": np.ones(200, np.int64), "classes": CLASSES, "probe": "knn"}
    one, again, other = (mistakes(images([0] * 200), seed=seed, **given) for seed in (0, 0, 1))
    assert one == again and one["shown"] != other["shown"]
    assert len({each["path"] for each in one["shown"]}) == KEPT and one["wrong"] == 200


def test_no_mistakes_are_none():
    found = mistakes(images([0, 1]), predictions_M=np.array([0, 1]), classes=CLASSES, probe="knn", seed=0)
    assert found == {"probe": "knn", "wrong": 0, "shown": [], "confused": []}
