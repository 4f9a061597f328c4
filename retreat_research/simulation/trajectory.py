"""One patient's latent course between visits, put together from her history by the equations of the model."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ..cohort import WEEKS_PER_YEAR, Cohort
from ..errors import must, must_all, real_numbers, whole_number
from ..immunity import DAYS_PER_WEEK, SEROTYPES, decayed
from ..products import PRODUCTS
from ..response import effect_of, onset_share_of
from ..strategies import Strategy
from ..world import World
from .changing import changed, prepared
from .deciding import CODES
from .physics import product_table, record
from .result import Simulation
from .run import simulate

Floats = NDArray[np.float64]
IMMUNE = ("titre", "memory", "short", "long")
FINEST_DAYS = 0.01  # a step below a quarter of an hour is a mistake


@dataclass(frozen=True, eq=False)
class Trajectory:
    """What happened in one patient, between visits too.

    Attributes
    ----------
    world : World
        With what the strategy changes for its patients.
    strategy : Strategy
    patient : int
        Her address in the cohort.
    years : float
        Asked for; she is followed until `end_week`.
    end_week : float, weeks
        Of follow-up: the horizon, or when she drops out.
    totals : pandas.Series
        Her row of `Simulation.patients`.
    visits : pandas.DataFrame
        One row per visit: the columns of `Simulation.sessions`, and ``serotype`` ("" for none), ``label_doses``,
        ``cycle`` (-1 before the first session), ``open_week`` of the cycle, ``until_week`` (when the running benefit
        falls below the threshold, as things are after the visit), ``running_cycle`` (whose curve that is) and
        ``waned_week`` (since the first visit; NaN: not noticed).
    step_days : float, days
        Of `course`.
    """

    world: World
    strategy: Strategy
    patient: int
    years: float
    end_week: float
    totals: pd.Series = field(repr=False)
    visits: pd.DataFrame = field(repr=False)
    step_days: float
    _onset: float = field(repr=False)

    @cached_property
    def course(self) -> pd.DataFrame:
        """`at` every `step_days` days of follow-up."""
        steps = int(np.ceil(self.end_week * DAYS_PER_WEEK / self.step_days))
        return self.at(np.arange(steps) * self.step_days / DAYS_PER_WEEK)

    def at(self, weeks: ArrayLike) -> pd.DataFrame:
        """The latent state at any time.

        Parameters
        ----------
        weeks : float or sequence of float, weeks
            Since the first visit, inside follow-up. At a visit: right after it.

        Returns
        -------
        pandas.DataFrame
            ``week``; ``effect``, the benefit as a share of the full benefit of the label dose, with that of an adjunct;
            for each serotype ``titre_A`` … (mU/mL), ``memory_A`` … (0 to 1), ``short_A`` …, ``long_A`` … (plasma
            output, mU/mL) and the same of B.
        """
        at = np.atleast_1d(real_numbers(weeks, "weeks"))
        must(at.ndim == 1, "`weeks` must be a number or a sequence of numbers")
        must_all((at >= 0) & (at <= self.end_week), "`weeks` must be inside follow-up")
        columns = {"week": at, "effect": self._benefit(at)}
        for serotype in SEROTYPES:
            states = self._immune(at, serotype)
            columns |= {f"{name}_{serotype}": values for name, values in zip(IMMUNE, states, strict=True)}
        return pd.DataFrame(columns)

    def _immune(self, weeks: Floats, serotype: str) -> tuple[Floats, ...]:
        """Titre, memory, short and long of one serotype."""
        own = self.visits[self.visits["serotype"] == serotype]
        states = np.zeros((len(IMMUNE), weeks.size))
        kinetics = record(self.world.immunity.kinetics())
        last = np.searchsorted(own["week"].to_numpy(), weeks, side="right") - 1
        week, titre, memory, short, long = own[["week", "titre_before", "memory", "short", "long"]].to_numpy().T
        for i in np.flatnonzero(last >= 0):
            j = last[i]
            short_now, long_now, titre_now = decayed(kinetics, short[j], long[j], titre[j], weeks[i] - week[j])
            states[:, i] = titre_now, memory[j], short_now, long_now
        return tuple(states)

    def _benefit(self, weeks: Floats) -> Floats:
        """The largest benefit of all cycles' curves; see Notes of `trajectory`."""
        theta, hill = self.world.response.threshold, self.world.response.curve_hill
        support, visits = self.world.response.adjunct_support, self.visits
        last = np.searchsorted(visits["week"].to_numpy(), weeks, side="right") - 1
        now, running = visits["cycle"].to_numpy()[last], visits["running_cycle"].to_numpy()[last]
        sessions = visits[visits["units"] > 0]
        replaced = sessions.groupby("cycle")["week"].shift(-1, fill_value=np.inf)  # by a touch-up
        benefit = np.zeros(weeks.size)
        for session, end in zip(sessions.itertuples(index=False), replaced, strict=True):
            here = np.flatnonzero((weeks >= session.week) & (weeks < end))
            value, since = np.zeros(here.size), weeks[here] - session.open_week
            if session.peak_effect > 0 and np.isfinite(session.log_own):
                with np.errstate(divide="ignore"):  # ln 0 at the session itself, where the onset is 0
                    log_since = np.log(since)
                risen = onset_share_of(since, self._onset)
                value = effect_of(log_since, session.peak_effect, session.log_own, risen, theta, hill)
            if session.adjunct:
                supported = (now[here] == session.cycle) | (running[here] == session.cycle)
                value = np.where(supported, 1 - (1 - value) * (1 - support), value)
            benefit[here] = np.maximum(benefit[here], value)
        return benefit


