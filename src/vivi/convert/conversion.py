"""From a file of another code base to an encoder folder: every variable finds its place, or is named in an error."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from vivi.convert.layout import Layout, Origin
from vivi.convert.network import Network, find_network
from vivi.convert.prior_work import CaffeVGG16, CaffeVGG16Dense, Slim
from vivi.convert.resnets import S4L, BigTransfer, Revisiting
from vivi.convert.variables import Variables, listed, read_variables, with_shapes
from vivi.core.errors import CheckpointError, ConfigError
from vivi.core.files import check_folder
from vivi.nn.encoder import Encoder
from vivi.nn.export import save_encoder
from vivi.nn.vgg import MeanSubtracted

LAYOUTS: tuple[Layout, ...] = (BigTransfer(), S4L(), Revisiting(), Slim(), CaffeVGG16(), CaffeVGG16Dense())
"""Every layout, in the order in which they are tried; the last is found by its name only."""
_TRAINING = re.compile(
    r"(.+/)?(global_step|beta[12]_power|learning_rate|Momentum|Adam(_1)?|RMSProp(_1)?|ExponentialMovingAverage|EMA"
    r"|biased|local_step)"
)
"""The optimiser's own variables, and averages of weights, wherever they stand."""
_SMALLEST_SIDE = 32
"""In pixels; the stride of most of these networks."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """What became of a file."""

    layout: Layout
    encoder: Encoder
    folder: Path
    taken: int
    """Variables that are in the encoder."""
    parameters: int
    """Numbers that training would change."""
    left_out: tuple[str, ...]
    """Variables that are not in the encoder, with shapes: heads, the optimiser's, those of other networks."""


def convert(
    source: Path,
    *,
    out: Path,
    name: str | None = None,
    layout: str | None = None,
    scope: str | None = None,
    image_size: int = 224,
) -> Conversion:
    """Write the network in `source` as an encoder folder `out`.

    Args:
        source: a file or folder as `read_variables` takes it.
        out: the encoder folder; an older one of the same name is replaced.
        name: the model's name; None takes that of the source.
        layout: the name of one of `LAYOUTS`; None recognises it by the names of the variables.
        scope: what stands before the names of the network's variables, e.g. "ema"; needed for files with several.
        image_size: side of the square images it was trained on, in pixels; at least 32.

    Raises:
        CheckpointError: unreadable, of no known layout, of another depth or width, with several networks and no
            `scope`, or with variables missing, left over or not finite real numbers; or `out` is another encoder.
        ConfigError: no layout has that name, or `image_size` is too small.
        DiskFullError: the disk is full.
        ViviError: nothing can be written beside `out`.
    """
    if image_size < _SMALLEST_SIDE:
        raise ConfigError(f"--image-size {image_size}: must be at least {_SMALLEST_SIDE} pixels")
    check_folder(Path(out).parent)
    source = Path(source)
    layouts = LAYOUTS if layout is None else (_named(layout),)
    variables = read_variables(source)
    network = find_network(variables, layouts, scope=scope, source=source)
    chosen = network.layout
    try:
        encoder, module, left_out = fill(variables, network)
    except CheckpointError as error:
        raise CheckpointError(f"{source}, read as {chosen.name}: {error}") from error
    name = source.name.partition(".")[0] if name is None else name
    save_encoder(
        Path(out), module, encoder=encoder, image_size=image_size, name=name,
        card=f"{chosen.title}, converted from `{source.name}`.",
        details={"converted from": source.name, "layout": chosen.name, "variables left out": len(left_out)},
    )  # fmt: skip
    parameters = sum(each.numel() for each in module.parameters())
    return Conversion(chosen, encoder, Path(out), len(variables) - len(left_out), parameters, left_out)


def fill(variables: Variables, network: Network) -> tuple[Encoder, nn.Module, tuple[str, ...]]:
    """The encoder, its module with the weights, and the variables left out, with their shapes.

    Raises:
        CheckpointError: another depth or width, or variables missing, of another shape, or left over.
    """
    inside, outside = _scoped(variables, network)
    encoder, origin_of = network.layout.plan(inside)
    with torch.device("meta"):
        module = encoder.build()
    tensors, used = _tensors(module, inside, origin_of, what=str(encoder))
    rest = [name for name in inside if name not in used]
    heads = network.layout.left_out(inside)
    unknown = [name for name in rest if name not in heads and not _TRAINING.fullmatch(name)]
    if unknown:
        raise CheckpointError(f"{len(unknown)} variables have no place in {encoder}: {listed(unknown, inside)}")
    module.load_state_dict(tensors, assign=True)
    left_out = {**{network.scope + name: inside[name] for name in rest}, **outside}
    return encoder, module.eval(), tuple(f"{name} {values.shape}" for name, values in left_out.items())


def _named(name: str) -> Layout:
    for layout in LAYOUTS:
        if layout.name == name:
            return layout
    raise ConfigError(f"no layout is named {name!r}: choose one of {', '.join(each.name for each in LAYOUTS)}")


def _scoped(variables: Variables, network: Network) -> tuple[Variables, Variables]:
    """The variables of the network by their names below its scope, and the others."""
    inside: Variables = {}
    outside: Variables = {}
    for name, values in variables.items():
        if not network.holds(name):
            outside[name] = values
            continue
        tidy = network.layout.tidied(name.removeprefix(network.scope))
        if tidy in inside:
            raise CheckpointError(f"two variables stand for {tidy}")
        inside[tidy] = values
    return inside, outside


def _tensors(
    module: nn.Module, inside: Variables, origin_of: Callable[[str], Origin], *, what: str
) -> tuple[dict[str, Tensor], set[str]]:
    """Every tensor of the module, and the names of the variables they came from."""
    tensors, missing, used = _constants(module), {}, set()
    for name, tensor in module.state_dict().items():
        if name in tensors:
            continue
        origin = origin_of(name)
        expected = origin.shape(tuple(tensor.shape))
        values = inside.get(origin.name)
        if values is None:
            missing[origin.name] = expected
        elif values.shape != expected:
            raise CheckpointError(f"{origin.name} has shape {values.shape}, in {what} it is {expected}")
        else:
            tensors[name] = torch.from_numpy(origin.take(values))
            used.add(origin.name)
    if missing:
        raise CheckpointError(f"{len(missing)} variables of {what} are missing: {with_shapes(missing)}")
    return tensors, used


def _constants(module: nn.Module) -> dict[str, Tensor]:
    """What no other code base stores: counters, and the constants of the input."""
    counters = [name for name in module.state_dict() if name.endswith("num_batches_tracked")]
    constants = {name: torch.zeros((), dtype=torch.int64) for name in counters}
    if isinstance(getattr(module, "input", None), MeanSubtracted):
        constants |= {f"input.{name}": tensor for name, tensor in MeanSubtracted().state_dict().items()}
    return constants
