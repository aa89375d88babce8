"""A language model through TransformerLens: its hook points, and one pass that stops early."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.capturing.source import SiteInfo
from workbench.errors import UsageError
from workbench.recording.identity import digest
from workbench.subjects.globs import match_sites

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
        self.bridge = _boot(name, self.device, getattr(torch, dtype))
        self.model = self.bridge.original_model.eval()
        self.tokenizer = self.bridge.tokenizer if _has_tokenizer(name) else None
        self._hooks: dict[str, Any] = dict(self.bridge.hook_dict)
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
        import torch

        seen: dict[str, list[torch.Tensor]] = {}
        # Lengths 3 and 5 are unlike any other axis, so shapes cannot be mistaken for one another.
        ids = torch.zeros((3, 5), dtype=torch.long, device=self.device)
        with self._watch(list(self._hooks), lambda n, v: seen.setdefault(n, []).append(v)):
            self._run(ids, None)
        for name, values in seen.items():
            if len(values) == 1 and values[0].ndim > 2 and values[0].shape[:2] == (3, 5):
                shape = tuple(values[0].shape[2:])
                yield SiteInfo(name, shape, str(values[0].dtype).removeprefix("torch."))

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
            In the order of the forward pass.

        Returns
        -------
        dict of str to Tensor (texts, tokens, units, ...)
        """
        found: dict[str, torch.Tensor] = {}
        last = sites[-1]

        def keep(name: str, value: torch.Tensor) -> None:
            found[name] = value
            if name == last:
                raise _LastSiteReachedError

        with self._watch(sites, keep):
            self._run(ids, mask)
        return found

    def _run(self, ids: torch.Tensor, mask: torch.Tensor | None) -> None:
        import torch

        with torch.inference_mode():
            try:
                self.model(input_ids=ids, attention_mask=mask, use_cache=False)
            except _LastSiteReachedError:
                return

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

    def ingredients(self) -> dict[str, Any]:
        """Everything about the model that changes its numbers."""
        return {
            "weights": self._weights_digest(),
            "configuration": digest(_plain(self.model.config.to_diff_dict())),
            "tokenizer": self._tokenizer_digest(),
            "model_dtype": str(self.model.dtype).removeprefix("torch."),
            "attention": str(getattr(self.model.config, "_attn_implementation", "unknown")),
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


def _boot(name: str, device: str, dtype: torch.dtype) -> Any:
    folder = Path(name).expanduser()
    looks_local = name.startswith((".", "/", "~")) or folder.exists()
    if looks_local and not (folder / "config.json").is_file():
        state = "no config.json" if folder.is_dir() else "no such folder"
        raise UsageError(
            f"Found no model in '{name}' ({state}); expected a Hugging Face folder with "
            "config.json and model.safetensors: check the path."
        )
    from transformer_lens.model_bridge import TransformerBridge
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        return TransformerBridge.boot_transformers(
            str(folder) if looks_local else name, device=device, dtype=dtype
        )
    except (OSError, ValueError, KeyError, RuntimeError, AttributeError, NotImplementedError) as e:
        first = (str(e).strip().splitlines() or [type(e).__name__])[0]
        raise UsageError(
            f"Could not load the model '{name}' ({type(e).__name__}: {first}); expected a local "
            "Hugging Face folder, or a name in the hub's cache or reachable over the network."
        ) from e


def _has_tokenizer(name: str) -> bool:
    # Without files transformers may make up an empty tokenizer, which would turn text into nothing.
    folder = Path(name).expanduser()
    return not folder.is_dir() or any((folder / each).is_file() for each in _TOKENIZER_FILES)
