"""The functions do what their verbs do: on small stores, images and results; long verbs have tests of their own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.reference import encoder_folder
from tests.reference.tiny_images import tiny_images  # noqa: F401
from tests.reference.tiny_store import tiny_store  # noqa: F401

import vivi
from vivi import cli
from vivi.core.errors import ConfigError, ViviError


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("api") / "encoder"
    encoder_folder.save(folder)
    return folder


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert cli.main(list(words)) == 0
    return capsys.readouterr().out


def test_a_store_is_looked_at_parted_and_joined(
    tiny_store: Path,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole = vivi.store.info(str(tiny_store))
    assert json.loads(printed(capsys, "store", "info", str(tiny_store), "--json"))["digest"] == whole.digest
    counts: list[tuple[int, int]] = []
    assert vivi.store.verify(tiny_store, progress=lambda *each: counts.append(each)).damages == ()
    assert counts[-1][0] == counts[-1][1] > 0
    with pytest.raises(ConfigError, match="either --share or --videos"):
        vivi.store.split(tiny_store, out=tmp_path / "none")
    names = [json.loads(line)["path"] for line in (tiny_store / "videos.jsonl").read_text().splitlines()]
    (tmp_path / "some.txt").write_text("".join(f"{name}\n" for name in names[:2]))
    parts = vivi.store.split(
        tiny_store, videos=tmp_path / "some.txt", out=tmp_path / "some", rest=str(tmp_path / "rest")
    )
    assert [part.info.num_videos for part in parts] == [2, len(names) - 2]
    alone = vivi.store.split(tiny_store, videos=tmp_path / "some.txt", out=tmp_path / "alone")
    assert [part.info.num_videos for part in alone] == [2]
    joined = vivi.store.merge([tmp_path / "some", str(tmp_path / "rest")], out=tmp_path / "joined")
    assert joined.info.num_frames == whole.frames


def test_a_store_is_examined(
    tiny_store: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    told: list[str] = []
    found = vivi.api.doctor(
        str(tiny_store), out=tmp_path / "d.html", json=tmp_path / "d.json", progress=lambda what, *_: told.append(what)
    )
    assert found.looked == found.ingested.info.num_videos > 0 and set(told) == {"videos"}
    assert json.loads((tmp_path / "d.json").read_text())["format"] == "vivi-doctor"
    assert f"vivi doctor {tiny_store} --json" in (tmp_path / "d.html").read_text()
    with pytest.raises(ConfigError, match="did you mean"):
        vivi.api.doctor(tiny_store, out=tmp_path / "e.html", estimate=["VIVI-Ex4"])
    told.clear()
    with pytest.raises(ConfigError, match="--device moon"):
        vivi.api.doctor(
            tiny_store,
            out=tmp_path / "e.html",
            estimate=["VIVI-Ex(4)"],
            device="moon",
            progress=lambda what, *_: told.append(what),
        )
    assert told == [] and not (tmp_path / "e.html").exists()


def test_a_store_is_opened_for_looking(
    tiny_store: Path,  # noqa: F811
    encoder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VIVI_CACHE", str(tmp_path))
    told: set[str] = set()
    site = vivi.api.browse(
        str(tiny_store), encoder=encoder, port=0, device="cpu", progress=lambda what, *_: told.add(what)
    )
    site.listening.close()
    assert site.url.startswith("http://127.0.0.1:") and told == {"embeddings"}


def test_results_become_pages_and_comparisons(
    encoder: Path,
    tiny_images: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    scores = tmp_path / "scores.json"
    vivi.evaluate(encoder, data=tiny_images, out=scores, splits=2)
    assert vivi.api.report(str(scores), out=tmp_path / "r.html") == (tmp_path / "r.html").resolve()
    (tmp_path / "commands.txt").write_text("vivi evaluate run/encoder \\\n\t--data images\n")
    page = vivi.api.report(scores, out=tmp_path / "r.html", commands=tmp_path / "commands.txt").read_text()
    assert "vivi evaluate run/encoder \\\n    --data images\n" in page, "to be copied into a shell"
    noted = vivi.api.report(scores, out=tmp_path / "r.html", note="A single sentence.").read_text()
    assert "A single sentence." in noted
    found = vivi.compare(str(scores), scores)
    assert {each.change.value for each in found.tasks} == {0.0} and len(found.tasks) == 2
    with pytest.raises(ViviError, match="nothing to write"):
        vivi.tables([], out=tmp_path / "tables")


def test_tasks_are_named_and_looked_for(tmp_path: Path) -> None:
    tasks, found = vivi.tasks.show()
    assert len(tasks) == 19 and found is None
    _, found = vivi.tasks.show(str(tmp_path))
    assert found is not None and not any(each.is_there for each in found)
    with pytest.raises(ViviError):
        vivi.tasks.check(tmp_path)


def test_a_checkpoint_is_converted(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", nothing=np.zeros(3, np.float32))
    with pytest.raises(ViviError, match=r"a\.npz"):
        vivi.api.convert(str(tmp_path / "a.npz"), out=tmp_path / "encoder")


def test_the_demo_runs_its_commands_in_processes_of_their_own(tmp_path: Path) -> None:
    """A folder that holds something else is seen before any of them."""
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ViviError, match="is not empty and not a demo"):
        vivi.api.demo(tmp_path)
    assert vivi.api.looking.in_a_process(["presets", "--json"]) == 0
    assert vivi.api.looking.in_a_process(["presets", "none"]) == 2


@pytest.mark.parametrize("reaches", [os.killpg, os.kill])
def test_a_command_of_the_demo_saves_itself_on_ctrl_c(reaches: Callable[[int, int], None], tmp_path: Path) -> None:
    """A terminal sends the signal to both processes; a program may send it to ours alone."""
    package = tmp_path / "vivi"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(SAVES_ITSELF.format(saved=str(tmp_path / "saved")))
    words = [sys.executable, "-c", RUNS_A_COMMAND, str(tmp_path)]
    with subprocess.Popen(words, start_new_session=True, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        reaches(process.pid, signal.SIGINT)
        assert process.stdout.read() == "ended with 75\n"
    assert (tmp_path / "saved").exists()


RUNS_A_COMMAND = """
import os, sys
import vivi.api.looking as looking
looking._PATIENCE = 2.0
os.environ["PYTHONPATH"] = sys.argv[1]
print("ended with", looking.in_a_process([]))
"""
SAVES_ITSELF = """
import pathlib, signal, time
asked = []
signal.signal(signal.SIGINT, lambda *_: asked.append(1))
print("ready", flush=True)
while not asked:
    time.sleep(0.01)
time.sleep(0.5)
assert len(asked) == 1
pathlib.Path({saved!r}).touch()
raise SystemExit(75)
"""


def test_words_that_no_flag_has(encoder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--pixels int4: legal: uint8, float"):
        vivi.export(encoder, to="onnx", out=tmp_path / "out", pixels="int4")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="--engine dask: legal: local, ray"):
        vivi.ingest(tmp_path, out=tmp_path / "out", engine="dask")  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_the_environment(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(printed(capsys, "env", "--json"))["python"] == vivi.env().python
