"""Verbs about encoders: evaluate, embed, convert."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from vivi.convert.conversion import Conversion
    from vivi.transfer.embed import EmbedSummary
    from vivi.transfer.scores import Scores


def evaluate(
    encoder: Path | str,
    *,
    data: Path | str,
    out: Path | str | None = None,
    max_train: int | None = None,
    max_test: int | None = None,
    seed: int = 0,
    splits: int = 1,
    device: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> "Scores":
    """Judge an encoder on labelled images, beside the same network with random weights, as `vivi evaluate` does.

    Args:
        encoder: an encoder folder.
        data: CLASS/IMAGE, or train/CLASS/IMAGE and test/CLASS/IMAGE.
        out: where scores.json is written; None: nowhere.
        max_train: training images of a class at most.
        max_test: test images of a class at most.
        seed: decides the split where the folder has none, and what the limits keep.
        splits: judge with so many seeds from this one on; `vivi compare` pairs them.
        device: "auto", "cpu", "cuda" or "cuda:N".
        progress: called with images done and in all after each batch.

    Raises:
        ViviError: anything the user can mend; the text says what to do.
    """
    from vivi.core.world import find_device
    from vivi.transfer.quick import evaluate as run_evaluate

    return run_evaluate(
        Path(encoder),
        data=Path(data),
        out=None if out is None else Path(out),
        max_train=max_train,
        max_test=max_test,
        seed=seed,
        splits=splits,
        device=find_device(device),
        progress=progress,
    )


def embed(
    encoder: Path | str,
    *,
    images: Path | str | None = None,
    videos: Path | str | Sequence[Path | str] = (),
    store: Path | str | None = None,
    out: Path | str,
    per: Literal["frame", "shot", "video"] = "frame",
    fps: float = 1.0,
    batch: int = 64,
    device: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> "EmbedSummary":
    """Write the embeddings of images, videos or a store to a file, as `vivi embed` does. Interrupted, it goes on.

    Args:
        encoder: an encoder folder.
        images: an image, or a folder that is searched recursively.
        videos: video files and folders; one or several.
        store: a shot store.
        out: a file that ends in .parquet, .npz or .npy.
        per: what a row is of, for videos and stores.
        fps: frames of a second of raw video.
        batch: pictures at a time.
        device: "auto", "cpu", "cuda" or "cuda:N".
        progress: called with inputs done and in all.

    Raises:
        ViviError: anything the user can mend; the text says what to do.
    """
    from vivi.core.world import find_device
    from vivi.transfer.embed import embed as run_embed

    roots = [videos] if isinstance(videos, Path | str) else videos
    return run_embed(
        Path(encoder),
        images=None if images is None else Path(images),
        videos=tuple(roots),
        store=None if store is None else Path(store),
        out=Path(out),
        per=per,
        fps=fps,
        batch=batch,
        device=find_device(device),
        progress=progress,
    )


def convert(
    source: Path | str,
    *,
    out: Path | str,
    name: str | None = None,
    layout: str | None = None,
    scope: str | None = None,
    image_size: int = 224,
) -> "Conversion":
    """Turn a published checkpoint of another code base into an encoder folder, as `vivi convert` does.

    Args:
        source: a .npz of named arrays, a TensorFlow checkpoint or hub module, or a .caffemodel.
        out: the encoder folder to write.
        name: the model's name; None: that of the file.
        layout: how its variables are named; None: recognised.
        scope: what stands before the names of its variables, where the file holds several networks.
        image_size: side of the images it was trained on, in pixels.

    Raises:
        ViviError: anything the user can mend; the text says what to do.
    """
    from vivi.convert.conversion import convert as run_convert

    return run_convert(Path(source), out=Path(out), name=name, layout=layout, scope=scope, image_size=image_size)
