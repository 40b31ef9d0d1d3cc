import json
import os
import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest
from tests.reference import vtab_results as made

from vivi.cli import main
from vivi.core.errors import ViviError
from vivi.report.paper_figures import figure_of_means
from vivi.report.tables import Entry, Line, Table, Whose
from vivi.report.tables_folder import write_tables

KEYS = ("table1", "table2", "table3", "table4", "figure2", "figure3", "figure4", "tasks", "tasks-full")


def make_results(folder):
    more = {name: tuple(value + 0.05 for value in repeats) for name, repeats in made.around(0.5).items()}
    made.write(folder / "a" / "results.json", made.results("VIVI-Ex(4)", made.around(0.5)))
    made.write(folder / "b" / "results.json", made.results("VIVI-Ex(4)-Co(100%)", more))
    made.write(
        folder / "c" / "results.json", made.results("mine\u202e\x1b \u540d <b>|$x_{$", made.around(0.4), version=2)
    )
    made.write(folder / "b" / "robust.json", made.robust("VIVI-Ex(4)-Co(100%)", pm0=700, pm10=500))
    return folder


@pytest.fixture
def results(tmp_path):
    return make_results(tmp_path / "results")


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """The folder of results and what was written of it, for tests that only read."""
    folder = make_results(tmp_path_factory.mktemp("once") / "results")
    return folder, write_tables([folder], out=folder.parent / "out")


def test_every_table_in_every_format(once):
    _, written = once
    names = {path.name for path in written.folder.iterdir()}
    expected = {f"{key}.{ending}" for key in KEYS for ending in ("md", "csv", "tex")}
    assert names == expected | {"figure2.svg", "figure3.svg", "figure4.svg", "tables.md", "tables.json"}
    page = written.page.read_text()
    assert all(f"]({name})" in page for name in ("figure2.svg", "figure3.svg", "figure4.svg"))
    assert all((written.folder / f"{key}.md").read_text() in page for key in KEYS)
    record = json.loads((written.folder / "tables.json").read_text())
    assert (record["format"], record["version"], record["tables"]) == ("vivi-tables", 1, list(KEYS))
    assert len(record["sources"]) == 4 and all(len(each["sha256"]) == 64 for each in record["sources"])


def test_published_and_measured_are_told_apart_in_every_format(once):
    _, written = once
    for key in KEYS:
        for ending in ("md", "csv", "tex"):
            text = (written.folder / f"{key}.{ending}").read_text()
            assert "published" in text, (key, ending)
            if key not in ("table2", "table4", "tasks-full") or ending != "csv":
                assert "measured" in text, (key, ending)


def test_the_figures_are_whole(once):
    _, written = once
    for key in ("figure2", "figure3", "figure4"):
        text = (written.folder / f"{key}.svg").read_text()
        assert ElementTree.fromstring(text).tag.endswith("svg")
        assert not re.search(r"<script|<image|href=\"(?!#)|<dc:date>|\d{4}-\d\d-\d\dT", text)


@pytest.mark.parametrize("ending", ["md", "tex", "svg"])
def test_what_nobody_sees_stands_as_escapes(once, ending):
    """Also what XML cannot hold; the CSV files are for programs and have names as they are."""
    _, written = once
    texts = [path.read_text() for path in written.folder.glob(f"*.{ending}")]
    assert {char for text in texts for char in text if not char.isprintable()} == {"\n"}
    assert any("u202e" in text for text in texts)


def test_another_process_draws_the_same(once, tmp_path):
    results, written = once
    code = "import sys; from pathlib import Path; from vivi.report.tables_folder import write_tables as w; "
    code += "w([Path(sys.argv[1])], out=Path(sys.argv[2]))"
    environment = os.environ | {"PYTHONHASHSEED": "7"}
    subprocess.run([sys.executable, "-c", code, str(results), str(tmp_path / "other")], env=environment, check=True)
    for path in written.folder.iterdir():
        assert path.read_bytes() == (tmp_path / "other" / path.name).read_bytes(), path.name


def test_figures_without_any_measurement(tmp_path):
    made.write(tmp_path / "robust.json", made.robust("A", pm0=700, pm10=500))
    write_tables([tmp_path / "robust.json"], out=tmp_path / "out")
    assert "<svg" in (tmp_path / "out" / "figure4.svg").read_text()
    assert "measured" not in (tmp_path / "out" / "table1.csv").read_text()


def test_published_bars_are_hatched_and_measured_ones_solid():
    entries = (Entry(percent=50), *(Entry(reason="none") for _ in range(3)))
    svgs = {}
    for whose in Whose:
        lines = (Line(label="A", name="A", whose=whose, details="", entries=entries),)
        svgs[whose] = figure_of_means(Table(key="t", title="t", columns=("a", "b", "c", "d"), lines=lines))
    assert "<pattern" in svgs[Whose.PUBLISHED] and "<pattern" not in svgs[Whose.MEASURED]
    assert "fill: #0072b2" in svgs[Whose.MEASURED] and "stroke: #0072b2" in svgs[Whose.PUBLISHED]


def test_other_numbers_of_examples_have_a_table_of_their_own(tmp_path):
    made.write(tmp_path / "results.json", made.results("A", made.around(0.5), examples=100))
    write_tables([tmp_path / "results.json"], out=tmp_path / "out")
    assert "50.9" not in (tmp_path / "out" / "table1.md").read_text()
    assert "**50.0**" in (tmp_path / "out" / "tasks-100.md").read_text()


@pytest.fixture
def robust(tmp_path):
    """A folder of results that takes little time to draw."""
    made.write(tmp_path / "few" / "robust.json", made.robust("A", pm0=700, pm10=500))
    return tmp_path / "few"


def test_a_folder_is_replaced_only_if_it_holds_tables(robust, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "tables.json").write_text('{"format": "vivi-tables"}')
    (out / "tasks.md").write_text("")
    write_tables([robust], out=out)
    assert (out / "tasks.md").read_text() != ""
    for folder in (robust, tmp_path):
        with pytest.raises(ViviError, match="is not empty and holds no tables"):
            write_tables([robust], out=folder)
    with pytest.raises(ViviError, match="is a file"):
        write_tables([robust], out=robust / "robust.json")
    assert (robust / "robust.json").is_file()


def test_where_nothing_can_be_written_is_said_before_the_work(robust, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ViviError, match=r"cannot make the folder .*file .*: choose another --out"):
        write_tables([robust], out=tmp_path / "file" / "tables")


def test_an_interrupted_run_leaves_the_old_folder(robust, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "tables.json").write_text('{"format": "vivi-tables"}')
    environment = os.environ | {"VIVI_CRASH_AT": "before-rename:out"}
    arguments = [sys.executable, "-m", "vivi", "tables", str(robust), "--out", str(out)]
    assert subprocess.run(arguments, env=environment, capture_output=True).returncode == -9
    assert {path.name: path.read_text() for path in out.iterdir()} == {"tables.json": '{"format": "vivi-tables"}'}


def test_the_verb(results, tmp_path, capsys):
    assert main(["tables", str(results), "--out", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr().out
    assert "measured" in shown and shown.splitlines()[-1] == str(tmp_path / "out" / "tables.md")
    assert main(["tables", "--out", str(tmp_path / "out")]) == 2
    assert main(["tables", str(tmp_path / "none"), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.count("\n") == 2
