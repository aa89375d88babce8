"""Communities of weighted LFR graphs: mean NMI by setting, ours beside Leiden, Louvain, graph-tool.

Run ``python benchmarks/communities.py FILE.npz``, an archive with ``adjacency`` (graphs, nodes,
nodes), ``labels`` (graphs, nodes) and ``setting`` (graphs,). Graphs of one community are skipped.
No method sees the labels. ``--graph-tool PYTHON`` names an interpreter that has graph-tool.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np

SEED = 0
# Published rerun of the paper's model with single edges, other graphs of the same nine settings.
PUBLISHED = {
    1: 0.018,
    2: 0.152,
    3: 0.126,
    4: 0.696,
    5: 0.262,
    6: 0.371,
    7: 0.035,
    8: 0.370,
    9: 0.532,
}


def methods() -> dict[str, Callable[[nx.Graph], dict[int, int]]]:
    """What is compared, by column."""
    from analyses.connectome.communities import communities

    return {
        "ours": lambda graph: communities(graph, seed=SEED),
        "Leiden w": lambda graph: communities(graph, "leiden", seed=SEED),
        "Leiden unweighted": lambda graph: communities(graph, "leiden", weight=None, seed=SEED),
        "Louvain w": lambda graph: communities(graph, "louvain", seed=SEED),
    }


def score(truth: Any, found: list[int]) -> float:
    """NMI, arithmetic mean of entropies, as in the paper's notebook."""
    from sklearn.metrics import normalized_mutual_info_score

    return float(normalized_mutual_info_score(truth, found))


def graph_tool(python: str, file: str, graphs: list[int]) -> dict[str, dict[int, list[int]]]:
    """Partitions that graph-tool finds in another interpreter."""
    script = Path(__file__).with_name("communities_graph_tool.py")
    done = subprocess.run(
        [python, str(script), file, *map(str, graphs)], capture_output=True, text=True, check=True
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    columns = {"graph-tool, lowest level": "lowest", "graph-tool, best level": "best"}
    return {name: {row["graph"]: row[key] for row in rows} for name, key in columns.items()}


def measure(file: str, graphs: list[int], python: str | None) -> dict[str, dict[int, float]]:
    """NMI of every method on every graph."""
    archive = np.load(file, allow_pickle=False)
    labels, scores = archive["labels"], {}
    for name, method in methods().items():
        scores[name], start = {}, time.process_time()
        for number in graphs:
            found = method(nx.from_numpy_array(archive["adjacency"][number].astype(float)))
            scores[name][number] = score(labels[number], [found[node] for node in sorted(found)])
        seconds = (time.process_time() - start) / len(graphs)
        print(f"{name}: {seconds:.2f} CPU s a graph", file=sys.stderr, flush=True)
    if python:
        for name, found in graph_tool(python, file, graphs).items():
            scores[name] = {n: score(labels[n], blocks) for n, blocks in found.items()}
    return scores


def print_table(settings: np.ndarray, scores: dict[str, dict[int, float]]) -> None:
    """Mean NMI by setting, as Markdown."""
    print(f"| setting | n | {' | '.join(scores)} | published, single edges |")
    print("|---" * (len(scores) + 3) + "|")
    graphs = sorted(scores["ours"])
    means = []
    for setting in sorted(set(settings[graphs].tolist())):
        chosen = [number for number in graphs if settings[number] == setting]
        row = [float(np.mean([column[n] for n in chosen])) for column in scores.values()]
        means.append([*row, PUBLISHED.get(setting, np.nan)])
        cells = " | ".join(f"{value:.3f}" for value in means[-1])
        print(f"| {setting} | {len(chosen)} | {cells} |")
    cells = " | ".join(f"{value:.3f}" for value in np.mean(means, axis=0))
    print(f"| mean | {len(graphs)} | {cells} |")


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", help="archive of LFR graphs")
    parser.add_argument("--graph-tool", metavar="PYTHON", help="interpreter that has graph-tool")
    options = parser.parse_args()
    archive = np.load(options.file, allow_pickle=False)
    graphs = [n for n, labels in enumerate(archive["labels"]) if len(set(labels.tolist())) > 1]
    print_table(archive["setting"], measure(options.file, graphs, options.graph_tool))


if __name__ == "__main__":
    main()
