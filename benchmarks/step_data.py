"""What the loader delivers, how many cores a device needs, and how long the step waits for data.

Frames of 456 x 256 pixels, JPEG quality 90, are read from a store in a temporary folder, decoded and cropped as in a
run (`benchmarks/loader.py` compares that with other ways). A core's rate is of CPU seconds, so that other load matters
little; the step's is as in the other tables; waiting is a share of the clock, in a loop that does nothing else.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import simplejpeg
import torch
from torch import Tensor

from loader import make_store
from step_kinds import encoder_pass, experiment_of, full_step, seconds, title
from vivi.core.work import usable_cores
from vivi.core.world import World
from vivi.data.delivery import Delivery
from vivi.data.device_frames import JPEGDecoder
from vivi.data.loader import VideoLoader
from vivi.data.nvjpeg import nvjpeg
from vivi.data.store import ShotStore
from vivi.experiment import Experiment
from vivi.training.state import TrainState
from vivi.training.step import train_step

STEPS = 6


def loader_of(
    store: ShotStore, experiment: Experiment, *, workers: int, device: torch.device, decode: JPEGDecoder | None = None
) -> VideoLoader:
    """As a run makes it."""
    return VideoLoader(
        store,
        sampling=experiment.sampling,
        augmentation=experiment.augmentation,
        samples_per_step=experiment.samples_per_step,
        delivery=Delivery(seed=0, workers=workers, device=device, decode=decode),
    )


def core_rate(store: ShotStore, experiment: Experiment) -> float:
    """Frames per CPU second of one thread that reads, decodes, crops and flips."""
    loader = loader_of(store, experiment, workers=1, device=torch.device("cpu"))
    before = time.process_time()
    for _ in loader.batches(0, STEPS):
        pass
    return STEPS * experiment.frames_per_step / (time.process_time() - before)


def device_rate(store: ShotStore, experiment: Experiment, *, workers: int, device: torch.device) -> float:
    """Frames per second by the clock of nvJPEG, which has nothing else to do."""
    loader = loader_of(store, experiment, workers=workers, device=device, decode=nvjpeg)
    batches = loader.batches(0, STEPS + 2)
    next(batches)
    before = time.perf_counter()
    taken = sum(len(batch.frames_NKLCHW) for batch in batches)
    frames = taken * experiment.sampling.shots * experiment.sampling.frames
    return frames / (time.perf_counter() - before)


def waiting_share(
    store: ShotStore,
    experiment: Experiment,
    *,
    world: World,
    workers: int,
    options: argparse.Namespace,
    decode: JPEGDecoder | None = None,
) -> float:
    """Share of the clock that steps wait for their batches, after the first two."""
    state = TrainState.start(experiment, device=world.device)
    state.model.encoder_pass = encoder_pass(options)
    waited, began = 0.0, time.perf_counter()
    batches = loader_of(store, experiment, workers=workers, device=world.device, decode=decode)
    before = began
    for batch in batches.batches(0, STEPS + 2):
        waited += time.perf_counter() - before
        train_step(state, batch, experiment=experiment, world=world)
        if world.device.type == "cuda":
            torch.cuda.synchronize(world.device)
        before = time.perf_counter()
        if batch.step == 1:
            waited, began = 0.0, before
    return waited / (before - began)


def simplejpeg_decoder(files: Sequence[bytes], device: torch.device) -> list[Tensor]:
    """Stands for a GPU's decoder."""
    return [torch.from_numpy(simplejpeg.decode_jpeg(file, "RGB")).movedim(2, 0).to(device) for file in files]


def differing(store: ShotStore, experiment: Experiment) -> tuple[int, float]:
    """The largest difference between crops made on a device and by threads, and the share of values that differ."""
    cpu = torch.device("cpu")
    made = [
        next(loader_of(store, experiment, workers=1, device=cpu, decode=decode).batches(0, 1)).frames_NKLCHW.int()
        for decode in (None, simplejpeg_decoder)
    ]
    apart = (made[0] - made[1]).abs()
    return int(apart.max()), float((apart > 0).double().mean())


def show_data(options: argparse.Namespace, *, world: World) -> None:
    """Rates, the cores that they ask for, and waiting."""
    experiment = experiment_of(options, samples=options.samples)
    workers = options.workers or usable_cores()
    step = full_step(experiment, world=world, chunks=options.chunks[0], options=options)
    step()
    times = [seconds(step, device=world.device, steps=options.steps) for _ in range(options.repeats)]
    does = experiment.frames_per_step / statistics.median(times)
    with tempfile.TemporaryDirectory() as folder:
        store = make_store(Path(folder) / "store", videos=max(16, options.samples))
        core_rate(store, experiment)
        core = statistics.median(core_rate(store, experiment) for _ in range(options.repeats))
        print(f"{title(experiment)}\na core reads, decodes and crops{core:12.0f} frames/s")
        print(f"the step does{does:30.0f} frames/s on this device")
        print(f"cores = step / core{does / core:24.2f}")
        waiting = waiting_share(store, experiment, world=world, workers=workers, options=options)
        print(f"waiting for data{waiting:27.1%} of the clock, {workers} threads, {usable_cores()} cores")
        largest, share = differing(store, experiment)
        print(f"cropped on a device, by the same decoder: values differ by at most {largest}, {share:.2%} of them")
        if world.device.type == "cuda":
            fast = device_rate(store, experiment, workers=workers, device=world.device)
            print(f"nvJPEG decodes and crops{fast:19.0f} frames/s by the clock")
            waiting = waiting_share(store, experiment, world=world, workers=workers, options=options, decode=nvjpeg)
            print(f"waiting for data with --gpu-decode{waiting:9.1%} of the clock")
        store.close()
