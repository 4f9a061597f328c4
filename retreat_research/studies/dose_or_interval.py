"""Dose against interval: what to do when waning comes early, a modestly larger dose or a shorter interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

import numpy as np
import pandas as pd
from tqdm import tqdm

from ..cohort import draw_cohort
from ..comparison.arms import Arms
from ..comparison.evaluate import exposure_match
from ..comparison.outcomes import paired
from ..errors import must, whole_number
from ..products import PRODUCTS
from ..strategies import Decision, Memory, Seen, Strategy
from ..strategies.seen import ESCALATE, EXTEND, HOLD, SHORTEN, START
from ..streams import checked_seed
from ..world import World
from ..world.medians import MEDIAN_WEEKS

#: Shares by which the dose is raised.
RAISES = (0.10, 0.20, 0.50)
#: Quantiles of the prior of `dose_half`: how much longer a larger dose lasts is hardly known, and decides.
DOSE_HALF_QUANTILES = {"duration grows little with dose": 0.10, "as assumed": 0.50, "duration grows much": 0.90}
MEASURED = ("time_in_benefit", "sessions", "units", "antigen", "antibodies", "failure")
MOST_PATIENTS = 1_000_000


@dataclass(frozen=True)
class AfterWaning(Strategy):
    """Step out while the effect lasts to the visit; on earlier waning shorten, raise the dose, both or neither.

    Parameters
    ----------
    back : bool
        Step back by `step` weeks whenever waning came before the visit.
    raise_by : float
        Share of the last dose by which it is raised then.
    most : float, label doses
        No dose is larger.
    start, step : float, weeks
        First interval and the steps out, as in `Stepped`: the first waning before the visit ends the extension.
    shortest, longest : float, weeks

    Notes
    -----
    The rhythm is that of `Stepped`. That stepping back goes on below `start`, and the limits, are ours: half as much
    again as the label dose, and 8 weeks, the shortest interval of the fixed frontier.
    """

    back: bool = False
    raise_by: float = 0.0
    most: float = 1.5
    start: float = 12.0
    step: float = 2.0
    shortest: float = 8.0
    longest: float = 26.0

    def initial_memory(self) -> dict[str, object]:
        return {"gap": self.start, "settled": False}

    def decide(self, seen: Seen, memory: Memory) -> tuple[Decision, Mapping[str, object]]:
        first = seen.session == 0
        waned = seen.waned
        settled = memory.settled | waned
        further = seen.lasted & ~settled & (seen.session >= 2)
        gap = np.where(further, np.minimum(memory.gap + self.step, self.longest), memory.gap)
        if self.back:
            gap = np.where(waned, np.maximum(gap - self.step, self.shortest), gap)
        raised = np.minimum((1 + self.raise_by) * seen.units, np.maximum(self.most * seen.label_units, seen.units))
        units = np.where(waned, raised, seen.units)
        reason = np.select(
            [first, units > seen.units, gap > memory.gap, gap < memory.gap], [START, ESCALATE, EXTEND, SHORTEN], HOLD
        )
        return Decision.at(gap, units=units, reason=reason), {"gap": gap, "settled": settled}


def reactions() -> dict[str, Strategy]:
    """What can be done when waning comes early, by name; ``hold`` does nothing, and a dose is raised once."""
    raised = {f"dose +{share:.0%}": AfterWaning(raise_by=share, most=1 + share) for share in RAISES}
    both = {f"dose +{s:.0%} and shorten": AfterWaning(raise_by=s, most=1 + s, back=True) for s in RAISES}
    return {"hold": AfterWaning(), "shorten": AfterWaning(back=True), **raised, **both}


@dataclass(frozen=True, eq=False)
class DoseOrIntervalResult:
    """What each reaction to early waning gives and costs.

    Attributes
    ----------
    study : DoseOrInterval
    notes : tuple of str
        What a reader must know.
    """

    study: DoseOrInterval
    notes: tuple[str, ...]
    _table: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """One row per dose response and reaction.

        Returns
        -------
        pandas.DataFrame
            Index ``dose_response`` and ``reaction``. For each of `MEASURED` its value, ``more_NAME`` (minus that of
            ``hold``, paired) and ``more_NAME_mcse``; ``dose_half``; ``matched_weeks``, ``gain`` and ``gain_mcse``: time
            in benefit over the fixed interval of equal antigen (units, where no load is published).
        """
        return self._table.copy()

    def answer(self) -> pd.DataFrame:
        """Raising the dose by the share that gives most against shortening alone, in each dose response.

        Returns
        -------
        pandas.DataFrame
            Index ``dose_response``: ``better`` (``dose``, ``interval`` or ``neither``: the difference of the gains over
            the fixed interval of equal exposure is within 2 Monte Carlo standard errors, taken as independent),
            ``dose`` (which raise), its ``gain``, that of ``shorten``, and both ``mcse``.
        """
        rows = {}
        for name, table in self._table.groupby(level="dose_response", sort=False):
            by_reaction = table.droplevel("dose_response")
            raised = by_reaction.loc[[f"dose +{share:.0%}" for share in RAISES]]
            shorter = by_reaction.loc["shorten"]
            if raised["gain"].isna().all() or np.isnan(shorter["gain"]):
                continue
            best = raised["gain"].idxmax()
            ahead = raised.loc[best, "gain"] - shorter["gain"]
            sure = abs(ahead) > 2 * np.hypot(raised.loc[best, "gain_mcse"], shorter["gain_mcse"])
            rows[name] = {
                "better": ("dose" if ahead > 0 else "interval") if sure else "neither",
                "dose": best,
                "dose_gain": raised.loc[best, "gain"],
                "dose_mcse": raised.loc[best, "gain_mcse"],
                "shorten_gain": shorter["gain"],
                "shorten_mcse": shorter["gain_mcse"],
            }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("dose_response")

    def __repr__(self) -> str:
        return f"<Dose or interval: {self.study.product} in {self.study.indication}, {self.study.patients:,} patients>"

    def _repr_html_(self) -> str:
        from html import escape

        shown = ["time_in_benefit", "sessions", "units", "antigen", "more_time_in_benefit", "gain", "gain_mcse"]
        return f"<p>{escape(repr(self)[1:-1])}</p>" + self._table[shown]._repr_html_()


@dataclass(frozen=True)
class DoseOrInterval:
    """The study: a modest dose increase or a shorter interval when waning comes early.

    Parameters
    ----------
    indication : str
        One of `INDICATIONS`, or the beginning of one.
    product : str
    patients : int
        The same ones, with the same luck, in every arm.
    years : float
    seed : int

    Notes
    -----
    The answer hangs on how duration grows with dose, which is hardly known: everything is done at three quantiles of
    the prior of `dose_half` (`DOSE_HALF_QUANTILES`).

    Examples
    --------
    >>> found = DoseOrInterval("glabellar", patients=300, years=4).run()
    >>> more = found.table().loc["as assumed"]
    >>> bool(more.loc["shorten", "more_sessions"] > 0 and more.loc["dose +50%", "more_units"] > 0)
    True
    """

    indication: str
    product: str = "onabotulinumtoxinA"
    patients: int = 4000
    years: float = 10.0
    seed: int = 1

    def __post_init__(self) -> None:
        world = World.default(self.indication, self.product)  # and with it the names are checked
        object.__setattr__(self, "indication", world.indication)
        object.__setattr__(self, "patients", whole_number(self.patients, "patients", 2, MOST_PATIENTS))
        object.__setattr__(self, "seed", checked_seed(self.seed))
        positive = isinstance(self.years, int | float) and isfinite(self.years) and self.years > 0
        must(positive, "`years` must be a positive number")

    @classmethod
    def every(cls, patients: int = 4000, years: float = 10.0, seed: int = 1) -> tuple[DoseOrInterval, ...]:
        """The study of each product in each indication with a default world."""
        return tuple(
            cls(indication, product, patients, years, seed)
            for indication, medians in MEDIAN_WEEKS.items()
            for product in medians
            if indication in PRODUCTS[product].label_units
        )

    def run(self, progress: bool = False) -> DoseOrIntervalResult:
        """Simulate every reaction in every dose response.

        Parameters
        ----------
        progress : bool
            Show a bar, one step per reaction and dose response.
        """
        base, ways = World.default(self.indication, self.product), reactions()
        shares = pd.DataFrame({"dose_half": list(DOSE_HALF_QUANTILES.values())})
        halves = base.quantiles(shares)["dose_half"]
        rows, notes = {}, list[str]()
        with tqdm(total=len(halves) * len(ways), desc="simulating", unit="arm", disable=not progress) as bar:
            for name, half in zip(DOSE_HALF_QUANTILES, halves, strict=True):
                cohort = draw_cohort(self.patients, world=base.replace(dose_half=float(half)), seed=self.seed)
                arms = Arms(cohort, years=self.years, seed=self.seed)
                hold = arms.of(ways["hold"])
                for reaction, strategy in ways.items():
                    arm = hold if reaction == "hold" else arms.of(strategy)
                    row = {"dose_half": float(half)}
                    for outcome in MEASURED:
                        mine = arm.estimate(outcome)
                        more = paired(mine, hold.estimate(outcome))
                        row |= {outcome: mine.value, f"more_{outcome}": more["difference"],
                                f"more_{outcome}_mcse": more["mcse"]}  # fmt: skip
                    found = exposure_match(arm, arms)
                    gain = None if found is None else found.difference("time_in_benefit")
                    row["matched_weeks"] = np.nan if found is None else found.weeks
                    row["gain"] = np.nan if gain is None else gain.value
                    row["gain_mcse"] = np.nan if gain is None else gain.mcse
                    if found is None:
                        notes.append(f"{reaction}, {name}: no fixed interval from 4 to 52 weeks has equal exposure.")
                    rows[name, reaction] = row
                    notes += arm.out.notes
                    bar.update()
        table = pd.DataFrame.from_dict(rows, orient="index")
        table.index = pd.MultiIndex.from_tuples(list(rows), names=["dose_response", "reaction"])
        return DoseOrIntervalResult(self, tuple(dict.fromkeys(notes)), table)
