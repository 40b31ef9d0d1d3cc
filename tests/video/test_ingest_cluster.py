"""Ingest on a Ray cluster of several nodes, one of which is killed on the way."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from tests.reference.tiny_videos import film

from vivi.core.files import sha256_file

DEEDS = """
    import os, signal, time
    from pathlib import Path
    from vivi.video.part import make_part

    def slowly(argument):
        marks = Path(argument["store"]).with_name(Path(argument["store"]).name + " marks")
        with (marks / Path(argument["path"]).name).open("a") as file:
            file.write("x")
        if "dies" in argument["path"]:
            os.kill(os.getpid(), signal.SIGSEGV)
        if "hangs" in argument["path"]:
            time.sleep(1000)
        if "greedy" in argument["path"]:
            bytearray(3 << 30)
        time.sleep(1.0)
        return make_part(argument)
"""
SCRIPT = """
    import json, os, sys
    from pathlib import Path
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    import deeds_under_test
    import vivi.video.assembly
    import vivi.video.ingest as module
    from vivi.core.cluster import RayEngine
    from vivi.core.work import run_units

    source, out, engine = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    vivi.video.assembly.PIECE_SECONDS = 4.0
    module.make_part = deeds_under_test.slowly
    out.with_name(out.name + " marks").mkdir()
    options = {"workers": 2, "engine": run_units}
    nodes = []
    if engine == "ray":
        from ray.cluster_utils import Cluster
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        nodes = [cluster.add_node(num_cpus=2), cluster.add_node(num_cpus=1)]
        cluster.wait_for_nodes()
        ray = RayEngine(address=cluster.address)
        assert ray.capacity() == 4
        options = {"workers": 4, "engine": ray}
    killed = []

    def kill(progress):
        if progress.done >= 6 and nodes and not killed:
            killed.append(progress.done)
            cluster.remove_node(nodes[0], allow_graceful=False)

    settings = module.IngestSettings(fps=2.0, short_side=32, shard_mebibytes=1)
    options |= {"patience": 6.0, "memory": 2 << 30, "progress": kill}
    summary = module.ingest([source], out=out, settings=settings, **options)
    print(json.dumps({"killed": killed, "videos": summary.videos, "skipped": summary.skipped}), flush=True)
    if engine == "ray":
        cluster.shutdown()
"""


def ingested(source: Path, out: Path, engine: str, modules: Path) -> dict[str, object]:
    """In a process of its own, since Ray leaves threads and open files behind."""
    environment = os.environ | {"PYTHONPATH": str(modules)}
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), str(source), str(out), engine]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


def tree(out: Path) -> dict[str, str]:
    return {str(path.relative_to(out)): sha256_file(path) for path in out.rglob("*") if not path.is_dir()}


@pytest.mark.slow
def test_a_cluster_that_loses_a_machine_makes_the_same_store(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    modules, source = tmp_path / "modules", tmp_path / "source"
    modules.mkdir()
    (modules / "deeds_under_test.py").write_text(textwrap.dedent(DEEDS))
    for number in range(14):
        film(source / f"{number:02}.mp4", frames=16 + number, seed=number)
    film(source / "long.mp4", frames=160, seed=50, options={"threads": "1", "g": "16"})
    for name in ("dies.mp4", "hangs.mp4", "greedy.mp4"):
        film(source / name, seed=60)
    local = ingested(source, tmp_path / "local", "local", modules)
    ours = ingested(source, tmp_path / "ray", "ray", modules)
    assert ours["killed"] and not local["killed"]
    assert (
        (ours["videos"], ours["skipped"])
        == (local["videos"], local["skipped"])
        == (15, [["crashed", 2], ["timeout", 1]])
    )
    assert tree(tmp_path / "ray") == tree(tmp_path / "local")
    assert "greedy.mp4,crashed,MemoryError" in (tmp_path / "ray" / "skipped.csv").read_text()
    tries = {file.name: len(file.read_text()) for file in (tmp_path / "ray marks").iterdir()}
    undisturbed = {f"{number:02}.mp4": 1 for number in range(14)} | {"dies.mp4": 2, "hangs.mp4": 1, "greedy.mp4": 2}
    undisturbed["long.mp4"] = 1 + 4 + 1  # whole, pieces, join
    again = {name: count - undisturbed[name] for name, count in tries.items() if count != undisturbed[name]}
    assert again and all(0 < count <= 2 for count in again.values()), "the machine that died had up to two units"
