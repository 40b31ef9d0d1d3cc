"""The newcomer's path: README's own lines, typed in their order in an empty home.

What the lines say is taken from README. Added to them are flags that make a run short (FEW), and what clips of a few
seconds need. A line that needs what nobody has at the start must say so in one line (WAITING). A line of README that is
in neither list fails here. `make demo` and `make test` set up an environment and take minutes: CI and
`tests/house/test_whole_way.py`, the demo in miniature, run what they run.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
from tests.reference import vtab_results
from tests.reference.natural_sets import write_lists
from tests.reference.newcomer import Newcomer, drawn, real
from tests.reference.pages import README, ROOT, blocks, calls

pytestmark = [pytest.mark.extras, pytest.mark.timeout(900)]

FEW = ("--steps", "2")
RUN: dict[str, tuple[str, ...]] = {
    "ingest my_videos ": (),
    "doctor store": (),
    'pretrain "VIVI-Ex(4)" --data store --out run ': FEW,
    "evaluate run/encoder ": (),
    "report run scores.json ": (),
    "embed run/encoder ": (),
    "export run/encoder --to onnx ": (),
    'presets "VIVI-Ex(4)"': (),
    'pretrain "VIVI-Ex(4)" --data store --out run2 ': FEW,
    'pretrain "VIVI-Ex(4)-Co(10%)" ': (*FEW, "--set", "labelled.images_per_step=4"),
    'sweep "VIVI-Ex(4)" ': (*FEW, "--lambda", "2"),
    "tasks ROOT": (),
    "vtab run/encoder --data ROOT --out vtab --dry-run": (),
    "vtab run/encoder --data ROOT --out vtab ": ("--dry-run",),
    "tables vtab other robust.json ": (),
    "compare vtab other": (),
}
"""How lines begin that are run, and what is added to each."""
OPENED = "browse store"
"""The line that serves until Ctrl-C."""
WAITING = {
    "convert BiT-S-R50x1.npz ": "BiT-S-R50x1.npz does not exist",
    "vtab timm:resnet50 ": "the weights of timm's resnet50 are not here and nothing is downloaded|torchvision",
    "robust run/encoder ": "imagenet-vid-robust has no metadata/pmsets.json",
    "detect run/encoder ": "VOCdevkit/VOC2007|torchvision",
}
"""How lines begin that need a download, and what they say where it is not there."""
MADE = {"make demo", "make test"}


class Walk:
    """What every line of README did, by how it begins."""

    def __init__(self, newcomer: Newcomer, more: tuple[str, ...]) -> None:
        self.newcomer, self.folder = newcomer, newcomer.folder
        self.done: dict[str, CompletedProcess[str]] = {}
        self._typed: dict[tuple[str, ...], CompletedProcess[str]] = {}
        for call in calls(README):
            begin = beginning(call.text)
            if begin == OPENED:
                continue
            added = more if begin.startswith("ingest ") else RUN.get(begin, ())
            self.done[begin] = self.type([*call.words, *added], succeeds=begin in RUN)

    def type(self, words: list[str], *, succeeds: bool = True) -> CompletedProcess[str]:
        if words[0] == "tables":
            made_up_results(self.folder)
        line = tuple(words)
        done = self._typed[line] = self._typed.get(line) or self.newcomer.vivi(words)
        assert "Traceback" not in done.stderr, done.stderr
        assert not succeeds or done.returncode == 0, f"vivi {' '.join(words)}: {done.stderr}"
        return done

    def said(self, begin: str) -> str:
        (found,) = (done.stdout for name, done in self.done.items() if name.startswith(begin))
        return found


def beginning(text: str) -> str:
    """The one entry of the lists above that a line of README begins with; the longest counts."""
    fitting = [each for each in (*RUN, OPENED, *WAITING) if (text + " ").startswith(each)]
    assert fitting, f"README has 'vivi {text}': name it in RUN or WAITING of {Path(__file__).name}"
    return max(fitting, key=len)


def made_up_results(folder: Path) -> None:
    """What `vivi vtab` and `vivi robust` leave after days."""
    for name, middle in (("vtab", 0.5), ("other", 0.4)):
        found = vtab_results.results(name, vtab_results.around(middle))
        vtab_results.write(folder / name / "results.json", found)
    vtab_results.write(folder / "robust.json", vtab_results.robust("vtab", pm0=600, pm10=500))


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    newcomer = Newcomer(tmp_path_factory.mktemp("newcomer"))
    data = os.environ.get("VIVI_REAL_DATA")
    more = real(newcomer.folder, data=Path(data)) if data else drawn(newcomer.folder)
    write_lists(newcomer.folder / "ROOT", "kitti", classes=4, counts={"train800": 8, "val200": 4, "test": 4})
    return Walk(newcomer, more)


@pytest.fixture(scope="module")
def asked(walk: Walk) -> Iterator[np.lib.npyio.NpzFile]:
    """README's Python, and behind it four pictures with their features."""
    (code,) = (each for each in blocks(README, language="python") if "vivi.load_encoder" in each)
    code += "assert features_BD.shape == (1, 128)  # of the ResNet-18 of width 16 that --tiny trains\n"
    code += "images_BCHW = torch.randint(256, (4, 3, size, size), dtype=torch.uint8)\n"
    code += "features_BD = encoder(encoder.preprocess(images_BCHW)).detach()\n"
    code += "import numpy; numpy.savez('asked.npz', images=images_BCHW.numpy(), features=features_BD.numpy())\n"
    walk.newcomer.python(code)
    with np.load(walk.folder / "asked.npz") as loaded:
        assert loaded["features"].std() > 0.01
        yield loaded


