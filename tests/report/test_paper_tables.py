import csv
import io
from pathlib import Path

import pytest
from tests.reference import vtab_results as made

from vivi.report import published
from vivi.report.figure_tables import figure_2, figure_3, figure_4
from vivi.report.paper_tables import name_files, split_name, table_1, table_2, table_3, table_4, table_of_tasks
from vivi.report.results_files import FULL, THOUSAND, read_robust, read_vtab
from vivi.report.table_text import as_csv, as_latex, as_markdown
from vivi.report.tables import Entry, Line, Mark, Table, Whose


@pytest.fixture
def named(tmp_path):
    def make(*records):
        paths = [made.write(tmp_path / f"{number}" / "results.json", each) for number, each in enumerate(records)]
        return name_files([read_vtab(path) for path in paths])

    return make


def rows(table, whose=None):
    """Rows of a table: label and the figures, rounded, or the reasons."""
    return [
        (line.label, [entry.reason if entry.percent is None else round(entry.percent, 2) for entry in line.entries])
        for line in table.lines
        if whose in (None, line.whose)
    ]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("VIVI-Ex(4)", ("VIVI-Ex(4)", False, "")),
        ("VIVI-Ex(4)-AA", ("VIVI-Ex(4)", True, "")),
        ("VIVI-Ex(4)-Big-AA-Tiny", ("VIVI-Ex(4)-Big", True, "-Tiny")),
        ("Ex-YT-S-Tiny*", ("Ex-YT-S", False, "-Tiny*")),
        ("BAA", ("BAA", False, "")),
        ("", ("", False, "")),
    ],
)
def test_names_in_parts(name, parts):
    assert split_name(name) == parts


def test_table_1_has_what_was_measured_below_what_was_published(named):
    files = named(
        made.results("VIVI-Ex(4)", made.around(0.5)),
        made.results("mine", made.around(0.4), version=2),
        made.results("VIVI-Ex(4)", made.around(0.6), mode="linear"),
        made.results("Sup-100%", made.around(0.6), examples="full"),
    )
    table = table_1(files)
    assert rows(table, Whose.PUBLISHED) == [(row.name, list(row.values)) for row in published.TABLE_1]
    assert [line.label for line in table.lines][:3] == ["Ex-ImageNet", "VIVI-Ex(4)", "VIVI-Ex(4)"]
    assert rows(table, Whose.MEASURED) == [
        ("VIVI-Ex(4)", [50.9, 50.3, 50.85, 51.45]),
        ("mine", [40.9, 40.3, 40.85, 41.45]),
    ]
    assert [line.details for line in table.lines if line.whose is Whose.MEASURED] == [
        "VTAB v1, 1000 examples, median of 3",
        "VTAB v2, 1000 examples, median of 3",
    ]
    assert any("frozen features" in note and "VIVI-Ex(4) [linear]" in note for note in table.notes)


def test_incomplete_groups_are_told_and_never_filled_in(named):
    accuracies = made.around(0.5)
    del accuracies["dtd"]
    table = table_1(named(made.results("mine", accuracies, unofficial=["kitti"])))
    assert rows(table, Whose.MEASURED) == [("mine", ["18 of 19 tasks", "6 of 7 tasks", 50.85, 51.45])]
    (line,) = (line for line in table.lines if line.whose is Whose.MEASURED)
    assert [entry.marks for entry in line.entries] == [(), (), (), (Mark.UNOFFICIAL,)]


def test_another_protocol_is_marked_and_told(named):
    told = ["image_size: 224 -> 32", "steps: [2500] -> [10]", "repeats: 3 -> 1", "batch: 512 -> 64"]
    files = named(made.results("mine", made.around(0.5), departures=told))
    for table in (table_1(files), figure_2(files), table_of_tasks(files, of=THOUSAND)):
        (line,) = (line for line in table.lines if line.whose is Whose.MEASURED)
        assert line.details.endswith("; image_size: 224 -> 32; steps: [2500] -> [10]; repeats: 3 -> 1; ...")
        assert all(entry.marks == (Mark.PROTOCOL,) for entry in line.entries)
        assert "† not under VTAB's protocol" in as_markdown(table)


