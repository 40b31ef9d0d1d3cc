"""The README.md of an encoder folder: what it is, how to load it, and the facts of its training."""

import html
import json
import re
from collections.abc import Mapping
from typing import Any

from vivi.core.visible import visible
from vivi.nn.classifier import FILE, Classifier
from vivi.nn.encoder import Encoder, TimmForm

CARD = "README.md"
_MARKDOWN = re.compile(r"[\\`*\[\]~]|(?<![^\W_])_|_(?![^\W_])")
"""What would be markup; an underscore inside a word is none."""
_FRONT = """\
---
library_name: {library}
tags:
- image-feature-extraction
- self-supervised-learning
- vivi
---
"""
_VIVI = """\
## Load it

```python
import torch, vivi

encoder = vivi.load_encoder("path/to/this/folder")
images_BCHW = torch.randint(256, (1, 3, {size}, {size}), dtype=torch.uint8)  # RGB
features_BD = encoder(encoder.preprocess(images_BCHW))  # {dim} features an image
```
"""
_TIMM = """\
Without vivi:

```python
import timm

encoder = timm.create_model("local-dir:path/to/this/folder", pretrained=True, num_classes=0).eval()
```

It is timm's `{architecture}`{arguments}. Inputs are RGB in [-1, 1] (mean and standard deviation 0.5).
"""
_EPSILONS = """The tensors carry the difference between vivi's and timm's epsilons, so that the features are the same.
Before training it further with timm, give it vivi's epsilons; the features stay the same:

```python
import torch

{restore}```
"""
_CLASSIFIER = """\
It was trained with labels too: `{file}` holds the linear classifier that was trained with it, and `config.json` the
names of its {count} classes.

```python
logits_BC = encoder.logits(encoder.preprocess(images_BCHW))
names = [encoder.classifier.classes[best] for best in logits_BC.argmax(dim=1).tolist()]
```
"""
_TIMM_CLASSIFIER = """\
The classifier on the timm model, after the statements above if they are used (timm's `resnetv2` has a 1x1 convolution
there, `head.fc`):

```python
from safetensors.torch import load_file

classifier = load_file("path/to/this/folder/{file}")
encoder.reset_classifier(len(classifier["bias"]))
layer = encoder.get_classifier()
layer.load_state_dict({{"weight": classifier["weight"].view_as(layer.weight), "bias": classifier["bias"]}})
```
"""
_NO_TIMM = "timm has no model of exactly this shape: load it with vivi.\n"
_ONNX = """\
# {name}

An image encoder as an ONNX graph, opset {opset}, compared with onnxruntime against the encoder it was made from.

## Load it

```python
{snippet}```

| | |
|---|---|
| input `images` | {input} |
| pixels | {pixels} |
| resize | {resize} |
{outputs}
"""


def model_card(
    text: str,
    *,
    name: str,
    encoder: Encoder,
    image_size: int,
    form: TimmForm | None,
    details: Mapping[str, Any],
    classifier: Classifier | None = None,
) -> str:
    """The card in Markdown, with the front matter that model hubs read."""
    parts = [
        _FRONT.format(library="vivi" if form is None else "timm"),
        f"# {shown(name)}\n",
        f"{text.strip()}\n",
        _VIVI.format(size=image_size, dim=encoder.feature_dim),
        *([] if classifier is None else [_CLASSIFIER.format(file=FILE, count=len(classifier.classes))]),
        _NO_TIMM if form is None else _timm_part(form),
        *([] if classifier is None or form is None else [_TIMM_CLASSIFIER.format(file=FILE)]),
        f"## Facts\n\n{_table({'image size': image_size, 'features': encoder.feature_dim, **details})}",
    ]
    return "\n".join(parts)


def _timm_part(form: TimmForm) -> str:
    arguments = ", ".join(f"{key}={value!r}" for key, value in form.model_args.items())
    with_arguments = f" with `{arguments}`" if arguments else ""
    text = _TIMM.format(architecture=form.architecture, arguments=with_arguments)
    return text + (_EPSILONS.format(restore=form.restore) if form.restore else "")


def _table(rows: Mapping[str, Any]) -> str:
    lines = [f"| {_cell(key)} | {_cell(value)} |" for key, value in rows.items()]
    return "\n".join(["| | |", "|---|---|", *lines]) + "\n"


def _cell(value: Any) -> str:
    return shown(value).replace("|", "\\|")


def onnx_card(name: str, *, about: Mapping[str, Any], snippet: str) -> str:
    """The README.md of an exported graph.

    Args:
        name: of the model.
        about: its config.json.
        snippet: Python that runs it.
    """
    outputs = [f"| output `{key}` | {_cell(shape)} |" for key, shape in about["outputs"].items()]
    body = _ONNX.format(
        name=shown(name),
        opset=about["opset"],
        snippet=snippet,
        input=_cell(about["input"]["images"]),
        pixels=_cell(about["input"]["pixels"]),
        resize=_cell(about["resize"]),
        outputs="\n".join(outputs),
    )
    facts = _table({"fingerprint": about["vivi"]["fingerprint"], **about["vivi"]["details"]})
    return f"{front_matter({'library_name': 'onnx', 'tags': ['image-feature-extraction', 'vivi']})}\n{body}\n{facts}"


def shown(value: Any) -> str:
    """A name or value as text for Markdown: one line of visible characters, without HTML, links and pictures."""
    line = " ".join(str(value).split())
    return html.escape(_MARKDOWN.sub(r"\\\g<0>", visible(line)), quote=False)


def front_matter(fields: Mapping[str, Any]) -> str:
    """The YAML that stands at the head of a card, between two lines of dashes; its texts are quoted as JSON quotes."""
    return "---\n" + "".join(_yaml({key: value}, indent=0) for key, value in fields.items()) + "---\n"


def without_front_matter(card: str) -> str:
    """The Markdown of a card."""
    if not card.startswith("---\n"):
        return card
    _, closed, body = card[4:].partition("\n---\n")
    return body.lstrip("\n") if closed else card


def _yaml(value: Any, *, indent: int) -> str:
    """Mappings and lists in blocks, everything else as JSON, which YAML contains."""
    space = " " * indent
    if isinstance(value, Mapping):
        parts = []
        for key, each in value.items():
            nested = isinstance(each, Mapping | list) and each
            parts.append(
                f"{space}{key}:\n{_yaml(each, indent=indent + 2)}" if nested else f"{space}{key}: {_scalar(each)}\n"
            )
        return "".join(parts)
    if isinstance(value, list):
        items = (
            _yaml(each, indent=indent + 2) if isinstance(each, Mapping | list) else f"{space}  {_scalar(each)}\n"
            for each in value
        )
        return "".join(f"{space}- {item.removeprefix(space + '  ')}" for item in items)
    return f"{space}{_scalar(value)}\n"


def _scalar(value: Any) -> str:
    return json.dumps(visible(value) if isinstance(value, str) else value, ensure_ascii=False)
