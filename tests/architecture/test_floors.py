"""Imports go to a strictly lower floor, or sideways inside the same folder, and never in a circle."""

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterator

import pytest

FRONT = "src/vivi/__init__.py"


def imports(tree: ast.Module) -> Iterator[str]:
    """Every module that a file imports, wherever the import stands; `from a import b` gives a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: write imports in full"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(tree: ast.Module) -> list[str]:
    """What a file imports of the package; everybody may ask for the version."""
    names = (name for name in imports(tree) if name.split(".")[0] == "vivi")
    return [name for name in names if name not in ("vivi", "vivi.__version__")]


def is_sound(here: str, there: str, floors: dict[str, int], folders: set[str]) -> bool:
    """Whether room `here` may import from room `there`; files beside one another share the folder of the package."""
    beside = floors[here] == floors[there] and not {here, there} & folders
    return here == there or floors[there] < floors[here] or beside


def source_room(path: str) -> str:
    """The folder or file of the package that a path belongs to."""
    return path.removeprefix("src/vivi/").split("/")[0].removesuffix(".py")


@pytest.fixture
def folders(root) -> set[str]:
    return {each.name for each in (root / "src" / "vivi").iterdir() if each.is_dir()}


@pytest.mark.parametrize(
    ("here", "line", "sound"),
    [
        ("data", "from vivi.core.errors import ViviError", True),
        ("data", "from vivi.data import records", True),
        ("data", "import vivi.nn.norm", False),
        ("objectives", "from vivi.video.shots import HistogramShots", False),
        ("nn", "def late():\n    from vivi.model import VIVI", False),
        ("model", "from vivi.experiment import Level", True),
        ("report", "from vivi import training", True),
        ("training", "from vivi import report", False),
        ("demo", "from vivi import cli", False),
    ],
)
def test_the_rule_itself(here, line, sound, plan, folders):
    (name,) = ours(ast.parse(line))
    assert is_sound(here, name.split(".")[1], plan["floors"], folders) is sound


def test_every_import_goes_down(parsed, plan, folders):
    files = {path: tree for path, tree in parsed("src/vivi").items() if path != FRONT}
    assert {source_room(path) for path in files} <= set(plan["floors"]), "a room without a floor: add it to floors.json"
    found = [
        f"{path} imports {name}"
        for path, tree in files.items()
        for name in ours(tree)
        if not is_sound(source_room(path), name.split(".")[1], plan["floors"], folders)
    ]
    assert found == []


def test_no_import_goes_in_a_circle(parsed):
    files = {path: tree for path, tree in parsed("src/vivi").items() if path != FRONT}
    modules = {
        path.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in files
    }
    graph = {}
    for path, tree in files.items():
        here = path.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        names = {name if name in modules else name.rpartition(".")[0] for name in ours(tree)}
        graph[here] = (names & modules) - {here}
    assert len(list(graphlib.TopologicalSorter(graph).static_order())) == len(modules)


def test_guests_stay_in_their_rooms(parsed, plan):
    found = [
        f"{path} imports {name}"
        for path, tree in parsed("src/vivi").items()
        for name in {name.split(".")[0] for name in imports(tree)}
        if name in plan["guests"] and source_room(path) not in plan["guests"][name]
    ]
    assert found == []


def test_import_vivi_is_light():
    code = "import sys, vivi; print(sorted({'torch', 'numpy', 'cv2', 'av', 'pydantic'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_help_is_quick():
    """The command line loads torch only for the verb that needs it."""
    code = "import sys, vivi.cli; print(sorted({'torch', 'cv2', 'av', 'sklearn', 'matplotlib'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
