"""Verbs about pretraining: presets, pretrain, sweep."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from vivi.api.experiments import chosen, is_first_process
from vivi.cli.app import app
from vivi.cli.screen import RARE
from vivi.core.errors import ConfigError

if TYPE_CHECKING:
    from vivi.experiment import Experiment


@app.command
def presets(
    name: str | None = None,
    *,
    explain: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """List the presets, or print one completely.

    vivi presets
    vivi presets "VIVI-Ex(4)" --explain

    Parameters
    ----------
    name
        A preset to print with all its values.
    explain
        Say of each value whether it is the paper's or ours.
    json
        Print the list as JSON; one preset is JSON already.
    """
    from vivi.console.learning import show_experiment, show_explained, show_presets
    from vivi.presets import PRESETS, find

    if name is None:
        if explain:
            raise ConfigError('--explain needs the name of a preset: vivi presets "VIVI-Ex(4)" --explain')
        show_presets(PRESETS, json=json)
    elif explain:
        show_explained(find(name))
    else:
        show_experiment(find(name))


@app.command
def pretrain(
    preset: str,
    *,
    data: Path | None = None,
    labels: Path | None = None,
    label_list: Annotated[Path | None, Parameter(group=RARE)] = None,
    init_from: Path | None = None,
    out: Path,
    set_: Annotated[tuple[str, ...], Parameter(name="--set", negative="")] = (),
    steps: int | None = None,
    tiny: Annotated[bool, Parameter(negative="")] = False,
    device: str = "auto",
    workers: Annotated[int | None, Parameter(group=RARE)] = None,
    chunks: int | Literal["auto"] = 1,
    memory: Annotated[float | None, Parameter(group=RARE)] = None,
    recompute: Annotated[bool, Parameter(negative="", group=RARE)] = False,
    precision: Annotated[Literal["auto", "fp32", "bf16"], Parameter(group=RARE)] = "auto",
    compile_: Annotated[bool | None, Parameter(name="--compile", negative="--no-compile", group=RARE)] = None,
    log_every: Annotated[int, Parameter(group=RARE)] = 10,
    save_every: Annotated[int, Parameter(group=RARE)] = 500,
    milestone: Annotated[int, Parameter(group=RARE)] = 0,
    bad_steps: Annotated[int, Parameter(group=RARE)] = 0,
    bad_records: Annotated[int, Parameter(group=RARE)] = 0,
    spikes: Annotated[float, Parameter(group=RARE)] = 10.0,
    gpu_decode: Annotated[bool, Parameter(negative="", group=RARE)] = False,
    knn: Path | None = None,
    knn_every: Annotated[int, Parameter(group=RARE)] = 500,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="", group=RARE)] = False,
) -> None:
    """Pretrain an encoder on a shot store. Interrupted, the same command goes on.

    vivi pretrain "VIVI-Ex(4)" --data store --out run --tiny
    vivi pretrain "VIVI-Ex(4)" --data store --out run --dry-run
    vivi pretrain "VIVI-Ex(4)" --data store --out run --set optimiser.learning_rate=0.1
    torchrun --nproc-per-node 8 -m vivi pretrain "VIVI-Ex(4)" --data store --out run

    Parameters
    ----------
    preset
        A name that `vivi presets` lists, such as "VIVI-Ex(4)".
    data
        A store that `vivi ingest` wrote; a folder of images for Ex-ImageNet, Rot-ImageNet and Semi-Ex-10%.
    labels
        Labelled images for a preset with -Co, Sup or Semi: CLASS/IMAGE or train/CLASS/IMAGE.
    label_list
        Use just the labelled images named in this file: one a line, or a JSON object with the list "values".
    init_from
        Start with the encoder of this encoder folder, checkpoint folder, timm:NAME or BiT file (.npz); heads and
        schedule start anew.
    out
        The run folder to write; RUN/encoder is the encoder in the end.
    set_
        Change one value of the experiment: --set optimiser.learning_rate=0.1; may be repeated.
    steps
        Train for so many steps; warm-up and decays keep their places in the run.
    tiny
        The same method at a size that a CPU can train: width-16 ResNet-18 at 48 pixels.
    device
        auto, cpu, cuda or cuda:N.
    workers
        Threads that decode; one per core if not given.
    chunks
        Split a step into so many parts to save memory; the gradients stay exact. auto: as few as the memory allows.
    memory
        Gigabytes that --chunks auto lets a process use; all that is there if not given.
    recompute
        Save memory by computing the activations of the encoder's blocks again in the backward pass.
    precision
        Of the encoder's convolutions; all else is float32. auto: that of the run if it goes on, else bf16 on a GPU that
        has it, else fp32.
    compile_
        Compile the training passes of the encoder with torch.compile: slow first steps, then faster ones; on a GPU
        unless --no-compile.
    log_every
        Steps between lines of metrics.jsonl.
    save_every
        Steps between checkpoints; the newest two are kept.
    milestone
        Keep the checkpoints of steps that are multiples of this too.
    bad_steps
        Leave out steps whose loss or gradient is not finite, at most so many in a row, and list them in
        RUN/bad_steps.jsonl; 0 ends the run at the first one.
    bad_records
        Replace frames and images that are damaged, at most so many different ones, and list them in
        RUN/bad_records.jsonl; 0 ends the run at the first one.
    spikes
        List lines of the log whose loss is so many median absolute deviations above the median of the lines before in
        RUN/spikes.jsonl, with the samples of their worst step; 0 lists none.
    gpu_decode
        Decode JPEG files on the GPU (nvJPEG, needs torchvision); pixels differ a little from the CPU's.
    knn
        A folder of labelled images for the online kNN accuracy.
    knn_every
        Steps between kNN accuracies.
    dry_run
        Say how large the run is, what memory a step needs and about how long the encoder takes, and do nothing.
    json
        With --dry-run: print it as JSON.
    """
    from vivi.api import pretrain as run_pretrain
    from vivi.console.base import plain
    from vivi.console.learning import show_run, silence, training_progress
    from vivi.core.rundir import RunFolder

    if dry_run:
        planned = chosen(preset, labels=labels, tiny=tiny, assignments=set_, steps=steps)
        show_planned(planned, device=device, chunks=chunks, json=json)
        return
    shown = chosen(preset, labels=None, tiny=tiny, assignments=set_, steps=steps)
    inputs: dict[str, Any] = {"data": data, "labels": labels, "label_list": label_list, "init_from": init_from}
    rest: dict[str, Any] = {"set_": set_, "steps": steps, "tiny": tiny, "device": device, "workers": workers}
    rest |= {"chunks": chunks, "memory": memory, "recompute": recompute, "precision": precision, "compile_": compile_}
    rest |= {"log_every": log_every, "save_every": save_every, "milestone": milestone, "gpu_decode": gpu_decode}
    rest |= {"bad_steps": bad_steps, "bad_records": bad_records, "spikes": spikes, "knn": knn, "knn_every": knn_every}
    with training_progress(shown) if is_first_process() else silence() as progress:
        was_done = RunFolder(out).done.exists()
        run = run_pretrain(preset, **inputs, out=out, **rest, progress=progress, say=plain)
    if is_first_process():
        show_run(run, was_done=was_done)


@app.command
def sweep(
    preset: str,
    *,
    data: Path | None = None,
    labels: Path | None = None,
    label_list: Path | None = None,
    out: Path,
    score: Path,
    lambda_: Annotated[tuple[float, ...], Parameter(name="--lambda", negative="")] = (),
    gamma: Annotated[tuple[float, ...], Parameter(negative="")] = (),
    set_: Annotated[tuple[str, ...], Parameter(name="--set", negative="")] = (),
    steps: int | None = None,
    tiny: Annotated[bool, Parameter(negative="")] = False,
    device: str = "auto",
    workers: int | None = None,
    chunks: int = 1,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Pretrain with at most four values of lambda and gamma each and compare the encoders.

    Interrupted, the same command goes on.

    Parameters
    ----------
    preset
        A name that `vivi presets` lists.
    data
        A store, or a folder of images, as for `vivi pretrain`.
    labels
        Labelled images to learn from, as for `vivi pretrain`.
    label_list
        Names of those to use.
    out
        The folder to write: a run for each combination, and sweep.json.
    score
        Labelled images that decide: a quarter of their training part, never their test part.
    lambda_
        A weight of the video level; may be repeated. Without any: some around the preset's own.
    gamma
        A weight of the labelled images; may be repeated. Without any: the preset's own.
    set_
        Change one value of the experiment, as for `vivi pretrain`.
    steps
        Train for so many steps.
    tiny
        The same method at a size that a CPU can train.
    device
        auto, cpu, cuda or cuda:N.
    workers
        Threads that decode; one per core if not given.
    chunks
        Split a step into so many parts to save memory.
    json
        Print what is in OUT/sweep.json.
    """
    from vivi.api import sweep as run_sweep
    from vivi.console.learning import show_sweep, sweep_progress

    shown = chosen(preset, labels=None, tiny=tiny, assignments=set_, steps=steps)
    with sweep_progress(shown) as progress:
        result = run_sweep(
            preset,
            data=data,
            labels=labels,
            label_list=label_list,
            out=out,
            score=score,
            lambda_=lambda_,
            gamma=gamma,
            set_=set_,
            steps=steps,
            tiny=tiny,
            device=device,
            workers=workers,
            chunks=chunks,
            progress=progress,
        )
    show_sweep(result, out=out, json=json)


def show_planned(experiment: "Experiment", *, device: str, chunks: int | Literal["auto"], json: bool) -> None:
    """What a run would cost."""
    from vivi.console.cost import show_cost
    from vivi.core.world import find_device
    from vivi.training.estimate import estimate

    asked = None if chunks == "auto" else chunks
    (found,) = estimate([experiment], device=find_device(device), chunks=asked)
    show_cost(found, json=json)
