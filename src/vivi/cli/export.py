"""The verb that hands an encoder to other programs: export."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from vivi.cli.app import app


@app.command
def export(
    encoder: Path,
    *,
    to: Literal["timm", "onnx", "hf"],
    out: Path,
    scores: Annotated[tuple[Path, ...], Parameter(negative="", consume_multiple=True)] = (),
    license: str = "unknown",
    pixels: Literal["uint8", "float"] = "uint8",
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Write an encoder as a folder that other programs open. Nothing is uploaded.

    vivi export run/encoder --to timm --out encoder
    vivi export run/encoder --to onnx --out encoder.onnx
    vivi export run/encoder --to hf --out hub --scores scores.json vtab --license apache-2.0

    Parameters
    ----------
    encoder
        An encoder folder, such as RUN/encoder.
    to
        timm: for timm.create_model("local-dir:OUT"); onnx: a graph, compared with onnxruntime; hf: laid out for the
        Hugging Face hub, with a model card.
    out
        The folder to write; only an earlier export of the same model is ever replaced.
    scores
        For hf: files that vivi evaluate, vtab or robust wrote about this encoder; they become the card's scores.
    license
        For hf: an identifier such as apache-2.0.
    pixels
        For onnx: what the graph takes, uint8 (0 to 255, scaled inside) or float (in [-1, 1]).
    json
        Print what was written as JSON.
    """
    from vivi.api import export as run_export
    from vivi.console.judging import show_exported

    show_exported(run_export(encoder, to=to, out=out, scores=scores, license=license, pixels=pixels), json=json)
