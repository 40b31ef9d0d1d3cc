"""The same pictures through the same encoder, by the losses and loops of other tools, where they can be imported.

Each learns SimCLR's way, as its documentation shows it: the frames of each shot are halved into two views, each view is
encoded by itself, a projection head and the tool's own NT-Xent loss follow. Colour, encoder, norm groups and optimiser
are ours, so that the difference is the loop's and the loss's. With several processes the model is wrapped in
DistributedDataParallel and the tool's own gather is switched on, which by default it is not.

Sources: lightly's example for SimCLR (lightly-ai/lightly, examples/pytorch/simclr.py); solo-learn's training step
(vturrisi/solo-learn, solo/methods/simclr.py of release 1.0.2), whose package cannot be imported beside today's torch:
it needs torch 1.9.1 and pytorch-lightning 1.4.7. Its loss is a file that needs torch alone, so that file is loaded.
"""

import argparse
import importlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from step_kinds import Step, batch_of, encoder_pass
from vivi.core.world import World
from vivi.experiment import Experiment
from vivi.nn.encoder_pass import EncoderPass
from vivi.nn.norm import commit_running_averages, norm_groups
from vivi.training.state import TrainState

Loss = Callable[[Tensor, Tensor], Tensor]
"""Of the projections of two views, each ND."""
_OPERATORS = torch.library.Library("torchvision", "FRAGMENT")
"""Lives as long as the operators that `_torchvision_or_stubs` names in it."""


@dataclass(frozen=True)
class Peer:
    """Another tool."""

    package: str
    """As pip calls it."""
    what: str
    parts: Callable[[int, bool], tuple[nn.Module, Loss]]
    """Its projection head for features of that size, and its loss, which gathers or not."""
    gathers: bool
    """Whether its loss can compare across processes."""
    advice: str
    """How to install it."""


def found_peers() -> list[str]:
    """The names of the tools that can be imported; of the others a line is printed."""
    found = []
    for name, peer in PEERS.items():
        try:
            peer.parts(8, False)
        except (ImportError, RuntimeError, AttributeError, OSError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            print(f"{name} is not measured: {reason}; {peer.advice}", flush=True)
        else:
            found.append(name)
    return found


def peer_title(name: str) -> str:
    """Name, version and what of it is measured."""
    return f"{name} {importlib.metadata.version(PEERS[name].package)}: {PEERS[name].what}"


def peer_step(name: str, experiment: Experiment, *, world: World, options: argparse.Namespace) -> Step:
    """A step of the tool's loop: two views, two passes, one loss, one update."""
    encoder = TrainState.start(experiment, device=world.device).model.encoder
    head, loss_of = PEERS[name].parts(experiment.encoder.feature_dim, world.size > 1)
    network = _Projected(encoder, head.to(world.device), encoder_pass(options)).train()
    optimiser = experiment.optimiser.build(network)
    parallel: nn.Module = network
    if world.size > 1:
        parallel = nn.parallel.DistributedDataParallel(network)
    frames_NKLCHW = batch_of(experiment, world=world)
    half = frames_NKLCHW.shape[2] // 2
    views = [part.flatten(0, 2) for part in (frames_NKLCHW[:, :, :half], frames_NKLCHW[:, :, half:])]
    groups = experiment.shots_per_step // world.size // experiment.norm_group

    def step() -> object:
        with norm_groups(encoder, groups):
            z0, z1 = (parallel(coloured(view, experiment=experiment)) for view in views)
        loss = loss_of(z0, z1)
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        commit_running_averages(network)
        return loss

    return step


class _Projected(nn.Module):
    """Pictures to projections."""

    def __init__(self, encoder: nn.Module, head: nn.Module, through: EncoderPass) -> None:
        super().__init__()
        self.encoder, self.head, self.through = encoder, head, through

    def forward(self, pictures_BCHW: Tensor) -> Tensor:
        """Projections BD."""
        projected_BD: Tensor = self.head(self.through(self.encoder, pictures_BCHW))
        return projected_BD


def coloured(frames_BCHW: Tensor, *, experiment: Experiment) -> Tensor:
    """Our change of colour, as in the other kinds of step."""
    return experiment.augmentation.on_device(frames_BCHW, seed=0, step=0, first=0, total=len(frames_BCHW), views=1)


def _lightly(feature_dim: int, gather: bool) -> tuple[nn.Module, Loss]:
    _torchvision_or_stubs()
    heads: Any = importlib.import_module("lightly.models.modules.heads")
    loss: Any = importlib.import_module("lightly.loss")
    head: nn.Module = heads.SimCLRProjectionHead(feature_dim, feature_dim, 128)
    made: Loss = loss.NTXentLoss(gather_distributed=gather)
    return head, made


def _solo_learn(feature_dim: int, gather: bool) -> tuple[nn.Module, Loss]:  # noqa: ARG001 (it has no gather)
    folder = importlib.metadata.distribution("solo-learn").locate_file("solo")
    file = Path(str(folder)) / "losses" / "simclr.py"
    spec = importlib.util.spec_from_file_location("solo_losses_simclr", file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} cannot be loaded")
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    head = nn.Sequential(nn.Linear(feature_dim, 2048), nn.ReLU(), nn.Linear(2048, 128))
    made: Loss = module.simclr_loss_func
    return head, made


def _torchvision_or_stubs() -> None:
    """Let torchvision be imported beside a torch that its compiled operators do not fit; none of them is called."""
    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        for name in ("nms", "qnms"):
            _OPERATORS.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        importlib.import_module("torchvision")


PEERS = {
    "lightly": Peer(
        package="lightly",
        what="SimCLR's loop",
        parts=_lightly,
        gathers=True,
        advice="pip install lightly",
    ),
    "solo-learn": Peer(
        package="solo-learn",
        what="its loss in that loop",
        parts=_solo_learn,
        gathers=False,
        advice="pip install --no-deps solo-learn (its own requirements are torch 1.9.1 and Lightning 1.4.7)",
    ),
}
