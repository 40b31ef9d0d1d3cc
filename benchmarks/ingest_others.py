"""What other tools take for the frames that an ingest takes; needs nothing of this project, and runs in any Python.

    PYTHON benchmarks/ingest_others.py decord a.mp4 --fps 1

prints the CPU seconds of the second call there, or why the tool cannot be used. Without a name it prints them all.
"""

import argparse
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

_FFMPEG = ("ffmpeg", "-nostdin", "-v", "error", "-threads", "1", "-filter_threads", "1")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", choices=tuple(OTHERS))
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--fps", type=float, default=1.0)
    given = parser.parse_args()
    if given.name is None or given.file is None:
        print("\n".join(OTHERS))
        return
    call = OTHERS[given.name]
    try:
        call(given.file, given.fps)
        print(cpu_seconds(lambda: call(given.file, given.fps)))
    except Exception as error:  # whatever another tool raises where it is not there or does not read the file
        lines = str(error).splitlines() or [type(error).__name__]
        causes = [line for line in lines if "cannot open shared object" in line]
        print(f"missing: {(causes or lines)[-1].strip()[:200]}")


def cpu_seconds(call: Callable[[], object]) -> float:
    """User and system time of this process and of the children it waited for."""
    before = _used()
    call()
    return _used() - before


def _used() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def ffmpeg_null(file: Path, fps: float) -> None:  # noqa: ARG001
    """Decode every frame: the limit of whoever decodes everything."""
    _run([*_FFMPEG, "-i", f"file:{file}", "-an", "-f", "null", "-"])


def ffmpeg_scaled(file: Path, fps: float) -> None:
    """Frames at the rate, with a short side of 256 pixels, thrown away."""
    chosen = f"fps={fps},scale=-2:256:flags=area"
    _run([*_FFMPEG, "-i", f"file:{file}", "-an", "-vf", chosen, "-f", "null", "-"])


def video2dataset_command(file: Path, fps: float) -> None:
    """What the FrameSubsampler of video2dataset 1.3.0 has ffmpeg do: frames at the rate, encoded as a video again."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["-threads", "1", f"{folder}/output.mp4"]
        _run([*_FFMPEG, "-i", f"file:{file}", "-filter_complex", f"fps=fps={fps}", "-reset_timestamps", "1", *words])


def _run(words: list[str]) -> None:
    if shutil.which(words[0]) is None:
        raise OSError(f"no program {words[0]} on PATH")
    subprocess.run(words, check=True, capture_output=True)


def opencv(file: Path, fps: float) -> None:
    """grab() every frame, retrieve() and scale those at the sampling instants."""
    import cv2

    cv2.setNumThreads(1)
    capture: Any = cv2.VideoCapture(str(file), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    rate, number, due = capture.get(cv2.CAP_PROP_FPS), 0, 0
    while capture.grab():
        if number / rate >= due / fps:
            picture = capture.retrieve()[1]
            scale = 256 / min(picture.shape[:2])
            cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            due += 1
        number += 1
    if not number:
        raise RuntimeError("it does not open the file")


def decord(file: Path, fps: float) -> None:
    """get_batch of the frames at the sampling instants."""
    library: Any = import_module("decord")
    reader = library.VideoReader(str(file), num_threads=1)
    step = reader.get_avg_fps() / fps
    reader.get_batch([round(number * step) for number in range(int((len(reader) - 1) / step) + 1)])


def torchcodec(file: Path, fps: float) -> None:
    """get_frames_played_at the sampling instants."""
    library: Any = import_module("torchcodec.decoders")
    decoder = library.VideoDecoder(str(file), num_ffmpeg_threads=1)
    seconds = decoder.metadata.duration_seconds
    decoder.get_frames_played_at(seconds=[number / fps for number in range(int((seconds - 0.01) * fps) + 1)])


OTHERS: dict[str, Callable[[Path, float], None]] = {
    "ffmpeg null": ffmpeg_null,
    "ffmpeg fps,scale": ffmpeg_scaled,
    "OpenCV": opencv,
    "decord": decord,
    "torchcodec": torchcodec,
    "video2dataset": video2dataset_command,
}


if __name__ == "__main__":
    main()
