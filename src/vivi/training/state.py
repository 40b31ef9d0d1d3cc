"""The state of a pretraining run: the moving parts of every run, with the model of an experiment."""

from dataclasses import dataclass

import torch

from vivi.core.run_state import RunState
from vivi.core.seeds import torch_generator
from vivi.experiment import Experiment
from vivi.model import VIVI


@dataclass(slots=True)
class TrainState(RunState):
    """The moving parts of a pretraining run."""

    model: VIVI

    @classmethod
    def start(cls, experiment: Experiment, *, device: torch.device) -> "TrainState":
        """The state before the first update; the weights are a function of the experiment's seed alone."""
        with torch.random.fork_rng(devices=[]):
            torch.random.set_rng_state(torch_generator(experiment.seed, step=0, purpose="weights").get_state())
            model = VIVI(experiment)
        model.to(device)
        model.encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        model.train()
        return cls(model=model, optimiser=experiment.optimiser.build(model), step=0, interval={})
