"""How much is left: what no strategy with as many sessions can exceed (docs/comparison.md, "How much is left").

A patient's luck at a visit is the same under every strategy, so the durations that she could have had are known before
any strategy is chosen. Weeks in benefit are at most their sum, and whoever knew them all could at best spend the
sessions where they last longest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..cohort import Cohort
from ..errors import must
from ..products import PRODUCTS
from ..response import amplitude, below_support, duration_factor, lasting
from ..simulation import Simulation, simulate
from ..simulation.changing import changed
from ..simulation.outcomes import standard_error
from ..streams import Purpose, normals, uniforms
from ..world import World

Floats = NDArray[np.float64]
_AT_ONCE = 2048  # patients whose every visit is held at a time
_HALVINGS = 200  # of an interval of prices: more than a double can tell apart


@dataclass(frozen=True)
class Bound:
    """What a strategy gives, and what no strategy with the same total of sessions can exceed.

    Attributes
    ----------
    time_in_benefit : float
        Of the strategy.
    bound : float
        Of somebody who knows every future duration; no strategy of `sessions` sessions, of cycles of at most `dose`
        label doses and of at most `blank` visits without injection a patient gives more to this cohort.
    left : float
        `bound` less `time_in_benefit`.
    mcse : float
        Monte Carlo standard error of `left`.
    sessions, blank : int
    dose : float, label doses
    """

    time_in_benefit: float
    bound: float
    left: float
    mcse: float
    sessions: int
    blank: int
    dose: float

    def __str__(self) -> str:
        return (
            f"time in benefit {self.time_in_benefit:.1%}; no strategy with these {self.sessions:,} sessions exceeds "
            f"{self.bound:.1%}: at most {100 * self.left:.1f} points are left (MCSE {100 * self.mcse:.1f})"
        )


def bound(out: Simulation) -> Bound:
    """What is left to gain over a simulated strategy with the same sessions.

    Parameters
    ----------
    out : Simulation
        With its table of patients. Its visits are simulated again where they were not kept.

    Returns
    -------
    Bound

    Notes
    -----
    D_iv is patient i's duration at visit v without antibodies, at the largest dose of a cycle in the run (touch-ups
    included, and the largest potency of a lot), with an adjunct if the run used one. If at most b visits of a patient
    are without injection, N sessions are among her first N + b visits, so that her weeks in benefit are at most
    h_i(N) = min(weeks observed, sum of the N largest of D_i1 … D_i,N+b); with b = 0 simply of the first N. Antibodies
    and lost potency only shorten, curves that overlap cover less than their sum, touch-ups need sessions of their own.
    The most that Σ sessions = S allows is at most Σ_i max_N [h_i(N) − λN] + λS for any price λ of a session (Lagrangian
    duality); the best λ is taken, which gives the linear programme over the concave envelopes of the h_i.

    Examples
    --------
    >>> from retreat_research import Fixed, draw_cohort, simulate
    >>> world = World.default("glabellar").replace(between_sd=0, within_sd=0, non_response=0, dropout_per_year=0)
    >>> found = bound(simulate(draw_cohort(20, world=world), Fixed(12), years=3))
    >>> bool(found.time_in_benefit == found.bound == 1)
    True
    """
    must(isinstance(out, Simulation), "`out` must come from simulate")
    must(out.patients is not None, "`out` has no table of patients", "simulate it with patients=True")
    patients = out.patients.set_index("patient").loc[out.cohort.patient]
    given, weeks = patients["sessions"].to_numpy(), patients["weeks_observed"].to_numpy()
    use = _use(out)
    total, columns = int(given.sum()), 2 * int(given.max()) + 8
    while True:
        columns = min(columns, total)  # nobody can have more than all
        tables = list(_gains(out, weeks, use, columns, last=columns == total))
        price = _best_price(tables, total)
        if not any((_bought(table, price) > columns).any() for table in tables):
            break
        columns *= 2
    most = np.concatenate([_surplus(table, price) for table in tables]) + price * given
    ours = patients["weeks_in_benefit"].to_numpy()
    shares = most.sum() / weeks.sum(), ours.sum() / weeks.sum()
    influence = (most - ours - (shares[0] - shares[1]) * weeks) / weeks.mean()
    return Bound(
        shares[1], shares[0], shares[0] - shares[1], standard_error(influence), total, use.blank, use.dose,
    )  # fmt: skip


@dataclass(frozen=True)
class _Use:
    """The most that a run makes use of: label doses of a cycle, visits without injection of a patient, adjuncts."""

    dose: float
    potency: float
    blank: int
    adjunct: bool
    products: tuple[str, ...]

    def longest_weeks(self, world: World) -> float:
        """Median duration of the best product at the largest dose, weeks."""
        response = world.response
        dose = self.dose * self.potency
        log_median = max((response.log_median(name) for name in self.products), default=-np.inf)
        if dose == 0 or log_median == -np.inf:
            return 0.0
        level = below_support(response.threshold, response.adjunct_support if self.adjunct else 0.0)
        share = lasting(amplitude(dose, response.amplitude_half), level, response.threshold, response.curve_hill)
        factor = duration_factor(dose, response.dose_half) * (response.adjunct_lengthening if self.adjunct else 1.0)
        return float(np.exp(log_median) * factor * share)


def _use(out: Simulation) -> _Use:
    world = changed(out.cohort.world, out.strategy)
    label = {name: p.label_units.get(world.indication, np.nan) for name, p in PRODUCTS.items()}
    label |= {world.product: world.label_units, "placebo": 1.0}
    dose, blank, adjunct = 0.0, 0, False
    for start in range(0, len(out.cohort), _AT_ONCE):
        few = out.cohort[start : start + _AT_ONCE]
        again = simulate(few, out.strategy, years=out.years, seed=out.seed, history=True)
        visits = again.sessions
        assert visits is not None
        injected = visits["units"] > 0
        shares = visits["units"] / visits["product"].map(label)
        opens = (injected & ~visits["touch_up"]).cumsum()  # a cycle for each main session
        dose = max(dose, float(shares[injected].groupby(opens[injected]).sum().max()) if injected.any() else 0.0)
        blank = max(blank, int((~injected).groupby(visits["patient"]).sum().max()))
        adjunct |= bool(visits["adjunct"].any())
    return _Use(dose, _largest_potency(out), blank, adjunct, out.products)


def _largest_potency(out: Simulation) -> float:
    """Of any lot that could be met in the run; failures of technique and storage only lose."""
    behaviour = out.cohort.world.behaviour
    if behaviour.lot_sd == 0:
        return 1.0
    last = int(out.patients["weeks_observed"].max() // behaviour.lot_weeks)
    codes = np.array([list(PRODUCTS).index(name) for name in out.products], dtype=np.int64)
    product, lot = (grid.ravel() for grid in np.meshgrid(codes, np.arange(last + 1)))
    z = normals(uniforms(out.seed, Purpose.LOT, product, lot)[0])
    return float(np.exp(behaviour.lot_sd * z - behaviour.lot_sd**2 / 2).max(initial=0.0))


def _gains(out: Simulation, weeks: Floats, use: _Use, columns: int, *, last: bool) -> Iterator[Floats]:
    """h_i(N) for N = 0, 1, …, `columns`; in one more column any larger N, where it is at most all weeks, or, if
    `columns` is the `last` N that there can be, nothing."""
    world = changed(out.cohort.world, out.strategy)
    longest, within = use.longest_weeks(world), world.response.within_sd
    for start in range(0, len(out.cohort), _AT_ONCE):
        few = out.cohort[start : start + _AT_ONCE]
        durations = potential(few, out.seed, longest, within, columns + use.blank)
        table = np.zeros((len(few), columns + 2))
        for n in range(1, columns + 1):
            if use.blank:
                there = np.partition(durations[:, : n + use.blank], use.blank, axis=1)[:, use.blank :]
                table[:, n] = there.sum(axis=1)
            else:
                table[:, n] = table[:, n - 1] + durations[:, n - 1]
        table[:, -1] = -np.inf if last else np.inf
        yield np.minimum(table, weeks[start : start + len(few), None])


def potential(cohort: Cohort, seed: int, median: float, within_sd: float, visits: int) -> Floats:
    """Weeks that each visit's luck makes of a session of this median, 0 without response; shape (n, visits).

    The draws are those of the simulator (docs/simulation.md, "A visit", 5): `RESPONSE` lanes 0 and 1.
    """
    who, number = np.repeat(cohort.patient, visits), np.tile(np.arange(visits), len(cohort))
    noise, silent, *_ = uniforms(seed, Purpose.RESPONSE, who, number)
    shape = (len(cohort), visits)
    weeks = median * np.exp(cohort.log_offset[:, None] + within_sd * normals(noise).reshape(shape))
    return np.where(silent.reshape(shape) >= cohort.non_response[:, None], weeks, 0.0)


def _surplus(table: Floats, price: float) -> Floats:
    """max over N of h(N) − price·N for each patient."""
    return np.asarray((table - price * np.arange(table.shape[1])).max(axis=1))


def _bought(table: Floats, price: float) -> NDArray[np.int64]:
    """The N that gives `_surplus`, the smallest one."""
    return np.asarray((table - price * np.arange(table.shape[1])).argmax(axis=1))


def _best_price(tables: list[Floats], sessions: int) -> float:
    """The price λ of a session with the least Σ max_N [h(N) − λN] + λS: where the sessions bought pass S."""
    low, high = 0.0, max(0.0, *(float(np.diff(table, axis=1).max()) for table in tables))
    for _ in range(_HALVINGS):
        price = (low + high) / 2
        if price in (low, high):
            break
        bought = sum(int(_bought(table, price).sum()) for table in tables)
        low, high = (price, high) if bought > sessions else (low, price)
    return high
