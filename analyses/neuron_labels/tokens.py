"""Descriptions of units of language models: what is said where they are active, and not elsewhere.

N-grams that end at active tokens, against a background corpus: log odds with an informative
Dirichlet prior, after Monroe, Colaresi and Quinn (2008), *Fightin' Words*. A local language model
can put the strongest n-grams into a phrase.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analyses.neuron_labels.simulators_rows import plain_token
from analyses.neuron_labels.types import Candidate, UnitExemplars
from workbench.errors import UsageError
from workbench.recording.identity import digest

Gram = tuple[str, ...]
# Weight of the background in the prior, in occurrences of all n-grams together.
_PRIOR = 10.0
# What is said once among the exemplars may be chance.
_LEAST = 2
_LEAST_Z = 1.0


@dataclass(frozen=True, eq=False)
class TokensDescriber:
    """Proposes n-grams that end where a unit is active.

    Attributes
    ----------
    background : sequence of sequence of str
        Tokens of texts that show how often n-grams are said.
    order : int
        Longest n-gram.
    model : LanguageModel, optional
        Composes a phrase of the strongest n-grams, which is proposed as well.

    Raises
    ------
    UsageError
        If there is no background, or the order is not positive.

    Examples
    --------
    >>> background = [["the", "cat", "sat"], ["a", "dog", "sat"], ["the", "dog", "ran"]] * 5
    >>> unit = UnitExemplars(0, "", "language", np.arange(2), np.ones(2, np.float32),
    ...     np.array([[False, True], [False, True]]), tokens=[["the", "cat"], ["a", "cat"]])
    >>> TokensDescriber(background).propose(unit)[0].text
    'cat'
    """

    background: Sequence[Sequence[str]]
    order: int = 3
    model: LanguageModel | None = None

    name = "tokens"

    def __post_init__(self) -> None:
        if not any(self.background) or self.order < 1:
            raise UsageError(
                f"Found {len(self.background)} background texts and order {self.order}; expected "
                "at least one token, and n-grams of at least one."
            )

    @cached_property
    def _counts(self) -> list[Counter[Gram]]:
        texts = [[plain_token(token) for token in text] for text in self.background]
        return [
            Counter(gram for text in texts for gram in _grams(text, range(len(text)), n))
            for n in range(1, self.order + 1)
        ]

    def fingerprint(self) -> str:
        """Hash of the background's n-grams, the settings and the language model."""
        counts = [sorted((" ".join(g), c) for g, c in each.items()) for each in self._counts]
        return digest([self.name, counts, self.model.fingerprint() if self.model else None])

    def propose(self, exemplars: UnitExemplars, n: int = 50) -> list[Candidate]:
        """N-grams that end at active tokens more often than elsewhere.

        Parameters
        ----------
        exemplars : UnitExemplars
            With tokens.
        n : int

        Returns
        -------
        list of Candidate
            By z of the log odds, largest first. ``log_conditional`` and ``log_prior`` are the
            logarithms of the shares of active places, and of places of the background, at which
            the n-gram ends, smoothed by the background.

        Raises
        ------
        UsageError
            If there are no tokens.
        """
        if exemplars.tokens is None:
            raise UsageError(
                f"Found exemplars of unit {exemplars.unit} without tokens; expected a recording of "
                "a language model, whose rows are tokens."
            )
        texts = [[plain_token(token) for token in window] for window in exemplars.tokens]
        places = active_places(exemplars)
        scored = [
            each
            for length, counts in enumerate(self._counts, start=1)
            for each in _scored(_said(texts, places, length), counts, self.name)
        ]
        scored.sort(key=lambda pair: -pair[0])
        found = [candidate for z, candidate in scored if z > _LEAST_Z] or [c for _, c in scored[:1]]
        composed = self._composed(exemplars, found)
        return [*composed, *found][:n]

    def _composed(self, exemplars: UnitExemplars, found: Sequence[Candidate]) -> list[Candidate]:
        if self.model is None or not found:
            return []
        text, log_conditional, log_prior = self.model.compose([each.text for each in found[:5]])
        return [Candidate(text, log_conditional, log_prior, f"{self.name}+model")] if text else []


def active_places(exemplars: UnitExemplars) -> list[NDArray[np.int64]]:
    """Places of active tokens in each window; where none is active, the last one.

    Parameters
    ----------
    exemplars : UnitExemplars
        With tokens.

    Returns
    -------
    list of ndarray of int
    """
    found = []
    for window, mask in zip(exemplars.tokens or (), exemplars.masks, strict=True):
        places = np.flatnonzero(mask[: len(window)])
        found.append(places if len(places) else np.arange(len(window))[-1:])
    return found


def _said(texts: Sequence[Sequence[str]], places: Sequence[Iterable[int]], n: int) -> Counter[Gram]:
    pairs = zip(texts, places, strict=True)
    return Counter(gram for text, at in pairs for gram in _grams(text, at, n))


def _grams(text: Sequence[str], places: Iterable[int], n: int) -> list[Gram]:
    """N-grams that end at some places."""
    return [tuple(text[at - n + 1 : at + 1]) for at in places if at >= n - 1]


