"""The long run: `python -m tests.fuzz --cases 10000 --seed 0`; one line per finding, a table at the end."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.fuzz.campaign import CPU_SECONDS, GOOD, MAX_MIB, Result, as_line, campaign, plan
from tests.fuzz.cases import KINDS

FINDINGS = ("traceback", "sentence", "stray", "hang", "crash", "memory")


def table(results: list[Result]) -> str:
    """The results by kind as a Markdown table."""
    head = ["kind", "files", "accepted", "refused", *FINDINGS, "max s", "max MiB"]
    rows = [head, ["---"] * len(head)]
    for kind in [*dict.fromkeys(result.kind for result in results), "all"]:
        own = [result for result in results if kind in (result.kind, "all")]
        count = Counter(result.outcome for result in own)
        numbers = [len(own), *(count[name] for name in (*GOOD, *FINDINGS))]
        worst = [f"{max(result.seconds for result in own):.1f}", f"{max(result.mib for result in own):.0f}"]
        rows.append([kind, *map(str, numbers), *worst])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def main() -> int:
    """Run the cases and print the table; 1 when there is a finding."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000, help="of all kinds together (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="%(default)s")
    parser.add_argument("--kinds", default=",".join(KINDS), help="separated by commas (all)")
    parser.add_argument("--case", type=int, help="only this case of the one kind given")
    parser.add_argument("--keep", type=Path, help="folder for the last case's files; they are removed otherwise")
    parser.add_argument("--log", type=Path, help="file to which a line of JSON is added per case")
    args = parser.parse_args()
    kinds = args.kinds.split(",")
    planned = plan(args.cases, kinds) if args.case is None else [(kinds[0], args.case)]
    cases = [(kind, args.seed, index) for kind, index in planned]
    results: list[Result] = []
    begin = time.monotonic()
    with TemporaryDirectory(prefix="disco-fuzz-") as scratch:
        for result in campaign(cases, args.keep or Path(scratch)):
            results.append(result)
            if args.log is not None:
                with args.log.open("a", encoding="utf-8") as log:
                    log.write(as_line(result) + "\n")
            if result.outcome not in GOOD or args.case is not None:
                print(as_line(result), flush=True)
    print(table(results))
    print(f"limits: {CPU_SECONDS:g} s of processor time and {MAX_MIB:g} MiB per case; {time.monotonic() - begin:.0f} s")
    return int(any(result.outcome not in GOOD for result in results))


if __name__ == "__main__":
    sys.exit(main())
