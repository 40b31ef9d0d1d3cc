"""The fault campaign: hundreds of damaged, odd and hostile inputs in one ingest, and a table of what came of each.

    python scripts/faults.py --out DIR                      # a new folder; inputs and store stay there
    VIVI_REAL_DATA=... python scripts/faults.py --out DIR   # damaged real videos too

It ends with 1 if an input was not accounted for exactly once or in a way that is not right for it, if anything outside
the store was changed, if a file or address that an input names was opened, or if a good video came out differently.
"""

import argparse
import os
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.faults.campaign import Found, Row, all_cases, real_videos, run_campaign


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the inputs and the store")
    parser.add_argument("--real", type=int, default=6, help="real videos that are damaged (default 6)")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    if given.out.exists() and any(given.out.iterdir()):
        print(f"{given.out} is not empty: name a new folder", file=sys.stderr)
        return 2
    given.out.mkdir(parents=True, exist_ok=True)
    folder = os.environ.get("VIVI_REAL_DATA")
    real = real_videos(Path(folder) / "videos", count=given.real) if folder else ()
    if not folder:
        print("VIVI_REAL_DATA is not set: no real video is damaged")
    found = run_campaign(all_cases(num_real=len(real)), given.out.resolve(), real=real, workers=given.workers)
    for line in table(found):
        print(line)
    return 0 if not found.problems and all(row.is_right for row in found.rows) else 1


def table(found: Found) -> list[str]:
    """A line for every input, then counts and what is wrong."""
    lines = [_line(row) for row in found.rows]
    there = [row for row in found.rows if row.path]
    lines += [
        "",
        "ends: " + ", ".join(f"{end} {count}" for end, count in Counter(row.end for row in there).most_common()),
    ]
    cases, missing = len({row.case.name for row in there}), len(found.rows) - len(there)
    lines.append(f"{cases} cases of {len(there)} inputs in {found.seconds:.0f} s; {missing} cases not made here")
    lines += [f"PROBLEM: {problem}" for problem in found.problems]
    wrong = sum(not row.is_right for row in found.rows)
    lines.append(f"{wrong} wrong ends, {len(found.problems)} other problems")
    return lines


def _line(row: Row) -> str:
    mark = "" if row.is_right else f"  WRONG, legal: {', '.join(sorted(row.case.ends))}"
    return f"{row.case.name[:60]:60}  {row.path.partition('/')[2][:40]:40}  {row.end}{mark}"


if __name__ == "__main__":
    sys.exit(main())
