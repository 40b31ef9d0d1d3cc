"""Folders that are the wrong ones: each verb says so before the work, and what to give instead."""

from pathlib import Path

import numpy as np
import pytest
from tests.reference import encoder_folder
from tests.reference.small_store import small_store

from vivi import cli


def refused(capsys: pytest.CaptureFixture[str], *words: str | Path) -> str:
    assert cli.main([str(word) for word in words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("vivi: error: ") and error.count("\n") == 1
    return error


@pytest.mark.parametrize("to", ["timm", "hf", "onnx"])
def test_an_export_that_cannot_be_written_is_seen_first(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, to: str
) -> None:
    if to == "onnx":
        pytest.importorskip("onnxscript")
    encoder_folder.save(tmp_path / "encoder")
    (tmp_path / "file").touch()
    error = refused(capsys, "export", tmp_path / "encoder", "--to", to, "--out", tmp_path / "file" / "exported")
    assert f"cannot make the folder {tmp_path / 'file'}" in error and "choose another --out" in error


def test_a_conversion_that_cannot_be_written_is_seen_first(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    np.savez(tmp_path / "weights.npz", a=np.zeros(3))
    (tmp_path / "file").touch()
    error = refused(capsys, "convert", tmp_path / "weights.npz", "--out", tmp_path / "file" / "encoder")
    assert f"cannot make the folder {tmp_path / 'file'}" in error


def test_a_store_among_the_folders_of_a_report_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    store = small_store(tmp_path / "store", {"a.mp4": (2,)})
    error = refused(capsys, "report", store, "--out", tmp_path / "report.html")
    assert f"{store} is a store of shots: give it as --store {store}" in error


def test_a_device_that_is_not_here_is_refused_without_an_estimate_too(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    store = small_store(tmp_path / "store", {"a.mp4": (2,)})
    error = refused(capsys, "doctor", store, "--out", tmp_path / "doctor.html", "--device", "gpu")
    assert "--device gpu: not available here" in error
    assert not (tmp_path / "doctor.html").exists()


def test_too_few_videos_are_told_who_knows_what_would_leave_more(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    store = small_store(tmp_path / "store", {"a.mp4": (4, 4, 4, 4)})
    words = ("pretrain", "VIVI-Ex(4)", "--tiny", "--data", store, "--out", tmp_path / "run")
    error = refused(capsys, *words)
    assert "a step needs 16 different videos with enough long shots, there are 1" in error
    assert "vivi doctor says which settings of vivi ingest leave more" in error
