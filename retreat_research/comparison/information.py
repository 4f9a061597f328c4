"""The expected value of information: of everything, and of groups of parameters by regression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import rankdata

from .groups import grouped

Floats = NDArray[np.float64]
EVERYTHING = "everything"
_PENALTIES = np.logspace(-3, 6, 46)  # of ridge; the last leaves the mean alone
_SAMPLES = 50  # of the bootstrap: its SD is good to a tenth
_PAIRED = 4  # so many parameters in a group, at most, have their products among the features


@dataclass(frozen=True, eq=False)
class Information:
    """Values of strategies in drawn worlds, and the parameters of these worlds.

    Attributes
    ----------
    worth : pandas.DataFrame
        One row a draw, one column a strategy.
    parameters : pandas.DataFrame
        One row a draw.

    Notes
    -----
    EVPI = E[max V] − max E[V]. EVPPI of parameters φ is the same of E[V | φ], estimated by regression of V on φ
    (Strong, Oakley and Brennan 2014, doi:10.1177/0272989X13505910): ridge on normal scores of the parameters, their
    squares and, in small groups, products, with the penalty of least leave-one-out error. To know a part is worth no
    more than to know everything, so no EVPPI exceeds the EVPI. EVPI lies below the truth where strategies are close
    and draws few, for the best mean is a maximum too, and above it where Monte Carlo noise is not small beside the
    differences. ``se`` of EVPPI is the SD over bootstrap samples of the draws, each with a regression of its own.
    """

    worth: pd.DataFrame
    parameters: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """Columns ``group``, ``value``, ``se``; EVPI first, then groups from the most valuable on."""
        values = self.worth.to_numpy(dtype=float)
        samples = np.random.default_rng(0).integers(0, len(values), (_SAMPLES, len(values)))
        rows = [(EVERYTHING, *_value(values))]
        varies = self.parameters.loc[:, (self.parameters != self.parameters.iloc[0]).any()]
        found = []
        for group, labels in grouped(varies.columns).items():
            own = features(varies[labels].to_numpy(dtype=float))
            value, _ = _value(fitted(own, values))
            again = [_value(fitted(own[sample] - own[sample].mean(axis=0), values[sample]))[0] for sample in samples]
            found.append((group, min(value, rows[0][1]), float(np.std(again, ddof=1))))
        return pd.DataFrame([*rows, *sorted(found, key=lambda row: -row[1])], columns=["group", "value", "se"])


def _value(values: Floats) -> tuple[float, float]:
    """E[max] − max E, and its standard error."""
    excess = values.max(axis=1) - values[:, values.mean(axis=0).argmax()]
    return float(excess.mean()), float(excess.std(ddof=1) / np.sqrt(len(excess)))


def features(parameters: Floats) -> Floats:
    """Normal scores, their squares and, of few parameters, products of two; centred, shape (n, m)."""
    n, k = parameters.shape
    scores = ndtri((rankdata(parameters, axis=0) - 0.5) / n)
    columns = [scores, scores**2]
    if k <= _PAIRED:
        columns += [scores[:, [i]] * scores[:, [j]] for i in range(k) for j in range(i)]
    made = np.column_stack(columns)
    made = made - made.mean(axis=0)
    return made[:, made.std(axis=0) > 1e-9]  # the square of two symmetric scores is constant


def fitted(x: Floats, y: Floats) -> Floats:
    """Ridge regression of each column of y on x with the penalty of least leave-one-out error; shape of y."""
    u, s, _ = np.linalg.svd(x / np.maximum(x.std(axis=0), 1e-300), full_matrices=False)
    mean = y.mean(axis=0)
    rotated = u.T @ (y - mean)
    best = np.full(y.shape[1], np.inf)
    out = np.broadcast_to(mean, y.shape).copy()
    for penalty in _PENALTIES:
        shrunk = s**2 / (s**2 + penalty)
        fit = u @ (shrunk[:, None] * rotated)
        leverage = (u**2) @ shrunk + 1 / len(y)
        errors = (((y - mean - fit) / (1 - leverage)[:, None]) ** 2).mean(axis=0)
        better = errors < best
        best[better] = errors[better]
        out[:, better] = (mean + fit)[:, better]
    return out
