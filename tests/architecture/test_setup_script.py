"""The set-up script decides what is downloaded: its choices, without running pip."""

import importlib.util
import subprocess
import sys
from types import ModuleType

import pytest


@pytest.fixture
def setup(root) -> ModuleType:
    spec = importlib.util.spec_from_file_location("vivi_setup", root / "scripts" / "setup.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def asked(setup, monkeypatch) -> list[tuple[str, ...]]:
    """What the script asks pip for."""
    calls: list[tuple[str, ...]] = []
    monkeypatch.setattr(setup, "pip", lambda _environment, *arguments: calls.append(arguments))
    monkeypatch.setattr(setup.sys, "platform", "linux")
    monkeypatch.delenv("VIVI_TORCH_INDEX", raising=False)
    return calls


@pytest.mark.parametrize(("gpu", "choice"), [(True, "cuda"), (False, "cpu")])
def test_auto_follows_the_gpu(setup, monkeypatch, gpu, choice):
    monkeypatch.setattr(setup, "has_nvidia_gpu", lambda: gpu)
    assert setup.torch_choice("auto") == choice
    assert setup.torch_choice("existing") == "existing"


def test_a_cpu_machine_asks_for_the_exact_cpu_build(setup, monkeypatch, asked):
    monkeypatch.setattr(setup, "pip_finds", lambda _requirement: False)
    setup.install_torch("cpu")
    assert asked[0][-1] == f"torch=={setup.pins()['torch']}+cpu"
    assert asked[0][-3:-1] == ("--extra-index-url", setup.CPU_WHEELS)


def test_no_other_index_is_asked_when_pip_finds_it(setup, monkeypatch, asked):
    monkeypatch.setattr(setup, "pip_finds", lambda _requirement: True)
    setup.install_torch("cpu")
    assert "--extra-index-url" not in asked[0]


def test_a_mirror_can_be_named(setup, monkeypatch, asked):
    monkeypatch.setattr(setup, "pip_finds", lambda _requirement: False)
    monkeypatch.setenv("VIVI_TORCH_INDEX", "file:///wheels")
    setup.install_torch("cpu")
    assert asked[0][-3:-1] == ("--extra-index-url", "file:///wheels")


@pytest.mark.parametrize(
    ("choice", "packages"),
    [("cpu", {"torch": "2.13.0+cpu", "nvidia-cublas": "13"}), ("cuda", {"torch": "2.13.0+cpu"})],
)
def test_the_wrong_build_is_refused(setup, monkeypatch, choice, packages):
    monkeypatch.setattr(setup, "installed", lambda _environment: packages)
    with pytest.raises(setup.SetupError):
        setup.check_torch(choice)


def test_a_finished_environment_is_left_alone(setup, monkeypatch, tmp_path):
    monkeypatch.setattr(setup, "MAIN", tmp_path)
    done = {"base": {"root": str(setup.ROOT), "python": sys.version, "torch": "cpu"}, "inputs": setup.fingerprint()}
    setup.write_stamp(tmp_path, done)
    setup.make_main("cpu")
    monkeypatch.setattr(setup, "make_environment", lambda *_, **__: pytest.fail("made again"))
    with pytest.raises(pytest.fail.Exception, match="made again"):
        setup.make_main("existing")


def test_a_mistake_is_one_line(root):
    run = subprocess.run([sys.executable, root / "scripts" / "setup.py", "extra"], capture_output=True, text=True)
    assert (run.returncode, len(run.stderr.splitlines())) == (1, 1)


def test_pins_are_within_the_ranges_of_the_project(setup, root):
    """Every dependency that pyproject.toml names is pinned."""
    import tomllib

    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    named = [*project["dependencies"], *(each for group in project["optional-dependencies"].values() for each in group)]
    pinned = {name.lower() for name in setup.pins()}
    assert [each for each in named if each.split(">=")[0].lower() not in pinned] == []
