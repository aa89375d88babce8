"""One of several processes that capture into one folder; prints what came of it."""

from __future__ import annotations

import json
import sys
import time

import workbench as wb


def main() -> None:
    """Wait for the starting time, capture, say how it went."""
    start, arguments = float(sys.argv[1]), json.loads(sys.argv[2])
    time.sleep(max(0.0, start - time.time()))
    try:
        recording = wb.capture(**arguments)
    except wb.WorkbenchError as error:
        print(json.dumps({"error": str(error)}))
    else:
        print(json.dumps({"rows": recording.n_rows, "complete": recording.is_complete}))


main()
