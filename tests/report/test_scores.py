import json

import pytest

from vivi.core.errors import ViviError
from vivi.report.score_table import RANDOM, as_markdown, place, score_table
from vivi.report.scores import read_scores
from vivi.report.verdict import against_random, judge, sentence

LOW, MIDDLE, HIGH = (30, 100, (0.21, 0.40)), (40, 100, (0.30, 0.50)), (70, 100, (0.60, 0.79))


def row(probe, weights, cell):
    return (probe, weights, *cell)


def table_from(files):
    return score_table(place(files))


def table_of(make_scores, methods, *, task="what"):
    """methods: name -> (trained cell, random cell)"""
    return table_from(
        [
            read_scores(make_scores(name, [row("knn", "trained", trained), row("knn", "random", random)], task=task))
            for name, (trained, random) in methods.items()
        ]
    )


def test_rows_are_random_first_and_methods_in_the_order_given(make_scores):
    table = table_of(make_scores, {"Ex-YT-S": (MIDDLE, LOW), "Ex-YT-F": (MIDDLE, LOW), "VIVI-Ex(4)": (HIGH, LOW)})
    assert table.methods == (RANDOM, "Ex-YT-S", "Ex-YT-F", "VIVI-Ex(4)")
    assert [str(column) for column in table.columns] == ["what (knn)"]
    assert table.columns[0].guessing == 0.25


def test_random_twins_that_differ_keep_a_row_each(make_scores):
    table = table_of(make_scores, {"A": (HIGH, LOW), "B": (HIGH, MIDDLE)})
    assert table.methods == ("random weights, twin of A", "random weights, twin of B", "A", "B")
    assert "above it in 1 of 1" in against_random(table, method="B")


def test_encoders_of_one_name_are_told_apart(make_scores):
    files = [
        read_scores(make_scores("A", [row("knn", "trained", cell)], encoder_path=path))
        for path, cell in (("/runs/one/encoder", LOW), ("/runs/two/encoder", HIGH))
    ]
    assert table_from(files).methods == ("A [one]", "A [two]")


def test_one_encoder_on_two_tasks_is_one_row(make_scores):
    files = [read_scores(make_scores("A", [row("knn", "trained", HIGH)], task=task)) for task in ("what", "where")]
    table = table_from(files)
    assert table.methods == ("A",)
    assert [column.task for column in table.columns] == ["what", "where"]


@pytest.mark.parametrize(
    ("vivi", "other", "wins", "ties", "losses"),
    [(HIGH, LOW, 1, 0, 0), (MIDDLE, LOW, 0, 1, 0), (LOW, MIDDLE, 0, 1, 0), (LOW, HIGH, 0, 0, 1)],
)
def test_a_win_needs_an_interval_above_all_others_and_a_loss_one_below_any(
    make_scores, vivi, other, wins, ties, losses
):
    verdict = judge(table_of(make_scores, {"Other": (other, LOW), "VIVI": (vivi, LOW)}), method="VIVI")
    assert (len(verdict.wins), len(verdict.ties), len(verdict.losses)) == (wins, ties, losses)


def test_touching_intervals_are_a_tie(make_scores):
    table = table_of(make_scores, {"Other": ((50, 100, (0.4, 0.6)), LOW), "VIVI": ((70, 100, (0.6, 0.8)), LOW)})
    assert not table.leads("VIVI", table.columns[0])
    assert sentence(judge(table, method="VIVI")).startswith("A tie: ")


def test_the_sentence_says_plainly_that_random_weights_are_better(make_scores):
    table = table_of(make_scores, {"VIVI": (LOW, HIGH)})
    assert sentence(judge(table, method="VIVI")) == (
        "VIVI is nowhere ahead of all others; behind random weights in what (knn)."
    )
    assert against_random(table, method="VIVI") == ("Against the same network with random weights: below it in 1 of 1.")


def test_the_sentence_names_wins_ties_and_losses(make_scores):
    files = []
    for task, (vivi, other) in {"a": (HIGH, LOW), "b": (MIDDLE, LOW), "c": (LOW, HIGH)}.items():
        files += [read_scores(make_scores("Old", [row("knn", "trained", other)], task=task))]
        files += [read_scores(make_scores("New", [row("knn", "trained", vivi)], task=task))]
    assert sentence(judge(table_from(files), method="New")) == (
        "New is ahead of all others in a (knn); level with its best rival in b (knn); behind Old in c (knn)."
    )


