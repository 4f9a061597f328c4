"""A nonnegative quadratic programme on a line of nodes, solved by exchanging blocks of variables.

With masses q_0 … q_{s−1} and their running sums F_0 = 0, F_1, …, F_s, an observation that covers masses i to j−1 sees
F_j − F_i: an edge (i, j) of a graph. The curvature of any log-likelihood of such observations is the graph's Laplacian,
which is sparse, so one Newton step costs little more than reading the edges.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...errors import FitError

DENSE_NODES = 1000  # up to here LAPACK's dense Cholesky is faster than SuperLU
FLAT = "the likelihood is flat to the precision of numbers; the weights span too many orders of magnitude"
EXCHANGES = 60  # 1 to 15 are usual; where more would be needed rounding makes them go in circles
PATIENCE = 3  # full block exchanges without progress before single ones, as Kim and Park propose


class Edges(NamedTuple):
    """Edges of a graph on nodes 0 … s: ``start < end`` int arrays, ``weight`` positive floats, all of shape (e,)."""

    start: np.ndarray
    end: np.ndarray
    weight: np.ndarray


def spans(edges: Edges, mass: np.ndarray) -> np.ndarray:
    """Mass under each edge: F_end − F_start, shape (e,); a single mass is taken as it is, without rounding."""
    total = np.concatenate([[0.0], np.cumsum(mass)])
    single = edges.end - edges.start == 1
    return np.where(single, mass[edges.start], total[edges.end] - total[edges.start])


def covered(edges: Edges, value: np.ndarray, s: int) -> np.ndarray:
    """Sum of `value` (e,) over the edges that cover each of the s masses, shape (s,)."""
    change = np.bincount(edges.start, value, s + 1) - np.bincount(edges.end, value, s + 1)
    return np.cumsum(change)[:s]


def minimise(edges: Edges, linear: np.ndarray) -> np.ndarray:
    """Minimise ½ Σ_e w_e (F_end − F_start)² − linear·q over q ≥ 0; returns q, shape (s,).

    Notes
    -----
    Block principal pivoting [1]_: guess which masses are positive, solve for them, and exchange all that came out
    negative, or whose gradient says they should not be 0; one at a time when that does not help.

    References
    ----------
    .. [1] Kim J, Park H (2011). Fast nonnegative matrix factorization: an active-set-like method and comparisons.
       SIAM J Sci Comput 33:3261-3281. doi:10.1137/110821172
    """
    s = linear.size
    positive = np.ones(s, dtype=bool)
    slack = 1e-13 * np.abs(linear).max()
    fewest, patience = s + 1, PATIENCE
    q = np.zeros(s)
    for _ in range(EXCHANGES):
        q = _solve(edges, linear, positive)
        gradient = covered(edges, edges.weight * spans(edges, q), s) - linear
        wrong = np.where(positive, q < 0, gradient < -slack)
        count = int(np.count_nonzero(wrong))
        if count == 0:
            break
        if count < fewest:
            fewest, patience = count, PATIENCE
        elif patience > 0:
            patience -= 1
        else:
            wrong[: np.flatnonzero(wrong)[-1]] = False
        positive ^= wrong
    return np.maximum(q, 0.0)


def _solve(edges: Edges, linear: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """The minimum with the masses that are not `positive` held at 0, whatever sign the others take."""
    q = np.zeros(linear.size)
    k = np.count_nonzero(positive)
    if k == 0:
        return q
    node = np.concatenate([[0], np.cumsum(positive)])  # a mass of 0 joins its two nodes
    start, end = node[edges.start], node[edges.end]
    apart = start < end
    q[positive] = np.diff(_running_sums(start[apart], end[apart], edges.weight[apart], linear[positive]), prepend=0.0)
    return q


def _running_sums(start: np.ndarray, end: np.ndarray, weight: np.ndarray, linear: np.ndarray) -> np.ndarray:
    """F_1 … F_k of the unconstrained minimum.

    The last node is eliminated by hand: every right-censored row has an edge to it, and without it the matrix of
    exact and one-sided rows is tridiagonal.
    """
    k = linear.size
    degree = np.bincount(start, weight, k + 1) + np.bincount(end, weight, k + 1)
    if k == 1:
        return linear / degree[1:]
    top = end == k
    inner = (start > 0) & ~top
    to_top = np.bincount(start[top], weight[top], k)[1:]
    sides = np.column_stack([linear[:-1] - linear[1:], to_top])
    free, shift = _laplacian_solve(start[inner] - 1, end[inner] - 1, weight[inner], degree[1:-1], sides).T
    last = (linear[-1] + to_top @ free) / (degree[k] - to_top @ shift)
    return np.append(free + last * shift, last)


def _laplacian_solve(
    row: np.ndarray, column: np.ndarray, weight: np.ndarray, diagonal: np.ndarray, sides: np.ndarray
) -> np.ndarray:
    n = diagonal.size
    if n <= DENSE_NODES:
        from scipy.linalg.lapack import dposv  # without the checks around it, which cost more than a small matrix

        upper = np.zeros(n * n)
        upper -= np.bincount(row * n + column, weight, n * n)  # integers where there are no edges
        upper[:: n + 1] = diagonal
        _, solution, failed = dposv(upper.reshape(n, n).T, sides, lower=True, overwrite_a=True)
        if failed:
            raise FitError(FLAT)
        return solution
    from scipy.sparse import coo_array
    from scipy.sparse.linalg import splu

    every = np.arange(n)
    values = np.concatenate([-weight, -weight, diagonal])
    at = (np.concatenate([row, column, every]), np.concatenate([column, row, every]))
    matrix = coo_array((values, at), shape=(n, n)).tocsc()
    symmetric = {"SymmetricMode": True}
    try:
        factor = splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=symmetric)
    except RuntimeError as singular:
        raise FitError(FLAT) from singular
    return factor.solve(sides)