def test_table_2_by_variant_and_version(named):
    files = named(
        made.results("VIVI-Ex(4)", made.around(0.5)),
        made.results("VIVI-Ex(4)-AA", made.around(0.52)),
        made.results("Ex-YT-S", made.around(0.4)),
        made.results("Ex-YT-S-Tiny", made.around(0.3), version=2),
        made.results("Ex-YT-F", made.around(0.2), fingerprint="one"),
        made.results("Ex-YT-F", made.around(0.2), fingerprint="two"),
        made.results("Ex-YT-S-AA", made.around(0.9), mode="linear"),
        made.results("Sup-100%", made.around(0.9)),
    )
    table = table_2(files)
    nothing = "not measured"
    assert table.columns == ("Ex-YT-F", "Ex-YT-S", "VIVI-Ex(4)", "VIVI-Ex(4)-Big", "Rot-YT-F", "VIVI-Rot(4)")
    assert rows(table, Whose.PUBLISHED) == [
        ("without AutoAugment", [59.4, 61.3, 62.5, 63.3, 56.9, 58.9]),
        ("with AutoAugment", [61.8, 62.8, 63.0, 64.4, 58.9, 59.9]),
    ]
    assert rows(table, Whose.MEASURED) == [
        ("without AutoAugment", ["2 results, see Table 1", 40.9, 50.9, nothing, nothing, nothing]),
        ("with AutoAugment", [nothing, nothing, 52.9, nothing, nothing, nothing]),
        ("without AutoAugment, -Tiny", [nothing, 30.9, nothing, nothing, nothing, nothing]),
    ]


def test_table_3(tmp_path):
    part = made.robust("part", pm0=3, pm10=1, total=4)
    part["data"]["is_official"] = False
    records = [made.robust("A", pm0=700, pm10=500), made.robust("B", pm0=800, pm10=600), part]
    records[1]["unanswered"] = {"frames": 7}
    table = table_3([read_robust(made.write(tmp_path / f"{n}.json", each)) for n, each in enumerate(records)])
    assert [(line.label, [entry.percent for entry in line.entries]) for line in table.lines[:2]] == [
        ("ImageNet", [68.0, 49.9, 18.1]),
        ("VIVI-Ex(4)-Co(100%)", [62.2, 46.3, 15.9]),
    ]
    assert table.lines[0].entries[0].interval == (65.2, 70.7)
    assert rows(table, Whose.MEASURED)[0] == ("A", [63.12, 45.09, 18.03])
    marks = [line.entries[2].marks for line in table.lines]
    assert marks == [(), (), (), (Mark.UNANSWERED,), (Mark.PART,)]
    assert table.lines[3].details == "1109 anchors, 7 frames unanswered"


def test_table_4_has_the_full_data(named):
    files = named(made.results("Sup-100%", made.around(0.8), examples="full"), made.results("mine", made.around(0.4)))
    table = table_4(files)
    assert [line.label for line in table.lines[:3]] == ["Sup-100%", "Sup-100%", "Sup-Rot-100%"]
    assert rows(table, Whose.MEASURED) == [("Sup-100%", [80.9, 80.3, 80.85, 81.45])]
    assert [f"{line.entries[0].percent:.1f}" for line in table.lines if line.whose is Whose.PUBLISHED] == [
        "89.7", "90.2", "88.8", "84.8", "86.4", "75.4",
    ]  # fmt: skip


def test_the_table_of_tasks_has_everything_with_its_marks(named):
    files = named(
        made.results("mine", made.around(0.5) | {"cats": (0.9,)}, unofficial=["cifar"]),
        made.results("mine", {"dtd": (0.3,)}, mode="knn"),
        made.results("mine", made.around(0.5), examples="full"),
    )
    table = table_of_tasks(files, of=THOUSAND)
    assert table.columns[-2:] == ("sNORB-Elev", "CATS") and len(table.columns) == 20
    first, second = (line for line in table.lines if line.whose is Whose.MEASURED)
    assert (first.label, second.label) == ("mine [1000 examples]", "mine [knn]")
    assert [entry.marks for entry in first.entries[:3]] == [(), (Mark.UNOFFICIAL,), ()]
    assert first.entries[19] == Entry(percent=90.0, marks=(Mark.OTHER,))
    assert second.entries[2] == Entry(percent=30.0, marks=(Mark.FROZEN,))
    assert [entry.reason for entry in second.entries] == ["" if at == 2 else "not measured" for at in range(20)]
    assert all(line.entries[19].reason == "not printed" for line in table.lines if line.whose is Whose.PUBLISHED)
    assert len([line for line in table_of_tasks(files, of=FULL).lines if line.whose is Whose.MEASURED]) == 1
    assert table_of_tasks(files, of="100").lines == ()


