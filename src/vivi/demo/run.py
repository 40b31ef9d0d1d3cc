"""The demo: a small world of its own videos, the real commands on it, and a report. The same command goes on."""

import json
import shlex
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from vivi.core.errors import InterruptedRunError, ViviError
from vivi.core.files import check_folder, read_json, write_json, write_text
from vivi.demo.film import film
from vivi.demo.stills import QUESTIONS, stills

Main = Callable[[Sequence[str]], int]
"""The command line: arguments in, exit code out."""

METHODS = ("Ex-YT-F", "Ex-YT-S", "VIVI-Ex(4)")
INTERRUPTED = 75
TITLE = "VIVI demo: the whole way on a small world"
NOTES = (
    "Small encoders learned from raw videos without a label, and were then judged on labelled stills that none of them "
    "had seen. The videos are made by the demo itself. All shots of a video show the same kind of thing (what), in the "
    "same number (how_many), on the same kind of ground (place); colours, positions (where), light and camera change.",
    "All methods have the same network and the same number of steps and of frames. Ex-YT-F also has the grey-scale and "
    "the standardisation of its source; VIVI-Ex(4) has its video level in addition. "
    "The world and the settings were chosen with seed 0 and with VIVI-Ex(4) in view; "
    "another seed makes another world. What is printed is what was measured.",
)


@dataclass(frozen=True, slots=True)
class Size:
    """How large a demo is."""

    videos: int = 240
    train: int = 640
    """Labelled training stills of each question."""
    test: int = 480
    settings: tuple[str, ...] = ()
    """Changes to the tiny presets, the same for all methods."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Where the demo keeps its things."""

    out: Path

    @property
    def world(self) -> Path:
        """Videos, true cuts and stills."""
        return self.out / "world"

    @property
    def store(self) -> Path:
        """The shot store."""
        return self.out / "store"

    @property
    def mark(self) -> Path:
        """Says that this folder is a demo, and which."""
        return self.out / "demo.json"

    @property
    def commands(self) -> Path:
        """The command lines, for the report."""
        return self.out / "commands.txt"

    @property
    def report(self) -> Path:
        """The page."""
        return self.out / "report.html"

    def run(self, method: str) -> Path:
        """The run folder of a method."""
        return self.out / "runs" / method.lower().replace("(", "-").replace(")", "")


def demo(out: Path, *, seed: int, main: Main, size: Size | None = None) -> Path:
    """Make the world, run every command through `main`, and return the absolute path of the report.

    Raises:
        ViviError: a command failed (it has said why), or `out` holds another world.
        InterruptedRunError: a command was stopped by a signal and saved itself.
    """
    size = size or Size()
    folders = Folders(out)
    claim(folders, wanted={"seed": seed, **asdict(size)})
    make_world(folders.world, seed=seed, size=size)
    lines = command_lines(folders, seed=seed, size=size)
    everything = _shown(("demo", "--out", str(out), "--seed", str(seed)))
    said = (f"# {everything} makes the world and runs all of these:", *map(_shown, lines))
    write_text(folders.commands, "".join(f"{line}\n" for line in said))
    for line in (*lines, report_line(folders)):
        _run(line, main)
    return folders.report.resolve()


def claim(folders: Folders, *, wanted: dict[str, object]) -> None:
    """Begin a demo in its folder, or go on with the same one.

    Raises:
        ViviError: the folder holds something else, or another demo, or cannot be written.
    """
    check_folder(folders.out)
    if not folders.mark.exists():
        if folders.out.exists() and any(folders.out.iterdir()):
            raise ViviError(f"{folders.out} is not empty and not a demo: choose another --out")
        write_json(folders.mark, wanted)
    elif read_json(folders.mark) != json.loads(json.dumps(wanted)):
        raise ViviError(f"{folders.out} holds another demo (another seed or size): delete it or choose another --out")


def make_world(world: Path, *, seed: int, size: Size) -> None:
    """Write the videos and stills, unless they stand there already; half a world is made anew."""
    done = world / "done.json"
    if done.exists():
        return
    print(f"Making a world of {size.videos} videos in {world}", flush=True)
    shutil.rmtree(world, ignore_errors=True)
    film(world / "videos", videos=size.videos, seed=seed)
    stills(world / "stills", train=size.train, test=size.test, seed=seed)
    write_json(done, {"seed": seed, "videos": size.videos})


def command_lines(folders: Folders, *, seed: int, size: Size) -> tuple[tuple[str, ...], ...]:
    """The arguments of every command but the report, in their order."""
    shared = (f"seed={seed}", *size.settings)
    return (
        ingest_line(folders),
        *(_pretrain(folders, method, settings=shared) for method in METHODS),
        *(_evaluate(folders, method, question.name) for method in METHODS for question in QUESTIONS),
    )


def ingest_line(folders: Folders) -> tuple[str, ...]:
    """The arguments of the ingest command."""
    videos, store = str(folders.world / "videos"), str(folders.store)
    return ("ingest", videos, "--out", store, "--fps", "4", "--short-side", "64")


def _pretrain(folders: Folders, method: str, *, settings: Sequence[str]) -> tuple[str, ...]:
    assignments = tuple(part for each in settings for part in ("--set", each))
    where = ("--data", str(folders.store), "--out", str(folders.run(method)))
    return ("pretrain", method, "--tiny", *where, *assignments)


def _evaluate(folders: Folders, method: str, question: str) -> tuple[str, ...]:
    encoder, images = folders.run(method) / "encoder", folders.world / "stills" / question
    return (
        "evaluate",
        str(encoder),
        "--data",
        str(images),
        "--out",
        str(folders.run(method) / f"scores-{question}.json"),
    )


def report_line(folders: Folders) -> tuple[str, ...]:
    """The arguments of the report command."""
    notes = tuple(part for note in NOTES for part in ("--note", note))
    return (
        "report", *(str(folders.run(method)) for method in METHODS), "--out", str(folders.report),
        "--store", str(folders.store), "--cuts", str(folders.world / "cuts.csv"), "--title", TITLE,
        "--commands", str(folders.commands), *notes,
    )  # fmt: skip


def _run(line: Sequence[str], main: Main) -> None:
    print(f"\n$ {_shown(line)}", flush=True)
    code = main(line)
    if code == INTERRUPTED:
        raise InterruptedRunError("the demo was stopped: the same command goes on")
    if code:
        raise ViviError(f"the demo stopped because this command ended with code {code}: {_shown(line)}")


def _shown(line: Sequence[str]) -> str:
    return shlex.join(["vivi", *line])
