"""What the documents promise: the files they name exist, links lead somewhere, examples run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser
from tests.reference import encoder_folder
from tests.reference.pages import README, blocks

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
EXAMPLES = ("own_loss.md", "own_task.md", "tutorial.md")
NOTEBOOKS = ("researcher", "engineer", "lab")


def test_every_file_of_the_map_exists():
    text = (ROOT / "docs" / "paper_map.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith(("| paper", "| ---"))]
    paths = [path for row in rows for path in re.findall(r"`([a-z_0-9/]+(?:\.py|/))`", row.rsplit(" | ", 1)[-1])]
    assert len(rows) > 30 and len(paths) > 40
    assert [path for path in paths if not (ROOT / "src" / "vivi" / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_within_the_documents_lead_somewhere(page: Path):
    links = [link.split("#")[0] for link in LINK.findall(page.read_text())]
    local = [link for link in links if link and not re.match(r"[a-z]+:", link)]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_every_page_with_python_is_run():
    here = {f"docs/{page}" for page in EXAMPLES} | {f"docs/notebooks/{page}.md" for page in NOTEBOOKS}
    elsewhere = {
        "README.md",
        "docs/store.md",
    }  # below and in tests/extras/test_newcomer.py; tests/data/test_store_doc.py
    found = {str(page.relative_to(ROOT)) for page in PAGES if blocks(page, language="python")}
    assert found == here | elsewhere


def test_the_python_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    encoder_folder.save(Path("run/encoder"))
    (code,) = (each for each in blocks(README, language="python") if "import timm" not in each)
    names: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), names)
    assert names["features_BD"].shape == (1, 64)  # type: ignore[attr-defined]


@pytest.mark.parametrize("page", EXAMPLES)
def test_examples_in_python_run(page: str, capsys: pytest.CaptureFixture[str]):
    run(ROOT / "docs" / page)


@pytest.mark.slow
@pytest.mark.parametrize("page", NOTEBOOKS)
def test_notebooks_run(page: str, capsys: pytest.CaptureFixture[str]):
    run(ROOT / "docs" / "notebooks" / f"{page}.md")


def test_notebooks_are_up_to_date():
    script = [sys.executable, str(ROOT / "scripts" / "notebooks.py"), "--check"]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def run(page: Path) -> None:
    """Every example of a page, one after the other, as a reader would type them."""
    examples = list(Sybil(parsers=[PythonCodeBlockParser()]).parse(page).examples())
    assert examples
    for example in examples:
        example.evaluate()
