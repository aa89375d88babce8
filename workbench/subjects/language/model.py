"""A language model through TransformerLens: its hook points, and one pass that stops early."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.capturing.source import SiteInfo
from workbench.errors import UsageError, WorkbenchError
from workbench.recording.identity import digest
from workbench.subjects.globs import match_sites
from workbench.subjects.language.hub import prepare_hub
from workbench.subjects.language.twin import (
    agree,
    load_twin,
    share_weights,
    shared_places,
    watch_twin,
)

if TYPE_CHECKING:
    import torch

_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "vocab.json",
    "vocab.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
)
_DEFAULT_CONTEXT = 1024


class _LastSiteReachedError(Exception):
    """Ends a forward pass once everything wanted was seen."""


class LanguageModel:
    """A Hugging Face language model with TransformerLens' names for its hook points.

    The weights are as the model's authors published them: no folding, no centring.

    Parameters
    ----------
    name : str
        Local folder, or name on the Hugging Face hub.
    device : str
        ``auto``, ``cpu`` or ``cuda``.
    dtype : str
        Dtype to compute in.

    Raises
    ------
    UsageError
        If there is no such model or device.
    """

    def __init__(self, name: str, device: str = "auto", dtype: str = "float32") -> None:
        import torch

        self.name = name
        self.device = _device(device)
        self.bridge, self._twin = _boot(name, self.device, getattr(torch, dtype))
        self.model = self.bridge.original_model.eval()
        self.tokenizer = _tokenizer(name)
        self._hooks: dict[str, Any] = dict(self.bridge.hook_dict)
        self._places: dict[str, tuple[str, bool]] = {}
        self._is_causal = False
        self._sites: list[SiteInfo] | None = None

    @property
    def context(self) -> int:
        """Tokens that one pass can take."""
        return int(getattr(self.bridge.cfg, "n_ctx", 0) or _DEFAULT_CONTEXT)

    @property
    def vocabulary(self) -> int:
        """Number of token ids."""
        return int(self.model.get_input_embeddings().weight.shape[0])

    def sites(self) -> list[SiteInfo]:
        """Every hook point that has one row a token, in the order of the forward pass."""
        if self._sites is None:
            self._sites = list(self._probe())
        return self._sites

    def _probe(self) -> Iterator[SiteInfo]:
        # Lengths 3 and 5 are unlike any other axis, so shapes cannot be mistaken for one another.
        ids = self._probe_ids()
        seen = self._everything(ids)
        found = {
            name: values[0]
            for name, values in seen.items()
            if len(values) == 1 and values[0].ndim > 2 and values[0].shape[:2] == (3, 5)
        }
        self._is_causal = self._is_blind_to_what_follows(ids, found)
        self._places = self._find_places(ids, found)
        for name, value in found.items():
            yield SiteInfo(name, tuple(value.shape[2:]), str(value.dtype).removeprefix("torch."))

    def _probe_ids(self) -> torch.Tensor:
        import torch

        generator = torch.Generator().manual_seed(0)
        return torch.randint(self.vocabulary, (3, 5), generator=generator).to(self.device)

    def _everything(self, ids: torch.Tensor) -> dict[str, list[torch.Tensor]]:
        seen: dict[str, list[torch.Tensor]] = {}

        def keep(name: str, value: torch.Tensor) -> None:
            # A copy, because a later module may work in place.
            seen.setdefault(name, []).append(value.clone())

        with self._watch(list(self._hooks), keep):
            _pass(self.model, ids, None)
        return seen

    def _is_blind_to_what_follows(self, ids: torch.Tensor, found: dict[str, torch.Tensor]) -> bool:
        import torch

        changed = ids.clone()
        changed[:, 3:] = (changed[:, 3:] + 1) % self.vocabulary
        again = self._everything(changed)
        return all(torch.equal(v[:, :3], again[name][0][:, :3]) for name, v in found.items())

    def _find_places(
        self, ids: torch.Tensor, found: dict[str, torch.Tensor]
    ) -> dict[str, tuple[str, bool]]:
        if self._twin is None or not self._is_causal:
            return {}
        known = shared_places(self.model, self._twin)
        places = {
            name: known[id(self._hooks[name])] for name in found if id(self._hooks[name]) in known
        }
        seen: dict[str, torch.Tensor] = {}
        listed = [(name, *place) for name, place in places.items()]
        with watch_twin(self._twin, listed, lambda n, v: seen.__setitem__(n, v.clone())):
            _pass(self._twin, ids, None)
        return {name: p for name, p in places.items() if agree(found[name], seen.get(name))}

    def is_fused(self, sites: Sequence[str]) -> bool:
        """Whether some sites can be read without wrappers, with fused attention."""
        self.sites()
        return self._twin is not None and all(site in self._places for site in sites)

    def choose(self, patterns: str | Sequence[str]) -> list[SiteInfo]:
        """Sites that globs name; a hook point with two names is taken once.

        Raises
        ------
        UsageError
            If a glob matches nothing, or only hook points without one row a token.
        """
        known = {site.name: site for site in self.sites()}
        given = patterns.split(",") if isinstance(patterns, str) else list(patterns)
        for pattern in given:
            if pattern in self._hooks and pattern not in known:
                raise UsageError(
                    f"Site '{pattern}' has no activity of the shape (token, unit); expected a "
                    "site that --list-sites prints."
                )
        matched = match_sites(given, list(known))
        taken: dict[int, str] = {}
        for name in matched:
            point = id(self._hooks[name])
            # Of two names the second is the classic one (hook_resid_post, not hook_out), but a
            # name written out wins over either.
            if point not in taken or taken[point] not in given:
                taken[point] = name
        return [known[name] for name in matched if name in taken.values()]

    def forward(
        self, ids: torch.Tensor, mask: torch.Tensor | None, sites: Sequence[str]
    ) -> dict[str, torch.Tensor]:
        """Activity at some sites for right-padded token ids; later layers do not run.

        Parameters
        ----------
        ids : Tensor (texts, tokens)
        mask : Tensor (texts, tokens), optional
            1 for a token, 0 for padding; None where there is no padding.
        sites : sequence of str

        Returns
        -------
        dict of str to Tensor (texts, tokens, units, ...)

        Raises
        ------
        WorkbenchError
            If a site was not passed.
        """
        found: dict[str, torch.Tensor] = {}

        def keep(name: str, value: torch.Tensor) -> None:
            # A copy, because a later module may work in place.
            found[name] = value.clone()
            if len(found) == len(sites):
                raise _LastSiteReachedError

        if self._is_causal:
            # What stands on the right is never seen, and unmasked attention is faster.
            mask = None
        if self._twin is not None and self.is_fused(sites):
            places = [(site, *self._places[site]) for site in sites]
            with watch_twin(self._twin, places, keep):
                _pass(self._twin, ids, mask)
        else:
            with self._watch(sites, keep):
                _pass(self.model, ids, mask)
        missed = [site for site in sites if site not in found]
        if missed:
            raise WorkbenchError(
                f"No activity passed site '{missed[0]}', although it did in a trial; the model "
                "takes another path for this text: choose other sites."
            )
        return found

    @contextmanager
    def _watch(self, names: Sequence[str], keep: Any) -> Iterator[None]:
        handles = []
        for name in names:
            point = self._hooks[name]
            handles.append(point.register_forward_hook(_hook(name, point, keep)))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def ingredients(self, sites: Sequence[str]) -> dict[str, Any]:
        """Everything about the model that changes its numbers at some sites."""
        model = self._twin if self._twin is not None and self.is_fused(sites) else self.model
        return {
            "weights": self._weights_digest(),
            "configuration": digest(_plain(self.model.config.to_diff_dict())),
            "tokenizer": self._tokenizer_digest(),
            "model_dtype": str(self.model.dtype).removeprefix("torch."),
            "attention": str(getattr(model.config, "_attn_implementation", "unknown")),
        }

    def _weights_digest(self) -> str:
        import torch

        running = hashlib.sha256()
        for name, value in sorted(self.model.named_parameters()):
            running.update(f"{name}{value.dtype}{tuple(value.shape)}".encode())
            bits = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
            running.update(memoryview(bits.numpy()))
        return running.hexdigest()

    def _tokenizer_digest(self) -> str:
        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        if backend is not None:
            return hashlib.sha256(backend.to_str().encode()).hexdigest()
        if self.tokenizer is None:
            return "none"
        return digest(sorted(self.tokenizer.get_vocab().items()))


def _hook(name: str, point: Any, keep: Any) -> Any:
    def watch(_module: Any, _inputs: Any, output: Any) -> None:
        if hasattr(output, "shape"):
            conversion = point.hook_conversion
            keep(name, output if conversion is None else conversion.convert(output))

    return watch


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        # Where the files lie and who wrote them does not change the numbers.
        dropped = ("_name_or_path", "transformers_version")
        return {str(k): _plain(v) for k, v in value.items() if k not in dropped}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def _device(name: str) -> str:
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise UsageError("Found device 'cuda' but no GPU that torch can use; pass --device cpu.")
    if name.partition(":")[0] not in ("cpu", "cuda", "mps"):
        raise UsageError(f"Found device '{name}'; expected auto, cpu, cuda or mps.")
    return name


def _pass(model: Any, ids: torch.Tensor, mask: torch.Tensor | None) -> None:
    import torch

    with torch.inference_mode():
        try:
            model(input_ids=ids, attention_mask=mask, use_cache=False)
        except _LastSiteReachedError:
            return


def _boot(name: str, device: str, dtype: torch.dtype) -> tuple[Any, torch.nn.Module | None]:
    folder = Path(name).expanduser()
    looks_local = name.startswith((".", "/", "~")) or folder.exists()
    if looks_local and not (folder / "config.json").is_file():
        state = "no config.json" if folder.is_dir() else "no such folder"
        raise UsageError(
            f"Found no model in '{name}' ({state}); expected a Hugging Face folder with "
            "config.json and model.safetensors: check the path."
        )
    if not looks_local:
        prepare_hub(name)
    from transformer_lens.model_bridge import TransformerBridge
    from transformers.utils import logging

    logging.disable_progress_bar()
    where = str(folder) if looks_local else name
    try:
        twin = load_twin(where, device, dtype)
        copied = None if twin is None else share_weights(twin)
        bridge: Any = TransformerBridge.boot_transformers(
            where, device=device, dtype=dtype, hf_model=copied
        )
        if copied is not None:
            # A model handed over keeps its attention; the wrappers want the plain one.
            bridge.original_model.config._attn_implementation = "eager"
        return bridge, twin
    except (OSError, ValueError, KeyError, RuntimeError, AttributeError, NotImplementedError) as e:
        first = (str(e).strip().splitlines() or [type(e).__name__])[0]
        raise UsageError(
            f"Could not load the model '{name}' ({type(e).__name__}: {first}); expected a local "
            "Hugging Face folder, or a name in the hub's cache or reachable over the network."
        ) from e


def _tokenizer(name: str) -> Any:
    # The bridge's own tokenizer was made to add a token at the beginning; users expect what the
    # tokenizer by itself gives. Without files transformers may make up an empty one, which would
    # turn text into nothing.
    from transformers import AutoTokenizer

    folder = Path(name).expanduser()
    if folder.is_dir() and not any((folder / each).is_file() for each in _TOKENIZER_FILES):
        return None
    try:
        return AutoTokenizer.from_pretrained(str(folder) if folder.is_dir() else name)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"Could not load the tokenizer of '{name}' ({error}); mend it, or remove its files and "
            "give token ids with --tokens."
        ) from error
