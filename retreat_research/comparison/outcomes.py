"""What strategies are compared on: ratios of totals and each patient's contribution to their error.

Every outcome is Σy/Σx over patients; with u = (y − R x)/mean(x) its Monte Carlo standard error is SD(u)/√n. Two
strategies met the same patients with the same luck, so that of their difference is SD(u_a − u_b)/√n.
"""

from __future__ import annotations

import numpy as np

from ..cohort import WEEKS_PER_YEAR
from ..simulation.outcomes import NEED_ANTIGEN, Estimate, Outcome, standard_error
from ..simulation.outcomes import OUTCOMES as COUNTED
from .costs import Costs

__all__ = ["COST", "OUTCOMES", "Estimate", "Outcome", "paired", "standard_error"]

_YEAR = WEEKS_PER_YEAR
_PER_100 = 100 * WEEKS_PER_YEAR
#: The outcomes of `summary()`, and those that need more than two of its columns.
OUTCOMES = (
    *COUNTED,
    Outcome("units_per_session", "units per session", "unit_equivalents", "session_equivalents"),
    Outcome("antigen_per_session", "antigen, ng per session", "antigen_equivalents", "session_equivalents"),
    Outcome("other_failure", "share of patients with two in a row without antibodies", "failure_other"),
    Outcome("antibodies_rate", "antibodies per 100 patient-years at risk", "positive_week", "positive_free", _PER_100),
    Outcome("failure_rate", "failures per 100 patient-years at risk", "failure_week", "failure_free", _PER_100),
    Outcome(
        "immune_failure_rate", "immune failures per 100 patient-years at risk", "failure_immune", "failure_free",
        _PER_100,
    ),
    Outcome(
        "other_failure_rate", "other failures per 100 patient-years at risk", "failure_other", "failure_free", _PER_100
    ),
    Outcome("years_to_antibodies", "years of follow-up before antibodies", "positive_free", "", 1 / _YEAR),
    Outcome("years_to_failure", "years of follow-up before failure", "failure_free", "", 1 / _YEAR),
    Outcome("responsiveness", "share of time before antibodies and failure", "weeks_responsive", "weeks_observed"),
    Outcome("satisfaction", "satisfaction by stated preference", "weeks_satisfied", "weeks_observed"),
)  # fmt: skip
#: Only with `Costs`.
COST = Outcome("cost", "cost per year", "cost_equivalents", "weeks_observed", _YEAR)

#: NaN where no antigen load is published: all that hangs on antibodies.
UNKNOWN_WITHOUT_ANTIGEN = frozenset(
    {*NEED_ANTIGEN, "antigen_per_session", "other_failure", "antibodies_rate", "immune_failure_rate",
     "other_failure_rate", "years_to_antibodies", "responsiveness", "satisfaction"}
)  # fmt: skip
#: NaN where several products were used.
OF_ONE_PRODUCT = frozenset({"units", "units_per_session"})

_BY_NAME = {outcome.name: outcome for outcome in (*OUTCOMES, COST)}


def outcome_of(name: str | Outcome) -> Outcome:
    """The outcome of this name."""
    return _BY_NAME[name] if isinstance(name, str) else name


def outcomes_with(costs: Costs | None) -> tuple[Outcome, ...]:
    """What is compared: cost only where costs are given."""
    return OUTCOMES if costs is None else (*OUTCOMES, COST)


def paired(a: Estimate, b: Estimate) -> dict[str, float]:
    """Difference a − b, its Monte Carlo standard error, and how much variance the pairing saved.

    Returns
    -------
    dict
        ``difference``, ``mcse``, ``lower`` and ``upper`` (95%, ±1.96 mcse) and ``variance_reduction``: the variance of
        the difference had the two arms been independent, over the paired one; infinite where the pairing took all of
        it away, and NaN where there was none.
    """
    difference, mcse = a.value - b.value, standard_error(a.influence - b.influence)
    independent = a.mcse**2 + b.mcse**2
    # Contributions of the same value in both arms, such as those of a fixed interval, differ by rounding only.
    if mcse < 1e-12 * max(np.sqrt(independent), abs(a.value), abs(b.value)):
        mcse = 0.0
    spread = independent > (1e-12 * max(abs(a.value), abs(b.value))) ** 2
    identical = np.inf if mcse == 0 and spread else np.nan
    reduction = independent / mcse**2 if mcse > 0 else identical
    return {
        "difference": difference,
        "mcse": mcse,
        "lower": difference - 1.96 * mcse,
        "upper": difference + 1.96 * mcse,
        "variance_reduction": reduction,
    }
