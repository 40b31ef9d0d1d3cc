"""Into how many parts a step may be split, and the smallest number of them that fits the memory."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vivi.core.errors import ConfigError
from vivi.core.world import World
from vivi.experiment import Experiment

GB = 1e9


@dataclass(frozen=True, slots=True)
class Need:
    """The memory of one process in a step, in bytes."""

    fixed: int
    """Whatever the number of chunks: weights, gradients, momentum, the batch as bytes, embeddings, losses."""
    parts: Mapping[int, int]
    """For one or two numbers of chunks: what encoding one part and going back through it takes on top."""

    def of(self, chunks: int) -> int:
        """With so many chunks, from a straight line in the size of a part; through the origin if there is one point."""
        (least, small), *more = sorted(self.parts.items(), reverse=True)
        if not more:
            return self.fixed + math.ceil(small * least / chunks)
        ((fewer, large),) = more
        slope = max(0.0, (large - small) / (1 / fewer - 1 / least))
        return self.fixed + math.ceil(max(0.0, small + slope * (1 / chunks - 1 / least)))


def chosen_chunks(legal: Sequence[int], *, need: Need, limit: int) -> int:
    """The smallest of the `legal` numbers of chunks whose need is at most `limit` bytes.

    Raises:
        ConfigError: even the largest one does not fit.
    """
    fitting = [chunks for chunks in sorted(legal) if need.of(chunks) <= limit]
    if not fitting:
        most = max(legal)
        raise ConfigError(
            f"--chunks auto: a step in {most} parts, the most that whole norm groups allow, needs "
            f"{need.of(most) / GB:.2f} GB and {limit / GB:.2f} GB are there: take a smaller batch or norm group, more "
            "processes, or --recompute"
        )
    return fitting[0]


def choice_text(chosen: int, *, legal: Sequence[int], need: Need, limit: int, how: str) -> str:
    """What was chosen and why, in a line.

    Args:
        chosen: by `chosen_chunks`.
        legal: numbers it was chosen from.
        need: what it was chosen by.
        limit: in bytes.
        how: where the need is known from.
    """
    fewer = [chunks for chunks in sorted(legal) if chunks < chosen]
    other = f", in {fewer[-1]} {need.of(fewer[-1]) / GB:.2f} GB" if fewer else ""
    return (
        f"--chunks auto: {chosen} of {', '.join(map(str, sorted(legal)))}; a step in {chosen} "
        f"needs {need.of(chosen) / GB:.2f} GB{other} ({how}), {limit / GB:.2f} GB are there"
    )


def check_chunks(experiment: Experiment, *, chunks: int, world: World) -> None:
    """Check that samples and images split over the ranks, and those of a rank over the chunks, in whole norm groups.

    A norm group may also span consecutive ranks; a step then is one chunk.

    Raises:
        ConfigError: they do not; the text lists the legal numbers of chunks.
    """
    legal = legal_chunks(experiment, world=world)
    if chunks not in legal:
        found = " and ".join(map(str, _groups_of_a_rank(experiment, world)))
        numbers = ", ".join(map(str, legal))
        raise ConfigError(f"--chunks {chunks}: the {found} norm groups of a step do not split so; legal: {numbers}")


def legal_chunks(experiment: Experiment, *, world: World) -> list[int]:
    """The numbers of chunks that a rank's norm groups can be split into.

    Raises:
        ConfigError: the batch does not split over the ranks in whole norm groups.
    """
    common = math.gcd(*_groups_of_a_rank(experiment, world))
    return [number for number in range(1, common + 1) if common % number == 0]


def _groups_of_a_rank(experiment: Experiment, world: World) -> list[int]:
    """Norm groups of frames, and of labelled images."""
    if experiment.uses_videos and experiment.samples_per_step % world.size:
        raise ConfigError(f"samples_per_step: {experiment.samples_per_step} does not split over {world.size} processes")
    groups = []
    if experiment.uses_videos:
        groups.append(_groups(experiment.shots_per_step, world, size=experiment.norm_group, field="norm_group"))
    if experiment.labelled is not None:
        size = experiment.labelled.norm_group
        groups.append(_groups(experiment.images_per_step, world, size=size, field="labelled.norm_group"))
    return groups


def _groups(rows: int, world: World, *, size: int, field: str) -> int:
    """How many norm groups of `size` rows a rank has; 1 where a group spans several ranks."""
    if rows % world.size:
        raise ConfigError(f"{field}: the {rows} rows of a step do not split over {world.size} processes")
    ours = rows // world.size
    if ours % size == 0:
        return ours // size
    ranks, rest = divmod(size, ours)
    if rest or world.size % ranks:
        raise ConfigError(
            f"{field}: {size} neither divides the {ours} rows that one of {world.size} processes has nor is what a "
            f"whole number of processes has, of which {world.size} is a multiple"
        )
    return 1
