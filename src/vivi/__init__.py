"""Image encoders learned from raw videos (Self-Supervised Learning of Video-Induced Visual Invariances).

A function for each verb of the command line, with the names and defaults of its flags; all raise
`vivi.core.errors.ViviError` for what the user can mend. All of them stand in `vivi.api`; those whose name is no folder
or file of this package stand here too: `vivi.pretrain`, but `vivi.api.report`. Importing this is quick: torch is
imported by the first call.
"""

from pathlib import Path
from typing import TYPE_CHECKING

__version__ = "0.1.0"  # before the imports, since what they import may ask for it

from vivi import api
from vivi.api import (
    compare,
    detect,
    embed,
    env,
    evaluate,
    export,
    ingest,
    preset,
    preset_names,
    pretrain,
    robust,
    store,
    tables,
    tasks,
    vtab,
)

if TYPE_CHECKING:
    from vivi.nn.export import LoadedEncoder

__all__ = [
    "__version__",
    "api",
    "compare",
    "detect",
    "embed",
    "env",
    "evaluate",
    "export",
    "ingest",
    "load_encoder",
    "preset",
    "preset_names",
    "pretrain",
    "robust",
    "store",
    "tables",
    "tasks",
    "vtab",
]


def load_encoder(path: Path | str) -> "LoadedEncoder":
    """The encoder of an encoder folder (RUN/encoder), checked against its manifest, on the CPU, in eval mode.

    Its `preprocess` takes uint8 RGB images_BCHW to [-1, 1]; calling it gives features_BD.

    Raises:
        vivi.core.errors.CheckpointError: missing, no encoder folder, damaged, or of another version.
    """
    from vivi.nn import export  # imported here to keep `import vivi` light

    return export.load_encoder(path)
