"""Makes the project's environments with nothing but Python's own library; does nothing when they are up to date.

    python3 scripts/setup.py           .venv: the package, its tests and its checks
    python3 scripts/setup.py extras    .venv-extras as well, on top of .venv: timm, PySceneDetect, ONNX, Sphinx

VIVI_TORCH chooses the build of torch:

    auto      (default) cuda where an NVIDIA GPU is found, else cpu
    cpu       the CPU build and no other: never gigabytes of CUDA packages
    cuda      the default build of torch for Linux
    existing  the torch that this Python already has

VIVI_TORCH_INDEX names another index of CPU wheels, a mirror for example. An interrupted run is mended by the next one.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
MAIN, EXTRAS = ROOT / ".venv", ROOT / ".venv-extras"
STAMP = "vivi-setup.json"
CHOICES = ("auto", "cpu", "cuda", "existing")
COMPARED = ("huggingface-hub", "scenedetect-headless", "torchmetrics", "pycocotools")
EXPORTED = ("onnx", "onnxruntime", "onnxscript", "usearch", "playwright")
DOCUMENTED = ("sphinx", "furo", "myst-parser")
CPU_WHEELS = "https://download.pytorch.org/whl/cpu"


class SetupError(Exception):
    """What is wrong and what to do, in one line."""


def main(arguments: Sequence[str]) -> None:
    """Make `.venv`, and `.venv-extras` when asked for.

    Raises:
        SetupError: unknown argument, or an environment that cannot be made.
    """
    if sys.version_info < (3, 11):  # noqa: UP036 - this file must say so itself
        raise SetupError(
            f"vivi needs Python 3.11, this is {platform.python_version()}: try 'make PYTHON=python3.11 ...'"
        )
    if arguments not in ([], ["extras"]):
        raise SetupError(f"unknown argument {' '.join(arguments)!r}: call it alone or with 'extras'")
    with held():
        make_main(torch_choice(os.environ.get("VIVI_TORCH", "auto")))
        if arguments:
            make_extras()


@contextmanager
def held() -> Iterator[None]:
    """Let only one set-up of this checkout run at a time."""
    with CONSTRAINTS.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def torch_choice(wanted: str) -> str:
    """The build of torch to install: cpu, cuda or existing."""
    if wanted not in CHOICES:
        raise SetupError(f"VIVI_TORCH={wanted} is not known, choose one of {', '.join(CHOICES)}")
    if wanted != "auto":
        return wanted
    return "cuda" if has_nvidia_gpu() else "cpu"


def has_nvidia_gpu() -> bool:
    """Whether an NVIDIA driver runs on this machine."""
    if Path("/proc/driver/nvidia/version").exists():
        return True
    tool = shutil.which("nvidia-smi")
    return tool is not None and subprocess.run([tool, "-L"], capture_output=True).returncode == 0


def make_main(choice: str) -> None:
    """Bring `.venv` up to date: torch first, then the package with all that its tests and checks need."""
    base = {"root": str(ROOT), "python": sys.version, "torch": choice}
    stamp = {"base": base, "inputs": fingerprint()}
    before = read_stamp(MAIN)
    if before == stamp:
        return
    make_environment(MAIN, fresh=before.get("base") != base)
    say(f"installing torch ({choice})")
    constraints = existing_torch() if choice == "existing" else install_torch(choice)
    say("installing vivi and its tools")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(constraints)
        file.flush()
        pip(MAIN, "install", "--constraint", file.name, "--editable", f"{ROOT}[embed,tensorboard,remote,dev]")
    check_torch(choice)
    write_stamp(MAIN, stamp)
    say(f"{MAIN.name} is ready")


def make_extras() -> None:
    """Bring `.venv-extras` up to date; it sees all of `.venv`, so there is no second copy of torch."""
    stamp = {"main": read_stamp(MAIN)}
    if read_stamp(EXTRAS) == stamp:
        return
    make_environment(EXTRAS, fresh=True)
    look_into(EXTRAS, [str(site_packages(MAIN))])
    say("installing timm, torchvision, torchmetrics, PySceneDetect, ONNX, Sphinx and what drives a browser")
    constraint = ("--constraint", str(CONSTRAINTS))
    pip(EXTRAS, "install", *constraint, "--no-deps", "timm", "torchvision")  # the torch they ask for must not come in
    pip(EXTRAS, "install", *constraint, *COMPARED, *EXPORTED, *DOCUMENTED)
    write_stamp(EXTRAS, stamp)
    say(f"{EXTRAS.name} is ready")


def make_environment(folder: Path, *, fresh: bool) -> None:
    """Keep a finished environment, now marked as unfinished, or create one from nothing where `fresh`."""
    (folder / STAMP).unlink(missing_ok=True)
    if not fresh:
        return
    say(f"making {folder.name} with Python {platform.python_version()}")
    command = [sys.executable, "-m", "venv", "--clear", str(folder)]
    if subprocess.run(command, capture_output=True).returncode != 0:
        raise SetupError(f"'{' '.join(command)}' failed: on Debian and Ubuntu run 'apt install python3-venv' first")


def install_torch(choice: str) -> str:
    """Install the pinned torch in the chosen build; gives the constraints for all that follows."""
    constraint = ("--constraint", str(CONSTRAINTS))
    version = pins()["torch"]
    if choice == "cuda" or sys.platform == "darwin":  # on macOS every wheel is a CPU wheel
        pip(MAIN, "install", *constraint, f"torch=={version}")
        return CONSTRAINTS.read_text()
    wanted = f"torch=={version}+cpu"  # exactly this build: no other can slip in
    index = [] if pip_finds(wanted) else ["--extra-index-url", os.environ.get("VIVI_TORCH_INDEX", CPU_WHEELS)]
    try:
        pip(MAIN, "install", *constraint, *index, wanted)
    except SetupError as error:
        raise SetupError(
            f"{wanted} could not be installed: check the network, or set VIVI_TORCH_INDEX to a mirror of the CPU wheel "
            "index on PyTorch's install page, or VIVI_TORCH=existing to use the torch that this Python has, or "
            "VIVI_TORCH=cuda to accept the CUDA build (several gigabytes)"
        ) from error
    return CONSTRAINTS.read_text()


def pip_finds(requirement: str) -> bool:
    """Whether pip finds `requirement` with what is configured on this machine."""
    command = [*pip_command(MAIN), "install", "--dry-run", "--no-deps", "--quiet", requirement]
    return subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL).returncode == 0


def existing_torch() -> str:
    """Let `.venv` see the packages of this Python; gives the constraints with the version of torch found there."""
    folders = [each for each in sys.path if each.endswith(("site-packages", "dist-packages"))]
    look_into(MAIN, [each for each in folders if Path(each) != site_packages(MAIN)])
    version = installed(MAIN).get("torch")
    if version is None:
        raise SetupError(f"VIVI_TORCH=existing, but {sys.executable} has no torch: install it, or choose cpu or cuda")
    lines = CONSTRAINTS.read_text().splitlines()
    return "\n".join(f"torch=={version}" if line.startswith("torch==") else line for line in lines) + "\n"


def look_into(environment: Path, folders: Sequence[str]) -> None:
    """Let an environment see the packages in other folders, behind its own."""
    lines = [f"import site; site.addsitedir({folder!r})\n" for folder in folders]
    (site_packages(environment) / "below.pth").write_text("".join(lines))


def check_torch(choice: str) -> None:
    """Refuse CUDA packages beside a CPU build, and a CPU build where CUDA was chosen."""
    packages = installed(MAIN)
    if choice == "cpu" and (found := [name for name in packages if name.startswith(("nvidia-", "triton"))]):
        raise SetupError(f"CUDA packages came into a CPU environment: {', '.join(found)}")
    if choice == "cuda" and packages["torch"].endswith("+cpu"):
        raise SetupError("pip as configured here offers only the CPU build of torch: set VIVI_TORCH=cpu")


def pip_command(environment: Path) -> list[str]:
    """The start of every call of an environment's pip."""
    return [str(environment / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input"]


def pip(environment: Path, verb: str, *arguments: str) -> None:
    """Run an environment's pip; its errors go to the terminal.

    Raises:
        SetupError: pip failed.
    """
    command = [*pip_command(environment), verb, "-qq", *arguments]
    if subprocess.run(command, stdin=subprocess.DEVNULL).returncode != 0:
        raise SetupError(f"pip failed, its own words stand above; the command was: {' '.join(command)}")


def installed(environment: Path) -> dict[str, str]:
    """Name and version of every package that an environment sees."""
    code = "import importlib.metadata as m, json; print(json.dumps({d.name: d.version for d in m.distributions()}))"
    command = [str(environment / "bin" / "python"), "-c", code]
    packages: dict[str, str] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return packages


def site_packages(environment: Path) -> Path:
    """Where an environment keeps its packages."""
    return environment / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"


def pins() -> dict[str, str]:
    """Name and version of every line of constraints.txt."""
    lines = (line.partition("#")[0].strip() for line in CONSTRAINTS.read_text().splitlines())
    return dict(line.split("==") for line in lines if line)


def fingerprint() -> str:
    """Changes with every file that decides what is installed."""
    files = (ROOT / "pyproject.toml", CONSTRAINTS, Path(__file__))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def read_stamp(environment: Path) -> dict[str, object]:
    """What a finished set-up left in an environment; empty if none did."""
    try:
        stamp: dict[str, object] = json.loads((environment / STAMP).read_text())
    except (OSError, ValueError):
        return {}
    return stamp


def write_stamp(environment: Path, stamp: Mapping[str, object]) -> None:
    """Mark an environment as finished, in one step."""
    temporary = environment / f"{STAMP}.tmp"
    temporary.write_text(json.dumps(stamp, indent=1))
    temporary.rename(environment / STAMP)


def say(text: str) -> None:
    """Tell what is being done."""
    print(f"setup: {text}", flush=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except SetupError as error:
        sys.exit(f"setup: {error}")
