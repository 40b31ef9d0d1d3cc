"""No result is lost: what is called the same and is not gets names apart."""

import json

import pytest

from vivi.report.score_table import RANDOM, place, score_table
from vivi.report.scores import read_scores

LOW, HIGH = (30, 100, (0.21, 0.40)), (70, 100, (0.60, 0.79))


@pytest.fixture
def pair(make_scores):
    """Two score files of one encoder, the first with a low and the second with a high accuracy, as one table."""

    def make(first, second, *, probe="knn"):
        files = [
            read_scores(make_scores("A", [(probe, "trained", *cell)], **each))
            for cell, each in ((LOW, first), (HIGH, second))
        ]
        return score_table(place(files))

    return make


def cells(table):
    return {(method, str(column)): cell.correct for (method, column), cell in table.cells.items()}


@pytest.mark.parametrize(
    ("first", "second", "marks"),
    [
        ("/x/A/set", "/x/B/set", ("A", "B")),
        ("/x/A/1/set", "/x/B/1/set", ("A", "B")),
        ("/x/A/y", "/x/B/z", ("A/y", "B/z")),
    ],
)
def test_tasks_of_one_name_are_told_apart_by_as_much_of_the_path_as_is_needed(pair, first, second, marks):
    table = pair({"task": "set", "data": first}, {"task": "set", "data": second})
    one, two = marks
    assert cells(table) == {("A", f"set [{one}] (knn)"): 30, ("A", f"set [{two}] (knn)"): 70}


def test_a_path_that_goes_on_is_told_from_one_that_ends(pair):
    table = pair({"task": "set", "data": "/x/set"}, {"task": "set", "data": "/x/B/set"})
    assert cells(table) == {("A", "set (knn)"): 30, ("A", "set [B] (knn)"): 70}


@pytest.mark.parametrize(
    ("changes", "marks"),
    [
        ({"data": {"train": 5}}, ("40 training and 100 test images", "5 training and 100 test images")),
        ({"data": {"test": 9}}, ("40 training and 100 test images", "40 training and 9 test images")),
        ({"data": {"split": "seeded 75/25, seed 3"}}, ("given: train, test", "seeded 75/25, seed 3")),
        ({"data": {"classes": ["x", "y", "z"]}}, ("4 classes", "3 classes")),
        ({"details": {"seed": 7}}, ("seed 0", "seed 7")),
        ({"encoder": {"preprocessing": "cropped"}}, ("", "cropped")),
        ({"details": {"k": 3}}, ("", "3 neighbours")),
        ({"details": {"preprocessing": "cropped"}}, ("", "cropped")),
        ({"data": {"majority": 0.5}}, ("guessing gives 0.25", "guessing gives 0.5")),
        (
            {"data": {"train": 5}, "details": {"k": 5, "seed": 7}},
            ("40 training and 100 test images", "5 training and 100 test images"),
        ),
    ],
)
def test_other_settings_are_columns_of_their_own_and_named(pair, changes, marks):
    one, two = (f"what [{mark}] (knn)" if mark else "what (knn)" for mark in marks)
    assert cells(pair({}, {"changes": changes})) == {("A", one): 30, ("A", two): 70}


def test_folder_and_settings_stand_in_one_pair_of_brackets(make_scores):
    settings = [("/x/A/set", {}), ("/x/B/set", {}), ("/x/B/set", {"data": {"train": 5}})]
    files = [
        read_scores(
            make_scores("A", [("knn", "trained", 30 + at, 100, (0.2, 0.5))], task="set", data=data, changes=changes)
        )
        for at, (data, changes) in enumerate(settings)
    ]
    assert cells(score_table(place(files))) == {
        ("A", "set [A] (knn)"): 30,
        ("A", "set [B, 40 training and 100 test images] (knn)"): 31,
        ("A", "set [B, 5 training and 100 test images] (knn)"): 32,
    }


def test_methods_asked_the_same_share_a_column_whatever_others_were_asked(make_scores):
    few = {"data": {"train": 5}}
    files = [
        read_scores(make_scores(name, [("knn", "trained", *cell), ("knn", "random", *LOW)], changes=changes))
        for name, cell, changes in (("A", LOW, {}), ("B", HIGH, {}), ("B", LOW, few))
    ]
    table = score_table(place(files))
    assert table.methods == (RANDOM, "A", "B")
    full, capped = table.columns
    assert table.rivals("B", full).keys() == {RANDOM, "A"} and table.rivals("B", capped).keys() == {RANDOM}


def test_other_neighbours_leave_the_other_probes_alone(make_scores):
    paths = [make_scores(name, [("knn", "trained", *HIGH), ("logistic", "trained", *LOW)]) for name in ("A", "B")]
    for path, neighbours in zip(paths, (20, 5), strict=True):
        record = json.loads(path.read_text())
        record["results"][0]["details"]["k"] = neighbours
        path.write_text(json.dumps(record))
    columns = score_table(place([read_scores(path) for path in paths])).columns
    assert [str(column) for column in columns] == [
        "what [20 neighbours] (knn)", "what (logistic)", "what [5 neighbours] (knn)",
    ]  # fmt: skip


def test_weights_that_changed_in_their_folder_are_rows_of_their_own(pair):
    table = pair({}, {"changes": {"encoder": {"fingerprint": "abc"}}})
    assert cells(table) == {("A [weights 000000000000]", "what (knn)"): 30, ("A [weights abc]", "what (knn)"): 70}


def test_results_that_differ_for_no_known_reason_are_told_apart_by_their_files(pair):
    table = pair({"name": "old.json"}, {"name": "new.json"})
    assert cells(table) == {("A [from old.json]", "what (knn)"): 30, ("A [from new.json]", "what (knn)"): 70}


def test_a_name_that_looks_like_a_mark_hides_nothing(make_scores):
    named = (("A", "/r/x/encoder", LOW), ("A", "/r/y/encoder", LOW), ("A [x]", "/r/z/encoder", HIGH))
    files = [
        read_scores(make_scores(name, [("knn", "trained", *cell)], encoder_path=path)) for name, path, cell in named
    ]
    assert sorted(cells(score_table(place(files))).values()) == [30, 30, 70]


def test_a_file_given_under_two_names_is_one_row(make_scores):
    files = [read_scores(make_scores("A", [("knn", "trained", *HIGH)], name=name)) for name in ("a.json", "b.json")]
    assert cells(score_table(place(files))) == {("A", "what (knn)"): 70}
