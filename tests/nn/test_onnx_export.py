"""ONNX where its libraries are missing; with them it is tested by `make test-extras`."""

import sys

import pytest

from vivi.core.errors import ViviError
from vivi.nn.onnx_export import export_onnx


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime", "onnxscript"])
def test_one_line_says_what_to_install(saved, tmp_path, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ViviError, match=r"pip install 'vivi\[onnx\]'"):
        export_onnx(saved, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
