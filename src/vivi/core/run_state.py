"""What a checkpoint holds, no more: network, optimiser, step, and the open interval of the log.

Order and randomness follow from a run's seed and the step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

MOMENTUM = "momentum_buffer"


@dataclass(slots=True)
class RunState:
    """The moving parts of a run that learns by SGD."""

    model: nn.Module
    optimiser: torch.optim.SGD
    step: int
    """Updates done; the next batch is number `step`."""
    interval: dict[str, float]
    """Sums over the steps since the last line of the log, so that a resumed run writes the lines of an unbroken one."""

    def tensors(self) -> dict[str, Tensor]:
        """All tensors under flat names: "model.*" and "momentum.*"."""
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        for name, parameter in self.model.named_parameters():
            buffer = self.optimiser.state.get(parameter, {}).get(MOMENTUM)
            if buffer is not None:
                tensors[f"momentum.{name}"] = buffer
        return {name: value.detach().cpu().contiguous() for name, value in tensors.items()}

    def snapshot(self) -> "Snapshot":
        """A copy on the CPU that further steps leave alone."""
        return Snapshot(step=self.step, interval=dict(self.interval), copies=_copied(self.tensors()))

    def with_momentum(self) -> list[str]:
        """Names of the parameters that have a momentum."""
        named = self.model.named_parameters()
        return [name for name, parameter in named if MOMENTUM in self.optimiser.state.get(parameter, {})]

    def in_place(self, *, with_momentum: Sequence[str]) -> list[Tensor]:
        """All tensors themselves, in the same order in every process; these parameters get a momentum if they lack one.

        Args:
            with_momentum: what `with_momentum` says where the state comes from.
        """
        parameters = dict(self.model.named_parameters())
        for name in with_momentum:
            self.optimiser.state[parameters[name]].setdefault(MOMENTUM, torch.zeros_like(parameters[name]))
        momentum = [self.optimiser.state[parameters[name]][MOMENTUM] for name in with_momentum]
        return [*(value.detach() for value in self.model.state_dict().values()), *momentum]

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


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a `RunState` was at one moment, to be written while the run goes on."""

    step: int
    interval: dict[str, float]
    copies: dict[str, Tensor]

    def tensors(self) -> dict[str, Tensor]:
        """See `RunState.tensors`."""
        return self.copies


def _copied(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in tensors.items()}


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
