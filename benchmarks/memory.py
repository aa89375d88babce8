"""Peak memory of a capture and of reading it, for one and for ten times the rows.

    python benchmarks/memory.py [--rounds 3]

Prints a Markdown table. demo:language on one text file, residual stream of every layer, float32,
shards of 4,096 tokens; every measurement in a process of its own.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from measuring import finish, machine, median, rounds, timed

TEXTS, TIMES = 6_000, (1, 10)


def capture(work: Path, times: int) -> float:
    """Capture to disk."""
    import workbench as wb

    return timed(
        lambda: wb.capture(
            "demo:language",
            text=work / f"{times}.txt",
            sites="blocks.*.hook_resid_post",
            shard_tokens=4096,
            out=work / f"rec{times}",
        )
    )


def read(work: Path, times: int) -> float:
    """Read all batches of one site."""
    import workbench as wb

    recording = wb.open(work / f"rec{times}")

    def passes() -> None:
        for batch in recording[recording.sites[0]].batches(1024):
            batch.shape  # noqa: B018

    return timed(passes)


def main() -> None:
    """Run all variants."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--variant", nargs=3, metavar=("WORK", "WHAT", "TIMES"))
    given = parser.parse_args()
    if given.variant:
        work, what, times = given.variant
        finish({"capture": capture, "read": read}[what](Path(work), int(times)))
        return
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        line = "The old teacher gave the small child a new book about rivers.\n"
        for times in TIMES:
            Path(folder, f"{times}.txt").write_text(line * TEXTS * times, encoding="utf-8")
        variants = {
            f"{what}, {times} x {TEXTS} texts": ["--variant", folder, what, str(times)]
            for what in ("capture", "read")
            for times in TIMES
        }
        found = rounds(sys.argv[0], variants, given.rounds)
    print("\n| variant | seconds | peak MiB |\n|---|---|---|")
    for what, runs in found.items():
        print(f"| {what} | {median(runs, 'seconds'):.1f} | {median(runs, 'peak_mib'):.0f} |")


if __name__ == "__main__":
    main()
