"""The interval from a patient's own durations: a quantile of her predictive distribution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil, exp, isfinite, log
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..errors import must, number
from .base import SOONEST_WEEKS, Strategy, must_be_weeks, returns
from .predictive import quantiles, weigh
from .seen import EXTEND, HOLD, SHORTEN, START, Decision, Floats, Memory, Seen

if TYPE_CHECKING:
    import pandas as pd

    from ..durations import MixedAFTResult
    from ..world import World

_REACH = 6.0  # SDs between patients on either side: 2 in 1,000 million lie beyond
_NODES_PER_SD = 3  # of an SD within a patient; errors: see the tests
_MOST_NODES = 2001
_SLOW = 1.96  # SDs: of a hundred patients two or three take longer to notice
_LEAST_SD = 1e-3  # within a patient: her durations then differ by a tenth of a percent


@dataclass(frozen=True)
class Personal(Strategy):
    """The next interval is a quantile of what her next duration may be, given all that was seen of her.

    ln T = ln `median_weeks` + b + e, with b ~ N(0, `between_sd`²) the patient's own and e ~ N(0, `within_sd`²) of each
    cycle. Every cycle is known to have ended in (lower, upper], or not yet; a non-response tells nothing of durations.
    Waning that was noticed followed the loss by at most `delay_weeks`.

    Parameters
    ----------
    quantile : float in (0, 1)
        Share of cycles that are meant to end before the visit.
    shortest, longest : float, weeks
        No interval is shorter or longer.
    early : bool
        The patient may come when she notices waning, from `start` weeks on; otherwise the visit is booked.
    start : float, weeks
    median_weeks, between_sd, within_sd : float, optional
        The prior; without it that of the world of the cohort, which `simulate` fills in. `from_fit` takes a fit's.
    delay_weeks : float, weeks, optional
        Without it the delay that 97.5% of the patients of that world stay below.

    Notes
    -----
    The posterior of b is exact but for quadrature (1e-6 relative for intervals between visits; 1e-3 after 30 cycles
    known to the week): its log-likelihood on a grid of nodes is the strategy's memory, to
    which every cycle adds ln[Φ((ln upper − m − b)/σ) − Φ((ln lower − m − b)/σ)]. The quantile of the mixture is
    found by Newton's method within brackets. `MixedAFTResult.personal` is the same distribution. Doses are
    taken to be those of the prior.

    A noticed week is no inspection: it comes when the effect has gone. To take it as the end of (last check, noticed],
    as if its date had been set beforehand, would pull the posterior far short; so the interval begins `delay_weeks`
    before it. Ratings are taken as they are: their error makes some losses seem earlier, and fewer durations end before
    the visit than `quantile` says (docs/comparison.md, "How Personal is calibrated").

    The method is ours; the default of 0.3 is that of DESIGN §4, the bounds are assumed.

    Examples
    --------
    >>> import retreat_research as rr
    >>> print(Personal(0.3).prepared(rr.World.default("glabellar")).median_weeks)
    17.0
    """

    weighs: ClassVar[bool] = True
    quantile: float = 0.3
    shortest: float = 8.0
    longest: float = 26.0
    early: bool = False
    start: float = 12.0
    median_weeks: float | None = None
    between_sd: float | None = None
    within_sd: float | None = None
    delay_weeks: float | None = None

    def __post_init__(self) -> None:
        inside = isinstance(self.quantile, int | float) and 0 < self.quantile < 1
        must(inside, "`quantile` must lie between 0 and 1, without them")
        must_be_weeks(shortest=self.shortest, longest=self.longest, start=self.start)
        must(self.shortest <= self.longest, "`shortest` must be at most `longest`")
        if self.median_weeks is not None:
            must_be_weeks(median_weeks=self.median_weeks)
        for name, most in (("between_sd", 10), ("within_sd", 10), ("delay_weeks", 1e9)):
            if getattr(self, name) is not None:
                number(getattr(self, name), name, 0, most)

    @classmethod
    def from_fit(
        cls, fit: MixedAFTResult, newdata: pd.DataFrame | None = None, *, quantile: float = 0.3, **rest: float
    ) -> Personal:
        """With the prior of a fitted log-normal mixed model.

        Parameters
        ----------
        fit : MixedAFTResult, family ``lognormal``, without a random slope
        newdata : pandas.DataFrame, one row, optional
            The arm that the patients are treated as.
        quantile, **rest
            As in `Personal`.
        """
        from ..durations import MixedAFTResult

        mixed = isinstance(fit, MixedAFTResult) and fit.family == "lognormal" and fit.slope is None
        must(mixed, "`fit` must be a log-normal MixedAFT without a random slope")
        typical = fit.quantile(0.5, newdata, kind="conditional")
        must(len(typical) == 1, "`newdata` must have one row")
        median = float(typical["estimate"].iloc[0])
        prior = {"median_weeks": median, "between_sd": float(fit.sd), "within_sd": float(fit.scale)}
        return cls(quantile=quantile, **(prior | rest))  # type: ignore[arg-type]

    def prepared(self, world: World) -> Strategy:
        prior = {
            "median_weeks": world.median_weeks,
            "between_sd": world.response.between_sd,
            "within_sd": world.response.within_sd,
            "delay_weeks": world.behaviour.delay_weeks * exp(_SLOW * world.behaviour.delay_sd),
        }
        missing: dict[str, Any] = {name: value for name, value in prior.items() if getattr(self, name) is None}
        must(
            isfinite(missing.get("median_weeks", 1.0)),
            "`Personal` needs `median_weeks`",
            "the world knows no duration of its product",
        )
        return replace(self, **missing) if missing else self

    @cached_property
    def _sd(self) -> float:
        must(self.within_sd is not None, "`Personal` has no prior yet", "use `prepared(world)`, as `simulate` does")
        return max(self.within_sd or 0.0, _LEAST_SD)

    @cached_property
    def _nodes(self) -> Floats:
        """ln typical duration at the nodes, ascending and evenly spaced; shape (k,)."""
        reach = _REACH * (self.between_sd or 0.0)
        half = min(ceil(reach * _NODES_PER_SD / self._sd), _MOST_NODES // 2)
        return log(self.median_weeks or 1.0) + reach * np.linspace(-1, 1, 2 * half + 1)

    @cached_property
    def _log_prior(self) -> Floats:
        centred = self._nodes - log(self.median_weeks or 1.0)
        return -0.5 * (centred / self.between_sd) ** 2 if self.between_sd else np.zeros(centred.size)

    def initial_memory(self) -> dict[str, object]:
        prior, middle = self._log_prior[None, :].copy(), np.array([self._nodes[self._nodes.size // 2]])
        first = float(quantiles(prior, self._nodes, self._sd, self.quantile, middle)[0])
        return {"log_weight": tuple(self._log_prior.tolist()), "log_weeks": first, "counted": 0}

    def decide(self, seen: Seen, memory: Memory) -> tuple[Decision, Mapping[str, object]]:
        noticed = seen.upper == seen.waned_weeks
        since = np.maximum(seen.lower, seen.waned_weeks - max(self.delay_weeks or 0.0, SOONEST_WEEKS))
        lower = np.where(noticed, since, seen.lower)
        tells = (seen.session > memory.counted) & ~np.isnan(seen.upper)
        weights, weeks = memory.log_weight, memory.log_weeks
        if tells.any():
            told = weights[tells]
            weigh(told, lower[tells], seen.upper[tells], self._nodes, self._sd)
            weights, weeks = weights.copy(), weeks.copy()
            weights[tells] = told
            weeks[tells] = quantiles(told, self._nodes, self._sd, self.quantile, weeks[tells])
        gap, before = (np.clip(np.exp(w), self.shortest, self.longest) for w in (weeks, memory.log_weeks))
        reason = np.select([seen.session == 0, gap > before, gap < before], [START, EXTEND, SHORTEN], HOLD)
        earliest = np.minimum(self.start, gap) if self.early else gap
        remembered = {"log_weight": weights, "log_weeks": weeks, "counted": seen.session}
        return Decision(earliest, gap, reason=reason), remembered

    def describe(self) -> str:
        prior = (
            "the prior of the world"
            if self.median_weeks is None
            else f"a prior of median {self.median_weeks:.3g} weeks, SDs {self.between_sd:.2g} between patients and "
            f"{self.within_sd:.2g} within"
        )
        return (
            f"Treats when {self.quantile:.0%} of the patient's cycles are expected to have ended, as learnt "
            "from all of "
            f"her cycles under {prior}, between {self.shortest:g} and {self.longest:g} weeks. "
            f"{returns(self.early, self.start)} (Bayes; ours.)"
        )
