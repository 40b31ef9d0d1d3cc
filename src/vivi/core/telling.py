"""What every rank has to say, told to all of them: texts of any length, through the group for flags and decisions."""

import torch
import torch.distributed as dist

from vivi.core.world import World


def told_by_all(text: str, *, world: World) -> list[str]:
    """The texts of all ranks in their order, on every rank. Waits for the other ranks, not for a GPU."""
    if world.size == 1:
        return [text]
    said = torch.tensor(list(text.encode()), dtype=torch.uint8)
    lengths = [torch.zeros(1, dtype=torch.int64) for _ in range(world.size)]
    with world.watch.meeting():
        dist.all_gather(lengths, torch.tensor([len(said)]), group=world.control)
    longest = max(int(length) for length in lengths)
    padded = torch.nn.functional.pad(said, (0, longest - len(said)))
    texts = [torch.empty(longest, dtype=torch.uint8) for _ in range(world.size)]
    if longest:
        with world.watch.meeting():
            dist.all_gather(texts, padded, group=world.control)
    return [bytes(each[: int(length)].tolist()).decode() for each, length in zip(texts, lengths, strict=True)]
