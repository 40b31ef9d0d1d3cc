"""What stands above each table: the command, the numbers of everything, and what differs from the paper."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from methods_worlds import LEARN_SHARE, REAL_INGEST

COMMAND = (
    "python benchmarks/methods.py {world} --out FOLDER --steps {steps} --seeds {seeds} \\\n"
    "        --records docs/results/{world}.jsonl --report docs/results.md"
)
TINY = """\
What differs from the paper, for all rows alike: a ResNet-18 v2 of width 16 (`-Big`: 48) at 48 pixels instead of a
ResNet-50 v2 at 224; {steps} steps instead of 120,000 (co-training: 100,000); 64 shots a step instead of 2048, of 4
frames instead of 8 (rotation: 2 instead of 4); learning rate 0.03; crops keep at least 30 % of the picture; the weight
of InfoNCE is 2 (with MLPs 0.5) instead of 0.04; labelled images come 64 a step for Co(10%) as for the others: these are
the values of `tiny`, nothing else is set. Probes on frozen features stand for the paper's fine-tuning on
VTAB. "ImageNet" is the folder of images to learn from: the rows named after it and Semi-Ex see all its images without
labels; Sup, Co and Semi-Ex its labels, or a tenth of them."""
OURS = """\
Rows with words in their names are ours; each differs from its neighbours in one thing. "Ex-YT-F without grey-scale
and standardisation" has the augmentation of Ex-YT-S, "VIVI-Ex(4) with group norm" the norm of the co-trained models,
"with a tenth of lambda" 0.2 instead of 2 as the weight of InfoNCE; "without HSV noise" Co(100%) has the colours of
VIVI-Ex(4), and "with batch norm" its norm too. Random weights are those of the network before any step, with batch
norm's first averages; networks of other kinds have a line of their own."""
COUNTED = ("videos", "shots", "stored frames", "videos for K=2, L=4", "videos for K=4, L=4")
WORLDS = {
    "demo": """\
The videos are made by the demo (seed 0, whatever the seed of a run) and ingested at 4 Hz with its histogram cuts. All
shots of a video show the same kind of thing (`what`), in the same number (`how_many`), on the same kind of ground
(`place`); positions (`where`), colours, light and camera change. The images to learn from are stills of the task `what`
drawn with another seed. The settings of `tiny` were once tried out on this world, with VIVI-Ex(4) in view.""",
    "real": """\
The videos are short clips, mostly of one shot. With the paper's cuts at 1 Hz almost no video has 4 shots of 8 frames,
so shots here are not cuts: `vivi ingest {ingest}` takes four frames a second and calls
every second a shot. Neighbouring shots then mostly show the same view a second later, which is weaker than what a
video level is for. Of each class of cifar10 {learn:.0%} are learned from; of the rest, and of all images of the other
tasks, half train the probes and half test them, divided by a fixed seed, whatever split the folder has; of equal files
one is kept.""",
}


def about(world: str, *, facts: Mapping[str, Any], steps: int, seeds: Sequence[int]) -> list[str]:
    """Paragraphs of Markdown."""
    command = COMMAND.format(world=world, steps=steps, seeds=" ".join(map(str, seeds)))
    prefix = "VIVI_REAL_DATA=DATA " if world == "real" else ""
    described = WORLDS[world].format(ingest=shlex.join(REAL_INGEST), learn=LEARN_SHARE)
    numbers = ", ".join(f"{facts[what]} {what}" for what in COUNTED)
    tasks = ", ".join(
        f"{name} ({each['classes']} classes, {each['train']} to train a probe, {each['test']} to test)"
        for name, each in facts["tasks"].items()
    )
    learned = f"{facts['images to learn from']} labelled images of {facts['classes of these']} classes"
    counted = f"{steps} steps. The store: {numbers}. To learn from: {learned}. Tasks: {tasks}."
    return [f"    {prefix}{command}", "", counted, "", described, "", TINY.format(steps=f"{steps:,}"), "", OURS]
