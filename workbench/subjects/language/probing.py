"""Finding out which sites a model has, by running it on a few tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.subjects.language.axes import PROBES, by_token, describe, kind_of, layout
from workbench.subjects.language.passing import pass_through
from workbench.subjects.language.points import Point, watch
from workbench.subjects.language.twin import agree, twin_points

if TYPE_CHECKING:
    import torch

    from workbench.subjects.language.loading import Network

_SCORES = "hook_attn_scores"
_INSTEAD = (_SCORES, "hook_pattern")
Seen = dict[str, list["torch.Tensor"]]


@dataclass(frozen=True)
class Found:
    """What a site gives.

    Attributes
    ----------
    kind : str
        As `workbench.subjects.language.axes.kind_of` gives it.
    shape : tuple of int
        Shape of one token's activity, without the keys of attention.
    dtype : str
    """

    kind: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Findings:
    """What probing found out.

    Attributes
    ----------
    sites : dict of str to Found
        In the order of the forward pass.
    refused : dict of str to str
        Why each other place gives no activity by token.
    is_causal : bool
        Whether no site sees the tokens that follow.
    """

    sites: dict[str, Found]
    refused: dict[str, str]
    is_causal: bool


def probe(network: Network) -> Findings:
    """Run a model on a few tokens and look at what passes its points.

    Parameters
    ----------
    network : Network

    Returns
    -------
    Findings
    """
    first, second = (_probe_ids(network, shape) for shape in PROBES)
    seen = _everything(network, first)
    other = _everything(network, second)
    unreliable = _resting_on_missing(network, first, seen)
    sites, refused = {}, {}
    for name in network.points:
        reason = _refusal(name, seen, other, unreliable, network.missing)
        if reason:
            refused[name] = reason
        else:
            sites[name] = _found(seen[name][0], layout(seen[name][0].shape, other[name][0].shape))
    # In the order of the pass, which is not that of the names.
    ordered = {name: sites[name] for name in seen if name in sites}
    return Findings(ordered, refused, _is_causal(network, first, ordered))


def vocabulary(model: torch.nn.Module) -> int:
    """Number of token ids that a model knows."""
    embeddings: Any = model.get_input_embeddings()  # type: ignore[operator]
    return int(embeddings.weight.shape[0])


def is_faithful(network: Network) -> bool:
    """Whether the watched model computes what the plain one does."""
    ids = _probe_ids(network, PROBES[0])
    try:
        ours, theirs = (pass_through(each, ids, None) for each in (network.watched, network.plain))
    except (RuntimeError, ValueError, TypeError, AttributeError, KeyError, IndexError):
        # A wrapper that does not fit the installed transformers fails in any of these ways.
        return False
    return ours is not None and agree(ours, theirs, ids.shape[1])


def _probe_ids(network: Network, shape: tuple[int, int]) -> torch.Tensor:
    import torch

    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(vocabulary(network.plain), shape, generator=generator)
    return ids.to(network.device)


def _everything(network: Network, ids: torch.Tensor) -> Seen:
    return _pass_by(network.watched, network.points, ids, None)


def _pass_by(
    model: torch.nn.Module,
    points: Mapping[str, Point],
    ids: torch.Tensor,
    mask: torch.Tensor | None,
) -> Seen:
    seen: Seen = {}

    def keep(name: str, value: torch.Tensor) -> None:
        # A copy, because a later module may work in place.
        seen.setdefault(name, []).append(value.clone())

    with watch(points, keep):
        pass_through(model, ids, mask)
    return seen


def _resting_on_missing(network: Network, ids: torch.Tensor, seen: Seen) -> set[str]:
    if not network.missing:
        return set()
    weights = dict(network.plain.named_parameters())
    for name in network.missing & set(weights):
        # Whatever rests on a weight that no file held gives other numbers in every process.
        weights[name].data.add_(1.0)
    again = _everything(network, ids)
    return {
        name
        for name, values in seen.items()
        if not all(_same(a, b) for a, b in zip(values, again.get(name, []), strict=False))
    }


def _same(first: torch.Tensor, second: torch.Tensor) -> bool:
    import torch

    return first.shape == second.shape and torch.equal(first, second)


def _refusal(
    name: str, seen: Seen, other: Seen, unreliable: set[str], missing: frozenset[str]
) -> str:
    if name not in seen or name not in other:
        return "is not passed when the model runs as it was published"
    if len(seen[name]) > 1:
        return f"is passed {len(seen[name])} times for every text"
    value = seen[name][0]
    if name.endswith(_SCORES) and _same(value, seen.get(name.replace(*_INSTEAD), [value])[0]):
        return "has no scores: TransformerLens gives the pattern there"
    if name in unreliable:
        return f"rests on weights that the files lack, such as '{min(missing)}'"
    return _refusal_of(value, layout(value.shape, other[name][0].shape))


def _refusal_of(value: torch.Tensor, axes: str) -> str:
    if not value.is_floating_point():
        return "holds no activity but token ids or positions, which the row table has"
    if kind_of(axes) is None:
        return f"has the axes {describe(axes)}, not one value a token and unit"
    return ""


def _found(value: torch.Tensor, axes: str) -> Found:
    kind = str(kind_of(axes))
    shape = {"flat": value.shape[1:], "attention": value.shape[1:2]}.get(kind, value.shape[2:])
    return Found(kind, tuple(shape), str(value.dtype).removeprefix("torch."))


def _is_causal(network: Network, ids: torch.Tensor, sites: dict[str, Found]) -> bool:
    changed = ids.clone()
    changed[:, 3:] = (changed[:, 3:] + 1) % vocabulary(network.plain)
    before, after = (_everything(network, each) for each in (ids, changed))
    return all(
        _same(*(by_token(each[name][0], found.kind, *ids.shape)[:, :3] for each in (before, after)))
        for name, found in sites.items()
    )


def shared_points(network: Network, findings: Findings) -> dict[str, Point]:
    """Points in the plain model, with fused attention, that give what the watched ones give.

    Parameters
    ----------
    network : Network
    findings : Findings

    Returns
    -------
    dict of str to Point
    """
    ids = _probe_ids(network, PROBES[0])
    mask, n_tokens = None, ids.shape[1]
    if not findings.is_causal:
        # Both must treat padding alike; what they give for the padding itself does not matter.
        mask = ids.new_ones(ids.shape)
        mask[1:, -1] = 0
        n_tokens -= 1
    possible = twin_points(network.points, network.watched, network.plain)
    places = {
        name: place
        for name, place in possible.items()
        if name in findings.sites and findings.sites[name].kind != "attention"
    }
    watched = {name: network.points[name] for name in places}
    ours = _pass_by(network.watched, watched, ids, mask)
    theirs = _pass_by(network.plain, places, ids, mask)
    return {
        name: place
        for name, place in places.items()
        if len(theirs.get(name, [])) == 1
        and _alike(ours[name][0], theirs[name][0], findings.sites[name].kind, n_tokens, ids)
    }


def _alike(
    ours: torch.Tensor, theirs: torch.Tensor, kind: str, n_tokens: int, ids: torch.Tensor
) -> bool:
    # Heads may stand apart in one of them; texts and tokens must not.
    if kind != "token" and ours.shape != theirs.shape:
        return False
    first, second = (by_token(each, kind, *ids.shape) for each in (ours, theirs))
    return agree(first, second, n_tokens)