def test_every_line_of_the_readme_is_in_a_list_and_every_list_is_of_the_readme():
    assert {beginning(call.text) for call in calls(README)} == {*RUN, OPENED, *WAITING}
    with pytest.raises(AssertionError, match="name it in RUN or WAITING"):
        beginning("pretrain VIVI --out elsewhere")
    lines = [line.split("#")[0].split() for block in blocks(README, language="sh") for line in block.splitlines()]
    assert {" ".join(words) for words in lines if words and words[0] != "vivi"} == MADE
    makefile = (ROOT / "Makefile").read_text()
    assert all(re.search(rf"^{line.split()[1]}: ", makefile, re.MULTILINE) for line in MADE)
    assert "vivi demo --out demo" in makefile


def test_lines_that_wait_for_something_say_for_what(walk: Walk):
    for begin, reason in WAITING.items():
        done = walk.done[begin]
        assert done.returncode == 2 and re.search(reason, done.stderr), done.stderr
        assert done.stderr.startswith("vivi: error: ") and done.stderr.count("\n") == 1


def test_a_store_and_what_it_is_worth(walk: Walk):
    files = len(list((walk.folder / "my_videos").iterdir()))
    said = re.sub(r"[^\w\n]+", " ", walk.said("ingest"))
    assert f"inputs {files} " in said and f"videos stored {files} " in said
    assert walk.said("doctor").endswith("doctor.html\n") and "videos" in (walk.folder / "doctor.html").read_text()


def test_the_browser_shows_the_store(walk: Walk):
    (call,) = (each for each in calls(README) if each.text.startswith(OPENED))
    with walk.newcomer.browsing([*call.words, "--port", "0"]) as visit:
        page = visit.get().decode()
        assert f"<h1>{len(list((walk.folder / 'my_videos').iterdir()))} videos</h1>" in page
        picture = re.search(r'src="(/thumb/[^"]+)"', page)
        assert picture and visit.get(picture[1])[:3] == b"\xff\xd8\xff"
        assert "shot" in visit.get("/video/0").decode()


