"""A language model: the sites that it has, and one pass that stops after the last one wanted."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from workbench.capturing.source import SiteInfo
from workbench.errors import UsageError, WorkbenchError
from workbench.subjects.globs import match_sites
from workbench.subjects.language.axes import by_token
from workbench.subjects.language.identity import (
    configuration_digest,
    tokenizer_digest,
    weights_digest,
)
from workbench.subjects.language.loading import (
    load_network,
    load_tokenizer,
    resolve_device,
    without_bridge,
)
from workbench.subjects.language.passing import (
    LastSiteReachedError,
    decoder_start,
    has_decoder_input,
    pass_through,
)
from workbench.subjects.language.points import Keep, Point, watch
from workbench.subjects.language.probing import (
    Findings,
    is_faithful,
    probe,
    shared_points,
    vocabulary,
)

if TYPE_CHECKING:
    import torch


class LanguageModel:
    """A Hugging Face language model with TransformerLens' names for its hook points.

    The weights are as the model's authors published them: no folding, no centring. An architecture
    that TransformerLens does not know has the dotted names of its modules instead, and attention
    patterns under these names with ``.pattern`` behind them.

    Parameters
    ----------
    name : str
        Local folder, or name on the Hugging Face hub.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.
    dtype : str
        Dtype to compute in: ``float32``, ``bfloat16``, ``float16`` or ``float64``.

    Attributes
    ----------
    model, plain : torch.nn.Module
        With TransformerLens' wrappers, and as transformers builds it; one set of weights.
    tokenizer : Hugging Face tokenizer or None
    context : int
        Tokens that one pass can take.
    description : dict
        Numbers of layers, units and heads, and the architecture.

    Raises
    ------
    UsageError
        If there is no such model, device or dtype, or its files are damaged.
    """

    def __init__(self, name: str, device: str = "auto", dtype: str = "float32") -> None:
        self.name = name
        self.device = resolve_device(device)
        network = load_network(name, self.device, dtype)
        if not is_faithful(network):
            network = without_bridge(network.plain, network.missing)
        self._network = network
        self.model, self.plain = self._network.watched, self._network.plain
        self.context, self.description = self._network.context, self._network.description
        self.tokenizer = load_tokenizer(name)

    @property
    def vocabulary(self) -> int:
        """Number of token ids."""
        return vocabulary(self.plain)

    @property
    def has_decoder_input(self) -> bool:
        """Whether there is an encoder that reads the text and a decoder that reads it as well."""
        return has_decoder_input(self.plain)

    @cached_property
    def _findings(self) -> Findings:
        return probe(self._network)

    @cached_property
    def _places(self) -> dict[str, Point]:
        return shared_points(self._network, self._findings)

    def sites(self) -> list[SiteInfo]:
        """Every site that has one row a token, in the order of the forward pass.

        The keys of attention are as many as the longest text has tokens, at most `context`.
        """
        return [
            SiteInfo(
                name,
                (*found.shape, self.context) if found.kind == "attention" else found.shape,
                found.dtype,
            )
            for name, found in self._findings.sites.items()
        ]

    def is_attention(self, site: str) -> bool:
        """Whether the activity at a site is (text, head, query, key)."""
        return self._findings.sites[site].kind == "attention"

    def is_fused(self, sites: Sequence[str]) -> bool:
        """Whether some sites can be read without wrappers, with fused attention."""
        return all(site in self._places for site in sites)

    def choose(self, patterns: str | Sequence[str]) -> list[SiteInfo]:
        """Sites that globs name; a hook point with two names is taken once.

        Raises
        ------
        UsageError
            If a glob matches nothing, or only places that give no activity by token.
        """
        known = {site.name: site for site in self.sites()}
        if not known:
            raise UsageError(
                f"The weights of '{self.name}' are not those of the model that its config.json "
                f"describes ('{min(self._network.missing, default='')}' is missing); expected both "
                "of one model: copy or download it again."
            )
        given = patterns.split(",") if isinstance(patterns, str) else list(patterns)
        for pattern in given:
            if pattern in self._findings.refused:
                raise UsageError(
                    f"Site '{pattern}' {self._findings.refused[pattern]}; expected a site that "
                    "--list-sites prints."
                )
        matched = match_sites(given, list(known))
        taken: dict[tuple[int, bool], str] = {}
        for name in matched:
            point = (id(self._network.points[name].module), self.is_attention(name))
            # Of two names the second is the classic one (hook_resid_post, not hook_out), but a
            # name written out wins over either.
            if point not in taken or taken[point] not in given:
                taken[point] = name
        return [known[name] for name in matched if name in taken.values()]

    def run(
        self, ids: torch.Tensor, mask: torch.Tensor | None, sites: Sequence[str], keep: Keep
    ) -> None:
        """Pass right-padded token ids through the model; layers after the last site do not run.

        Parameters
        ----------
        ids : Tensor (texts, tokens)
        mask : Tensor (texts, tokens), optional
            1 for a token, 0 for padding; None where there is no padding.
        sites : sequence of str
        keep : callable
            Called once a site with its name and activity, (texts, tokens, units, ...) or
            (texts, queries, heads, keys); what it keeps must be a copy, because later modules may
            work in place.

        Raises
        ------
        WorkbenchError
            If a site was not passed.
        """
        missed = dict.fromkeys(sites)

        def take(name: str, value: torch.Tensor) -> None:
            keep(name, by_token(value, self._findings.sites[name].kind, *ids.shape))
            missed.pop(name, None)
            if not missed:
                raise LastSiteReachedError

        # What stands on the right is never seen by a causal model, and unmasked attention is
        # faster.
        mask = None if self._findings.is_causal else mask
        fused = self.is_fused(sites)
        points = self._places if fused else self._network.points
        with watch({site: points[site] for site in sites}, take):
            pass_through(self.plain if fused else self.model, ids, mask)
        if missed:
            raise WorkbenchError(
                f"No activity passed site '{next(iter(missed))}', although it did in a trial; the "
                "model takes another path for this text: choose other sites."
            )

    def forward(
        self, ids: torch.Tensor, mask: torch.Tensor | None, sites: Sequence[str]
    ) -> dict[str, torch.Tensor]:
        """Activity at some sites, copied; see `run`."""
        found: dict[str, torch.Tensor] = {}
        self.run(ids, mask, sites, lambda name, value: found.update({name: value.clone()}))
        return found

    def ingredients(self, sites: Sequence[str]) -> dict[str, Any]:
        """Everything about the model that changes its numbers at some sites."""
        model: Any = self.plain if self.is_fused(sites) else self.model
        decoder = {"decoder_start": decoder_start(self.plain)} if self.has_decoder_input else {}
        return {
            **decoder,
            "weights": weights_digest(self.plain, self._network.missing),
            "configuration": configuration_digest(self.plain.config),
            "tokenizer": tokenizer_digest(self.tokenizer),
            "model_dtype": str(model.dtype).removeprefix("torch."),
            "attention": str(getattr(model.config, "_attn_implementation", "unknown")),
        }
