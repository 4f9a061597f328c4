"""`simulate`: a strategy on a cohort over years, in blocks of patients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..cohort import WEEKS_PER_YEAR, Cohort
from ..errors import must
from ..products import PRODUCTS
from ..strategies import REASONS, Strategy
from ..streams import checked_seed
from .block import PRODUCT_NAMES, run_block

BLOCK = 16_384


@dataclass(frozen=True, eq=False)
class Simulation:
    """What a strategy did to a cohort.

    Attributes
    ----------
    strategy : Strategy
    cohort : Cohort
    years : float
    seed : int
    patients : pandas.DataFrame
        One row per patient: ``patient``, ``sessions``, ``session_equivalents``, ``units``, ``unit_equivalents``,
        ``antigen_ng``, ``antigen_equivalents``, ``weeks_observed``, ``weeks_in_benefit``, ``weeks_waiting``,
        ``positive_week``, ``tested_positive_week``, ``failure_week``, ``failure_immune``, ``dropout_week``,
        ``first_response_week`` (NaN: never). The equivalents count the last cycle by the share of its gap that lies
        inside follow-up; its gap is taken to end with the visit after follow-up, whether that is a session or not.
    sessions : pandas.DataFrame or None
        With ``history=True`` one row per visit: ``patient``, ``session``, ``week``, ``product``, ``units``,
        ``antigen_ng``, ``titre_before`` (mU/mL), ``duration_weeks``, ``peak_effect``, ``earliest``, ``latest``,
        ``gap_weeks``, ``reason``, and what was observed of the cycle: ``lower``, ``upper``, ``responded``,
        ``assessed``, ``effect_at_return``, ``waned_weeks``.
    products : tuple of str
        Those injected; their units add up only if there is one.
    notes : tuple of str
        What a reader must know, for instance that no antigen load is published.

    Notes
    -----
    Weeks in benefit count from the day of the session; the days of onset are not taken off.
    """

    strategy: Strategy
    cohort: Cohort
    years: float
    seed: int
    patients: pd.DataFrame
    sessions: pd.DataFrame | None
    products: tuple[str, ...]
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<Simulation: {self.strategy}, {len(self.patients)} patients, {self.years:g} years, seed {self.seed}>"

    def _repr_html_(self) -> str:
        from html import escape

        return f"<p>{escape(repr(self)[1:-1])}</p>" + self.patients.head(10)._repr_html_()


def simulate(
    cohort: Cohort,
    strategy: Strategy,
    *,
    years: float = 10,
    seed: int = 1,
    history: bool = False,
    block: int | None = None,
) -> Simulation:
    """Treat a cohort by a strategy.

    Parameters
    ----------
    cohort : Cohort
    strategy : Strategy
    years : float
        Follow-up; a patient's ends earlier when she drops out.
    seed : int in [0, 2**64)
        The same seed gives two strategies the same luck, patient by patient and session by session.
    history : bool
        Keep every session.
    block : int, optional
        Patients at a time; changes speed, never results.

    Returns
    -------
    Simulation

    Raises
    ------
    InputError
        Among others when the strategy returns something that is not a decision for each patient.

    Examples
    --------
    >>> from retreat_research import Fixed, draw_cohort
    >>> out = simulate(draw_cohort(100, indication="glabellar"), Fixed(12), years=2)
    >>> float(out.patients["sessions"].max())
    9.0
    """
    must(
        isinstance(strategy, Strategy),
        f"`strategy` must be a strategy such as Fixed(12), not {type(strategy).__name__}",
    )
    must(np.isfinite(years) and years > 0, "`years` must be positive")
    block = BLOCK if block is None else block
    must(isinstance(block, int) and block > 0, "`block` must be a whole number of at least 1")
    seed = checked_seed(seed)
    _keep_memory()
    parts = [
        run_block(cohort[start : start + block], strategy, years * WEEKS_PER_YEAR, seed, history=history)
        for start in range(0, len(cohort), block)
    ]
    patients = pd.DataFrame(np.sort(np.concatenate([part.totals for part in parts]), order="patient"))
    products = tuple(name for name in PRODUCTS if any(name in part.products for part in parts))
    sessions = None
    if history:
        sessions = pd.DataFrame(np.concatenate([part.history for part in parts if part.history is not None]))
        sessions = sessions.sort_values(["patient", "week"], kind="stable", ignore_index=True)
        sessions["product"] = PRODUCT_NAMES[sessions["product"]].astype(object)
        sessions["reason"] = np.array(REASONS, dtype=object)[sessions["reason"]]
    return Simulation(strategy, cohort, years, seed, patients, sessions, products, _notes(patients, products))


def _keep_memory() -> None:
    """Make glibc keep freed memory up to 62 MB for the next array instead of handing it back and faulting it in again.

    Freeing a large block raises its thresholds for mapping and trimming (mallopt(3), "dynamic mmap threshold"); the
    block itself is never touched. Worth a tenth to a quarter of the running time, and nothing elsewhere.
    """
    np.empty(31 * 2**20, dtype=np.uint8)


def _notes(patients: pd.DataFrame, products: tuple[str, ...]) -> tuple[str, ...]:
    notes = []
    if patients["antigen_ng"].isna().any():
        notes.append(
            "No antigen load is published for a product used: antigen is NaN and immunity to it is not simulated. "
            "Set one with `world.replace(ng_per_unit={...})`."
        )
    if len(products) > 1:
        notes.append("Several products were used: their units are not interchangeable and must not be added.")
    return tuple(notes)
