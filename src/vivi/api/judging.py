"""Verbs about what an encoder is worth: evaluate, embed, vtab."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from vivi.transfer.embed import EmbedSummary
    from vivi.transfer.scores import Scores
    from vivi.transfer.vtab.judge import VtabProgress, VtabResults
    from vivi.transfer.vtab.protocol import VtabProtocol

_RAY_THREADS = 8
"""Threads that decode for a run on a GPU of a cluster."""


def evaluate(
    encoder: Path | str,
    *,
    data: Path | str,
    out: Path | str | None = None,
    max_train: int | None = None,
    max_test: int | None = None,
    seed: int = 0,
    splits: int = 1,
    device: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> "Scores":
    """Judge an encoder on labelled images, beside the same network with random weights, as `vivi evaluate` does.

    Args:
        encoder: an encoder folder.
        data: CLASS/IMAGE, or train/CLASS/IMAGE and test/CLASS/IMAGE.
        out: where scores.json is written; None: nowhere.
        max_train: training images of a class at most.
        max_test: test images of a class at most.
        seed: decides the split where the folder has none, and what the limits keep.
        splits: judge with so many seeds from this one on; `vivi compare` pairs them.
        device: "auto", "cpu", "cuda" or "cuda:N".
        progress: called with images done and in all after each batch.

    Raises:
        ViviError: anything the user can mend; the text says what to do.
    """
    from vivi.core.world import find_device
    from vivi.transfer.quick import evaluate as run_evaluate

    return run_evaluate(
        Path(encoder),
        data=Path(data),
        out=None if out is None else Path(out),
        max_train=max_train,
        max_test=max_test,
        seed=seed,
        splits=splits,
        device=find_device(device),
        progress=progress,
    )


def embed(
    encoder: Path | str,
    *,
    images: Path | str | None = None,
    videos: Path | str | Sequence[Path | str] = (),
    store: Path | str | None = None,
    out: Path | str,
    per: Literal["frame", "shot", "video"] = "frame",
    fps: float = 1.0,
    batch: int = 64,
    device: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> "EmbedSummary":
    """Write the embeddings of images, videos or a store to a file, as `vivi embed` does. Interrupted, it goes on.

    Args:
        encoder: an encoder folder.
        images: an image, or a folder that is searched recursively.
        videos: video files and folders; one or several.
        store: a shot store.
        out: a file that ends in .parquet, .npz or .npy.
        per: what a row is of, for videos and stores.
        fps: frames of a second of raw video.
        batch: pictures at a time.
        device: "auto", "cpu", "cuda" or "cuda:N".
        progress: called with inputs done and in all.

    Raises:
        ViviError: anything the user can mend; the text says what to do.
    """
    from vivi.core.world import find_device
    from vivi.transfer.embed import embed as run_embed

    roots = [videos] if isinstance(videos, Path | str) else videos
    return run_embed(
        Path(encoder),
        images=None if images is None else Path(images),
        videos=tuple(roots),
        store=None if store is None else Path(store),
        out=Path(out),
        per=per,
        fps=fps,
        batch=batch,
        device=find_device(device),
        progress=progress,
    )


def vtab(
    encoder: Path | str,
    *,
    data: Path | str | None = None,
    out: Path | str,
    task: Sequence[str] = (),
    folder: Sequence[Path | str] = (),
    version: Literal[1, 2] = 2,
    examples: Literal["1000", "full"] = "1000",
    mode: Literal["finetune", "linear", "knn"] = "finetune",
    steps_scale: float = 1.0,
    set_: Sequence[str] = (),
    jobs: int | None = None,
    engine: Literal["local", "ray"] = "local",
    device: str = "auto",
    progress: "Callable[[VtabProgress], None]" = lambda _: None,
) -> "VtabResults":
    """Judge an encoder by VTAB's protocol, as `vivi vtab` does. Interrupted, the same call goes on.

    Args:
        encoder: an encoder folder, timm:NAME, timm:local-dir:FOLDER, timm:random:NAME or python:MODULE:FUNCTION.
        data: the folder that holds the tasks.
        out: the folder of the study.
        task: only the tasks of these names.
        folder: folders of labelled images to judge on by the same protocol.
        version: of VTAB: 1 selects settings on the whole validation set, 2 on 200 images.
        examples: "1000", or "full": all that a task has.
        mode: "finetune": VTAB; "linear" and "knn": quick ones, on frozen features.
        steps_scale: shorten or lengthen all runs; another protocol, and marked so.
        set_: changes of the protocol, such as "recipe.batch=64".
        jobs: runs at the same time; None: one for each GPU, or one.
        engine: "local": processes of this machine; "ray": the Ray cluster that it belongs to.
        device: "auto", "cpu", "cuda" or "cuda:N".
        progress: called at the start and after every run.

    Returns:
        what was found; runs that failed stand in `failures` and do not end the others.

    Raises:
        InterruptedRunError: SIGINT or SIGTERM came; what was done is kept.
        ViviError: anything the user can mend; the text says what to do.
    """
    from vivi.transfer.vtab.judge import vtab as run_vtab

    return run_vtab(
        str(encoder),
        data=None if data is None else Path(data),
        out=Path(out),
        tasks=task,
        folders=[Path(each) for each in folder],
        protocol=asked_protocol(version, examples, mode, steps_scale=steps_scale, assignments=set_),
        **engine_options(engine, device=device, jobs=jobs),
        device=device,
        progress=progress,
    )


def asked_protocol(
    version: Literal[1, 2], examples: str, mode: str, *, steps_scale: float, assignments: Sequence[str]
) -> "VtabProtocol":
    """The protocol that the arguments mean.

    Raises:
        ConfigError: an illegal value.
    """
    from vivi.core.config import build, override
    from vivi.core.errors import ConfigError
    from vivi.transfer.vtab.modes import MODES
    from vivi.transfer.vtab.protocol import VtabProtocol

    if not 0 < steps_scale < float("inf"):
        raise ConfigError(f"--steps-scale {steps_scale}: must be a number above 0")
    if mode not in MODES:
        raise ConfigError(f"--mode {mode}: legal: {', '.join(MODES)}")
    steps = tuple(max(1, round(each * steps_scale)) for each in VtabProtocol().steps)
    values = {
        "version": version,
        "examples": "full" if examples == "full" else int(examples),
        "mode": MODES[mode],
        "steps": steps,
    }
    return override(build(VtabProtocol, values, source="vivi vtab"), assignments)


def engine_options(engine: str, *, device: str, jobs: int | None) -> dict[str, Any]:
    """The arguments of `vivi.transfer.vtab.judge.vtab` that say where runs are done.

    Raises:
        ViviError: no such device here, or no Ray cluster.
    """
    from vivi.core.cluster import RayEngine
    from vivi.core.world import find_device

    if engine == "local":
        find_device(device)
        return {"jobs": jobs}
    on_gpu = device != "cpu" and RayEngine().resources().get("GPU", 0.0) >= 1
    ray = RayEngine(gpus=1.0 if on_gpu else 0.0)
    return {"engine": ray, "jobs": jobs or max(1, ray.capacity()), "threads": _RAY_THREADS if on_gpu else 1}
