"""Dominance among strategies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def pareto_front(good: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which row beats which: at least as good in every column and better in one.

    Parameters
    ----------
    good : float array (k, m)
        Larger is better.

    Returns
    -------
    bool array (k, k)
        [i, j]: i beats j. Columns without a True are the front.

    Examples
    --------
    >>> pareto_front(np.array([[1.0, 2.0], [1.0, 1.0], [2.0, 0.0]])).any(axis=0).tolist()
    [False, True, False]
    """
    one, other = good[:, None, :], good[None, :, :]
    beats: NDArray[np.bool_] = np.all(one >= other, axis=2) & np.any(one > other, axis=2)
    return beats
