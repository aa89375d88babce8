"""Peak memory of captures of growing length, each in a child forked from one parent.

Arguments: model folder, folder to write, then numbers of texts. Prints the peak in MiB of each.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch

import workbench as wb

TEXT = "a rather common sentence about nothing in particular, again and again"


def main() -> None:
    """Capture texts of every length in turn."""
    torch.set_num_threads(1)
    model, folder = sys.argv[1], Path(sys.argv[2])
    for count in map(int, sys.argv[3:]):
        text = folder / f"{count}.txt"
        text.write_text("\n".join(f"{i} {TEXT}" for i in range(count)))
        child = os.fork()
        if child == 0:
            wb.capture(
                f"hf:{model}",
                text=text,
                sites="blocks.*.hook_*",
                out=folder / f"rec{count}",
                shard_tokens=2048,
                batch_tokens=512,
            )
            os._exit(0)
        _, status, usage = os.wait4(child, 0)
        assert status == 0
        print(usage.ru_maxrss / 1024, flush=True)


main()
