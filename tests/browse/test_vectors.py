"""Embeddings made once, going on where they were broken off, and searched as a slow loop would."""

import numpy as np
import pytest

from vivi.browse import nearest, vectors
from vivi.browse.nearest import ExactSearch, IndexSearch, open_search
from vivi.browse.vectors import Vectors, embedded, open_vectors, unit_rows
from vivi.core.errors import ViviError
from vivi.data.records import Shot
from vivi.data.store import ShotStore
from vivi.nn.export import load_encoder
from vivi.transfer.embed import embed
from vivi.transfer.embedding import films


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VIVI_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def some_vectors(counts=(5, 1, 7, 0, 3, 9), dim=12, seed=0, key="k") -> Vectors:
    rows = np.random.default_rng(seed).standard_normal((sum(counts), dim)).astype(np.float32)
    start = np.cumsum([0, *counts]).astype(np.int64)
    return Vectors(matrix_FD=unit_rows(rows), start_V1=start, key=key, held=None)


def slow(vectors, vector, *, count, without=None):
    best = []
    for video in range(len(vectors.start_V1) - 1):
        frames = vectors.matrix_FD[vectors.start_V1[video] : vectors.start_V1[video + 1]]
        if len(frames) and video != without:
            similar = [float(np.dot(frame, vector)) for frame in frames]
            best.append((max(similar), video, int(np.argmax(similar))))
    return [
        (video, frame, pytest.approx(value, abs=1e-6)) for value, video, frame in sorted(best, reverse=True)[:count]
    ]


@pytest.mark.parametrize(("count", "without"), [(3, None), (3, 2), (99, 5), (1, 0)])
def test_exact_search_is_the_slow_one(count, without):
    given = some_vectors()
    for row in (0, 5, 20):
        hits = ExactSearch(given).nearest(given.matrix_FD[row], count=count, without=without)
        assert [(each.video, each.frame, each.similarity) for each in hits] == slow(
            given, given.matrix_FD[row], count=count, without=without
        )


def test_a_frame_finds_itself_first():
    given = some_vectors()
    (hit,) = ExactSearch(given).nearest(given.frame(4, 2), count=1)
    assert (hit.video, hit.frame) == (4, 2) and hit.similarity == pytest.approx(1, abs=1e-6)


def test_a_store_without_frames():
    assert ExactSearch(some_vectors(counts=(0, 0))).nearest(np.zeros(12, np.float32), count=3) == []


@pytest.mark.extras
def test_the_index_finds_what_the_exact_search_finds(cache):
    pytest.importorskip("usearch")
    given = some_vectors(counts=(7,) * 60, dim=16)
    told: list[tuple[int, int]] = []
    search = open_search(given, exact=400, progress=lambda *each: told.append(each))
    assert told == [(420, 420)]
    assert isinstance(search, IndexSearch) and not search.is_exact
    assert open_search(given, exact=420).is_exact
    same = 0
    for row in range(0, 420, 20):
        video = row // 7
        hits = search.nearest(given.matrix_FD[row], count=10, without=video)
        exact = ExactSearch(given).nearest(given.matrix_FD[row], count=10, without=video)
        assert video not in {each.video for each in hits} and len({each.video for each in hits}) == 10
        assert [each.similarity for each in hits] == sorted((each.similarity for each in hits), reverse=True)
        same += len({each.video for each in hits} & {each.video for each in exact})
    assert same >= 0.95 * 210
    assert len(list(cache.glob("folders/*.index/frames.usearch"))) == 1


def test_without_the_extra_it_says_so(cache, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "usearch", None)
    with pytest.raises(ViviError, match=r"pip install 'vivi\[search\]'"):
        open_search(some_vectors(), exact=3)
    assert nearest.EXACT == 100_000


def test_embeddings_are_those_of_vivi_embed(store, encoder, cache, tmp_path):
    opened, seen = ShotStore.open(store), []
    found = open_vectors(opened, load_encoder(encoder), progress=lambda *each: seen.append(each))
    embed(encoder, store=store, out=tmp_path / "all.npy")
    wanted = np.load(tmp_path / "all.npy")
    assert found.matrix_FD.shape == wanted.shape == (34 * 12, found.matrix_FD.shape[1])
    np.testing.assert_allclose(found.matrix_FD, wanted / np.linalg.norm(wanted, axis=1, keepdims=True), atol=1e-6)
    assert seen[-1] == (34, 34)
    assert found.frame(3, 2) is not None and np.array_equal(found.frame(3, 2), found.matrix_FD[38])


def test_embeddings_are_made_once(store, encoder, cache, monkeypatch):
    opened, loaded = ShotStore.open(store), load_encoder(encoder)
    first = np.array(open_vectors(opened, loaded).matrix_FD)
    monkeypatch.setattr(vectors, "embedded", None)
    assert np.array_equal(open_vectors(opened, loaded).matrix_FD, first)


def test_broken_off_they_go_on(store, encoder, cache, monkeypatch):
    monkeypatch.setattr(films, "_FRAMES", 60)
    opened, loaded = ShotStore.open(store), load_encoder(encoder)
    rows = []

    def counted(given, images_BCHW, *, device):
        rows.append(len(images_BCHW))
        return embedded(given, images_BCHW, device=device)

    def stop(done, total):
        if done >= 15:
            raise KeyboardInterrupt

    monkeypatch.setattr(vectors, "embedded", counted)
    with pytest.raises(KeyboardInterrupt):
        open_vectors(opened, loaded, progress=stop)
    assert sum(rows) == 180  # three parts of five videos
    found = open_vectors(opened, loaded)
    assert sum(rows) == 34 * 12
    assert sorted(each.name for each in found.held.path.iterdir()) == ["vectors.npy"]
    found.held.release()
    monkeypatch.setenv("VIVI_CACHE", str(cache / "other"))
    assert np.array_equal(found.matrix_FD, open_vectors(opened, loaded).matrix_FD)


def test_another_encoder_has_its_own(store, encoder, cache, tmp_path):
    from tests.reference import encoder_folder

    encoder_folder.save(tmp_path / "other", encoder_folder.trained(seed=5), name="other")
    opened = ShotStore.open(store)
    first, second = (open_vectors(opened, load_encoder(each)) for each in (encoder, tmp_path / "other"))
    assert first.key != second.key and not np.allclose(first.matrix_FD, second.matrix_FD)


def test_shots_are_compared_by_their_means():
    rows = np.array([[1, 0], [0, 1], [1, 0], [0, -1], [1, 1]], np.float32)
    given = Vectors(matrix_FD=unit_rows(rows), start_V1=np.array([0, 1, 5]), key="k", held=None)
    shots = (Shot(1, 0, 0, 2), Shot(1, 1, 2, 1), Shot(1, 2, 3, 1))
    # means of (0, 1) and (1, 0), of (0, -1), of (1, 1) / sqrt 2
    half = 2**-0.5
    wanted = [[1, -half, 1], [-half, 1, -half], [1, -half, 1]]
    np.testing.assert_allclose(given.alike(1, shots), wanted, atol=1e-6)
