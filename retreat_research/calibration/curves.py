"""Fit the response to published percentages over weeks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..errors import must
from ..evidence import evidence
from .fitting import Problem, climb
from .parameters import constants, must_be_known, unknowns
from .reading import read_curves
from .result import CurveFit

if TYPE_CHECKING:
    import pandas as pd


def fit_curves(table: pd.DataFrame | None = None, *, fixed: Mapping[str, float] | None = None) -> CurveFit:
    """Fit the parameters of the response to the shares of patients that respond over weeks.

    Parameters
    ----------
    table : pandas.DataFrame, optional
        As ``evidence("curves")``, which is taken without one: ``study``, ``arm``, ``week``, ``quantity``, ``value``
        (%), ``n``. An arm is "placebo" or such as "ona 20U". `CurveFit.uses` says what becomes of every row.
    fixed : mapping of str to float, optional
        Parameters of `CurveFit.params` to be held at a value; ``fit_curves(fixed=fit.defaults)`` is the default world.

    Returns
    -------
    CurveFit

    Raises
    ------
    InputError
        Naming every bad row: a missing column, a value that is no percentage, an n that is not positive, a week that is
        not a number.
    FitError
        If the fit does not converge.

    Notes
    -----
    Maximum penalised quasi-likelihood; see docs/calibration.md for model, priors and outcome. Every study has its own
    effect on ln duration, N(0, 0.12²).

    Examples
    --------
    >>> fit = fit_curves()
    >>> ona = fit.params.loc["median_weeks, onabotulinumtoxinA, glabellar lines"]
    >>> [float(round(ona[name], 1)) for name in ("value", "lower", "upper")]
    [17.5, 15.1, 20.2]
    """
    data, uses = read_curves(evidence("curves") if table is None else table)
    must(not data.empty and bool((data["kind"] != "mean").any()), "no row of the table can be fitted", "see `uses`")
    free, held = unknowns(data), dict(fixed or {})
    known = constants(data)
    must_be_known(held, {*known, *(unknown.name for unknown in free)})
    problem = Problem(data, tuple(unknown for unknown in free if unknown.name not in held), {**known, **held})
    return CurveFit(uses=uses, problem=problem, peak=climb(problem), held=held)
