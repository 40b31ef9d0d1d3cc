"""Verbs that let a person look: doctor, browse, demo, env."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vivi.api.environment import Environment
    from vivi.browse.serve import Site
    from vivi.doctor.examine import Diagnosis
    from vivi.experiment import Experiment

Told = Callable[[str, int, int], None]
"""Called with what is counted, how many of it are done, and all."""
_PATIENCE = 60.0
"""Seconds after which a command that goes on is told of Ctrl-C; told twice, it would cut its saving short."""


def doctor(
    store: Path | str,
    *,
    out: Path | str = "doctor.html",
    json: Path | str | None = None,
    cuts: Path | str | None = None,
    videos: int | None = None,
    workers: int | None = None,
    estimate: Sequence[str] = (),
    tiny: bool = False,
    device: str = "auto",
    progress: Told = lambda _what, _done, _total: None,
) -> "Diagnosis":
    """Say what a shot store is worth for training and what is odd about it, as `vivi doctor` does.

    Args:
        store: a shot store.
        out: the page to write.
        json: write everything that was found to this file too.
        cuts: known cuts of some videos, CSV with the columns path and seconds: the threshold is fitted to them.
        videos: look at the frames of so many videos, spread evenly; None: of all.
        workers: threads that decode; None: one per core.
        estimate: presets whose hours and memory on this machine are estimated; "all": every preset.
        tiny: estimate the presets at the size that a CPU can train.
        device: where the presets would be trained: "auto", "cpu", "cuda" or "cuda:N".
        progress: called with "videos" or "presets", how many of them are done, and all.

    Raises:
        ViviError: anything the user can mend; the text says what to do.
    """
    from vivi.core.files import check_output
    from vivi.core.world import find_device
    from vivi.doctor.examine import examine
    from vivi.doctor.page import write_diagnosis
    from vivi.doctor.record import write_record
    from vivi.training.estimate import estimate as run_estimate

    page, record = Path(out), None if json is None else Path(json)
    for path in (page, record):
        if path is not None:
            check_output(path)
    asked = _experiments(estimate, tiny=tiny)
    place = find_device(device)
    known = None if cuts is None else Path(cuts)
    found = examine(Path(store), cuts=known, videos=videos, threads=workers, progress=partial(progress, "videos"))
    if asked:
        found = found.with_estimates(run_estimate(asked, device=place, progress=partial(progress, "presets")))
    given = {"--cuts": cuts, "--videos": videos, "--json": json, "--out": out}
    write_diagnosis(page, diagnosis=found, command=_command(store, given, estimate=estimate, tiny=tiny))
    if record is not None:
        write_record(record, diagnosis=found)
    return found


def _command(store: Path | str, given: Mapping[str, object], *, estimate: Sequence[str], tiny: bool) -> str:
    """The command line that writes the same page."""
    import shlex

    flags = [text for flag, value in given.items() if value is not None for text in (flag, str(value))]
    presets = [text for name in estimate for text in ("--estimate", name)] + (["--tiny"] if tiny else [])
    return shlex.join(["vivi", "doctor", str(store), *flags, *presets])


def _experiments(names: Sequence[str], *, tiny: bool) -> "list[Experiment]":
    """The presets that are asked for, each once."""
    if not names:
        return []
    from vivi.presets import PRESETS, find
    from vivi.presets import tiny as shrink

    chosen = PRESETS if tuple(names) == ("all",) else dict.fromkeys(names)
    return [shrink(find(name)) if tiny else find(name) for name in chosen]


def browse(
    store: Path | str,
    *,
    encoder: Path | str | None = None,
    edit: Path | str | None = None,
    port: int | None = None,
    host: str = "127.0.0.1",
    device: str = "auto",
    progress: Told = lambda _what, _done, _total: None,
) -> "Site":
    """Open a store for a web browser on this machine, as `vivi browse` does.

    Args:
        store: a shot store.
        encoder: an encoder folder: shows the nearest frames of every frame, and finds videos like a picture.
        edit: a CSV file for corrected cuts; None: nothing can be changed.
        port: 0 for any; None: the first free one from 8765 on.
        host: another address of this machine to listen on. The connection is not encrypted.
        device: where to embed: "auto", "cpu", "cuda" or "cuda:N".
        progress: called with "names", "embeddings" or "index", how many are done, and all.

    Returns:
        The site: `url` is its address with the key, `serve()` answers until Ctrl-C.

    Raises:
        InterruptedRunError: stopped while embedding; the embeddings so far are kept.
        ViviError: anything the user can mend; the text says what to do.
    """
    from vivi.browse.serve import open_site

    return open_site(
        Path(store),
        encoder=None if encoder is None else Path(encoder),
        edit=None if edit is None else Path(edit),
        host=host,
        port=port,
        device=device,
        names_progress=partial(progress, "names"),
        vectors_progress=partial(progress, "embeddings"),
        index_progress=partial(progress, "index"),
    )


def demo(out: Path | str = "demo", *, seed: int = 0, main: Callable[[Sequence[str]], int] | None = None) -> Path:
    """The whole way on a small world of videos that it makes itself, as `vivi demo` does. It prints what it does.

    Args:
        out: the folder to write.
        seed: another world and other runs.
        main: runs a command line and gives its exit code; None: each in a process of its own.

    Returns:
        The absolute path of its report.

    Raises:
        ViviError: a command failed, it has said why; or the folder holds something else.
        InterruptedRunError: a command was stopped by a signal; the same call goes on.
    """
    from vivi.demo.run import demo as run_demo

    return run_demo(Path(out), seed=seed, main=in_a_process if main is None else main)


def in_a_process(arguments: Sequence[str]) -> int:
    """Run a command line in a process of its own and return its exit code; after Ctrl-C that of an interrupted one."""
    import signal
    import subprocess
    import sys

    from vivi.demo.run import INTERRUPTED

    with subprocess.Popen([sys.executable, "-m", "vivi", *arguments]) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:  # a terminal and a notebook send it to both processes, and ours is to save itself
            try:
                process.wait(timeout=_PATIENCE)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGINT)
                process.wait()
            return INTERRUPTED


def env() -> "Environment":
    """Versions, GPUs and installed extras of this machine, as `vivi env` prints them for a report of a bug."""
    from vivi.api.environment import environment

    return environment()
