"""Where a library is missing or does not fit, one line says which and what to do."""

import sys
from types import SimpleNamespace

import pytest
import torch

from vivi import cli
from vivi.core.errors import ViviError
from vivi.transfer.detection import library


def test_a_missing_library_names_the_extra(monkeypatch):
    for name in ("torchvision", "torchmetrics.detection", "pycocotools.cocoeval"):
        monkeypatch.setitem(sys.modules, name, None)
    for use in (library.torchvision, library.check_operators, library.mean_average_precision):
        with pytest.raises(ViviError, match=r"cannot be imported .*pip install \"vivi\[detection\]\"$") as caught:
            use()
        assert "\n" not in str(caught.value)


def test_a_torchvision_for_another_torch_is_said_to_be_one(monkeypatch):
    def missing(*_):
        raise RuntimeError("operator torchvision::nms does not exist\nand a long story")

    monkeypatch.setattr(library, "torchvision", lambda: None)
    monkeypatch.setattr(torch.ops, "torchvision", SimpleNamespace(nms=missing), raising=False)
    with pytest.raises(ViviError, match=r"does not work beside torch \d.*nms does not exist\): install") as caught:
        library.check_operators()
    assert "\n" not in str(caught.value)


def test_operators_are_tried_on_the_device_of_the_run(monkeypatch):
    """A torchvision without CUDA works on the CPU and fails in the first step."""

    def on_the_cpu_alone(*values):
        if any(isinstance(each, torch.Tensor) and each.device.type != "cpu" for each in values):
            raise NotImplementedError("Could not run 'torchvision::nms' with arguments from the 'META' backend")

    operators = SimpleNamespace(nms=on_the_cpu_alone, roi_align=on_the_cpu_alone)
    monkeypatch.setattr(library, "torchvision", lambda: None)
    monkeypatch.setattr(torch.ops, "torchvision", operators, raising=False)
    library.check_operators(torch.device("cpu"))
    with pytest.raises(ViviError, match=r"does not work beside torch .*Could not run 'torchvision::nms'"):
        library.check_operators(torch.device("meta"))


def test_the_command_line_says_it_in_one_line(monkeypatch, capsys, encoder_folder, world, tmp_path):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    words = ["detect", str(encoder_folder), "--data", str(world), "--out", str(tmp_path / "out")]
    assert cli.main(words) == 2
    said = capsys.readouterr().err
    assert said.startswith("vivi: error: detection needs torchvision") and said.count("\n") == 1
    assert not (tmp_path / "out").exists()
    assert cli.main([*words, "--set", "flop=1"]) == 2
    assert "did you mean 'flip'" in capsys.readouterr().err
