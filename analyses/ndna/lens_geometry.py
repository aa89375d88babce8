"""Fisher-Rao geometry of what a lens reads, three nodes of some rows at a time.

Chords between roots of distributions are squared and summed over classes as nodes go by; steps and
turning follow from three of them. Differences are taken before squares, so that tiny steps stay
accurate in single precision.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analyses.ndna.fisher_rao import no_direction
from analyses.ndna.lenses import Lens, logits_of
from workbench.errors import UsageError, WorkbenchError

if TYPE_CHECKING:
    import torch

CHUNK_BYTES = 32 * 2**20
_CACHE_BYTES = 2**18


@dataclass(frozen=True)
class LensReading:
    """What a lens reads off the positions of one prompt.

    Attributes
    ----------
    steps : Tensor (rows, nodes - 1)
        Fisher-Rao distance from node to node, in radians.
    turning : Tensor (rows, nodes - 2)
        Radians; NaN where undefined.
    chord : Tensor (rows,)
        Distance between first and last node.
    belief : Tensor (rows, nodes), optional
        Fisher-Rao norm of the push to the target.
    norm_of_mean, coherence : Tensor (nodes,), optional
        Of the pushes over rows.
    """

    steps: torch.Tensor
    turning: torch.Tensor
    chord: torch.Tensor
    belief: torch.Tensor | None = None
    norm_of_mean: torch.Tensor | None = None
    coherence: torch.Tensor | None = None


def read_prompt(
    states: torch.Tensor,
    lens: Lens,
    targets: torch.Tensor | None = None,
    *,
    chunk_bytes: int = CHUNK_BYTES,
    class_chunk: int | None = None,
) -> LensReading:
    """Read one prompt through a lens.

    Parameters
    ----------
    states : Tensor (rows, nodes, units)
        Activity at the positions of a prompt.
    lens : Lens
    targets : Tensor (rows,) of int, optional
        Right class of each row; no belief without.
    chunk_bytes : int
        Memory for logits: so many rows are taken at a time.
    class_chunk : int, optional
        Classes at a time. All by default, unless one row of all of them exceeds the memory; then
        logits are made twice, once for their normaliser, and the products cost twice as much.

    Returns
    -------
    LensReading

    Raises
    ------
    UsageError
        If there is one node only.
    WorkbenchError
        If logits are not finite.
    """
    import torch

    if states.shape[1] < 2:
        raise UsageError(
            f"Found {states.shape[1]} node to read; expected at least two: one layer is no path."
        )
    n_classes, width = lens.weight.shape[0], lens.weight.element_size()
    row_bytes = states.shape[1] * n_classes * width
    if class_chunk is None and row_bytes > chunk_bytes:
        class_chunk = max(1, chunk_bytes // (states.shape[1] * width))
    size = min(class_chunk or n_classes, n_classes)
    with torch.inference_mode():
        features = lens.features(states).transpose(0, 1).contiguous()
        n_at_once = max(1, chunk_bytes // (states.shape[1] * size * width))
        work = _Work(features, lens, targets, min(n_at_once, len(states)), size)
        sums = _whole(work) if size == n_classes else _by_classes(work)
        return _reading(sums, targets is not None)


@dataclass(frozen=True)
class _Work:
    """What is to be read: features (nodes, rows, features), so many rows and classes at a time."""

    features: torch.Tensor
    lens: Lens
    targets: torch.Tensor | None
    n_rows_at_once: int
    n_classes_at_once: int

    @property
    def rows(self) -> list[slice]:
        """Rows that are taken together."""
        return list(_slices(self.features.shape[1], self.n_rows_at_once))

    def aimed_at(self, classes: slice, rows: slice) -> tuple[torch.Tensor, torch.Tensor]:
        """Which of some rows have their target among some classes, and its place there."""
        assert self.targets is not None  # noqa: S101 - asked for with targets only
        targets = self.targets[rows]
        inside = ((targets >= classes.start) & (targets < classes.stop)).nonzero()[:, 0]
        return inside, targets[inside] - classes.start


class _Sums:
    """Sums over classes, by node and row, and of the means over rows by node."""

    def __init__(self, work: _Work) -> None:
        n_nodes, n_rows = work.features.shape[:2]
        # Squared chords to a node, their products with the chord before, and squared pushes.
        self.near, self.cross, self.push, self.squares, self.chosen = (
            work.features.new_zeros(n_nodes, n_rows) for _ in range(5)
        )
        self.across = work.features.new_zeros(n_rows)
        self.of_mean = work.features.new_zeros(3, n_nodes)

    def add(self, rows: slice, visited: _Visited) -> None:
        """Take in what some classes of some rows add."""
        self.near[1:, rows] += visited.stacked(visited.near)
        self.across[rows] += visited.across
        if visited.cross:
            self.cross[2:, rows] += visited.stacked(visited.cross)
        if visited.push:
            self.push[:, rows] += visited.stacked(visited.push)

    def add_columns(self, columns: torch.Tensor) -> None:
        """Take in sums of roots and pushes over rows (nodes, 2, classes)."""
        roots, push = columns.unbind(1)
        parts = (_dots(roots, roots), _dots(push, push), _dots(roots, push))
        for number, part in enumerate(parts):
            self.of_mean[number] += part / self.near.shape[1] ** 2


class _Visited:
    """Nodes of some rows, one after the other: three of them are held."""

    def __init__(self, like: torch.Tensor, n_rows: int, n_classes: int) -> None:
        self.probs, self.first, *self.held = like.new_empty(6, n_rows, n_classes)
        self.begin()

    def begin(self) -> None:
        """Forget the rows before."""
        self.near: list[torch.Tensor] = []
        self.cross: list[torch.Tensor] = []
        self.push: list[torch.Tensor] = []
        self.across = self.probs.new_zeros(len(self.probs))

    @staticmethod
    def stacked(values: list[torch.Tensor]) -> torch.Tensor:
        """By node and row."""
        import torch

        return torch.stack(values)

    def visit(
        self, node: int, last: bool, slack: torch.Tensor | None, columns: torch.Tensor
    ) -> None:
        """Take in the probabilities that were written, which become pushes."""
        import torch

        # Two places for roots and two for chords, each in turn.
        roots, before = self.held[node % 2], self.held[1 - node % 2]
        torch.sqrt(self.probs, out=roots)
        if node == 0:
            self.first.copy_(roots)
        else:
            chord, chord_before = self.held[2 + node % 2], self.held[3 - node % 2]
            torch.sub(roots, before, out=chord)
            self.near.append(_dots(chord, chord))
            if node > 1:
                self.cross.append(_dots(chord, chord_before))
        if last:
            self.first.sub_(roots)
            self.across = _dots(self.first, self.first)
        if slack is None:
            return
        push = self.probs.add_(slack).mul_(roots)
        self.push.append(_dots(push, push))
        for column, values in zip(columns[node].unbind(0), (roots, push), strict=True):
            column.add_(values[0] if len(values) == 1 else values.sum(0))


def _whole(work: _Work) -> _Sums:
    """All classes at once: every logit is made once."""
    import torch

    sums, n_classes = _Sums(work), work.n_classes_at_once
    n_nodes = len(work.features)
    columns = work.features.new_zeros(n_nodes, 2, n_classes if work.targets is not None else 0)
    # One place for all chunks: memory that is asked for anew costs as much as reading it twice.
    room = work.features.new_empty(n_nodes * work.n_rows_at_once * n_classes)
    n_together = _rows_together(work.features, work.n_rows_at_once, n_classes)
    for many in work.rows:
        logits = logits_of(work.features[:, many], work.lens, room=room)
        visited = _Visited(work.features, n_together, n_classes)
        for some in _slices(logits.shape[1], n_together):
            if some.stop - some.start < n_together:
                visited = _Visited(work.features, some.stop - some.start, n_classes)
            rows = slice(many.start + some.start, many.start + some.stop)
            visited.begin()
            for node, values in enumerate(logits[:, some].unbind(0)):
                probs = torch.softmax(values, -1, out=visited.probs)
                slack = None
                if work.targets is not None:
                    chosen = probs.gather(1, work.targets[rows, None])
                    squares = _dots(probs, probs)
                    slack = chosen - squares[:, None]
                    sums.chosen[node, rows], sums.squares[node, rows] = chosen[:, 0], squares
                visited.visit(node, node == n_nodes - 1, slack, columns)
            sums.add(rows, visited)
    if work.targets is not None:
        _aim(work, sums, columns, slice(0, n_classes))
    return sums


def _aim(work: _Work, sums: _Sums, columns: torch.Tensor, classes: slice) -> None:
    """Take the pull of the targets off the sums of pushes, which are counted away from them."""
    rows, where = work.aimed_at(classes, slice(None))
    for node, column in enumerate(columns[:, 1].unbind(0)):
        column.index_add_(0, where, -sums.chosen[node, rows].sqrt())
    sums.add_columns(columns)


def _by_classes(work: _Work) -> _Sums:
    """Some classes at a time: once for the normalisers, then for all that needs them."""
    import torch

    sums, n_nodes = _Sums(work), len(work.features)
    normaliser = _normalisers(work, sums)
    slack = (sums.chosen - sums.squares)[..., None]
    for classes in _slices(work.lens.weight.shape[0], work.n_classes_at_once):
        size = classes.stop - classes.start
        columns = work.features.new_zeros(n_nodes, 2, size if work.targets is not None else 0)
        for rows in work.rows:
            visited = _Visited(work.features, rows.stop - rows.start, size)
            for node in range(n_nodes):
                logits = logits_of(work.features[node, rows], work.lens, classes)
                torch.exp(logits.sub_(normaliser[node, rows, None]), out=visited.probs)
                given = None if work.targets is None else slack[node, rows]
                visited.visit(node, node == n_nodes - 1, given, columns)
            sums.add(rows, visited)
        if work.targets is not None:
            _aim(work, sums, columns, classes)
    return sums


def _normalisers(work: _Work, sums: _Sums) -> torch.Tensor:
    """Log normalisers (nodes, rows); squares and chosen probabilities go to the sums."""
    import torch

    first = torch.full_like(sums.near, -torch.inf)
    second = first.clone()
    for classes in _slices(work.lens.weight.shape[0], work.n_classes_at_once):
        for rows in work.rows:
            logits = logits_of(work.features[:, rows], work.lens, classes)
            if work.targets is not None:
                inside, where = work.aimed_at(classes, rows)
                sums.chosen[:, rows.start + inside] = logits[:, inside, where]
            first[:, rows] = torch.logaddexp(first[:, rows], logits.logsumexp(-1))
            second[:, rows] = torch.logaddexp(second[:, rows], logits.mul_(2).logsumexp(-1))
    sums.chosen.sub_(first).exp_()
    sums.squares.copy_((second - 2 * first).exp())
    return first


def _reading(sums: _Sums, believes: bool) -> LensReading:
    if not bool(sums.near.isfinite().all()):
        broken = int((~sums.near.isfinite()).any(0).sum())
        raise WorkbenchError(
            f"Found NaN or infinite logits at {broken} of {len(sums.across)} positions; expected "
            "finite numbers: leave that text or model out, or compute in float32."
        )
    near, cross = sums.near.T, sums.cross.T
    turning = turning_of_chords(near[:, 1:-1], near[:, 2:], cross[:, 2:])
    reading = (_arc(near[:, 1:]), turning, _arc(sums.across))
    return LensReading(*reading, *(_belief(sums) if believes else ()))


def _belief(sums: _Sums) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    import torch

    # The push is u_y e_y - w with w = u (q + slack), and w_y = u_y (q_y + slack).
    slack = sums.chosen - sums.squares
    squared = sums.chosen * (1 - 2 * (sums.chosen + slack)) + sums.push
    norm = squared.clamp_min(0).sqrt().T
    roots, push, both = sums.of_mean
    of_mean = (push - both**2 / roots).clamp_min(0).sqrt()
    mean_norm = norm.mean(0)
    coherence = torch.where(mean_norm > 0, of_mean / mean_norm, torch.nan)
    # Rounding may carry perfect agreement beyond 1.
    return norm, of_mean, coherence.clamp(max=1.0)


def turning_of_chords(
    before: torch.Tensor, after: torch.Tensor, product: torch.Tensor
) -> torch.Tensor:
    """Turning on the unit sphere from squares and products of chords.

    Parameters
    ----------
    before, after : Tensor (...)
        Squared chords from the last node and to the next one.
    product : Tensor (...)
        Inner product of the two chords.

    Returns
    -------
    Tensor (...)
        Radians; NaN where a node is identical to a neighbour or opposite to it. Turns below the
        root of the precision (2e-8 in double, 3e-4 in single) are lost.
    """
    import torch

    # For tangents: a·b = d·d' + |d|²|d'|²/4 and |a|² = |d|² - |d|⁴/4, with d and d' the chords.
    inner = product + before * after / 4
    lengths = (before - before**2 / 4).clamp_min(0) * (after - after**2 / 4).clamp_min(0)
    across = (lengths - inner**2).clamp_min(0).sqrt()
    undefined = no_direction(before, after, float(torch.finfo(before.dtype).eps))
    return torch.where(undefined, torch.nan, torch.atan2(across, inner))


def _rows_together(features: torch.Tensor, n_at_once: int, n_classes: int) -> int:
    """Rows whose roots stay in a processor's cache; all of them on a GPU."""
    if features.device.type != "cpu":
        return n_at_once
    return min(n_at_once, max(1, _CACHE_BYTES // (n_classes * features.element_size())))


def _slices(total: int, size: int) -> Iterator[slice]:
    for start in range(0, total, size):
        yield slice(start, min(start + size, total))


def _dots(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Inner products of rows (rows, classes)."""
    import torch

    # For one long row the product of BLAS reads each number once and writes none.
    if len(first) == 1:
        return torch.dot(first[0], second[0])[None]
    return torch.linalg.vecdot(first, second)


def _arc(squared: torch.Tensor) -> torch.Tensor:
    return 4 * (squared.sqrt() / 2).clamp(max=1).arcsin()
