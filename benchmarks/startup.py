"""How long the command line takes to start, beside an empty Python: medians of fresh processes, taken in turns.

Processor seconds count only this process, so they hold on a busy machine too. Run `python benchmarks/startup.py`.
"""

import resource
import statistics
import subprocess
import sys
import time

_ROUNDS = 9
_COMMANDS = {
    "python -c pass": ("-c", "pass"),
    "import vivi": ("-c", "import vivi"),
    "vivi --help": ("-m", "vivi", "--help"),
    "vivi pretrain --help": ("-m", "vivi", "pretrain", "--help"),
    "vivi presets": ("-m", "vivi", "presets"),
}


def processor_seconds() -> float:
    """Of all child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measured(words: tuple[str, ...]) -> tuple[float, float]:
    """Seconds by the clock, and of the processor, of one process."""
    began, used = time.perf_counter(), processor_seconds()
    subprocess.run([sys.executable, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began, processor_seconds() - used


def main() -> None:
    """Print a row for each command."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in _COMMANDS}
    for _ in range(_ROUNDS):
        for name, words in _COMMANDS.items():
            found[name].append(measured(words))
    medians = {name: tuple(map(statistics.median, zip(*each, strict=True))) for name, each in found.items()}
    _, empty = medians["python -c pass"]
    print(f"{'command':24}{'clock s':>10}{'processor s':>14}{'x empty Python':>16}")
    for name, (clock, used) in medians.items():
        print(f"{name:24}{clock:10.3f}{used:14.3f}{used / empty:16.1f}")


if __name__ == "__main__":
    main()
