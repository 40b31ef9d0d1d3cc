"""Videos in, judged encoders out, in miniature: the demo with fewer videos and a few steps."""

import json
from pathlib import Path

import pytest

from vivi import cli
from vivi.data.store import ShotStore
from vivi.demo.run import METHODS, Folders, Size, demo
from vivi.nn.export import load_encoder

FEW_STEPS = ("schedule.steps=3", "schedule.warmup=0", "schedule.decays=[]", "encoder.width=0.125")


@pytest.mark.timeout(280)
def test_the_whole_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    size = Size(videos=66, train=36, test=18, settings=FEW_STEPS)
    page = demo(tmp_path / "demo", seed=0, main=cli.main, size=size)
    folders = Folders(tmp_path / "demo")
    store = ShotStore.open(folders.store)
    store.verify()
    assert store.info.num_videos == 66
    assert store.info.num_skipped > 0
    for method in METHODS:
        assert load_encoder(folders.run(method) / "encoder").name.startswith(method)
        scores = [json.loads(path.read_text()) for path in folders.run(method).glob("scores-*.json")]
        assert len(scores) >= 2
        assert {row["weights"] for score in scores for row in score["results"]} == {"trained", "random"}
    html = page.read_text()
    assert page == folders.report.resolve()
    assert all(method in html for method in METHODS)
    assert "vivi pretrain" in html
    assert "<script" not in html
    assert "http://" not in html.replace("http://www.w3.org", "")
    again = demo(tmp_path / "demo", seed=0, main=cli.main, size=size)
    assert again == page
    assert "Traceback" not in capsys.readouterr().err
