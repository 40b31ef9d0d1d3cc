"""Verbs about what was made: report, export, tables, compare."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from vivi.nn.exported import Exported
    from vivi.report.comparison import Comparison
    from vivi.report.tables_folder import Written


def report(
    folders: Path | str | Sequence[Path | str],
    *,
    out: Path | str = "report.html",
    store: Path | str | None = None,
    cuts: Path | str | None = None,
    title: str = "VIVI report",
    commands: Path | str | None = None,
    note: str | Sequence[str] = (),
) -> Path:
    """Write one HTML page about runs, scores and a store, as `vivi report` does.

    Args:
        folders: run folders, score files, results of VTAB and of `vivi robust`, or folders that hold them.
        out: the page.
        store: a shot store to show as contact sheets.
        cuts: known cuts to compare its shots with: CSV with the columns path and seconds.
        title: the page's title.
        commands: a text file with the command lines that made all this, to be shown.
        note: a sentence to show above everything else, or several.

    Returns:
        the absolute path of the page.

    Raises:
        ViviError: anything the user can mend; the text says what to do.
    """
    from vivi.core.files import read_text
    from vivi.report.page import collect, write_report
    from vivi.report.results_files import find_results

    roots = [Path(each) for each in ([folders] if isinstance(folders, Path | str) else folders)]
    runs, scores = collect(roots)
    return write_report(
        Path(out),
        title=title,
        store=None if store is None else Path(store),
        cuts=None if cuts is None else Path(cuts),
        runs=runs,
        scores=scores,
        results=tuple(dict.fromkeys(file for root in roots for file in find_results(root))),
        commands=() if commands is None else read_text(Path(commands)).expandtabs(4).splitlines(),
        notes=(note,) if isinstance(note, str) else tuple(note),
    )


def export(
    encoder: Path | str,
    *,
    to: Literal["timm", "onnx", "hf"],
    out: Path | str,
    scores: Sequence[Path | str] = (),
    license: str = "unknown",
    pixels: Literal["uint8", "float"] = "uint8",
) -> "Exported":
    """Write an encoder as a folder that other programs open, as `vivi export` does. Nothing is uploaded.

    Args:
        encoder: an encoder folder.
        to: "timm": for timm.create_model("local-dir:OUT"); "onnx": a graph for onnxruntime; "hf": laid out for the
            Hugging Face hub.
        out: the folder to write; nothing else than an earlier export of the same model is replaced.
        scores: for "hf": files that `vivi evaluate`, `vivi vtab` or `vivi robust` wrote about this encoder.
        license: for "hf": an identifier such as "apache-2.0".
        pixels: for "onnx": what the graph takes, "uint8" (0 to 255, scaled inside) or "float" (in [-1, 1]).

    Raises:
        ViviError: anything the user can mend; the text says what to do.
    """
    from vivi.core.errors import ConfigError

    source, folder = Path(encoder), Path(out)
    targets = {"timm": lambda: _timm(source, folder), "onnx": lambda: _onnx(source, folder, pixels)}
    targets["hf"] = lambda: _hf(source, folder, scores=scores, license=license)
    if to not in targets:
        raise ConfigError(f"--to {to}: legal: {', '.join(targets)}")
    if to != "hf" and (scores or license != "unknown"):
        raise ConfigError(f"--scores and --license belong to --to hf, not to {to}")
    if pixels not in ("uint8", "float"):
        raise ConfigError(f"--pixels {pixels}: legal: uint8, float")
    if to != "onnx" and pixels != "uint8":
        raise ConfigError(f"--pixels belongs to --to onnx, not to {to}")
    return targets[to]()


def tables(results: Path | str | Sequence[Path | str], *, out: Path | str) -> "Written":
    """Write the paper's tables and figures with what was measured beside what was published, as `vivi tables` does.

    Args:
        results: results of the 19 tasks (results.json) and of `vivi robust`, or folders that hold some.
        out: the folder to write: Markdown, CSV, LaTeX and SVG; tables.md has all of it.

    Raises:
        ViviError: anything the user can mend; the text says what to do.
    """
    from vivi.core.errors import ViviError
    from vivi.report.tables_folder import write_tables

    paths = [Path(each) for each in ([results] if isinstance(results, Path | str) else results)]
    if not paths:
        raise ViviError("nothing to write: name results.json, results of `vivi robust`, or folders that hold some")
    return write_tables(paths, out=Path(out))


def compare(a: Path | str, b: Path | str) -> "Comparison":
    """What changed from A to B, task by task and group by group, with intervals, as `vivi compare` shows it.

    Args:
        a: results of one encoder: results.json, scores.json, a result of `vivi robust`, or a folder that holds them.
        b: results of another encoder on the same tasks, under the same protocol.

    Raises:
        ViviError: anything the user can mend; the text says what to do.
    """
    from vivi.report.comparison import compare as run_compare

    return run_compare(Path(a), Path(b))


def _timm(source: Path, out: Path) -> "Exported":
    from vivi.nn.timm_export import export_timm

    return export_timm(source, out=out)


def _onnx(source: Path, out: Path, pixels: Literal["uint8", "float"]) -> "Exported":
    from vivi.nn.onnx_export import export_onnx

    return export_onnx(source, out=out, pixels=pixels)


def _hf(source: Path, out: Path, *, scores: Sequence[Path | str], license: str) -> "Exported":
    from vivi.nn.export import load_encoder
    from vivi.nn.hub_export import export_hub
    from vivi.report.card_scores import card_scores

    fingerprint = load_encoder(source).fingerprint
    found = card_scores([Path(each) for each in scores], fingerprint=fingerprint)
    return export_hub(source, out=out, scores=found, license=license)
