"""Image encoders learned from raw videos (Self-Supervised Learning of Video-Induced Visual Invariances).

A function for each verb of the command line, with the names and defaults of its flags; all raise
`vivi.core.errors.ViviError` for what the user can mend. Importing this is quick: torch is imported by the first call.
"""

from pathlib import Path
from typing import TYPE_CHECKING

__version__ = "0.1.0"  # before the imports, since what they import may ask for it

from vivi.api.data import ingest
from vivi.api.judging import embed, evaluate, vtab
from vivi.api.learning import preset, preset_names, pretrain
from vivi.api.results import export, write_report

if TYPE_CHECKING:
    from vivi.nn.export import LoadedEncoder

__all__ = [
    "__version__",
    "embed",
    "evaluate",
    "export",
    "ingest",
    "load_encoder",
    "preset",
    "preset_names",
    "pretrain",
    "vtab",
    "write_report",
]


def load_encoder(path: Path | str) -> "LoadedEncoder":
    """The encoder of an encoder folder (RUN/encoder), checked against its manifest, on the CPU, in eval mode.

    Its `preprocess` takes uint8 RGB images_BCHW to [-1, 1]; calling it gives features_BD.

    Raises:
        vivi.core.errors.CheckpointError: missing, no encoder folder, damaged, or of another version.
    """
    from vivi.nn import export  # imported here to keep `import vivi` light

    return export.load_encoder(path)
