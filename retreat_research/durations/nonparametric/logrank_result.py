"""What a log-rank test gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..serial import Writable


@dataclass(frozen=True, eq=False, repr=False)
class LogrankResult(Writable):
    """A log-rank test; made by `logrank`.

    Attributes
    ----------
    by, groups : tuple
        The columns, and the groups compared, in order.
    patients, cycles : int array (groups,)
        In each group.
    score : float array (groups,)
        Sum of scores: positive where effect was lost earlier than expected if the groups are alike.
    expected : float array (groups,)
        Its mean over permutations.
    covariance : float array (groups, groups)
        Its covariance over permutations.
    scores : float array (n,)
        Of the rows fitted: the positions of ``rows`` in ``cycles.frame``.
    rows : int array (n,)
    statistic : float
        χ²: the squared distance of ``score`` from ``expected`` in the metric of its covariance.
    df : int
        Groups less one, or fewer if some are never compared.
    pvalue : float
        Two-sided.
    permutations : int
        0 if the p-value is from the χ² distribution.
    method : str
        What was done, in a sentence.
    endpoint : object
    """

    by: tuple[str, ...]
    groups: tuple[Any, ...]
    patients: np.ndarray
    cycles: np.ndarray
    score: np.ndarray
    expected: np.ndarray
    covariance: np.ndarray
    scores: np.ndarray
    rows: np.ndarray
    statistic: float
    df: int
    pvalue: float
    permutations: int
    method: str
    endpoint: Any

    @property
    def z(self) -> float:
        """For two groups: the standardised score of the first; negative if its effect lasts longer. Otherwise NaN."""
        if len(self.groups) != 2:
            return np.nan
        return float((self.score[0] - self.expected[0]) / np.sqrt(self.covariance[0, 0]))

    def table(self) -> pd.DataFrame:
        """One row for each group: patients, cycles, ``score``, ``expected`` and ``se``, its SD over permutations."""
        return pd.DataFrame(
            {
                "patients": self.patients,
                "cycles": self.cycles,
                "score": self.score,
                "expected": self.expected,
                "se": np.sqrt(np.diag(self.covariance)),
            },
            index=pd.Index(self.groups, name=", ".join(self.by), tupleize_cols=False),
        )

    def __repr__(self) -> str:
        return f"<Log-rank test by {', '.join(self.by)}: {self._line()}>"

    def _repr_html_(self) -> str:
        from html import escape

        return f"<p>{escape(self._line())}</p><p>{escape(self.method)}</p>{self.table().to_html()}"

    def _line(self) -> str:
        z = f"Z = {self.z:.4f}, " if len(self.groups) == 2 else ""
        return f"{z}χ² = {self.statistic:.4f} on {self.df} df, p = {self.pvalue:.4g}"
