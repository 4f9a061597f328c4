"""The innermost intervals: the only places where Turnbull's estimate can have mass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Innermost:
    """The m innermost intervals of n observed ones, and which of them each observation covers.

    Attributes
    ----------
    left, right : float array (m,), weeks
        The intervals in order; open on the left, closed on the right, a point where equal.
    first, last : int array (n,)
        Observation i covers the innermost intervals ``first[i]`` to ``last[i]``, both included.
    """

    left: np.ndarray
    right: np.ndarray
    first: np.ndarray
    last: np.ndarray


def innermost_intervals(lower: np.ndarray, upper: np.ndarray) -> Innermost:
    """Find the innermost intervals of (lower, upper], exact where equal.

    Parameters
    ----------
    lower, upper : float array (n,), weeks

    Notes
    -----
    An endpoint is coded as twice its rank; "just after" it is one more. So (L, R] becomes [2r(L) + 1, 2r(R)] and the
    exact time t becomes [2r(t), 2r(t)]: all closed, and who includes whom is a comparison of integers. A left code
    followed at once by a right code, lefts before rights where equal, bounds an innermost interval [1]_.

    References
    ----------
    .. [1] Turnbull BW (1976). The empirical distribution function with arbitrarily grouped, censored and truncated
       data. J R Stat Soc B 38:290-295. doi:10.1111/j.2517-6161.1976.tb01597.x
    """
    values = np.union1d(np.unique(lower), np.unique(upper))
    opening = 2 * np.searchsorted(values, lower) + (lower < upper)
    closing = 2 * np.searchsorted(values, upper)

    opens, closes = np.zeros((2, 2 * values.size + 1), dtype=bool)
    opens[opening] = True
    closes[closing] = True
    codes = np.flatnonzero(opens | closes)
    opens_here, closes_here = opens[codes], closes[codes]
    point = opens_here & closes_here
    closes_next = np.append(closes_here[1:] & ~opens_here[1:], False)
    stretch = opens_here & ~closes_here & closes_next
    starts = codes[point | stretch]
    ends = np.where(point, codes, np.append(codes[1:], -1))[point | stretch]

    starts_before = np.zeros(opens.size + 1, dtype=np.intp)
    starts_before[starts + 1] = 1
    ends_until = np.zeros(opens.size, dtype=np.intp)
    ends_until[ends] = 1
    return Innermost(
        left=values[starts // 2],
        right=values[ends // 2],
        first=np.cumsum(starts_before)[opening],
        last=np.cumsum(ends_until)[closing] - 1,
    )
