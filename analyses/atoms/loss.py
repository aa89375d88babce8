"""What a language model loses when a site is replaced by its reconstruction from atoms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from workbench.editing.language import LanguageTarget
from workbench.editing.targets import Edit
from workbench.errors import UsageError

if TYPE_CHECKING:
    import torch

    from analyses.atoms.sae import ThresholdSAE

WAYS = ("as it is", "reconstruction", "zero", "mean")
_DRAWS = 1000


@dataclass(frozen=True)
class LossRecovered:
    """Cross-entropy of the next token, with a site as it is and replaced, in nats a token.

    Attributes
    ----------
    loss : dict of str to float
        By way: ``as it is``, ``reconstruction``, ``zero`` and ``mean``, which puts the site's mean
        over these texts everywhere.
    recovered, recovered_from_mean : float
        ``(ablated - reconstruction) / (ablated - as it is)`` against zero and mean: 1 if nothing is
        lost, 0 if the reconstruction is worth no more than the ablation.
    interval, interval_from_mean : pair of float
        95 % of a bootstrap over texts.
    n_tokens, n_texts : int
        Predicted tokens, and texts.
    by_text : ndarray (texts, ways)
        Summed cross-entropy of each text.
    """

    loss: dict[str, float]
    recovered: float
    recovered_from_mean: float
    interval: tuple[float, float]
    interval_from_mean: tuple[float, float]
    n_tokens: int
    n_texts: int
    by_text: NDArray[np.float64] = field(repr=False)


def loss_recovered(
    subject: str,
    site: str,
    sae: ThresholdSAE,
    texts: Sequence[str] | str | Path,
    *,
    device: str = "auto",
    seed: int = 0,
) -> LossRecovered:
    """Measure how much of a language model's prediction survives a reconstruction.

    Parameters
    ----------
    subject : str
        Address of a causal language model: ``hf:NAME_OR_FOLDER`` or ``demo:language``.
    site : str
        Whose activity is replaced, at every token.
    sae : ThresholdSAE
        Trained on that site.
    texts : sequence of str, or path of a text
        Best such that it has not seen. Longer ones than the model's context are cut.
    device : str
    seed : int
        Of the bootstrap.

    Returns
    -------
    LossRecovered

    Raises
    ------
    UsageError
        If the subject predicts no next token, the site does not exist or cannot be replaced, or
        the autoencoder is of another site or width.

    Examples
    --------
    >>> from analyses.atoms.sae import ThresholdSAE
    >>> rows = np.random.default_rng(0).standard_normal((300, 128)).astype(np.float32)
    >>> sae = ThresholdSAE(16, target_l0=4, n_steps=20, batch_size=64).fit(rows)
    >>> texts = ["The dog sees the cat.", "A bird sings."]
    >>> found = loss_recovered("demo:language", "blocks.0.hook_resid_post", sae, texts)
    >>> found.loss["as it is"] < found.loss["reconstruction"]
    True
    """
    _check_site(site, sae)
    model = LanguageTarget(subject, texts, "loss", device)
    watch = _Watch(site, sae)
    sae._check_learned()
    untouched = model.scores({site: watch})
    mean = watch.mean()
    replacements: tuple[Edit, ...] = (
        lambda rows: _reconstructed(sae, rows),
        lambda rows: rows.new_zeros(rows.shape),
        lambda rows: mean.to(rows).expand_as(rows),
    )
    others = [model.scores({site: replace}) for replace in replacements]
    by_text = np.stack([each.values for each in (untouched, *others)], axis=1)
    return _summed(by_text, int(untouched.weights.sum()), seed)


def _summed(by_text: NDArray[np.float64], n_tokens: int, seed: int) -> LossRecovered:
    from workbench.statistics.bootstrap import percentile_interval

    totals = by_text.sum(axis=0)
    generator = np.random.default_rng([seed, 31])
    drawn = by_text[generator.integers(len(by_text), size=(_DRAWS, len(by_text)))].sum(axis=1)
    found = [_share(totals[None], way)[0] for way in (2, 3)]
    intervals = [percentile_interval(_share(drawn, way)) for way in (2, 3)]
    return LossRecovered(
        loss={way: float(total / n_tokens) for way, total in zip(WAYS, totals, strict=True)},
        recovered=float(found[0]),
        recovered_from_mean=float(found[1]),
        interval=intervals[0],
        interval_from_mean=intervals[1],
        n_tokens=n_tokens,
        n_texts=len(by_text),
        by_text=by_text,
    )


def _share(totals: NDArray[np.float64], way: int) -> NDArray[np.float64]:
    share: NDArray[np.float64] = (totals[:, way] - totals[:, 1]) / (totals[:, way] - totals[:, 0])
    return share


def _check_site(site: str, sae: ThresholdSAE) -> None:
    trained = getattr(sae, "site_", None)
    if trained is not None and trained != site:
        raise UsageError(
            f"Found an autoencoder of site '{trained}'; expected one of '{site}', whose activity "
            "is to be replaced: name its own site, or train another one."
        )


class _Watch:
    """An edit that changes nothing and sums the rows that it sees.

    Parameters
    ----------
    site : str
    sae : ThresholdSAE
        As many units as it has must be there.
    """

    def __init__(self, site: str, sae: ThresholdSAE) -> None:
        self._site, self._sae = site, sae
        self._total: torch.Tensor | None = None
        self._n_rows = 0

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        expected = self._sae.decoder_.shape[1]
        if rows.shape[1] != expected:
            raise UsageError(
                f"Found {rows.shape[1]} units at '{self._site}'; expected {expected}, as the "
                "autoencoder has: pass the one of this site."
            )
        found = rows.double().sum(0)
        self._total = found if self._total is None else self._total + found
        self._n_rows += len(rows)
        return rows

    def mean(self) -> torch.Tensor:
        """Mean row (units,)."""
        assert self._total is not None  # noqa: S101 - there are two texts at least
        return (self._total / self._n_rows).float()


def _reconstructed(sae: ThresholdSAE, rows: torch.Tensor) -> torch.Tensor:
    import torch

    made = sae.inverse_transform(sae.transform(rows.float().cpu().numpy()))
    return torch.from_numpy(made).to(rows)
