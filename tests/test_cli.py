"""The command line: one-line errors, exit codes, one way through all verbs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.reference.tiny_store import tiny_store  # noqa: F401 (a fixture)

from vivi import cli


def fails(capsys: pytest.CaptureFixture[str], *words: str | Path) -> str:
    assert cli.main([str(word) for word in words]) == 2
    said = capsys.readouterr().err
    assert said.startswith("vivi: error: ")
    assert said.count("\n") == 1
    return said


def test_bad_input_is_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    tiny_store: Path,  # noqa: F811
) -> None:
    empty, out = tmp_path / "empty", tmp_path / "out"
    empty.mkdir()
    texts = tmp_path / "texts"
    texts.mkdir()
    (texts / "a.txt").write_text("no video")
    assert "no files in" in fails(capsys, "ingest", empty, "--out", out)
    assert "none of the inputs is a usable video" in fails(capsys, "ingest", texts, "--out", out)
    assert "at least 1" in fails(capsys, "ingest", texts, "--out", out, "--workers", "0")
    assert "greater than 0" in fails(capsys, "ingest", texts, "--out", out, "--fps", "0")
    assert "absent" in fails(capsys, "ingest", tmp_path / "absent", "--out", tmp_path / "out2")
    assert "did you mean 'VIVI-Ex(4)'" in fails(capsys, "pretrain", "VIVI-X", "--data", tiny_store, "--out", out)
    (texts / "clip.mp4").write_text("no video either")
    (tmp_path / "cuts.csv").write_text("path,seconds\nother.mp4,3\n")
    unnamed = fails(capsys, "ingest", texts, "--out", tmp_path / "out3", "--shots", tmp_path / "cuts.csv")
    assert "names none of the 1 videos; they are called like 'clip.mp4'" in unnamed
    base = ("pretrain", "VIVI-Ex(4)", "--tiny", "--data", tiny_store, "--out", tmp_path / "run")
    assert "did you mean 'optimiser'" in fails(capsys, *base, "--set", "optimizer.momentum=1")
    assert "norm_group" in fails(capsys, *base, "--set", "norm_group=5")
    assert "there are 20" in fails(capsys, *base, "--set", "samples_per_step=1000", "--set", "norm_group=10")
    longer = fails(capsys, *base, "--set", "sampling.shots=5", "--set", "samples_per_step=16")
    assert "no video of the store has 5 consecutive shots" in longer
    assert "K=" in longer
    assert "legal" in fails(capsys, *base, "--chunks", "3")
    assert "not available here" in fails(capsys, *base, "--device", "nonsense")
    assert "Unknown command" in fails(capsys, "evaluat")
    assert "not a folder" in fails(capsys, *base, "--knn", tmp_path / "nowhere")
    assert "absent" in fails(capsys, "evaluate", tmp_path / "absent", "--data", texts)
    assert not (tmp_path / "run" / "metrics.jsonl").exists()


def test_a_store_of_another_version_is_refused(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    tiny_store: Path,  # noqa: F811
) -> None:
    store = tmp_path / "store"
    store.mkdir()
    manifest = json.loads((tiny_store / "store.json").read_text())
    (store / "store.json").write_text(json.dumps(manifest | {"version": 99}))
    said = fails(capsys, "pretrain", "Ex-YT-S", "--tiny", "--data", store, "--out", tmp_path / "run")
    assert "99" in said
    assert "version" in said


def test_presets_are_listed_and_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["presets"]) == 0
    assert "Ex-YT-F" in capsys.readouterr().out
    assert cli.main(["presets", "Ex-YT-F"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "Ex-YT-F"


def test_pretrain_evaluate_embed_in_one_go(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    tiny_store: Path,  # noqa: F811
) -> None:
    import cv2
    import numpy as np

    for label in ("dark", "light"):
        for number in range(8):
            path = tmp_path / "images" / label / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            level = (20 if label == "dark" else 200) + 2 * number
            cv2.imwrite(str(path), np.full((32, 32, 3), level, dtype=np.uint8))
    settings = ["--set", "samples_per_step=4", "--set", "sampling.frames=2", "--set", "norm_group=4"]
    settings += [
        "--set",
        "augmentation.crop.size=32",
        "--set",
        "encoder.width=0.125",
        "--set",
        "frame_levels.0.group=4",
    ]
    run = tmp_path / "run"
    words = ["pretrain", "VIVI-Ex(4)", "--tiny", "--steps", "3", "--data", str(tiny_store), "--out", str(run)]
    assert cli.main([*words, *settings, "--log-every", "1", "--knn", str(tmp_path / "images")]) == 0
    assert capsys.readouterr().out.strip().endswith("run/encoder")
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    assert last["step"] == 3
    assert 0 <= last["knn"] <= 1
    assert cli.main([*words, *settings]) == 0
    assert "This run was complete already: nothing was left to do.\n" in capsys.readouterr().out
    scores = tmp_path / "scores.json"
    words = ["evaluate", str(run / "encoder"), "--data", str(tmp_path / "images"), "--out", str(scores)]
    assert cli.main(words) == 0
    results = json.loads(scores.read_text())["results"]
    assert {(each["probe"], each["weights"]) for each in results} == {
        (probe, weights) for probe in ("knn", "logistic") for weights in ("trained", "random")
    }
    table = tmp_path / "embeddings.parquet"
    words = ["embed", str(run / "encoder"), "--images", str(tmp_path / "images"), "--out", str(table)]
    assert cli.main(words) == 0
    assert table.read_bytes()[:4] == b"PAR1"
    capsys.readouterr()
    assert "a row is always an image" in fails(capsys, *words, "--per", "shot")
    capsys.readouterr()
    words = ["evaluate", str(run / "encoder"), "--data", str(tmp_path / "images"), "--max-test", "2", "--splits"]
    assert cli.main([*words, "1"]) == 0 and "seed" not in capsys.readouterr().out
    assert cli.main([*words, "2"]) == 0
    rows = [line.split("│") for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    assert [row[4].strip() for row in rows] == ["0"] * 4 + ["1"] * 4
    assert f"vivi evaluate {run}/encoder --data IMAGES" in fails(capsys, "compare", run, scores)
    (run / "encoder").rename(tmp_path / "elsewhere")
    assert "is not there yet" in fails(capsys, "export", run / "encoder", "--to", "timm", "--out", tmp_path / "timm")


def test_ctrl_c_outside_the_training_loop_is_one_line_and_code_75(tmp_path: Path) -> None:
    code = "import sys; from vivi import cli; import vivi.video.ingest as i\n"
    code += "def stop(*_, **__): raise KeyboardInterrupt\ni.ingest = stop\n"
    code += f"sys.exit(cli.main(['ingest', 'videos', '--out', {str(tmp_path / 'out')!r}]))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 75
    verbs = "ingest, pretrain, sweep, demo, embed, vtab, robust, detect, store merge and store split"
    assert ended.stderr == f"vivi: interrupted: {verbs} go on with the same command\n"
