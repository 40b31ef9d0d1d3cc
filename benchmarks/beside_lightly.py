"""One folder of awkward videos to a pretrained encoder, with vivi and with lightly-train, each by its own commands.

    python benchmarks/beside_lightly.py --out FOLDER [--lightly PYTHON]

PYTHON is an interpreter that has lightly-train, with ffmpeg on the path; without it, its column says so. The folder
holds sixty-six small drawn videos, among them one whose name ends in .MP4, two of equal names in different folders, one
cut in half, one that is text, and one that is empty. What is printed: commands, seconds, frames, and what became of
these.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vivi.demo.film import film

TRIED = ("clip.MP4", "a/same.mp4", "b/same.mp4", "half.mp4", "text.mp4", "empty.mp4")
LIGHTLY = """
import sys, lightly_train
if __name__ == "__main__":
    data, out = sys.argv[1:]
    lightly_train.pretrain(out=out, data=data, model="torchvision/resnet18", method="simclr", epochs=1, batch_size=64,
                           num_workers=0, accelerator="cpu", transform_args={"image_size": (48, 48)})
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of one command."""

    seconds: float
    code: int
    last: str
    """The last line that it said."""


def timed(command: Sequence[str]) -> Ended:
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return Ended(time.perf_counter() - began, done.returncode, said[-1].strip() if said else "")


def awkward(folder: Path) -> None:
    """Make the folder of videos."""
    film(folder / "film", videos=66, seed=0)
    whole = sorted(
        path for path in (folder / "film").rglob("*") if path.suffix == ".mp4" and path.stat().st_size > 5000
    )
    for name in TRIED:
        (folder / name).parent.mkdir(exist_ok=True)
    shutil.copy(whole[-1], folder / "clip.MP4")
    shutil.copy(whole[-2], folder / "a" / "same.mp4")
    shutil.copy(whole[-3], folder / "b" / "same.mp4")
    content = whole[-4].read_bytes()
    (folder / "half.mp4").write_bytes(content[: len(content) // 2])
    (folder / "text.mp4").write_text("no video\n")
    (folder / "empty.mp4").touch()


def ours(videos: Path, out: Path) -> dict[str, str]:
    vivi = [sys.executable, "-m", "vivi"]
    ingest = timed([*vivi, "ingest", str(videos), "--out", str(out / "store"), "--fps", "4"])
    few = ["--set", "schedule.steps=20", "--set", "schedule.warmup=0", "--set", "schedule.decays=[]"]
    train = timed(
        [*vivi, "pretrain", "Ex-YT-S", "--tiny", "--data", str(out / "store"), "--out", str(out / "run"), *few]
    )
    info = json.loads((out / "store" / "store.json").read_text())["info"]
    stored = {json.loads(line)["path"] for line in (out / "store" / "videos.jsonl").read_text().splitlines()}
    skipped = dict(line.split(",")[:2] for line in (out / "store" / "skipped.csv").read_text().splitlines()[1:])
    return {
        "commands to an encoder": "2",
        "seconds: frames, 20 steps of 256 pictures": f"{ingest.seconds:.0f}, {train.seconds:.0f}",
        "frames": f"{info['num_frames']:,} at 4 a second, {info['num_shots']:,} shots",
        **{
            name: "stored" if name in stored else f"skipped: {skipped.get(name, 'not accounted for')}" for name in TRIED
        },
        "exit codes": f"{ingest.code}, {train.code}",
        "same command again": timed([*vivi, "ingest", str(videos), "--out", str(out / "store"), "--fps", "4"]).last,
    }


def theirs(videos: Path, out: Path, python: str) -> dict[str, str]:
    script = out / "theirs.py"
    script.write_text(LIGHTLY)
    frames, model = str(out / "frames"), str(out / "model")
    tool = str(Path(python).parent / "lightly-train")
    extract = timed([tool, "extract_video_frames", f"data={videos}", f"out={frames}"])
    train = timed([python, str(script), frames, model])
    written = [path for path in Path(frames).rglob("*") if path.is_file()]
    folders = {str(path.parent.relative_to(frames)) for path in written}
    return {
        "commands to an encoder": "2",
        "seconds: frames, 20 steps of 256 pictures": f"{extract.seconds:.0f}, {train.seconds:.0f} (one epoch)",
        "frames": f"{len(written):,}, all frames of each video",
        **{name: _fate(name, folders) for name in TRIED},
        "exit codes": f"{extract.code}, {train.code}; last words: {train.last[:90]}",
        "same command again": timed([tool, "extract_video_frames", f"data={videos}", f"out={frames}"]).last[:120],
    }


def _fate(name: str, folders: set[str]) -> str:
    own, shared = name.removesuffix(Path(name).suffix), Path(name).stem
    if own in folders:
        return f"frames in {own}/"
    return f"frames in {shared}/" if shared in folders else "no frames, no word of it in the output folder"


def main() -> None:
    """Run both and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--lightly", metavar="PYTHON")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True)
    videos = asked.out / "videos"
    awkward(videos)
    columns = {"vivi": ours(videos, asked.out)}
    if asked.lightly is None:
        print(
            "lightly-train: not asked for; pip install lightly-train in an environment, and give its --lightly PYTHON"
        )
    else:
        columns["lightly-train"] = theirs(videos, asked.out, asked.lightly)
    print(f"| | {' | '.join(columns)} |\n| --- |{' --- |' * len(columns)}")
    for row in columns["vivi"]:
        print(f"| {row} | {' | '.join(column[row] for column in columns.values())} |")


if __name__ == "__main__":
    main()
