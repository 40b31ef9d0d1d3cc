"""Writes docs/notebooks/*.ipynb from the pages beside them; with --check says whether they are up to date.

    python scripts/notebooks.py [--check]

A page is the source: its prose becomes Markdown cells, each block of Python a cell of code.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "notebooks"
_BLOCK = re.compile(r"^```python\n(.*?)^```\n", re.DOTALL | re.MULTILINE)


def notebook(page: str) -> NotebookNode:
    """The notebook of a page in Markdown; the same page gives the same bytes."""
    cells = list(_cells(page))
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    made: NotebookNode = new_notebook(cells=cells, metadata=kernel)
    return made


def _cells(page: str) -> Iterator[NotebookNode]:
    end = 0
    for block in _BLOCK.finditer(page):
        if prose := page[end : block.start()].strip():
            yield new_markdown_cell(prose)
        yield new_code_cell(block[1].strip())
        end = block.end()
    if prose := page[end:].strip():
        yield new_markdown_cell(prose)


def main() -> int:
    """Write them, or name those that are out of date."""
    stale = []
    for page in sorted(FOLDER.glob("*.md")):
        text = nbformat.writes(notebook(page.read_text())) + "\n"
        file = page.with_suffix(".ipynb")
        if not file.exists() or file.read_text() != text:
            stale.append(file.name)
            if "--check" not in sys.argv:
                file.write_text(text)
    if stale and "--check" in sys.argv:
        print(f"out of date: {', '.join(stale)}; python scripts/notebooks.py writes them")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