def test_the_sentence_joins_what_belongs_together(make_scores):
    both = [
        ("knn", "trained", *LOW),
        ("logistic", "trained", *LOW),
        ("knn", "random", *HIGH),
        ("logistic", "random", *HIGH),
    ]
    table = table_from([read_scores(make_scores("A", both, task=task)) for task in ("what", "where")])
    assert sentence(judge(table, method="A")) == (
        "A is nowhere ahead of all others; behind random weights in what (knn, logistic) and where (knn, logistic)."
    )


def test_a_method_alone_is_not_judged(make_scores):
    table = table_from([read_scores(make_scores("A", [row("knn", "trained", HIGH)]))])
    assert "nothing to compare A with" in sentence(judge(table, method="A"))
    assert against_random(table, method="A") == ""


def test_the_markdown_table_holds_every_cell(make_scores):
    table = table_of(make_scores, {"A|B": (HIGH, LOW)})
    assert "70.0 [60.0, 79.0]" in as_markdown(table)
    assert "30.0 [21.0, 40.0]" in as_markdown(table)
    assert "| A\\|B |" in as_markdown(table)
    assert len({line.replace("\\|", "").count("|") for line in as_markdown(table).splitlines()}) == 1


def test_results_of_further_seeds_are_counted_not_mixed(make_scores):
    file = read_scores(make_scores("A", [row("knn", "trained", HIGH), row("knn", "trained", LOW)]))
    assert file.cells["knn", "trained"].correct == 70
    assert file.more_seeds == 1


def test_a_classifiers_scores_are_columns_of_their_own(make_scores):
    named = [row("knn", "trained", HIGH), row("top-1", "trained", MIDDLE), row("top-5", "trained", HIGH)]
    files = [
        read_scores(make_scores("VIVI", [row("knn", "trained", MIDDLE), row("knn", "random", LOW)])),
        read_scores(make_scores("Co", [*named, row("knn", "random", LOW)], guessing={"top-5": 0.9})),
    ]
    table = table_from(files)
    assert [(str(column), column.guessing) for column in table.columns] == [
        ("what (knn)", 0.25), ("what (top-1)", 0.25), ("what (top-5)", 0.9),
    ]  # fmt: skip
    knn, first, _ = table.columns
    assert table.methods == (RANDOM, "VIVI", "Co")
    assert (RANDOM, first) not in table.cells and ("VIVI", first) not in table.cells
    verdict = judge(table, method="Co")
    assert verdict.wins == (knn,) and verdict.compared == 1
    assert "above it in 1 of 1" in against_random(table, method="Co")
    assert "| Co | 70.0 [60.0, 79.0] | 40.0 [30.0, 50.0] | 70.0 [60.0, 79.0] |" in as_markdown(table)


def test_remarks_are_read_and_older_files_have_none(make_scores):
    results = [row("knn", "trained", HIGH)]
    assert read_scores(make_scores("A", results, remarks=["No top-1: why"])).remarks == ("No top-1: why",)
    assert read_scores(make_scores("A", results)).remarks == ()


def test_details_that_cannot_be_are_damage(make_scores):
    path = make_scores("A", [row("knn", "trained", HIGH)])
    record = json.loads(path.read_text())
    for details in (None, {"guessing": "often"}):
        record["results"][0]["details"] = details
        path.write_text(json.dumps(record))
        with pytest.raises(ViviError, match="damaged"):
            read_scores(path)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ({"format": "other"}, "not a score file"),
        ({"version": 2}, "not a score file"),
        ({"results": []}, "damaged"),
        ({"data": {}}, "damaged"),
    ],
)
def test_a_wrong_file_is_named(make_scores, damage, told):
    path = make_scores("A", [row("knn", "trained", HIGH)])
    path.write_text(json.dumps(json.loads(path.read_text()) | damage))
    with pytest.raises(ViviError, match=told) as caught:
        read_scores(path)
    assert str(path) in str(caught.value)


def test_an_accuracy_outside_its_interval_is_refused(make_scores):
    with pytest.raises(ViviError, match="damaged"):
        read_scores(make_scores("A", [("knn", "trained", 90, 100, (0.1, 0.2))]))
