"""A run learns from a store far away exactly what it learns from the same store here."""

import json
from pathlib import Path

import pytest
from tests.reference.loopback import served
from tests.reference.tiny_store import tiny_store  # noqa: F401 (a fixture)

from vivi import cli
from vivi.core.files import sha256_file

pytest.importorskip("obstore")


def test_pretraining_from_a_web_server_equals_that_from_a_folder(
    tmp_path: Path,
    tiny_store: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("VIVI_CACHE", str(tmp_path / "cache"))
    small = ("samples_per_step=4", "sampling.frames=2", "norm_group=4", "frame_levels.0.group=4")
    settings = [f"--set={each}" for each in (*small, "augmentation.crop.size=32", "encoder.width=0.125")]
    losses, weights = [], []
    with served(tiny_store.parent) as web:
        for number, where in enumerate((str(tiny_store), f"{web.url}/{tiny_store.name}")):
            run = tmp_path / f"run{number}"
            words = ["pretrain", "VIVI-Ex(4)", "--tiny", "--steps", "2", "--data", where, "--out", str(run)]
            assert cli.main([*words, *settings, "--workers", "2", "--log-every", "1"]) == 0, capsys.readouterr().err
            lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
            losses.append([line["loss"] for line in lines if "loss" in line])
            weights.append([sha256_file(path) for path in sorted((run / "encoder").glob("*.safetensors"))])
        assert any("/shards/" in path for path, _, _ in web.ranges)
        words = ["pretrain", "VIVI-Ex(4)", "--tiny", "--data", f"{web.url}/other", "--out", str(tmp_path / "run2")]
        assert cli.main([*words, *settings]) == 2
        assert "/other/store.json does not exist" in capsys.readouterr().err
        assert cli.main(["store", "verify", f"{web.url}/{tiny_store.name}"]) == 0
    assert losses[0] == losses[1] and len(losses[0]) == 2
    assert weights[0] == weights[1] != []
