"""A small drawn world in VOC's format, and one that a test may change."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.reference.voc_world import annotation, draw_world


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 images to learn from, 6 to measure on; not to be changed."""
    return draw_world(tmp_path_factory.mktemp("voc") / "world", train=12, test=6)


@pytest.fixture
def own_world(tmp_path: Path) -> Path:
    """3 and 2 images."""
    return draw_world(tmp_path / "world", train=3, test=2)


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """Writes an annotation of a 60 x 40 image: written(objects)."""

    def write(objects: str = "", *, text: str | None = None) -> Path:
        path = tmp_path / "Annotations" / "a.xml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(annotation("a", 60, 40, objects) if text is None else text)
        return path

    return write
