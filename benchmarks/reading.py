"""Reading a recording against numpy reading the same bytes.

    python benchmarks/reading.py [--rounds 5]

Prints a Markdown table. A gibibyte of float32 in shards of 64 MiB lies in the page cache, so that
the rates are those of the software and not of the disk. `np.fromfile` reads every shard whole.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from measuring import finish, machine, median, ratio, rounds, timed

import workbench as wb

UNITS, SHARD_ROWS, SHARDS, BATCH = 768, 21_845, 16, 1024


def prepare(work: Path) -> None:
    """Write the recording."""
    from workbench.recording.writer import write_recording

    generator = np.random.default_rng(0)
    values = generator.standard_normal((SHARD_ROWS * SHARDS, UNITS), dtype=np.float32)
    write_recording(wb.from_arrays({"site": values}), work / "rec", rows_per_shard=SHARD_ROWS)


def variant(work: Path, what: str) -> None:
    """One measurement, in this process, after one pass that warms the page cache and the memory."""
    folder = work / "rec" / "sites" / "site"
    files = sorted(folder.glob("*.safetensors"))
    recording = wb.open(work / "rec")

    def fromfile() -> None:
        for path in files:
            np.fromfile(path, dtype=np.float32, offset=path.stat().st_size % 4)

    def batches(shuffle: int | None) -> None:
        for batch in recording["site"].batches(BATCH, shuffle=shuffle):
            batch.shape  # noqa: B018

    functions = {
        "fromfile": fromfile,
        "sequential": lambda: batches(None),
        "shuffled": lambda: batches(0),
        "to_numpy": recording["site"].to_numpy,
    }
    functions[what]()
    finish(timed(functions[what]))


TITLES = {
    "fromfile": "np.fromfile, shard by shard",
    "sequential": f"batches({BATCH})",
    "shuffled": f"batches({BATCH}, shuffle=0)",
    "to_numpy": "to_numpy(), all rows in memory",
}


def main() -> None:
    """Run all variants."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--variant", nargs=2, metavar=("WORK", "WHAT"))
    given = parser.parse_args()
    if given.variant:
        variant(Path(given.variant[0]), given.variant[1])
        return
    print(machine())
    size = SHARD_ROWS * SHARDS * UNITS * 4
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        variants = {what: ["--variant", folder, what] for what in TITLES}
        found = rounds(sys.argv[0], variants, given.rounds)
    print("\n| variant | GB/s | rate / np.fromfile | peak MiB |\n|---|---|---|---|")
    for what, runs in found.items():
        rate = size / median(runs, "seconds") / 1e9
        relative = ratio(found["fromfile"], runs)
        print(f"| {TITLES[what]} | {rate:.2f} | {relative:.2f} | {median(runs, 'peak_mib'):.0f} |")


if __name__ == "__main__":
    main()
