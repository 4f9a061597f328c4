"""One row for each session: antigen, gaps, what has added up, and what a guideline would look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..compiled import compiled
from ..errors import must
from ..evidence import evidence
from ..immunity import DAYS_PER_WEEK, SEROTYPES, Immunity
from ..products import INDICATIONS, PRODUCTS
from ..response import Response
from ..world import World
from .schedule import Schedule, read_schedule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..records import Records
    from ..simulation.run import Simulation

Floats = NDArray[np.float64]

#: Rows of `evidence("protocols")` behind a flag. A month of a rule: assumed four weeks, its shortest reading, so that
#: "3 months" does not call a visit every 12 weeks too early.
INTERVAL_RULES = {"short_gap": ("MIN_INT_CD", "FREQ_RISK", "MIN_INT_AES"), "booster": ("BOOSTER",)}
WEEKS_OF_A_MONTH = 4.0

_NAMES = np.array(list(PRODUCTS), dtype=object)
_SEROTYPES = np.array([p.serotype for p in PRODUCTS.values()], dtype=object)
_SEROTYPE_CODES = np.array([(*SEROTYPES, "none").index(p.serotype) for p in PRODUCTS.values()])
_PROTEIN = np.array([p.complex_ng_per_unit for p in PRODUCTS.values()])
_NO_LOAD = "no antigen load is published for this product"
_NO_LABEL = ("no label dose of this product for this indication", "no label dose without an indication or a world")
#: By whether the load is unknown, and whether a label dose is known (0), there is none (1), or none can be told (2).
_NOTES = np.array([["", *_NO_LABEL], [_NO_LOAD, *(f"{_NO_LOAD}; {label}" for label in _NO_LABEL)]], dtype=object)


def exposure(
    schedule: pd.DataFrame | Records | Simulation | Mapping[str, Any] | Sequence[Mapping[str, Any]],
    *,
    world: World | None = None,
) -> pd.DataFrame:
    """What each session of a schedule gives, planned, simulated or recorded.

    Parameters
    ----------
    schedule : pandas.DataFrame, Records, Simulation, mapping or sequence of mappings
        Sessions with ``product``, ``units`` (of that product) and ``week`` or ``date``; optional ``patient`` (else all
        are one patient's) and ``indication``. A mapping holds columns, a sequence one mapping for each session. A
        `Simulation` needs ``history=True``. Weeks must go up within a patient; visits with 0 units are not sessions.
    world : World, optional
        Antigen per unit, its φ, label dose and `touch_up_weeks` are this world's, and its indication that of sessions
        without one. By default the world of a `Simulation`; otherwise those of `rr.products()`, φ = 1 and 3 weeks.

    Returns
    -------
    pandas.DataFrame
        One row for each session, by patient (as first met) and week:

        - ``patient``, ``session`` (0 first), ``week`` (of dates: since the patient's first session), ``date``,
          ``indication``, ``product``, ``serotype``, ``units``; those that the schedule does not have are left out;
        - ``label_doses``: units over the label dose of what was treated; NaN where it is not known;
        - ``gap_weeks`` since the last session, ``main_gap_weeks`` since the last main session (not a touch-up); NaN at
          the first;
        - ``antigen_ng``: φ · ng of 150-kDa neurotoxin per unit · units; NaN where no load is published;
        - ``complex_protein_ng``: clostridial complex protein; NaN where it is not published;
        - ``cumulative_units`` *of this product* and ``cumulative_antigen_ng`` *of this serotype*, with this session;
        - the flags, True or False (`frame.attrs["rules"]` tells each with its source): ``first``; ``touch_up``: same
          product, fewer units, no new area, at most 3 weeks after the main session whose cycle it joins; ``booster``:
          at most 3 weeks after any session; ``short_gap``: a main session less than 12 weeks after the last main
          session; ``switched``: another product than at the last session; ``above_label``: the units of the cycle so
          far are more than the label dose, <NA> where that is not known; ``load_unknown``: no antigen load is
          published;
        - ``note``: in words, why a number is missing.

    Raises
    ------
    InputError
        Naming every bad row (from 0): units without a product, an unknown product (with the nearest name), a dose or
        time that is negative, missing, infinite or not a number, weeks that go back, two sessions at one time.

    Notes
    -----
    Areas (indications) treated on one day with one product are one session. Units of different products, and antigen of
    different serotypes, are never added. A flag is something to look at, not a verdict: guidance says that gaps under
    12 weeks and touch-ups raise the risk of antibodies, but no hazard ratio is published.

    References
    ----------
    Load: Field et al., Toxins 2018, doi:10.3390/toxins10120535. Gaps: doi:10.2196/69960; PMC5001669.

    Examples
    --------
    >>> from retreat_research import World
    >>> plan = {"product": "onabotulinumtoxinA", "units": [20, 5, 20], "week": [0, 2, 12]}
    >>> frame = exposure(plan, world=World.default("glabellar"))
    >>> frame[["week", "gap_weeks", "antigen_ng", "cumulative_antigen_ng", "touch_up", "above_label"]]
       week  gap_weeks  antigen_ng  cumulative_antigen_ng  touch_up  above_label
    0   0.0        NaN       0.180                  0.180     False        False
    1   2.0        2.0       0.045                  0.225      True         True
    2  12.0       10.0       0.180                  0.405     False        False
    """
    return session_table(read_schedule(schedule), world_of(schedule, world))


def world_of(schedule: Any, world: World | None) -> World | None:
    """The world asked for, or that of a simulation."""
    world = getattr(getattr(schedule, "cohort", None), "world", None) if world is None else world
    must(world is None or isinstance(world, World), "`world` must be a World", 'for example World.default("glabellar")')
    return world


def session_table(sessions: Schedule, world: World | None) -> pd.DataFrame:
    """The rows of `exposure`."""
    limits = {flag: limit_weeks(rules[0]) for flag, rules in INTERVAL_RULES.items()}
    touch_up_weeks = Response.touch_up_weeks if world is None else world.response.touch_up_weeks
    product, units = sessions.product, sessions.units
    label, antigen = _label_units(sessions, world), units * _antigen_per_unit(world)[product]
    number, gap, main_gap, touch_up, cycle_units, cycle_label, sum_units, sum_antigen = walk(
        sessions.patient, sessions.week, product, units, sessions.areas, label, antigen, _SEROTYPE_CODES,
        float(touch_up_weeks),
    )  # fmt: skip
    first = number == 0
    load_unknown, label_unknown = np.isnan(antigen), np.isnan(label)
    unsaid = (sessions.areas == 0) & (world is None)
    above_label = pd.array(cycle_units > cycle_label * (1 + 1e-9), dtype="boolean")
    above_label[np.isnan(cycle_label)] = pd.NA
    columns = {
        "patient": None if sessions.patients is None else sessions.patients.take(sessions.patient),
        "session": number,
        "week": sessions.week,
        "date": sessions.date,
        "indication": None if sessions.indication is None else pd.Series(sessions.indication, dtype=object),
        "product": _NAMES[product],
        "serotype": _SEROTYPES[product],
        "units": units,
        "label_doses": units / label,
        "gap_weeks": gap,
        "main_gap_weeks": main_gap,
        "antigen_ng": antigen,
        "complex_protein_ng": units * _PROTEIN[product],
        "cumulative_units": sum_units,
        "cumulative_antigen_ng": sum_antigen,
        "first": first,
        "touch_up": touch_up,
        "booster": gap <= limits["booster"],
        "short_gap": ~touch_up & (main_gap < limits["short_gap"]),
        "switched": ~first & (np.diff(product, prepend=-1) != 0),
        "above_label": above_label,
        "load_unknown": load_unknown,
        "note": _NOTES[load_unknown * 1, label_unknown * np.where(unsaid, 2, 1)],
    }
    frame = pd.DataFrame({name: values for name, values in columns.items() if values is not None})
    frame.attrs["rules"] = flag_rules(touch_up_weeks)
    return frame


def limit_weeks(rule: str) -> float:
    """The weeks of a rule of `evidence("protocols")`."""
    row = evidence("protocols").set_index("rule_id").loc[rule]
    return float(row["value"]) * (WEEKS_OF_A_MONTH if row["unit"] == "months" else 1.0)


def flag_rules(touch_up_weeks: float = Response.touch_up_weeks) -> dict[str, str]:
    """What each flag says and where it comes from."""
    rows = evidence("protocols").set_index("rule_id")
    cited = {
        flag: "; ".join(f"{rule}: {rows.loc[rule, 'source']}, {rows.loc[rule, 'doi_or_pmid']}" for rule in rules)
        for flag, rules in INTERVAL_RULES.items()
    }
    short, booster = (limit_weeks(INTERVAL_RULES[flag][0]) for flag in ("short_gap", "booster"))
    return {
        "first": "the patient's first session in this schedule",
        "touch_up": f"same product, fewer units, no new area, at most {touch_up_weeks:g} weeks after the main session "
        "whose cycle it joins (docs/simulation.md)",
        "booster": f"at most {booster:g} weeks after any session (protocols.csv {cited['booster']})",
        "short_gap": f"a main session less than {short:g} weeks after the last (protocols.csv {cited['short_gap']}; "
        f"a month as {WEEKS_OF_A_MONTH:g} weeks)",
        "switched": "another product than at the last session",
        "above_label": "units of the cycle so far above the label dose for what its main session treated (products); "
        "<NA> where that is not known",
        "load_unknown": "no antigen load is published for the product (products.csv)",
    }


def _antigen_per_unit(world: World | None) -> Floats:
    """ng per unit by product, φ included: as the simulator takes it."""
    immunity = Immunity() if world is None else world.immunity
    loads, phi = immunity.ng_per_unit, immunity.complexing
    return np.array([loads.get(name, np.nan) * phi.get(name, 1.0) for name in PRODUCTS])


def _label_units(sessions: Schedule, world: World | None) -> Floats:
    """Label dose of what each session treated, all areas together; NaN where it is not known."""
    label = np.full(sessions.units.size, np.nan)
    for areas in np.unique(sessions.areas):
        names = [name for bit, name in enumerate(INDICATIONS) if areas >> bit & 1]
        if areas == 0 and world is not None:
            names = [world.indication]
        if not names or areas >> len(INDICATIONS):
            continue
        by_product = np.array([sum(_label(product, name, world) for name in names) for product in PRODUCTS])
        rows = sessions.areas == areas
        label[rows] = by_product[sessions.product[rows]]
    return label


def _label(product: str, indication: str, world: World | None) -> float:
    if world is not None and (product, indication) == (world.product, world.indication):
        return world.label_units
    return PRODUCTS[product].label_units.get(indication, np.nan)


@compiled()
def walk(patient, week, product, units, areas, label, antigen, serotypes, touch_up_weeks):  # type: ignore[no-untyped-def]
    """Each patient's sessions in order: what depends on those before.

    Returns
    -------
    tuple of arrays (m,)
        Number of the session, gap, gap since the last main session, touch-up, units and label dose of the cycle so
        far, units of the product so far, antigen of the serotype so far.
    """
    n = patient.size
    number = np.zeros(n, dtype=np.int64)
    gap, main_gap = np.full(n, np.nan), np.full(n, np.nan)
    touch_up = np.zeros(n, dtype=np.bool_)
    cycle_units, cycle_label, sum_units, sum_antigen = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    of_product, of_serotype = np.zeros(serotypes.size), np.zeros(serotypes.max() + 1)
    main = 0
    for i in range(n):
        if i == 0 or patient[i] != patient[i - 1]:
            of_product[:] = 0.0
            of_serotype[:] = 0.0
            main = i
        else:
            number[i] = number[i - 1] + 1
            gap[i] = weeks_between(week[i - 1], week[i])
            main_gap[i] = weeks_between(week[main], week[i])
            touch_up[i] = (
                main_gap[i] <= touch_up_weeks
                and product[i] == product[main]
                and units[i] < units[main]
                and areas[i] & ~areas[main] == 0
            )
            if not touch_up[i]:
                main = i
        cycle_units[i] = units[i] + (cycle_units[i - 1] if touch_up[i] else 0.0)
        cycle_label[i] = label[main]
        of_product[product[i]] += units[i]
        of_serotype[serotypes[product[i]]] += antigen[i]
        sum_units[i], sum_antigen[i] = of_product[product[i]], of_serotype[serotypes[product[i]]]
    return number, gap, main_gap, touch_up, cycle_units, cycle_label, sum_units, sum_antigen


@compiled()
def weeks_between(earlier, later):  # type: ignore[no-untyped-def]
    """Weeks between two times; whole days are exact, so that day 21 is week 3 and not a digit more."""
    days = (later - earlier) * DAYS_PER_WEEK
    whole = round(days)
    return whole / DAYS_PER_WEEK if abs(days - whole) < 1e-6 else later - earlier