def test_figures_2_and_3_show_their_methods_in_every_variant_and_what_the_paper_does_not_have(named):
    files = named(
        made.results("VIVI-Ex(4)", made.around(0.5)),
        made.results("VIVI-Ex(4)-Tiny", made.around(0.3)),
        made.results("VIVI-Ex(4)-AA", made.around(0.52)),
        made.results("Ex-YT-S", made.around(0.4)),
        made.results("Sup-100%", made.around(0.9)),
        made.results("mine", made.around(0.1)),
    )
    assert [label for label, _ in rows(figure_2(files), Whose.MEASURED)] == [
        "Ex-YT-S", "VIVI-Ex(4)", "VIVI-Ex(4)-Tiny", "mine",
    ]  # fmt: skip
    assert [label for label, _ in rows(figure_3(files), Whose.MEASURED)] == ["VIVI-Ex(4)", "VIVI-Ex(4)-Tiny", "mine"]
    assert [label for label, _ in rows(figure_3([]))] == [
        "MT-SSL", "Rot-ImageNet", "Ex-ImageNet", "VIVI-Ex(4)", "VIVI-Ex(4)-Big",
    ]  # fmt: skip


def test_figure_4_is_what_the_second_has_over_the_first(named):
    after = {name: tuple(value + 0.1 for value in repeats) for name, repeats in made.around(0.5).items()}
    after["svhn"] = (0.5, 0.4, 0.3)
    del after["kitti"]
    files = named(made.results("VIVI-Ex(4)", made.around(0.5)), made.results("VIVI-Ex(4)-Co(100%)", after))
    table = figure_4(files)
    assert [round(entry.percent, 1) for entry in table.lines[0].entries[:3]] == [14.0, 2.4, 3.0]
    assert [entry.reason for entry in table.lines[0].entries[3:]] == ["only a bar"] * 19
    (line,) = (line for line in table.lines if line.whose is Whose.MEASURED)
    figures = dict(zip(table.columns, line.entries, strict=True))
    assert figures["specialized"].percent == pytest.approx(10)
    assert figures["structured"].reason == "7 of 8 tasks"
    assert figures["natural"].percent == pytest.approx((6 * 10 + 40 - 50.6) / 7)
    assert figures["CIFAR-100"].percent == pytest.approx(10)
    assert figures["CIFAR-100"].interval == pytest.approx((10, 10))
    assert figures["SVHN"].percent == pytest.approx(40 - 50.6)
    # repeats of svhn before: 0.496, 0.506, 0.516; differences 0.004, -0.106, -0.216
    assert figures["SVHN"].interval == pytest.approx((-10.6 - 4.302653 * 11 / 3**0.5, -10.6 + 4.302653 * 11 / 3**0.5))
    assert figures["KITTI-Dist"].reason == "not measured"


def test_figure_4_compares_only_what_was_asked_the_same(named):
    files = named(
        made.results("VIVI-Ex(4)", made.around(0.5)),
        made.results("VIVI-Ex(4)-Co(100%)", made.around(0.6), version=2),
        made.results("VIVI-Ex(4)-Co(100%)-Tiny", made.around(0.6)),
    )
    table = figure_4(files)
    assert rows(table, Whose.MEASURED) == []
    assert any("asked differently: protocol.version: 1 -> 2" in note for note in table.notes)


HOSTILE = "a|b_c & 50% $x$ #1 {~^\\} <b> [link](javascript:x) Δ"


