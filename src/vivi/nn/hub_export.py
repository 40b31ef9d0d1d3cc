"""An encoder as a folder that can be uploaded to a model hub as it is: weights, config.json, and a card with scores.

It is an encoder folder (`vivi.load_encoder` opens it, and timm where it knows the network) whose README.md begins with
the front matter that the Hugging Face hub reads. Nothing is uploaded. The fields, `model-index` among them, are as in
huggingface/hub-docs, modelcard.md.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vivi.core.errors import ViviError
from vivi.core.files import atomic_folder
from vivi.nn.encoder import TimmForm
from vivi.nn.export import LoadedEncoder, load_encoder
from vivi.nn.exported import Exported, check_place
from vivi.nn.model_card import front_matter, shown, without_front_matter
from vivi.nn.timm_export import card_of, copy_encoder

UNKNOWN = "unknown"
"""The licence of a model about which nobody said any."""
_TO = "hf"
_LICENCE = re.compile(r"[a-z0-9][a-z0-9.+-]*")
_SLUG = re.compile(r"[^a-z0-9]+")
_TIMM = """\
import timm

encoder = timm.create_model("hf-hub:NAME/REPOSITORY", pretrained=True).eval()
"""
_VIVI = """\
import vivi

encoder = vivi.load_encoder("FOLDER")  # the repository, downloaded
"""


@dataclass(frozen=True, slots=True)
class CardScore:
    """One accuracy that the card tells."""

    task: str
    """The data set, e.g. "Flowers102"."""
    probe: str
    """How it was measured, e.g. "k nearest neighbours on frozen features"."""
    accuracy: float
    """In [0, 1]."""
    interval: tuple[float, float]
    """95 %, in [0, 1]."""
    total: int
    """Test images."""
    baseline: float | None
    """Of the same network with random weights, in [0, 1]; None where it was not measured."""
    remark: str
    """In what the number is not what its name promises; empty where it is."""


def export_hub(
    source: Path, *, out: Path, scores: Sequence[CardScore] = (), license: str = UNKNOWN, remarks: Sequence[str] = ()
) -> Exported:
    """Write a folder for a model hub; it appears whole or not at all.

    Args:
        source: an encoder folder; the text of its README.md is kept.
        out: the folder to write; an earlier export of the same model to hf is replaced.
        scores: of this encoder.
        license: an identifier that the hub knows, such as "apache-2.0"; "unknown" where nobody decided.
        remarks: what to tell beside the scores.

    Raises:
        CheckpointError: no usable encoder, or `out` is taken.
        ViviError: a licence that is no identifier.
    """
    if not _LICENCE.fullmatch(license):
        raise ViviError(f"--license {license!r}: give an identifier such as apache-2.0, cc-by-nc-4.0, mit or other")
    loaded = load_encoder(source)
    check_place(out, to=_TO, name=loaded.name, source=source)
    form = loaded.config.timm_form()
    body = without_front_matter(card_of(source, loaded=loaded)).rstrip("\n")
    head = front_matter(_fields(loaded, form=form, scores=scores, license=license))
    table = f"\n\n{score_section(scores, remarks=remarks)}" if scores else ""
    with atomic_folder(out) as fresh:
        files = copy_encoder(source, fresh, loaded=loaded, card=f"{head}\n{body}{table}\n", to=_TO)
    undecided = ("the card says license: unknown: say which with --license",) if license == UNKNOWN else ()
    unscored = () if scores else ("the card has no scores: name files of them with --scores",)
    return Exported(
        to=_TO,
        folder=out,
        name=loaded.name,
        files=files,
        difference=None,
        largest=None,
        remarks=(*undecided, *unscored),
        snippet=_VIVI if form is None else _TIMM,
    )


def _fields(
    loaded: LoadedEncoder, *, form: TimmForm | None, scores: Sequence[CardScore], license: str
) -> Mapping[str, Any]:
    fields: dict[str, Any] = {
        "license": license,
        "library_name": "vivi" if form is None else "timm",
        "pipeline_tag": "image-feature-extraction",
        "tags": ["image-feature-extraction", "self-supervised-learning", "video", "vivi"],
    }
    if scores:
        fields["metrics"] = ["accuracy"]
        fields["model-index"] = [{"name": loaded.name, "results": [_result(each) for each in scores]}]
    return fields


def _result(score: CardScore) -> Mapping[str, Any]:
    slug = _SLUG.sub("-", score.task.lower()).strip("-") or "images"
    low, high = score.interval
    metric = f"accuracy, 95 % interval {low:.1%} to {high:.1%} ({score.total} test images)"
    return {
        "task": {"type": "image-classification", "name": score.probe},
        "dataset": {"type": slug, "name": score.task},
        "metrics": [{"type": "accuracy", "value": round(score.accuracy, 4), "name": metric}],
    }


def score_section(scores: Sequence[CardScore], *, remarks: Sequence[str]) -> str:
    """The scores as a part of a card, in Markdown."""
    lines = [
        "## Scores\n",
        "| task | how | accuracy | 95 % interval | random weights | test images |",
        "|---|---|---|---|---|---|",
    ]
    for each in scores:
        low, high = each.interval
        baseline = "" if each.baseline is None else f"{each.baseline:.1%}"
        texts = (shown(each.task), shown(each.probe), f"{each.accuracy:.1%}", f"{low:.1%} to {high:.1%}", baseline)
        lines.append("| " + " | ".join(text.replace("|", "\\|") for text in (*texts, str(each.total))) + " |")
    told = dict.fromkeys([*remarks, *(f"{each.task}: {each.remark}" for each in scores if each.remark)])
    lines += [""] + [f"- {shown(each)}" for each in told] if told else []
    return "\n".join(lines) + "\n"
