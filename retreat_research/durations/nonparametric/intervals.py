"""The innermost intervals: the only places where Turnbull's estimate can have mass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Codes(NamedTuple):
    """The endpoints of (lower, upper] as integers: which includes which is then a comparison of integers.

    An endpoint is coded as twice its rank; "just after" it is one more. So (L, R] becomes [2r(L) + 1, 2r(R)] and the
    exact time t becomes [2r(t), 2r(t)]: all closed.
    """

    weeks: np.ndarray  # (v,) the endpoints in order
    opening: np.ndarray  # (n,)
    closing: np.ndarray  # (n,)

    def of(self, rows: np.ndarray) -> Codes:
        """The codes of some of the rows."""
        return self._replace(opening=self.opening[rows], closing=self.closing[rows])


@dataclass(frozen=True, eq=False)
class Innermost:
    """The m innermost intervals of n observed ones, and which of them each observation covers.

    Attributes
    ----------
    left, right : float array (m,), weeks
        The intervals in order; open on the left, closed on the right, a point where equal.
    opening, closing : int array (m,)
        Their codes.
    first, last : int array (n,)
        Observation i covers the innermost intervals ``first[i]`` to ``last[i]``, both included.
    """

    left: np.ndarray
    right: np.ndarray
    opening: np.ndarray
    closing: np.ndarray
    first: np.ndarray
    last: np.ndarray


def endpoint_codes(lower: np.ndarray, upper: np.ndarray) -> Codes:
    """Code the endpoints of (lower, upper], exact where equal; float arrays (n,), weeks."""
    values = np.union1d(np.unique(lower), np.unique(upper))
    opening = 2 * np.searchsorted(values, lower) + (lower < upper)
    return Codes(values, opening, 2 * np.searchsorted(values, upper))


def innermost_intervals(lower: np.ndarray, upper: np.ndarray) -> Innermost:
    """Find the innermost intervals of (lower, upper], exact where equal; float arrays (n,), weeks."""
    return innermost_of(endpoint_codes(lower, upper))


def innermost_of(codes: Codes) -> Innermost:
    """Find the innermost intervals of coded rows.

    Notes
    -----
    A left code followed at once by a right code, lefts before rights where equal, bounds an innermost interval [1]_.

    References
    ----------
    .. [1] Turnbull BW (1976). The empirical distribution function with arbitrarily grouped, censored and truncated
       data. J R Stat Soc B 38:290-295. doi:10.1111/j.2517-6161.1976.tb01597.x
    """
    opens, closes = np.zeros((2, 2 * codes.weeks.size + 1), dtype=bool)
    opens[codes.opening] = True
    closes[codes.closing] = True
    used = np.flatnonzero(opens | closes)
    opens_here, closes_here = opens[used], closes[used]
    point = opens_here & closes_here
    closes_next = np.append(closes_here[1:] & ~opens_here[1:], False)
    found = point | (opens_here & ~closes_here & closes_next)
    starts = used[found]
    ends = np.where(point, used, np.append(used[1:], -1))[found]

    starts_before = np.zeros(opens.size + 1, dtype=np.intp)
    starts_before[starts + 1] = 1
    ends_until = np.zeros(opens.size, dtype=np.intp)
    ends_until[ends] = 1
    return Innermost(
        left=codes.weeks[starts // 2],
        right=codes.weeks[ends // 2],
        opening=starts,
        closing=ends,
        first=np.cumsum(starts_before)[codes.opening],
        last=np.cumsum(ends_until)[codes.closing] - 1,
    )