@pytest.fixture
def table():
    lines = (
        Line(label=HOSTILE, whose=Whose.PUBLISHED, details="here", entries=(Entry(percent=68, interval=(65.2, 70.7)),)),
        Line(label="mine", whose=Whose.MEASURED, details="here", entries=(Entry(percent=45.678, marks=(Mark.OTHER,)),)),
        Line(label="none", whose=Whose.MEASURED, details="here", entries=(Entry(reason="5 of 7 tasks"),)),
    )  # fmt: skip
    return Table(key="t", title="A table", columns=("mean",), lines=lines, notes=("A note.",))


def test_markdown(table):
    text = as_markdown(table)
    body = [line for line in text.splitlines() if line.startswith("|")]
    assert body[0] == "|  | source | mean | where, how |"
    assert body[1] == "| --- | --- | ---: | --- |"
    assert body[2].startswith(
        r"| a\|b\_c & 50% $x$ #1 {~^\\} \<b\> \[link\](javascript:x) Δ | published | 68.0 \[65.2, 70.7\] |"
    )
    assert body[3] == "| mine | measured | **45.7** ¶ | here |"
    assert body[4] == "| none | measured | 5 of 7 tasks | here |"
    for told in ("- published: ", "- measured: ", "- ¶ not a task of VTAB", "- A note."):
        assert told in text
    assert "‡" not in text


def test_csv(table):
    lines = list(csv.DictReader(io.StringIO(as_csv(table))))
    assert [(line["row"], line["source"], line["column"]) for line in lines] == [
        (HOSTILE, "published", "mean"), ("mine", "measured", "mean"), ("none", "measured", "mean"),
    ]  # fmt: skip
    assert (lines[0]["percent"], lines[0]["low"], lines[0]["high"], lines[0]["remark"]) == ("68", "65.2", "70.7", "")
    assert (lines[1]["percent"], lines[1]["remark"]) == ("45.678", "not a task of VTAB, in no mean")
    assert (lines[2]["percent"], lines[2]["remark"]) == ("", "5 of 7 tasks")


def test_latex(table):
    text = as_latex(table)
    assert (
        r"a\textbar{}b\_c \& 50\% \$x\$ \#1 \{\textasciitilde{}\textasciicircum{}\textbackslash{}\} "
        r"\textless{}b\textgreater{} [link](javascript:x) $\Delta$ & published & 68.0 [65.2, 70.7] & here \\"
    ) in text
    assert r"mine & measured & \textbf{45.7}$^\P$ & here \\" in text
    assert r"none & measured & 5 of 7 tasks & here \\" in text
    assert "published: copied" in text and "measured: from result files of vivi; in bold." in text
    assert text.count(r"\begin{") == text.count(r"\end{") == 2
    wide = Table(key="w", title="w", columns=tuple("abcdefghij"), lines=())
    assert r"\rotatebox{90}{a}" in as_latex(wide) and r"\end{tabular}}" in as_latex(wide)


def test_differences_have_their_signs():
    lines = (Line(label="x", whose=Whose.MEASURED, details="", entries=(Entry(percent=3, interval=(-1, 7)),)),)
    table = Table(key="t", title="t", columns=("c",), lines=lines, signed=True)
    assert r"**+3.0 \[-1.0, +7.0\]**" in as_markdown(table)
    assert as_csv(table).splitlines()[0].split(",")[4] == "points"


def test_a_row_has_a_figure_for_each_column():
    with pytest.raises(ValueError, match="0 figures, 1 columns"):
        Table(
            key="t", title="t", columns=("c",), lines=(Line(label="x", whose=Whose.MEASURED, details="", entries=()),)
        )


def test_files_of_one_name_are_told_apart(named):
    files = named(
        made.results("A", made.around(0.5)),
        made.results("A", made.around(0.5)),
        made.results("A", made.around(0.5), version=2),
        made.results("A", made.around(0.5), mode="knn"),
        made.results("B", made.around(0.5)),
    )
    labels = [each.label for each in files]
    assert len(set(labels)) == 5 and labels[4] == "B"
    assert [Path(each.file.path).parent.name for each in files] == ["0", "1", "2", "3", "4"]
    assert labels[0].startswith("A [v1, 0") and labels[3] == "A [knn]"