def test_pretraining_ends_with_what_to_do_next(walk: Walk):
    lines = walk.said('pretrain "VIVI-Ex(4)" --data store --out run ').splitlines()
    assert lines[-1] == "run/encoder"
    assert any("vivi evaluate run/encoder --data" in line for line in lines)
    assert any("vivi export run/encoder --to timm|onnx|hf" in line for line in lines)
    assert 'vivi.load_encoder("run/encoder")' in "\n".join(lines)
    assert (walk.folder / "run" / "report.html").is_file()


def test_scores_report_and_embeddings(walk: Walk):
    import pyarrow.parquet

    scores = json.loads((walk.folder / "scores.json").read_text())["results"]
    assert {(each["probe"], each["weights"]) for each in scores} == {
        (probe, weights) for probe in ("knn", "logistic") for weights in ("trained", "random")
    }
    report = (walk.folder / "report.html").read_text()
    assert "VIVI-Ex(4)-Tiny" in report and "my_images" in report and "<svg" in report
    table = pyarrow.parquet.read_table(walk.folder / "features.parquet")
    assert len(table) == sum(each.is_file() for each in (walk.folder / "my_images").rglob("*"))
    record = json.loads((walk.folder / "run2" / "experiment.json").read_text())
    assert record["experiment"]["optimiser"]["learning_rate"] == 0.1
    assert json.loads(walk.said("presets"))["name"] == "VIVI-Ex(4)"


def test_the_example_of_the_store_page_reads_this_store(walk: Walk):
    (code,) = blocks(ROOT / "docs" / "store.md", language="python")
    walk.newcomer.python_without("vivi", "torch", code=code)


def test_timm_loads_the_encoder_folder_without_vivi(walk: Walk, asked):
    (code,) = (each for each in blocks(README, language="python") if "timm.create_model" in each)
    np.testing.assert_allclose(in_timm(walk, code), asked["features"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["timm", "hf"])
def test_timm_loads_what_is_exported(walk: Walk, asked, kind: str):
    (call,) = (each for each in calls(README) if each.text.startswith("export "))
    said = walk.type([each.replace("onnx", kind).replace("exported", f"for_{kind}") for each in call.words]).stdout
    code = snippet(said).replace("hf-hub:NAME/REPOSITORY", f"local-dir:for_{kind}")
    np.testing.assert_allclose(in_timm(walk, code), asked["features"], rtol=1e-4, atol=1e-5)


def test_onnxruntime_runs_the_export_without_vivi_or_torch(walk: Walk, asked):
    code = f"{snippet(walk.said('export '))}\nimages = np.load('asked.npz')['images']\n"
    code += "np.save('onnx.npy', session.run(['features'], {'images': images})[0])\n"
    walk.newcomer.python_without("vivi", "torch", code=code)
    np.testing.assert_allclose(np.load(walk.folder / "onnx.npy"), asked["features"], rtol=1e-4, atol=1e-5)


def test_the_home_keeps_nothing_but_caches_of_pictures_and_fonts(walk: Walk):
    assert {each.name for each in walk.newcomer.home.iterdir()} <= {".cache", ".config"}
    assert {each.name for each in (walk.newcomer.home / ".cache").iterdir()} <= {"fontconfig", "matplotlib", "vivi"}


def snippet(said: str) -> str:
    """The lines of Python that `vivi export` prints between an empty line and the name of the folder."""
    return "\n".join(said.partition("\n\n")[2].splitlines()[:-1])


def in_timm(walk: Walk, code: str) -> np.ndarray:
    """Features_BD of the four pictures, in the mean and deviation that the model's own configuration tells timm."""
    code += "\nimport numpy, torch\nasked = numpy.load('asked.npz')\nabout = encoder.pretrained_cfg\n"
    code += "mean, std = (torch.tensor(about[name]).view(3, 1, 1) for name in ('mean', 'std'))\n"
    code += "found = encoder((torch.from_numpy(asked['images']) / 255 - mean) / std)\n"
    walk.newcomer.python_with_timm(code + "numpy.save('timm.npy', found.detach().numpy())\n")
    return np.load(walk.folder / "timm.npy")
