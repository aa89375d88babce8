"""Updates of one factor with the others held still; none can raise the error.

HALS goes through the components one by one, each by its exact non-negative least squares (Cichocki
and Phan 2009, *Fast local algorithms for large scale nonnegative matrix and tensor
factorizations*). Several passes cost little beside the product with the tensor (Gillis and Glineur
2012, *Accelerated multiplicative updates and hierarchical ALS algorithms*).
"""

from __future__ import annotations

from collections.abc import Callable

from analyses.connectome.cp_backends import Array, machine_epsilon

Update = Callable[[Array, Array, Array, int], Array]


def hals(factor: Array, product: Array, gram: Array, passes: int) -> Array:
    """Hierarchical alternating least squares.

    Parameters
    ----------
    factor : ndarray or Tensor (components, size)
        At the start; not changed.
    product : ndarray or Tensor (components, size)
        Tensor times all other factors.
    gram : ndarray or Tensor (components, components) or (components, components, size)
        Normal equations, one for all rows or one a row.
    passes : int
        Over all components.

    Returns
    -------
    ndarray or Tensor (components, size)
        What no observed cell says anything about stays as it was.

    Examples
    --------
    >>> import numpy as np
    >>> hals(np.ones((1, 2)), np.array([[4.0, -1.0]]), np.array([[2.0]]), 1).tolist()
    [[2.0, 0.0]]
    """
    rank, each_row = len(factor), gram.ndim == 3
    factor = factor + 0
    targets, couplings = [], []
    for r in range(rank):
        own = gram[r, r] if each_row else gram[r, r, None]
        known = own > 0
        scale = known / (own + ~known)
        coupling = gram[r] * scale
        # Undetermined: the old value is taken over.
        coupling[r] = known * 1.0 - 1.0 if each_row else (known * 1.0 - 1.0)[0]
        couplings.append(coupling)
        targets.append(product[r] * scale)
    for _ in range(passes):
        for r in range(rank):
            others = (couplings[r] * factor).sum(0) if each_row else couplings[r] @ factor
            factor[r] = (targets[r] - others).clip(min=0)
    return factor


def multiplicative(factor: Array, product: Array, gram: Array, passes: int) -> Array:
    """Multiplicative updates (Lee and Seung 2001, for tensors Shashua and Hazan 2005).

    Parameters
    ----------
    factor, product, gram, passes
        As for `hals`; entries of the factor that are 0 stay 0.

    Returns
    -------
    ndarray or Tensor (components, size)

    Examples
    --------
    >>> import numpy as np
    >>> multiplicative(np.ones((1, 2)), np.array([[4.0, 1.0]]), np.array([[2.0]]), 1).tolist()
    [[2.0, 0.5]]
    """
    each_row = gram.ndim == 3
    # A denominator that underflows would give 0 / 0.
    least = machine_epsilon(factor) ** 4
    for _ in range(passes):
        model = (gram * factor[None]).sum(1) if each_row else gram @ factor
        known = model > least
        factor = factor * ((product * known + ~known) / (model * known + ~known))
    return factor


UPDATES: dict[str, Update] = {"hals": hals, "mu": multiplicative}
