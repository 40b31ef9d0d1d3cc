"""A folder of videos to a pretrained encoder, with vivi and with lightly-train, each by its own commands.

    python benchmarks/beside_lightly.py --out FOLDER [--lightly PYTHON]

PYTHON is an interpreter that has lightly-train, with ffmpeg on the path; without it, its column is missing. Two folders
are tried: sixty-six small drawn videos, all of them good, and the same with one whose name ends in .MP4, two of equal
names in different folders, one cut in half, one that is text, and one that is empty. What is printed: commands,
seconds, frames, and what became of these. Both train a ResNet-18 with 5120 pictures of 48 pixels at most; the loss
differs.
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
SECONDS = "seconds: frames, training"
LIGHTLY = """
import sys, lightly_train
if __name__ == "__main__":
    data, out = sys.argv[1:]
    lightly_train.pretrain(out=out, data=data, model="torchvision/resnet18", method="simclr", epochs=1, batch_size=64,
                           num_workers=2, accelerator="cpu", transform_args={"image_size": (48, 48)},
                           trainer_args={"max_steps": 40})
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


def good(film: Path, folder: Path) -> None:
    """The good ones under plain names."""
    folder.mkdir()
    for number, path in enumerate(sorted(film.rglob("*"))):
        if path.suffix.lower() in (".mp4", ".mkv", ".mov") and path.parent.name != "broken":
            shutil.copy(path, folder / f"video{number:03}{path.suffix.lower()}")


def awkward(film: Path, folder: Path) -> None:
    """The same, and the awkward ones."""
    good(film, folder)
    for name in TRIED:
        (folder / name).parent.mkdir(exist_ok=True)
    whole = sorted(folder.glob("*.mp4"))
    shutil.copy(whole[-1], folder / "clip.MP4")
    shutil.copy(whole[-2], folder / "a" / "same.mp4")
    shutil.copy(whole[-3], folder / "b" / "same.mp4")
    content = whole[-4].read_bytes()
    (folder / "half.mp4").write_bytes(content[: len(content) // 2])
    (folder / "text.mp4").write_text("no video\n")
    (folder / "empty.mp4").touch()


def there(videos: Path) -> list[str]:
    """Those of the awkward ones that are in this folder."""
    return [name for name in TRIED if (videos / name).exists()]


def ours(videos: Path, out: Path) -> dict[str, str]:
    vivi = [sys.executable, "-m", "vivi"]
    ingest = timed([*vivi, "ingest", str(videos), "--out", str(out / "store"), "--fps", "4"])
    few = ["--steps", "20", "--set", "encoder.width=1.0"]
    train = timed(
        [*vivi, "pretrain", "Ex-YT-S", "--tiny", "--data", str(out / "store"), "--out", str(out / "run"), *few]
    )
    info = json.loads((out / "store" / "store.json").read_text())["info"]
    stored = {json.loads(line)["path"] for line in (out / "store" / "videos.jsonl").read_text().splitlines()}
    skipped = dict(line.split(",")[:2] for line in (out / "store" / "skipped.csv").read_text().splitlines()[1:])
    return {
        "commands to an encoder": "2",
        SECONDS: f"{ingest.seconds:.0f}, {train.seconds:.0f}",
        "frames": f"{info['num_frames']:,} at 4 a second, {info['num_shots']:,} shots",
        **{
            name: "stored" if name in stored else f"skipped: {skipped.get(name, 'not accounted for')}"
            for name in there(videos)
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
        SECONDS: f"{extract.seconds:.0f}, {train.seconds:.0f}",
        "frames": f"{len(written):,}, all frames of each video",
        **{name: _fate(name, folders) for name in there(videos)},
        "exit codes": f"{extract.code}, {train.code}; last words: {train.last[:90]}",
        "same command again": timed([tool, "extract_video_frames", f"data={videos}", f"out={frames}"]).last[:120],
    }


def _fate(name: str, folders: set[str]) -> str:
    own, shared = name.removesuffix(Path(name).suffix), Path(name).stem
    if own in folders:
        return f"frames in {own}/"
    return f"frames in {shared}/" if shared in folders else "no frames, no word of it in the output folder"


def main() -> None:
    """Run both tools on both folders and print a table for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--lightly", metavar="PYTHON")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True)
    if asked.lightly is None:
        print("lightly-train is left out: install it in an environment of its own and give its --lightly PYTHON")
    film(asked.out / "film", videos=66, seed=0)
    for name, make in (("good", good), ("awkward", awkward)):
        videos = asked.out / f"{name}_videos"
        make(asked.out / "film", videos)
        compare(videos, asked.out / name, asked.lightly)


def compare(videos: Path, out: Path, lightly: str | None) -> None:
    """Both tools on one folder, and the table."""
    out.mkdir()
    columns = {"vivi": ours(videos, out)}
    if lightly is not None:
        columns["lightly-train"] = theirs(videos, out, lightly)
    print(f"\n| {out.name} | {' | '.join(columns)} |\n| --- |{' --- |' * len(columns)}")
    for row in columns["vivi"]:
        print(f"| {row} | {' | '.join(column[row] for column in columns.values())} |", flush=True)


if __name__ == "__main__":
    main()
