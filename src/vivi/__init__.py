"""Image encoders learned from raw videos (Self-Supervised Learning of Video-Induced Visual Invariances)."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vivi.nn.export import LoadedEncoder

__version__ = "0.1.0"


def load_encoder(path: Path | str) -> "LoadedEncoder":
    """The encoder of an encoder folder (RUN/encoder), checked against its manifest, on the CPU, in eval mode.

    Its `preprocess` takes uint8 RGB images_BCHW to [-1, 1]; calling it gives features_BD.

    Raises:
        vivi.core.errors.CheckpointError: missing, no encoder folder, damaged, or of another version.
    """
    from vivi.nn import export  # imported here to keep `import vivi` light

    return export.load_encoder(path)
