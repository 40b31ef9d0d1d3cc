"""What Python programs call: a function for each verb of the command line, under its name.

`vivi.api.ingest`, `vivi.api.report` and so on take the flags of the verb, with their names and defaults; the first
argument may stand without its name. `vivi.api.store` and `vivi.api.tasks` hold the verbs of these two groups. `vivi`
itself has all whose name is no folder or file of the package. Importing this is quick: torch and all else is imported
when a function is called.
"""

from vivi.api import store, tasks
from vivi.api.benchmarks import detect, robust, vtab
from vivi.api.data import ingest
from vivi.api.judging import convert, embed, evaluate
from vivi.api.learning import preset, preset_names, pretrain, sweep
from vivi.api.looking import browse, demo, doctor, env
from vivi.api.results import compare, export, report, tables

__all__ = [
    "browse",
    "compare",
    "convert",
    "demo",
    "detect",
    "doctor",
    "embed",
    "env",
    "evaluate",
    "export",
    "ingest",
    "preset",
    "preset_names",
    "pretrain",
    "report",
    "robust",
    "store",
    "sweep",
    "tables",
    "tasks",
    "vtab",
]
