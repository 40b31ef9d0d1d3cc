"""The command line: one verb a function, in the files of this folder. A verb parses, calls and shows progress.

Exit codes: 0 done; 2 something the user can mend; 75 stopped by a signal and saved, the same command goes on.
"""

from vivi.cli import browse, data, detect, doctor, env, export, judging, learning, robust, store, tables, tasks, vtab
from vivi.cli.app import app, main

__all__ = [
    "app",
    "browse",
    "data",
    "detect",
    "doctor",
    "env",
    "export",
    "judging",
    "learning",
    "main",
    "robust",
    "store",
    "tables",
    "tasks",
    "vtab",
]
