"""Verbs about benchmarks: vtab, robust, detect."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from vivi.transfer.detection.train import Moment
    from vivi.transfer.robust.judge import Robustness
    from vivi.transfer.vtab.judge import VtabProgress, VtabResults
    from vivi.transfer.vtab.protocol import VtabProtocol

_RAY_THREADS = 8
"""Threads that decode for a run on a GPU of a cluster."""


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


def robust(
    encoder: Path | str,
    *,
    data: Path | str,
    out: Path | str,
    batch: int = 64,
    device: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> "Robustness":
    """Score a classifier of ImageNet's classes on ImageNet-Vid-Robust, as `vivi robust` does. Interrupted, it goes on.

    Args:
        encoder: an encoder folder with a classifier; timm:NAME or timm:local-dir:FOLDER; python:MODULE:FUNCTION; or a
            file of predictions for each frame, .json, .csv or .npz.
        data: the folder imagenet-vid-robust of the benchmark's archive.
        out: the result to write, JSON; OUT.frames keeps the predictions.
        batch: frames at a time.
        device: "auto", "cpu", "cuda" or "cuda:N".
        progress: called with frames done and in all.

    Raises:
        ViviError: anything the user can mend; the text says what to do.
    """
    from vivi.core.world import find_device
    from vivi.transfer.robust.judge import judge

    place = find_device(device)
    return judge(str(encoder), data=Path(data), out=Path(out), batch=batch, device=place, progress=progress)


def detect(
    encoder: Path | str,
    *,
    data: Path | str,
    out: Path | str,
    set_: Sequence[str] = (),
    steps: int | None = None,
    device: str = "auto",
    workers: int | None = None,
    log_every: int = 20,
    save_every: int = 500,
    progress: "Callable[[Moment], None]" = lambda _: None,
) -> dict[str, Any]:
    """Fine-tune Faster R-CNN on an encoder and measure AP, as `vivi detect` does. Interrupted, the same call goes on.

    Args:
        encoder: an encoder folder.
        data: a folder in VOC's format, with Annotations, ImageSets/Main and JPEGImages.
        out: the folder to write.
        set_: changes of the recipe, such as "batch=8".
        steps: train for so many steps; warm-up and decays keep their places in the run.
        device: "auto", "cpu", "cuda" or "cuda:N".
        workers: threads that decode; None: one per core.
        log_every: steps between lines of metrics.jsonl.
        save_every: steps between checkpoints.
        progress: called as the run goes on.

    Returns:
        What stands in OUT/detection.json.

    Raises:
        InterruptedRunError: SIGINT or SIGTERM came; the state is saved.
        ViviError: anything the user can mend; the text says what to do.
    """
    from vivi.core.work import usable_cores
    from vivi.core.world import find_device
    from vivi.transfer.detection.recipe import chosen
    from vivi.transfer.detection.train import DetectionOptions
    from vivi.transfer.detection.train import detect as run_detect

    options = DetectionOptions(
        device=find_device(device),
        workers=usable_cores() if workers is None else workers,
        log_every=log_every,
        save_every=save_every,
    )
    recipe = chosen(assignments=set_, steps=steps)
    return run_detect(Path(encoder), data=Path(data), out=Path(out), recipe=recipe, options=options, progress=progress)


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
    if len(set(steps)) < len(steps):
        raise ConfigError(f"--steps-scale {steps_scale}: all runs would have {steps[0]} step: give a larger number")
    values = {
        "version": version,
        "examples": int(examples) if str(examples).isdecimal() else examples,
        "mode": MODES[mode],
        "steps": steps,
    }
    return override(build(VtabProtocol, values, source="vivi vtab"), assignments)


def engine_options(engine: str, *, device: str, jobs: int | None) -> dict[str, Any]:
    """The arguments of `vivi.transfer.vtab.judge.vtab` that say where runs are done.

    Raises:
        ViviError: no such engine or device, or no Ray cluster.
    """
    from vivi.core.cluster import RayEngine
    from vivi.core.errors import ConfigError
    from vivi.core.world import find_device

    if engine == "local":
        find_device(device)
        return {"jobs": jobs}
    if engine != "ray":
        raise ConfigError(f"--engine {engine}: legal: local, ray")
    if device not in ("auto", "cpu", "cuda"):
        raise ConfigError(
            f"--device {device}: a run on a cluster has one GPU, which Ray chooses; legal: auto, cpu, cuda"
        )
    on_gpu = device != "cpu" and RayEngine().resources().get("GPU", 0.0) >= 1
    if device == "cuda" and not on_gpu:
        raise ConfigError("--device cuda: the Ray cluster has no GPU; legal here: auto, cpu")
    ray = RayEngine(gpus=1.0 if on_gpu else 0.0)
    many = max(1, ray.capacity()) if jobs is None else jobs
    return {"engine": ray, "jobs": many, "threads": _RAY_THREADS if on_gpu else 1}
