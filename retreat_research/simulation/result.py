"""What `simulate` gives: patients, sessions and a summary, in memory or read from where they were stored."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from ..cohort import Cohort
from ..strategies import Strategy
from .decisions import decision_log
from .moments import Moments
from .outcomes import OUTCOMES
from .store import Store


@dataclass(frozen=True, eq=False)
class Kept:
    """Where the tables of a simulation are: here, or in the parts of a store."""

    patients: pd.DataFrame | None = None
    sessions: pd.DataFrame | None = None
    moments: Moments | None = None
    store: Store | None = None
    parts: tuple[tuple[int, int], ...] = ()
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Simulation:
    """What a strategy did to a cohort.

    Attributes
    ----------
    strategy : Strategy
        As it was given; what it was filled in with is ``strategy.prepared(cohort.world)``.
    cohort : Cohort
        The patients it was done to: fewer than were given if `until_mcse` was reached or the run was stopped.
    years : float
    seed : int
    products : tuple of str
        Those injected; their units add up only if there is one.
    notes : tuple of str
        What a reader must know, for instance that no antigen load is published.
    complete : bool
        False if the run was stopped (Ctrl-C): the results are those of the patients that were finished.

    Notes
    -----
    Weeks in benefit count from the day of the session; the days of onset are not taken off.
    """

    strategy: Strategy
    cohort: Cohort
    years: float
    seed: int
    products: tuple[str, ...]
    notes: tuple[str, ...]
    complete: bool
    _kept: Kept

    @cached_property
    def patients(self) -> pd.DataFrame:
        """One row per patient; None with ``patients=False``.

        ``patient``, ``sessions``, ``session_equivalents``, ``units``, ``unit_equivalents``, ``antigen_ng``,
        ``antigen_equivalents``, ``weeks_observed``, ``weeks_in_benefit``, ``weeks_waiting``, ``positive_week``,
        ``tested_positive_week``, ``failure_week``, ``failure_immune``, ``dropout_week``, ``first_response_week`` (NaN:
        never). The equivalents count the last cycle by the share of its gap that lies inside follow-up; its gap is
        taken to end with the visit after follow-up, whether that is a session or not. With ``store`` the table is read
        from there when it is first asked for.
        """
        kept = self._kept
        if kept.store is not None and "patients" in kept.kinds:
            return in_order(kept.store.frame("patients", kept.parts), ["patient"])
        return kept.patients

    @property
    def sessions(self) -> pd.DataFrame | None:
        """One row per visit with ``history=True``, otherwise None.

        ``patient``, ``session`` (sessions given before), ``week``, ``product``, ``units``, ``antigen_ng``,
        ``titre_before`` (mU/mL), ``duration_weeks``, ``peak_effect``, ``earliest``, ``latest``, ``gap_weeks``,
        ``reason``; what was observed of the cycle: ``lower``, ``upper``, ``responded``, ``assessed``,
        ``effect_at_return``, ``waned_weeks``; and ``touch_up``, ``adjunct``, ``potency`` and, right after the visit
        and of the product's serotype, ``memory``, ``short``, ``long``; ``log_own`` of this cycle's curve; what the
        clinic knows at the next visit: ``peak_gain``, ``last_test``, ``last_test_week``, ``last_reading``; and
        ``adjunct_given`` at this visit (``adjunct`` is that of the cycle). With ``store`` the table is read each time
        it is asked for, and nothing of it is kept.
        """
        kept = self._kept
        if kept.store is not None and "history" in kept.kinds:
            return in_order(kept.store.frame("history", kept.parts), ["patient", "week"])
        return kept.sessions

    @property
    def decisions(self) -> pd.DataFrame | None:
        """The decision log with ``history=True``, otherwise None: one row per visit.

        ``patient``, ``session`` (sessions given before), ``week``; what was seen at this visit, as `Seen` has it and
        nothing at the first: ``gap_weeks`` (since the last main session), ``lower``, ``upper``, ``responded``,
        ``assessed``, ``effect_at_return``, ``waned_weeks``, ``peak_gain``, ``last_test``, ``last_test_week``,
        ``last_reading``; and the decision: ``units``, ``product``, ``earliest``, ``latest``, ``adjunct``, ``reason``.
        """
        sessions = self.sessions
        return None if sessions is None else decision_log(sessions)

    @property
    def stored(self) -> dict[str, Path]:
        """Folders of Parquet files of this scenario, by what is in them; empty without ``store``."""
        kept = self._kept
        return {} if kept.store is None else {kind: kept.store.path(kind, "") for kind in kept.kinds}

    @cached_property
    def moments(self) -> Moments:
        """Exact sums of patients' outcomes and of all products of two."""
        return self._kept.moments if self._kept.moments is not None else Moments.of(self.patients)

    def summary(self) -> pd.DataFrame:
        """Every outcome and its Monte Carlo standard error.

        Returns
        -------
        pandas.DataFrame
            ``outcome``, ``value``, ``mcse``, ``n`` (patients). From exact sums: the same to the last digit however the
            simulation was run, with or without a table of patients.
        """
        found = [(outcome.name, *self.moments.estimate(outcome), self.moments.n) for outcome in OUTCOMES]
        return pd.DataFrame(found, columns=["outcome", "value", "mcse", "n"])

    def __repr__(self) -> str:
        end = "" if self.complete else ", incomplete"
        return (
            f"<Simulation: {self.strategy}, {len(self.cohort)} patients, {self.years:g} years, seed {self.seed}{end}>"
        )

    def _repr_html_(self) -> str:
        from html import escape

        table = self.summary() if self._kept.patients is None else self.patients.head(10)
        return f"<p>{escape(repr(self)[1:-1])}</p>" + table._repr_html_()


def whole(out: Simulation) -> Simulation:
    """`out`, if every patient was finished; a run that was stopped stops its caller, as Ctrl-C would have.

    Raises
    ------
    KeyboardInterrupt
    """
    if not out.complete:
        raise KeyboardInterrupt
    return out


def in_order(frame: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """`frame` sorted by patient, unless it already is."""
    patient = frame["patient"].to_numpy()
    if (patient[1:] >= patient[:-1]).all():
        return frame
    return frame.sort_values(by, kind="stable", ignore_index=True)
