"""An encoder as an ONNX graph, compared with onnxruntime before it appears.

model.onnx      input `images` [batch, 3, S, S], outputs `features` [batch, D] and, with a classifier, `logits`
config.json     the same in words and numbers, and under "vivi" what an encoder folder says of itself
README.md       how to load it
manifest.json   format `vivi-onnx` 1, sha256 of the first two

The batch is free, the side of the images is that of the training. Traces of the exporting machine (paths of source
files, which torch notes at every node) are taken out.
"""

import json
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from vivi import __version__
from vivi.core import config
from vivi.core.errors import CheckpointError, ViviError
from vivi.core.files import atomic_folder, write_bytes, write_json, write_text
from vivi.nn import manifest
from vivi.nn.export import CONFIG, LoadedEncoder, load_encoder
from vivi.nn.exported import Exported, check_place, compared
from vivi.nn.model_card import CARD, onnx_card

OPSET = 18
GRAPH = "model.onnx"
FORMAT = "vivi-onnx"
_TO = "onnx"
_LARGEST = 1_900_000_000
"""Bytes of weights; a file of ONNX may have 2 GiB."""
Pixels = Literal["uint8", "float"]
"""What the graph takes: uint8 RGB 0 to 255, scaled inside; or float32 RGB in [-1, 1]."""
_INPUTS: dict[Pixels, str] = {
    "uint8": "uint8, RGB, 0 to 255; the graph itself scales them to [-1, 1]",
    "float": "float32, RGB in [-1, 1]: pixel / 127.5 - 1",
}
_SNIPPET = """\
import numpy as np, onnxruntime

session = onnxruntime.InferenceSession({file!r})
images = np.zeros((1, 3, {size}, {size}), dtype=np.{dtype})  # {about}
features = session.run(["features"], {{"images": images}})[0]  # {dim} an image
"""


class _Graph(nn.Module):
    """images_BCHW -> features_BD, and logits_BC where there is a classifier."""

    def __init__(self, loaded: LoadedEncoder, *, pixels: Pixels) -> None:
        super().__init__()
        self.loaded, self.is_raw = loaded.encoder, pixels == "uint8"
        self.head = None
        if (classifier := loaded.classifier) is not None:
            self.head = nn.Linear(classifier.feature_dim, len(classifier.classes))
            self.head.load_state_dict({"weight": classifier.weight_CD, "bias": classifier.bias_C})

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """The outputs, in their order."""
        features_BD = self.loaded(images.float() / 127.5 - 1 if self.is_raw else images)
        return (features_BD,) if self.head is None else (features_BD, self.head(features_BD))


def export_onnx(source: Path, *, out: Path, pixels: Pixels = "uint8") -> Exported:
    """Write a folder with the encoder as ONNX; it appears whole, or not at all.

    Args:
        source: an encoder folder.
        out: the folder to write; an earlier export of the same model to ONNX is replaced.
        pixels: what the graph takes.

    Raises:
        ViviError: the extra "onnx" is not installed, or the network cannot be exported.
        CheckpointError: no usable encoder, `out` is taken, or the outputs differ from the encoder's.
    """
    onnx, runtime = _libraries()
    loaded = load_encoder(source)
    check_place(out, to=_TO, name=loaded.name, source=source)
    about = _about(loaded, pixels=pixels)
    graph = _graph_bytes(loaded, pixels=pixels, about=about, onnx=onnx)
    found = compared(
        loaded, _run(graph, pixels=pixels, loaded=loaded, runtime=runtime), what=GRAPH, side=loaded.image_size
    )
    snippet = _snippet(out / GRAPH, loaded, pixels)
    with atomic_folder(out) as fresh:
        write_bytes(fresh / GRAPH, graph)
        write_json(fresh / CONFIG, about)
        write_text(fresh / CARD, onnx_card(loaded.name, about=about, snippet=_snippet(Path(GRAPH), loaded, pixels)))
        manifest.write(fresh, (CONFIG, GRAPH), form=FORMAT, export=_TO)
    return Exported(
        to=_TO,
        folder=out,
        name=loaded.name,
        files=(GRAPH, CONFIG, CARD, manifest.NAME),
        difference=found.difference,
        largest=found.largest,
        remarks=(f"opset {OPSET}; input: {_INPUTS[pixels]}",),
        snippet=snippet,
    )


