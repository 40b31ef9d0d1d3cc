"""Classes of distance: at every edge, just below and just above it."""

import math

import numpy as np
import pytest

from vivi.transfer.tasks import clevr, kitti
from vivi.transfer.tasks.buckets import bucket


def above(value: float) -> float:
    """The next larger 32-bit float."""
    return float(np.nextafter(np.float32(value), np.float32(math.inf)))


def below(value: float) -> float:
    return float(np.nextafter(np.float32(value), np.float32(-math.inf)))


def slow_bucket(value: float, edges: tuple[float, ...]) -> int:
    """The largest index whose edge is strictly below, by looking at each."""
    return max((index for index, edge in enumerate(edges) if edge < value), default=-1)


@pytest.mark.parametrize("edges", [clevr.EDGES, kitti.EDGES])
def test_around_every_edge(edges):
    for index, edge in enumerate(edges):
        assert [int(bucket(value, edges=edges)) for value in (below(edge), edge, above(edge))] == [
            index - 1,
            index - 1,
            index,
        ]
    values = np.random.default_rng(0).uniform(-200, 1200, 500).astype(np.float32)
    expected = [slow_bucket(float(value), edges) for value in values]
    assert bucket(values, edges=edges).tolist() == expected


def test_values_are_rounded_to_32_bits_first():
    """As TensorFlow's tensors are: what is 8.5 there is not above 8.5."""
    assert float(np.float32(8.5 + 1e-9)) == 8.5
    assert int(bucket(8.5 + 1e-9, edges=clevr.EDGES)) == 1
    assert int(bucket(above(8.5), edges=clevr.EDGES)) == 2


@pytest.mark.parametrize(
    ("nearest", "label"),
    [(0.1, 0), (8.0, 0), (above(8.0), 1), (8.5, 1), (8.6, 2), (9.0, 2), (9.1, 3), (9.5, 3), (9.6, 4), (10.0, 4),
     (above(10.0), 5), (100.0, 5)],
)  # fmt: skip
def test_clevr_distances(nearest, label):
    assert clevr.distance_label([100.0, nearest, 99.0]) == label


@pytest.mark.parametrize("depths", [[0.0], [-1.0], [above(100.0)], [math.nan], []])
def test_distances_that_clevr_does_not_have(depths):
    with pytest.raises(ValueError, match=r"no objects|the nearest object is|no number"):
        clevr.distance_label(depths)


@pytest.mark.parametrize("count", range(13))
def test_clevr_counts(count):
    if 3 <= count <= 10:
        assert clevr.count_label(count) == count - 3
    else:
        with pytest.raises(ValueError, match=f"{count} objects, not 3 to 10"):
            clevr.count_label(count)


@pytest.mark.parametrize(
    ("depths", "label"),
    [([], 3), ([-99.0], 0), ([8.0], 0), ([above(8.0)], 1), ([20.0], 1), ([above(20.0)], 2), ([999.0], 2), ([1000.0], 3),
     ([50.0, 9.0, 30.0], 1)],
)  # fmt: skip
def test_kitti_distances(depths, label):
    assert kitti.distance_label(depths) == label


def test_a_distance_that_kitti_does_not_have():
    with pytest.raises(ValueError, match=r"z = -100\.0, not above -100"):
        kitti.distance_label([5.0, -100.0])
