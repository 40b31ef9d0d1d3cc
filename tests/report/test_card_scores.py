"""Scores for a model card come from files about this very encoder."""

import json
from pathlib import Path

import pytest
from tests.reference.vtab_results import results

from vivi.core.errors import ViviError
from vivi.report.card_scores import card_scores

OURS = "0" * 12
SCORED = [
    ("knn", "trained", 60, 100, (0.5, 0.7)),
    ("knn", "random", 30, 100, (0.2, 0.4)),
    ("logistic", "trained", 70, 100, (0.6, 0.8)),
    ("logistic", "random", 35, 100, (0.25, 0.45)),
]


def vtab_file(folder: Path, fingerprint: str, **more) -> Path:
    folder.mkdir(exist_ok=True)
    record = results("Mine", {"svhn": (0.5, 0.52, 0.51)}, fingerprint=fingerprint, **more)
    (folder / "results.json").write_text(json.dumps(record))
    return folder


def test_what_evaluate_wrote_stands_beside_random_weights(make_scores):
    found = card_scores([make_scores("Mine", SCORED, task="flowers (small)")], fingerprint=OURS)
    told = [(each.task, each.probe, each.accuracy, each.baseline, each.total) for each in found]
    assert told == [
        ("flowers (small)", "k nearest neighbours on frozen features", 0.6, 0.3, 100),
        ("flowers (small)", "logistic regression on frozen features", 0.7, 0.35, 100),
    ]
    low, high = found[0].interval
    assert (round(low, 4), round(high, 4)) == (0.4972, 0.6967)  # as scipy.stats.binomtest gives


def test_tasks_of_vtab_are_told_with_their_departures(make_scores, tmp_path):
    folder = vtab_file(tmp_path / "vtab", OURS, departures=["shorter"])
    _, _, svhn = card_scores([make_scores("Mine", SCORED), folder], fingerprint=OURS)
    assert (svhn.task, svhn.probe, svhn.accuracy, svhn.baseline) == ("SVHN", "natural: finetune", 0.51, None)
    assert svhn.remark == "shorter"


def test_scores_of_another_encoder_are_refused(make_scores, tmp_path):
    other = vtab_file(tmp_path / "vtab", "f" * 12)
    with pytest.raises(ViviError, match=r"has scores of Mine \(ffffffffffff\), not of this encoder \(000000000000\)"):
        card_scores([make_scores("Mine", SCORED), other], fingerprint=OURS)


def test_a_result_told_twice_is_refused(make_scores):
    file = make_scores("Mine", SCORED)
    with pytest.raises(ViviError, match=r"has a second result of what \(knn\): give one"):
        card_scores([file, file], fingerprint=OURS)
