"""What a layout is: how another code base names and shapes the variables of a network that is also ours."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from vivi.convert.variables import Variables
from vivi.core.errors import CheckpointError
from vivi.nn.encoder import Encoder

HWIO = (3, 2, 0, 1)
"""TensorFlow's axes of a kernel, in the order of ours: outputs, inputs, height, width."""
D = TypeVar("D", bound=int)
_REAL = "fiu"
"""NumPy's kinds of real numbers: floating, signed and unsigned."""
_LEGAL = "finite floating or integer numbers up to 3.4e38, the largest float32"
_STEP = 0.125
_ROOT = 64


@dataclass(frozen=True, slots=True)
class Origin:
    """The variable that one of our tensors comes from."""

    name: str
    axes: tuple[int, ...] | None = None
    """Their axes in our order, e.g. `HWIO`; None where the order is the same."""
    reversed_inputs: bool = False
    """Whether the input channels, our axis 1, come in reverse order (BGR)."""

    def take(self, values: NDArray[np.generic]) -> NDArray[np.float32]:
        """Their array as ours.

        Raises:
            CheckpointError: it holds anything but finite real numbers that float32 can hold.
        """
        if values.dtype.kind not in _REAL:
            raise CheckpointError(f"{self.name} is of type {values.dtype}: legal are {_LEGAL}")
        if not np.isfinite(values).all():
            raise CheckpointError(f"{self.name} ({values.dtype}) holds NaN or infinity: legal are {_LEGAL}")
        theirs = values if self.axes is None else values.transpose(self.axes)
        theirs = theirs[:, ::-1] if self.reversed_inputs else theirs
        with np.errstate(over="ignore"):
            ours = np.array(theirs, np.float32, order="C")
        if not np.isfinite(ours).all():
            raise CheckpointError(f"{self.name} ({values.dtype}) holds numbers beyond float32: legal are {_LEGAL}")
        return ours

    def shape(self, ours: tuple[int, ...]) -> tuple[int, ...]:
        """The shape that theirs must have, given that of our tensor."""
        if self.axes is None:
            return ours
        return tuple(ours[self.axes.index(axis)] for axis in range(len(ours)))


class Layout(ABC):
    """Base of the layouts that vivi converts from. Names are those below the scope of the network."""

    name: ClassVar[str]
    """What the command line calls it."""
    title: ClassVar[str]
    """What it is, in a line."""
    anchor: ClassVar[str]
    """A variable that every network of this layout has, as a pattern; what stands before it is the scope."""
    heads: ClassVar[re.Pattern[str]]
    """Variables inside the scope that may be left out: classifiers, further blocks."""

    def scopes(self, names: Collection[str]) -> tuple[str, ...]:
        """The scope of each network of this layout, e.g. "module/" or "", sorted."""
        pattern = re.compile(rf"(|.*/){self.anchor}")
        return tuple(sorted({match[1] for match in map(pattern.fullmatch, names) if match}))

    def tidied(self, name: str) -> str:
        """A name in its usual form, where files of this layout differ in it."""
        return name

    @abstractmethod
    def plan(self, variables: Variables) -> tuple[Encoder, Callable[[str], Origin]]:
        """The network, read off names and shapes, and where each tensor of its module comes from, by its name.

        Raises:
            CheckpointError: vivi has no network of this depth or width.
        """

    def left_out(self, variables: Variables) -> set[str]:
        """The variables that belong to something on top of the network."""
        return {name for name in variables if self.heads.fullmatch(name)}


def width_of(root: NDArray[np.generic] | None, *, what: str) -> float:
    """Factor on 64 channels, from the outputs of the first convolution (the last axis of an HWIO kernel).

    Raises:
        CheckpointError: it is missing, or no multiple of 1/8.
    """
    if root is None or root.ndim != 4:
        raise CheckpointError(f"the variable {what} is missing or is no kernel of a convolution")
    channels = int(root.shape[-1])
    width = channels / _ROOT
    if not _STEP <= width <= 16 or width % _STEP:
        raise CheckpointError(
            f"{what} has {channels} channels, a width of {width:g}: vivi has widths that are multiples of {_STEP}"
        )
    return width


def depth_of(counts: tuple[int, ...], known: Mapping[D, tuple[int, ...]]) -> D:
    """The depth of the network whose blocks have so many units.

    Raises:
        CheckpointError: there is none.
    """
    for depth, units in known.items():
        if counts == units:
            return depth
    legal = "; ".join(f"{', '.join(map(str, units))} (depth {depth})" for depth, units in known.items())
    raise CheckpointError(f"the blocks have {', '.join(map(str, counts))} units: vivi has {legal}")


def units_of(variables: Variables, pattern: str, *, blocks: int) -> tuple[int, ...]:
    """How many units each block has; `pattern` finds the numbers of block and unit in a name."""
    found = {match.groups() for match in map(re.compile(pattern).match, variables) if match}
    return tuple(sum(int(block) == number for block, _ in found) for number in range(1, blocks + 1))