def trajectory(out: Simulation, patient: int | None = None, *, step_days: float = 1.0) -> Trajectory:
    """One patient's years: her visits, and her benefit and immunity between them.

    Parameters
    ----------
    out : Simulation
        With or without history: one patient alone is treated once more, and it comes out the same to the last bit.
    patient : int, optional
        Her address, the column ``patient`` of `Simulation.patients`; needed if there are several.
    step_days : float, days
        Of `Trajectory.course`.

    Returns
    -------
    Trajectory

    Raises
    ------
    InputError
        If the patient is not in the cohort.

    Notes
    -----
    Between visits everything has a closed form (`immunity.decayed`, `response.effect`), so nothing is integrated. The
    benefit is the largest of all cycles' curves. The simulator lets a curve go once a later one stays above the
    threshold for longer; the two differ while the later curve still rises, in the first days, and below the threshold.
    The support of an adjunct counts in its own cycle and as long as that cycle's curve is the one that runs.
    `until_week` is without the days of onset taken off, as in `simulate`.

    Examples
    --------
    >>> import retreat_research as rr
    >>> cohort = rr.draw_cohort(100, indication="cervical dystonia")
    >>> one = trajectory(rr.simulate(cohort, rr.Fixed(12), years=2), patient=7)
    >>> len(one.visits), len(one.course)
    (9, 731)
    >>> one.at([0, 4])["effect"].round(2).tolist()
    [0.0, 0.82]
    """
    must(isinstance(out, Simulation), f"`out` must come from simulate, not {type(out).__name__}")
    if patient is None:
        must(len(out.cohort) == 1, "`patient` is needed, as there are several", "give a value of the column `patient`")
        patient = int(out.cohort.patient[0])
    patient = whole_number(patient, "patient", 0)
    must(patient in out.cohort._address, "`patient` is not in the cohort", "give a value of the column `patient`")
    step = real_numbers(step_days, "step_days")
    must(step.ndim == 0 and bool(step >= FINEST_DAYS) and bool(np.isfinite(step)),
         f"`step_days` must be one number, {FINEST_DAYS:g} or more")  # fmt: skip
    cohort = Cohort(out.cohort.world, out.cohort.seed, range(patient, patient + 1))
    alone = simulate(cohort, out.strategy, years=out.years, seed=out.seed, history=True)
    world = changed(cohort.world, prepared(out.strategy, cohort.world))
    return Trajectory(
        world=world,
        strategy=out.strategy,
        patient=patient,
        years=out.years,
        end_week=min(out.years * WEEKS_PER_YEAR, float(cohort.dropout_week[0])),
        totals=alone.patients.iloc[0],
        visits=_with_cycles(alone.sessions, world),
        step_days=float(step),
        _onset=float(cohort.onset[0]),
    )


def _with_cycles(sessions: Any, world: World) -> pd.DataFrame:
    """The visits, with the cycle each is part of and the curve that runs after it."""
    label = product_table(world)["label_units"][sessions["product"].map(CODES)]
    serotypes = sessions["product"].map({name: p.serotype for name, p in PRODUCTS.items()})
    opens = (sessions["units"] > 0) & ~sessions["touch_up"]
    visits = sessions.assign(
        serotype=serotypes.where(serotypes.isin(SEROTYPES), ""),
        label_doses=sessions["units"] / label,
        cycle=opens.cumsum() - 1,
        open_week=sessions["week"].where(opens).ffill(),
    )
    until, running, runs = -np.inf, -1, []
    for cycle, open_week, duration in visits[["cycle", "open_week", "duration_weeks"]].itertuples(index=False):
        if cycle >= 0 and open_week + duration >= until:
            until, running = open_week + duration, cycle
        runs.append((until, running))
    visits[["until_week", "running_cycle"]] = runs
    waned = visits["open_week"] + visits["waned_weeks"]
    return visits.assign(running_cycle=visits["running_cycle"].astype(int), waned_week=waned)
