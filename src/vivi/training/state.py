"""What a checkpoint holds, no more: network, optimiser, step, and the open interval of the log.

Order and randomness follow from the experiment's seed and the step.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from vivi.core.seeds import torch_generator
from vivi.experiment import Experiment
from vivi.model import VIVI

MOMENTUM = "momentum_buffer"


@dataclass(slots=True)
class TrainState:
    """The moving parts of a run."""

    model: VIVI
    optimiser: torch.optim.SGD
    step: int
    """Updates done; the next batch is number `step`."""
    interval: dict[str, float]
    """Sums over the steps since the last line of the log, so that a resumed run writes the lines of an unbroken one."""

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

    def tensors(self) -> dict[str, Tensor]:
        """All tensors under flat names: "model.*" and "momentum.*"."""
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        for name, parameter in self.model.named_parameters():
            buffer = self.optimiser.state.get(parameter, {}).get(MOMENTUM)
            if buffer is not None:
                tensors[f"momentum.{name}"] = buffer
        return {name: value.detach().cpu().contiguous() for name, value in tensors.items()}

    def load_tensors(self, tensors: dict[str, Tensor]) -> None:
        """Put back what `tensors` gave.

        Raises:
            RuntimeError: names or shapes that do not fit the model.
        """
        self.model.load_state_dict(_below("model.", tensors))
        momentum = _below("momentum.", tensors)
        for name, parameter in self.model.named_parameters():
            self.optimiser.state.pop(parameter, None)
            if name in momentum:
                buffer = torch.empty_like(parameter).copy_(momentum[name])
                self.optimiser.state[parameter] = {MOMENTUM: buffer}


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
