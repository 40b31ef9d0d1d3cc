"""Videos with damaged bytes: cut off, flipped, zeroed, shifted."""

from collections.abc import Callable, Iterator
from functools import partial

from tests.faults.cases import DAMAGED, FILMS, Case, Materials, chance, of_bytes, of_film

SHARES = (0.02, 0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 0.97, 0.999)


def cut_off(data: bytes, *, share: float) -> bytes:
    """The beginning."""
    return data[: max(1, round(len(data) * share))]


def flipped(data: bytes, *, seed: int) -> bytes:
    """Some bits turned over, half of the time near the beginning, where the headers are."""
    draw, changed = chance("flip", seed), bytearray(data)
    reach = len(data) if seed % 2 else min(len(data), 2000)
    for _ in range(draw.choice([1, 4, 16, 64])):
        changed[draw.randrange(reach)] ^= 1 << draw.randrange(8)
    return bytes(changed)


def zeroed(data: bytes, *, start: float, share: float) -> bytes:
    """A range of zeros."""
    first = round(len(data) * start)
    length = min(round(len(data) * share), len(data) - first)
    return data[:first] + bytes(length) + data[first + length :]


def shifted(data: bytes, *, seed: int) -> bytes:
    """Bytes put in or left out."""
    draw = chance("shift", seed)
    at, length = draw.randrange(len(data)), draw.randrange(1, 300)
    return data[:at] + (draw.randbytes(length) + data[at:] if seed % 2 else data[at + length :])


def cases(num_real: int) -> Iterator[Case]:
    """Of the films made here, and of so many real videos."""
    for number, film in enumerate(FILMS):
        for step, (what, change) in enumerate(changes(number, is_real=False)):
            yield of_film(f"{film}: {what}", film, change, file=film, quick=step == number)
    for number in range(num_real):
        for what, change in changes(len(FILMS) + number, is_real=True):
            data = partial(_changed, number=number, change=change)
            yield of_bytes(f"real video {number}: {what}", data, file="real.mp4", ends=DAMAGED)


def _changed(materials: Materials, *, number: int, change: Callable[[bytes], bytes]) -> bytes:
    return change(materials.real[number].read_bytes())


def changes(number: int, *, is_real: bool) -> Iterator[tuple[str, Callable[[bytes], bytes]]]:
    """What is done to a video."""
    seeds = range(8 * number, 8 * number + (8 if is_real else 4))
    yield from ((f"{share:.1%} of it", partial(cut_off, share=share)) for share in SHARES[:: 1 if is_real else 2])
    yield from ((f"bits flipped, seed {seed}", partial(flipped, seed=seed)) for seed in seeds)
    yield from ((f"bytes shifted, seed {seed}", partial(shifted, seed=seed)) for seed in list(seeds)[:2])
    for start, share in ((0.0, 0.01), (0.3, 0.1), (0.5, 0.5)):
        yield f"{share:.0%} zeros at {start:.0%}", partial(zeroed, start=start, share=share)