def _libraries() -> tuple[Any, Any]:
    for name in ("ORT_DISABLE_TELEMETRY", "ORT_TELEMETRY_DISABLED"):  # it has had both names
        os.environ.setdefault(name, "1")  # read at its import; else it keeps an identifier in the home
    try:
        import onnx
        import onnxruntime
        import onnxscript  # noqa: F401 (torch's exporter needs it)
    except ImportError as error:
        raise ViviError(f"exporting to ONNX needs more packages ({error}): pip install 'vivi[onnx]'") from error
    return onnx, onnxruntime


def _about(loaded: LoadedEncoder, *, pixels: Pixels) -> dict[str, Any]:
    """What stands in config.json: JSON values."""
    size, classifier = loaded.image_size, loaded.classifier
    outputs: dict[str, Any] = {"features": ["batch", loaded.feature_dim]}
    ours: dict[str, Any] = {
        "name": loaded.name,
        "fingerprint": loaded.fingerprint,
        "image_size": size,
        "encoder": config.dump(loaded.config),
        "details": loaded.details,
        "version": __version__,
    }
    if classifier is not None:
        outputs["logits"] = ["batch", len(classifier.classes)]
        ours["classes"] = list(classifier.classes)
    return {
        "opset": OPSET,
        "input": {"images": ["batch", 3, size, size], "pixels": _INPUTS[pixels]},
        "resize": f"the whole image to {size} x {size} pixels, bilinear",
        "outputs": outputs,
        "vivi": ours,
    }


def _graph_bytes(loaded: LoadedEncoder, *, pixels: Pixels, about: dict[str, Any], onnx: Any) -> bytes:
    weights = sum(each.numel() * each.element_size() for each in loaded.encoder.state_dict().values())
    if weights > _LARGEST:
        raise ViviError(f"{loaded.name} has {weights:,} bytes of weights, an ONNX file holds at most 2 GiB")
    module = _Graph(loaded, pixels=pixels).eval()
    raw = torch.zeros(2, 3, loaded.image_size, loaded.image_size, dtype=torch.uint8)
    images_BCHW = raw if pixels == "uint8" else loaded.preprocess(raw)
    try:
        with _quiet():
            program: Any = torch.onnx.export(
                module,
                (images_BCHW,),
                dynamo=True,
                opset_version=OPSET,
                input_names=["images"],
                output_names=list(about["outputs"]),
                dynamic_shapes={"images": {0: torch.export.Dim("batch")}},
                verbose=False,
            )
        model = program.model_proto
    except Exception as error:  # torch.export and its parts raise nearly every kind there is
        told = " ".join(str(error).split())[:300]
        raise ViviError(f"torch cannot export {loaded.name} to ONNX ({type(error).__name__}: {told})") from error
    _without_traces(model)
    onnx.helper.set_model_props(model, {"vivi": json.dumps(about, sort_keys=True)})
    model.producer_name, model.producer_version = "vivi", __version__
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _without_traces(model: Any) -> None:
    """Take out what torch notes about the machine and the source files."""
    model.ClearField("metadata_props")
    model.ClearField("doc_string")
    graph = model.graph
    for each in (graph, *graph.node, *graph.initializer, *graph.value_info, *graph.input, *graph.output):
        each.ClearField("metadata_props")
        each.ClearField("doc_string")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep to itself what torch's exporter warns of: its own deprecations, and libraries that are not needed."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _run(graph: bytes, *, pixels: Pixels, loaded: LoadedEncoder, runtime: Any) -> Any:
    """A function from uint8 images_BCHW to the graph's outputs under onnxruntime."""
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    try:
        session = runtime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has a dozen kinds of its own
        raise CheckpointError(f"onnxruntime cannot open the graph of {loaded.name}: {error}") from error

    def outputs(images_BCHW: Tensor) -> tuple[Tensor, ...]:
        given = images_BCHW if pixels == "uint8" else loaded.preprocess(images_BCHW)
        return tuple(torch.from_numpy(each) for each in session.run(None, {"images": given.numpy()}))

    return outputs


def _snippet(file: Path, loaded: LoadedEncoder, pixels: Pixels) -> str:
    dtype = "uint8" if pixels == "uint8" else "float32"
    return _SNIPPET.format(
        file=str(file), size=loaded.image_size, dtype=dtype, about=_INPUTS[pixels], dim=loaded.feature_dim
    )
