"""Sparse autoencoder with a threshold for every atom, as an estimator of scikit-learn's kind."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from analyses.atoms import sparse_codes
from analyses.atoms.checking import check_same
from workbench.errors import UsageError

if TYPE_CHECKING:
    from scipy import sparse

    from analyses.atoms.parameters import Parameters
    from analyses.atoms.training import Trainer


class ThresholdSAE(BaseEstimator):
    r"""Sparse autoencoder whose atoms fire from a learned threshold on (JumpReLU).

    .. math:: \hat x = (\sigma_\tau((x s - b) W_{enc} + b_{enc}) W_{dec} + b) / s,
              \quad \sigma_\tau(z) = z \cdot 1[z \ge \tau]

    After *Towards Atoms of Large Language Models* (arXiv 2509.20784) and Rajamanoharan et al. 2024
    (arXiv 2407.14435). What the former leaves open (estimator, initialisation, loss weights) is a
    parameter here.

    Parameters
    ----------
    n_atoms : int
    target_l0 : float, optional
        Atoms that fire a row; the weight of the L0 penalty follows from it during training.
    l0_coefficient : float, optional
        A fixed weight of the penalty instead; one of the two is needed.
    bandwidth : float, optional
        Width of the rectangle through which thresholds learn, in units of the scaled activity. By
        default 0.6 of its length over the root of L0, about as large as a code.
    activation : {"threshold", "standard", "topk", "batchtopk"}
        ``standard`` is a rectifier with an L1 penalty; ``topk`` keeps the `target_l0` largest of a
        row, ``batchtopk`` that many a row on average of a batch, later those above a threshold.
    metric : {"euclidean", "atomic"}
        In which squared error is measured in training: plain, or by the inverse second moment of
        the activity, which finds atoms of small variance as well but explains less of the plain
        variance.
    init : {"data", "random", "whitened"}
        Atoms at the start: rows of the data or random; ``whitened`` takes rows of the data and
        the encoder of the atomic inner product.
    n_steps, epochs : int, optional
        Length of training: steps, or passes over the rows. 5000 steps by default.
    batch_size : int
        Rows a step.
    learning_rate : float, optional
        Of Adam. By default ``0.0025 * sqrt(128 / n_atoms)``, more in runs shorter than 3000 steps
        and less in longer ones, at most 0.02.
    warmup, decay : float
        Shares of training in which the rate rises at the start and falls at the end.
    gradient_clip : float
        Longest gradient.
    dead_after : int
        An atom that has fired on none of so many rows, or in a fiftieth of training if that is
        shorter, counts as dead and begins again where reconstruction is worst.
    revive_until : float
        Share of training after which dead atoms stay dead.
    input_norm : {"one", "units"}
        Activity is scaled so that the mean squared distance from its mean is 1, or the number of
        units.
    seed : int
        Of initialisation and order; the same seed gives the same bytes on the same machine.
    device : str
        ``auto`` takes a CUDA device where there is one.
    dtype : {"float32", "bfloat16"}
        Of the encoder's product in training. Weights, and thresholds above all, stay float32.
    debias : bool
        Whether codes are those of least squares on the atoms that fire; they may then be negative.
        The encoder's own carry what other atoms add.
    revisions : int
        How often `transform` revises the choice of atoms: values are fitted by least squares, what
        is left goes through the encoder once more, and atoms that now reach their threshold are
        kept. Two or three help where atoms are many for the units; no autoencoder in one pass can
        tell so many apart. Not with `topk`. Learning does not depend on either.

    Attributes
    ----------
    decoder_ : ndarray (n_atoms, units), float32
        Atoms, of length one.
    encoder_ : ndarray (units, n_atoms), float32
    encoder_bias_, threshold_ : ndarray (n_atoms,), float32
    decoder_bias_ : ndarray (units,), float32
    input_scale_ : float
        By which activity is multiplied first.
    history_ : dict of str to ndarray
        A value a step of squared error (scaled), L0, its coefficient, learning rate and number of
        dead atoms; ``validation_step``, ``validation_r2``, ``validation_l0`` at some steps.
    dead_ : ndarray (n_atoms,), bool
    site_ : str or None
        Site of the recording that it was trained on.
    n_features_in_, n_steps_ : int

    Examples
    --------
    >>> rows = np.abs(np.random.default_rng(0).standard_normal((400, 6))).astype(np.float32)
    >>> sae = ThresholdSAE(n_atoms=12, target_l0=3, n_steps=200, batch_size=64).fit(rows)
    >>> codes = sae.transform(rows)
    >>> codes.shape, sae.inverse_transform(codes).shape
    ((400, 12), (400, 6))
    """

    _trainer: Trainer | None = None

    def __init__(
        self,
        n_atoms: int,
        target_l0: float | None = None,
        l0_coefficient: float | None = None,
        bandwidth: float | None = None,
        activation: str = "threshold",
        metric: str = "euclidean",
        init: str = "data",
        n_steps: int | None = None,
        epochs: int | None = None,
        batch_size: int = 512,
        learning_rate: float | None = None,
        warmup: float = 0.05,
        decay: float = 0.3,
        gradient_clip: float = 1.0,
        dead_after: int = 25_000,
        revive_until: float = 0.8,
        input_norm: str = "one",
        seed: int = 0,
        device: str = "auto",
        dtype: str = "float32",
        debias: bool = False,
        revisions: int = 0,
    ) -> None:
        self.n_atoms = n_atoms
        self.target_l0 = target_l0
        self.l0_coefficient = l0_coefficient
        self.bandwidth = bandwidth
        self.activation = activation
        self.metric = metric
        self.init = init
        self.n_steps = n_steps
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.warmup = warmup
        self.decay = decay
        self.gradient_clip = gradient_clip
        self.dead_after = dead_after
        self.revive_until = revive_until
        self.input_norm = input_norm
        self.seed = seed
        self.device = device
        self.dtype = dtype
        self.debias = debias
        self.revisions = revisions

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        validation: Any = None,
        checkpoint: str | Path | None = None,
        checkpoint_every: int = 500,
    ) -> Self:
        """Learn atoms.

        Parameters
        ----------
        X : array (rows, units), ``recording[site]``, or iterable of arrays (rows, units)
            An iterator is gone through once; everything else as often as needed.
        y : object
            Not used; estimators of scikit-learn have it.
        validation : array (rows, units), or ``recording[site]``, optional
            Held-out rows, whose R2 and L0 are put down ten times in the history.
        checkpoint : path, optional
            Folder to keep the state of training in. If it holds the state of an interrupted run
            with the same parameters, training goes on there, and gives the same bytes.
        checkpoint_every : int
            Steps.

        Returns
        -------
        ThresholdSAE

        Raises
        ------
        UsageError
            If parameters contradict each other or the data, such as a target L0 above the number
            of atoms, or rows that do not vary.
        WorkbenchError
            If activity is not finite.
        """
        from analyses.atoms.many import fit_many

        fit_many(
            [self],
            X,
            validation=validation,
            checkpoint=checkpoint,
            checkpoint_every=checkpoint_every,
        )
        return self

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Learn from rows once, in batches in the order in which they come.

        The first call starts from its rows; the learning rate does not fall. Calls after `fit`,
        or after a checkpoint was loaded, go on with the same optimizer.

        Parameters
        ----------
        X : array (rows, units), ``recording[site]``, or iterable of arrays (rows, units)
        y : object
            Not used.

        Returns
        -------
        ThresholdSAE

        Raises
        ------
        UsageError
            As `fit`, and if the rows are of another width or site.
        """
        from analyses.atoms.many import learn_once

        learn_once(self, X)
        return self

    def transform(
        self, X: Any, debias: bool | None = None, revisions: int | None = None
    ) -> sparse.csr_matrix:
        """Sparse codes of rows.

        Parameters
        ----------
        X : array (rows, units), ``recording[site]``, or iterable of arrays (rows, units)
            Read in blocks; only codes that are not zero are kept.
        debias, revisions : bool and int, optional
            In place of those that the autoencoder was made with.

        Returns
        -------
        scipy.sparse.csr_matrix (rows, n_atoms), float32

        Raises
        ------
        UsageError
            If nothing was learned yet, or the rows are of another width or site.
        WorkbenchError
            If activity is not finite.
        """
        self._check_learned()
        check_same(self, X)
        debias = self.debias if debias is None else debias
        revisions = self.revisions if revisions is None else revisions
        if revisions and self.activation == "topk":
            raise UsageError(
                "Found revisions with activation 'topk'; expected thresholds: leave 0."
            )
        return sparse_codes.encode(
            X,
            self._parameters(),
            self.input_scale_,
            "topk" if self.activation == "topk" else "threshold",
            self.target_l0 or 0.0,
            debias,
            revisions,
        )

    def inverse_transform(self, codes: Any) -> NDArray[np.float32]:
        """Activity from codes.

        Parameters
        ----------
        codes : sparse or dense array (rows, n_atoms)

        Returns
        -------
        ndarray (rows, units), float32

        Raises
        ------
        UsageError
            If nothing was learned yet, or the codes are of another number of atoms.
        """
        self._check_learned()
        if np.ndim(codes) != 2 and getattr(codes, "ndim", 0) != 2:
            raise UsageError(f"Found codes with {np.ndim(codes)} axes; expected (rows, n_atoms).")
        if codes.shape[1] != len(self.decoder_):
            raise UsageError(
                f"Found codes of {codes.shape[1]} atoms; expected {len(self.decoder_)}: pass those "
                "that this autoencoder gave."
            )
        return sparse_codes.decode(codes, self.decoder_, self.decoder_bias_, self.input_scale_)

    def fit_transform(self, X: Any, y: Any = None) -> sparse.csr_matrix:
        """Learn atoms and give the codes of the same rows.

        Parameters
        ----------
        X : array (rows, units), or ``recording[site]``
        y : object
            Not used.

        Returns
        -------
        scipy.sparse.csr_matrix (rows, n_atoms)
        """
        return self.fit(X, y).transform(X)

    def score(self, X: ArrayLike, y: Any = None) -> float:
        """Share of variance explained, about the mean of the rows passed.

        Parameters
        ----------
        X : array (rows, units), or ``recording[site]``
        y : object
            Not used.

        Returns
        -------
        float
        """
        from analyses.atoms.validating import evaluate

        check_same(self, X)
        return evaluate(self, X)[0]

    def _check_learned(self) -> None:
        if not hasattr(self, "decoder_"):
            raise UsageError(
                "Found an autoencoder that has learned nothing; expected atoms: call fit, or load "
                "one."
            )

    def _parameters(self) -> Parameters:
        import torch

        from analyses.atoms.parameters import Parameters

        arrays = (
            np.ascontiguousarray(self.encoder_.T),
            self.encoder_bias_,
            self.decoder_,
            self.decoder_bias_,
            self.threshold_,
        )
        return Parameters(*(torch.from_numpy(np.array(each)) for each in arrays))

    def _take(self, trainer: Trainer, site: str | None) -> None:
        """Take over what a trainer has learned."""
        parameters, self.input_scale_ = trainer.learned()
        arrays = {
            name: value.detach().cpu().numpy().copy() for name, value in parameters.named().items()
        }
        self._trainer = trainer
        self.encoder_ = np.ascontiguousarray(arrays["encoder"].T)
        self.decoder_ = arrays["decoder"]
        self.encoder_bias_, self.decoder_bias_ = arrays["encoder_bias"], arrays["decoder_bias"]
        self.threshold_ = arrays["threshold"]
        self.dead_ = trainer.dead
        self.site_ = site
        self.n_features_in_ = self.decoder_.shape[1]
        self.n_steps_ = trainer.step_number
        self.history_ = trainer.recorded()
