"""What the documents promise: the files they name exist, links lead somewhere, examples run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


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


@pytest.mark.parametrize("page", ["own_loss.md", "own_task.md", "tutorial.md"])
def test_examples_in_python_run(page: str, capsys: pytest.CaptureFixture[str]):
    run(ROOT / "docs" / page)


@pytest.mark.slow
@pytest.mark.parametrize("page", ["researcher", "engineer", "lab"])
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
