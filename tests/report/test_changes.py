import pytest

from vivi.report.changes import change, mean_change, numbered, student_t


def test_students_interval_by_hand():
    # differences 1, 2, 6: mean 3, variance 7; t with 2 degrees of freedom at 97.5 % is 4.302653
    half = 4.302653 * (7 / 3) ** 0.5
    assert student_t([1, 2, 6]) == pytest.approx((3 - half, 3 + half), rel=1e-6)
    # two values: t with one degree of freedom is 12.706205
    assert student_t([0, 2]) == pytest.approx((1 - 12.706205, 1 + 12.706205), rel=1e-6)
    assert student_t([0.5, 0.5, 0.5]) == (0.5, 0.5)
    assert student_t([1]) is None and student_t([]) is None


def test_a_change_is_of_medians_and_its_interval_of_paired_differences():
    found = change(numbered([0.5, 0.6, 0.9]), numbered([0.6, 0.8, 0.8]))
    assert found.value == pytest.approx(0.2)
    # differences 0.1, 0.2, -0.1
    assert found.interval == pytest.approx(student_t([0.1, 0.2, -0.1]))
    assert found.pairs == 3 and not found.is_clear
    assert change(numbered([0.5, 0.51, 0.52]), numbered([0.6, 0.611, 0.62])).is_clear


def test_repeats_pair_by_their_names():
    one, two = {"a": 0.1, "b": 0.5, "c": 0.2}, {"c": 0.3, "a": 0.2, "b": 0.6}
    assert change(one, two).interval == pytest.approx((0.1, 0.1))
    other = change(one, {"a": 0.2, "b": 0.6, "d": 0.3})
    assert (other.interval, other.pairs) == (None, 0)
    assert other.value == pytest.approx(0.1)
    assert not other.is_clear


def test_one_repeat_gives_no_interval():
    found = change(numbered([0.5]), numbered([0.6]))
    assert found.value == pytest.approx(0.1) and found.interval is None and not found.is_clear


def test_a_mean_over_tasks_pairs_the_means_of_each_repeat():
    tasks = [
        (numbered([0.1, 0.2, 0.3]), numbered([0.2, 0.4, 0.3])),
        (numbered([0.5, 0.7, 0.6]), numbered([0.5, 0.7, 0.9])),
    ]
    found = mean_change(tasks)
    # medians: 0.2 -> 0.3 and 0.6 -> 0.7; means of the differences by repeat: 0.05, 0.1, 0.15
    assert found.value == pytest.approx(0.1)
    assert found.interval == pytest.approx(student_t([0.05, 0.1, 0.15]))
    assert found.pairs == 3


def test_a_mean_over_tasks_with_other_repeats_has_no_interval():
    tasks = [(numbered([0.1, 0.2]), numbered([0.2, 0.4])), (numbered([0.5]), numbered([0.6]))]
    found = mean_change(tasks)
    assert found.interval is None and found.pairs == 0
    assert found.value == pytest.approx((0.15 + 0.1) / 2)
