"""Damaged stores that fuzzing tried: only a ViviError may come, soon, and with little memory."""

import importlib.util
import random
import shutil
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORPUS = Path(__file__).parent / "store_corpus.txt"


@pytest.fixture(scope="module")
def fuzz() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz_store", ROOT / "scripts" / "fuzz_store.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def whole(fuzz: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("fuzz") / "whole"
    fuzz.make_store(store)
    return store


def tried(fuzz: ModuleType, whole: Path, folder: Path, data: bytes) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole, folder)
    fuzz.damage(folder, data)
    fuzz.use(folder)


def test_the_cases_that_were_kept(fuzz: ModuleType, whole: Path, tmp_path: Path) -> None:
    cases = [bytes.fromhex(line) for line in CORPUS.read_text().split()]
    assert len(cases) > 20
    for case in cases:
        tried(fuzz, whole, tmp_path / "store", case)


def test_random_damage(fuzz: ModuleType, whole: Path, tmp_path: Path) -> None:
    generator = random.Random(7)
    for _ in range(150):
        tried(fuzz, whole, tmp_path / "store", generator.randbytes(generator.randrange(60)))


def test_damage_does_damage(fuzz: ModuleType, whole: Path, tmp_path: Path) -> None:
    """The harness does what it says: a number of the index is replaced, and recorded again or not."""
    # record, file 5 (video_start), edit 3 (a number), of 8 bytes, entry 1, the number 127
    data = b"".join(value.to_bytes(2, "little") for value in (1, 5, 3, 1, 1, 5))
    store = shutil.copytree(whole, tmp_path / "store")
    fuzz.damage(store, data)
    import numpy as np

    assert np.load(store / "index" / "video_start.npy").tolist() == [0, 127, 4, 6]
    from vivi.core.errors import StoreError
    from vivi.data.store import ShotStore

    with pytest.raises(StoreError, match="not a rise from 0 to 6"):
        ShotStore.open(store)
