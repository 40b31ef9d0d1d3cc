"""Distances, thresholds and times, against the method that ingest uses and against ingest itself."""

import numpy as np
import pytest
import simplejpeg
from tests.browse.conftest import LENGTH, SHOTS
from tests.reference.tiny_films import write_film

from vivi.browse.corrections import Corrections
from vivi.browse.cuts import Clock, Distances, cuts_over, method_of
from vivi.browse.library import Library
from vivi.core.config import dump
from vivi.data.store import ShotStore
from vivi.video.amended import EvenlyDivided
from vivi.video.ingest import ingest
from vivi.video.settings import IngestSettings
from vivi.video.shots import FixedWindows, HistogramShots
from vivi.video.shots_flag import ShotFlags, shot_method


def test_the_method_of_a_store():
    found = HistogramShots(threshold=0.31, min_frames=3, bits=3)
    assert method_of({"shots": dump(found)}) == (found, True)
    assert method_of({"shots": dump(EvenlyDivided(method=found, max_frames=9))}) == (found, True)
    assert method_of({"shots": dump(FixedWindows())}) == (HistogramShots(), False)
    assert method_of({"shots": {"class": "vivi.video.shots:HistogramShots", "threshold": "<b>"}})[1] is False
    for settings in (None, [], {}, {"shots": 3}):
        assert method_of(settings) == (HistogramShots(), False)


class Given(HistogramShots):
    """Its distances are given."""

    def distances(self, signatures):
        return list(signatures)[1:]


@pytest.mark.parametrize("min_frames", [1, 2, 5])
@pytest.mark.parametrize("seed", range(6))
def test_cuts_as_ingest_finds_them(seed, min_frames):
    distances = np.random.default_rng(seed).random(40).round(4).tolist()
    method = Given(threshold=0.6, min_frames=min_frames)
    wanted = method.boundaries([None, *distances], seconds=[], video="")
    assert cuts_over(distances, threshold=0.6, min_frames=min_frames) == wanted
    assert wanted


def test_a_distance_at_the_threshold_is_no_cut():
    assert cuts_over([0.5, 0.6, 0.1], threshold=0.5) == [2]
    assert cuts_over([], threshold=0.5) == []


def test_distances_are_those_of_the_stored_frames(store):
    opened, method = ShotStore.open(store), HistogramShots()
    found = Distances(opened, method).of(0)
    frames = opened.read_frames(0, first=0, count=SHOTS * LENGTH)
    wanted = method.distances([method.signature(simplejpeg.decode_jpeg(each)) for each in frames])
    assert found == tuple(round(each, 4) for each in wanted)
    # fields of one colour: equal within a shot, nothing in common between shots
    assert [number for number, each in enumerate(found, start=1) if each] == [LENGTH, 2 * LENGTH]
    assert found[LENGTH - 1] == 1.0


def test_times_of_a_slow_file_lie_between_its_frames():
    assert Clock(fps=2.0, source_fps=25.0).cut(5) == 2.5
    assert Clock(fps=4.0, source_fps=1.999).cut(1000) == pytest.approx(500.0, abs=0.24)
    assert Clock(fps=3.0, source_fps=0.0).cut(1) == 0.333
    for clock in (Clock(fps=3.0, source_fps=25.0), Clock(fps=4.0, source_fps=1.5), Clock(fps=0.7, source_fps=0.7)):
        assert clock.frames([clock.cut(frame) for frame in range(1, 500)], count=500) == list(range(1, 500))


@pytest.mark.parametrize(("fps", "flag"), [(1.0, "--corrections"), (10.0, "--shots")])
def test_ingest_honours_what_was_saved(fps, flag, tmp_path):
    """The film has 5 frames a second: at 10 every frame of it is stored once."""
    write_film(tmp_path / "in" / "a" / "film.mp4", colours=[(200, 30, 30), (30, 200, 30)])
    settings = IngestSettings(fps=fps, shots=HistogramShots())
    ingest(sources=[tmp_path / "in"], out=tmp_path / "first", settings=settings, workers=1)
    library = Library.open(tmp_path / "first", edit=tmp_path / "cuts.csv")
    video = library.video(0)
    assert video.frames == (8 if fps == 1 else 40)
    assert len(video.cuts) == 1
    wanted = [1, 3, video.cuts[0], video.frames - 1]
    library.corrections.save(video.path, [video.clock.cut(frame) for frame in wanted])
    file = tmp_path / "cuts.csv"
    method = shot_method(str(file)) if flag == "--shots" else shot_method("hist", flags=ShotFlags(corrections=file))
    settings = IngestSettings(fps=fps, shots=method)
    ingest(sources=[tmp_path / "in"], out=tmp_path / "second", settings=settings, workers=1)
    assert Library.open(tmp_path / "second").video(0).cuts == wanted
    again = Corrections(file).of(video.path)
    assert video.clock.frames(again, count=video.frames) == wanted
