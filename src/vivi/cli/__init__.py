"""The command line: one verb a function, in the files of this folder. A verb parses, calls and shows progress.

Exit codes: 0 done; 2 something the user can mend; 75 stopped by a signal and saved, the same command goes on.
"""

from vivi.cli import data, detect, judging, learning, robust, tables, tasks, vtab
from vivi.cli.app import app, main

__all__ = ["app", "data", "detect", "judging", "learning", "main", "robust", "tables", "tasks", "vtab"]