def _scored(
    said: Counter[Gram], background: Counter[Gram], source: str
) -> list[tuple[float, Candidate]]:
    grams = [gram for gram, count in said.items() if count >= min(_LEAST, said.total() // 2)]
    if not grams:
        return []
    here = np.array([said[gram] for gram in grams], dtype=np.float64)
    there = np.array([background[gram] for gram in grams], dtype=np.float64)
    z, share_here, share_there = log_odds(here, there, said.total(), background.total())
    texts = [" ".join(gram) for gram in grams]
    rows = zip(z, texts, np.log(share_here), np.log(share_there), strict=True)
    return [(float(one), Candidate(t, float(a), float(b), source)) for one, t, a, b in rows]


def log_odds(
    here: NDArray[np.float64],
    there: NDArray[np.float64],
    n_here: int,
    n_there: int,
    prior: float = _PRIOR,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Whether words are said more here than there, given how often they are said at all.

    Parameters
    ----------
    here, there : ndarray (words,)
        Counts.
    n_here, n_there : int
        Counts of all words.
    prior : float
        Occurrences that the prior is worth.

    Returns
    -------
    z : ndarray (words,)
        Log odds ratio over its standard deviation.
    share_here, share_there : ndarray (words,)
        Smoothed by the prior.

    References
    ----------
    Monroe, Colaresi and Quinn (2008), equations 15, 16, 20 and 22.

    Examples
    --------
    >>> z, _, _ = log_odds(np.array([9.0, 1.0]), np.array([10.0, 500.0]), 10, 1000)
    >>> bool(z[0] > 2), bool(z[1] < 0)
    (True, True)
    """
    # Half an occurrence for what the background never says.
    pseudo = prior * (there + 0.5) / (n_there + 0.5 * len(there))
    one, other = here + pseudo, there + pseudo
    all_here, all_there = n_here + prior, n_there + prior
    odds = np.log(one / np.maximum(all_here - one, 0.5))
    odds -= np.log(other / np.maximum(all_there - other, 0.5))
    z = odds / np.sqrt(1 / one + 1 / other)
    return z, one / all_here, other / all_there


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """A causal language model of a local folder that puts words into a phrase.

    Attributes
    ----------
    folder : str
        Hugging Face folder with a tokenizer; the prefix ``hf:`` is allowed.
    prompt : str
        With a place for the words.
    max_new_tokens : int

    Raises
    ------
    UsageError
        If there is no such folder.
    """

    folder: str
    prompt: str = "The words {words} are all about"
    max_new_tokens: int = 12
    _loaded: dict[str, object] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        path = Path(self.folder.removeprefix("hf:")).expanduser()
        if not (path / "config.json").is_file():
            raise UsageError(
                f"Found no language model in '{path}'; expected a local Hugging Face folder with "
                "config.json, weights and tokenizer: check the path."
            )
        object.__setattr__(self, "folder", str(path))

    def fingerprint(self) -> str:
        """Hash of weights, tokenizer and prompt."""
        from workbench.recording.identity import digest_file

        files = sorted(p for p in Path(self.folder).iterdir() if p.is_file())
        return digest([self.prompt, self.max_new_tokens, [digest_file(path) for path in files]])

    def compose(self, words: Sequence[str]) -> tuple[str, float, float]:
        """A phrase for words, greedily.

        Parameters
        ----------
        words : sequence of str

        Returns
        -------
        text : str
            Up to the end of the first sentence.
        log_conditional : float
            Log probability of the phrase after the prompt with the words.
        log_prior : float
            The same after a prompt without words.
        """
        said = ", ".join(words)
        text = self._continued(self.prompt.format(words=said))
        if not text:
            return "", 0.0, 0.0
        conditional = self._log_probability(self.prompt.format(words=said), text)
        return text, conditional, self._log_probability(self.prompt.format(words=""), text)

    def _parts(self):  # type: ignore[no-untyped-def]
        if not self._loaded:
            from transformers import AutoModelForCausalLM, AutoTokenizer

            where = {"local_files_only": True}
            self._loaded["tokenizer"] = AutoTokenizer.from_pretrained(self.folder, **where)
            model = AutoModelForCausalLM.from_pretrained(self.folder, use_safetensors=True, **where)
            self._loaded["model"] = model.eval()
        return self._loaded["tokenizer"], self._loaded["model"]

    def _continued(self, prompt: str) -> str:
        import torch

        tokenizer, model = self._parts()
        given = tokenizer(prompt, return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            made = model.generate(
                given,
                attention_mask=torch.ones_like(given),
                max_new_tokens=self.max_new_tokens,
                do_sample=False,
                pad_token_id=tokenizer.eos_token_id or 0,
            )
        text = tokenizer.decode(made[0, given.shape[1] :], skip_special_tokens=True)
        return str(text).strip().split("\n")[0].split(".")[0].strip()

    def _log_probability(self, prompt: str, text: str) -> float:
        import torch

        tokenizer, model = self._parts()
        before = tokenizer(prompt, return_tensors="pt")["input_ids"]
        after = tokenizer(text, return_tensors="pt", add_special_tokens=False)["input_ids"]
        joined = torch.cat([before, after], dim=1)
        with torch.inference_mode():
            scores = model(joined).logits.log_softmax(-1)
        at = torch.arange(before.shape[1] - 1, joined.shape[1] - 1)
        return float(scores[0, at, joined[0, before.shape[1] :]].sum())
