"""Results of VTAB and of ImageNet-Vid-Robust on the page of `vivi report`."""

import re

import pytest
from tests.reference import vtab_results as made
from tests.report.test_page import Reader

from vivi.cli import main
from vivi.core.errors import ViviError
from vivi.report.runs import collect


def test_results_stand_beside_what_was_published(tmp_path, capsys):
    made.write(tmp_path / "a" / "results.json", made.results("<b>mine</b>", made.around(0.5), unofficial=["cifar"]))
    made.write(tmp_path / "robust.json", made.robust("mine too", pm0=700, pm10=500))
    page = tmp_path / "r.html"
    assert main(["report", str(tmp_path / "a"), str(tmp_path / "robust.json"), "--out", str(page)]) == 0
    text = page.read_text()
    assert '<a href="#tasks">' in text and '<section id="tasks">' in text
    assert "&lt;b&gt;mine&lt;/b&gt;" in text and "<b>mine" not in text
    rows = [re.sub(r"<[^>]+>", "|", row) for row in re.findall(r"<tr.*?</tr>", text, re.DOTALL)]
    row = next(row for row in rows if "mine&" in row and "‡" in row)
    assert "|measured|" in row and "of 19 tasks" not in row
    assert Reader(text).tags.count("table") == 6  # tables 1 and 3, figures 2 and 3, all tasks, the machine
    assert Reader(text).tags.count("svg") == 2
    assert any("VIVI-Ex(4)-Co(100%)" in row and "|published|" in row and "62.2 [59.3, 65.1]" in row for row in rows)
    assert any("mine too" in row and "63.1 [60.1, 66.1]" in row for row in rows)
    assert "What was measured stands in tables" in text and "50.1 ‡" in text
    assert "Table 4" not in text


def test_results_are_no_runs_and_no_scores(tmp_path):
    results = made.write(tmp_path / "results.json", made.results("A", made.around(0.5)))
    assert collect([tmp_path, results]) == ((), ())
    (tmp_path / "empty").mkdir()
    with pytest.raises(ViviError, match="nothing to report"):
        collect([tmp_path / "empty"])
