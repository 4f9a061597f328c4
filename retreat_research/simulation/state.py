"""The state of a block of patients between two visits: one record a patient, and one for each serotype's immunity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..cohort import Cohort
from ..compiled import compiled
from ..immunity import SEROTYPES
from ..response import onset_share_of
from .outcomes import TOTALS

Records = NDArray[np.void]

#: What the clinic knows, under the names of `Seen`; `product` is a code.
OBSERVED = np.dtype(
    [
        ("session", np.int64),
        ("week", np.float64),
        ("gap_weeks", np.float64),
        ("units", np.float64),
        ("product", np.int64),
        ("lower", np.float64),
        ("upper", np.float64),
        ("responded", np.bool_),
        ("assessed", np.bool_),
        ("effect_at_return", np.bool_),
        ("waned_weeks", np.float64),
        ("peak_gain", np.float64),
        ("cumulative_units", np.float64),
        ("last_test", np.int64),
        ("last_test_week", np.float64),
        ("last_reading", np.float64),
    ]
)

#: A patient: traits, the open cycle, the curve that runs, what is observed, and the totals so far.
PATIENT = np.dtype(
    [
        ("log_offset", np.float64),
        ("frailty", np.float64),  # 0 of those who cannot form antibodies
        ("recall_gain", np.float64),
        ("onset", np.float64),
        ("delay", np.float64),
        ("non_response", np.float64),
        ("treated_before", np.bool_),
        ("preference", np.float64),
        ("risen_at_check", np.float64),  # share of the onset that has passed at the check after a session
        ("end_week", np.float64),  # of follow-up: horizon or dropout
        # the open cycle, from its main session on
        ("open_week", np.float64),
        ("main_units", np.float64),
        ("main_product", np.int64),
        ("dose", np.float64),  # label doses that count, touch-ups included
        ("noise", np.float64),  # e, ln weeks
        ("able", np.bool_),
        ("adjunct", np.bool_),
        ("peak", np.float64),  # amplitude; 0: no response
        ("log_own", np.float64),  # ln T, weeks
        ("duration", np.float64),  # weeks above the threshold; 0: no response
        ("pending", np.float64),  # weeks until waning is noticed; not positive: it has been, or there is none
        ("open_sessions", np.int64),
        ("open_units", np.float64),
        ("open_antigen", np.float64),
        # the curve that stays above the threshold for longest, and whether it began in an earlier cycle
        ("run_start", np.float64),
        ("run_peak", np.float64),
        ("run_log_own", np.float64),
        ("run_adjunct", np.bool_),
        ("until", np.float64),  # week at which it falls below the threshold
        ("carried", np.bool_),
        # what came before, for failures
        ("answered", np.bool_),  # some session had a response
        ("unanswered", np.bool_),  # the last main session had none
        ("unanswered_immune", np.bool_),  # and the titre was above A50
        *((name, OBSERVED[name]) for name in OBSERVED.names or ()),
        *((name, TOTALS[name]) for name in TOTALS.names or () if name != "units"),
        ("total_units", np.float64),
    ],
    align=True,
)

#: The immune state of one serotype just after its last exposure; see `immunity`.
IMMUNE = np.dtype(
    [
        ("memory", np.float64),
        ("short", np.float64),
        ("long", np.float64),
        ("titre", np.float64),
        ("exposed_week", np.float64),  # NaN: never exposed
    ]
)


def at_start(cohort: Cohort, horizon: float, product: int) -> tuple[Records, Records]:
    """Patients before the first visit: records of `PATIENT` (n,) and of `IMMUNE` (n, serotypes)."""
    n, world = len(cohort), cohort.world
    rows = np.zeros(n, dtype=PATIENT)
    for name in cohort.trait_names():
        if name in (PATIENT.names or ()):
            rows[name] = getattr(cohort, name)
    rows["frailty"] *= cohort.susceptible
    rows["risen_at_check"] = onset_share_of(world.observation.check_week, cohort.onset)
    rows["end_week"] = rows["weeks_observed"] = np.minimum(horizon, cohort.dropout_week)
    rows["dropout_week"] = np.where(cohort.dropout_week < horizon, cohort.dropout_week, np.nan)
    rows["units"], rows["product"], rows["last_test"] = world.label_units, product, -1
    for name in ("gap_weeks", "lower", "upper", "waned_weeks", "peak_gain", "last_test_week", "last_reading",
                 "positive_week", "tested_positive_week", "failure_week", "first_response_week"):  # fmt: skip
        rows[name] = np.nan
    immune = np.zeros((n, len(SEROTYPES)), dtype=IMMUNE)
    immune["exposed_week"] = np.nan
    return rows, immune


def totals_of(rows: Records) -> Records:
    """The finished totals, `TOTALS`, of some patients."""
    totals = np.zeros(rows.size, dtype=TOTALS)
    for name in TOTALS.names or ():
        totals[name] = rows["total_units" if name == "units" else name]
    waiting = rows["weeks_observed"] - rows["first_response_week"] - rows["weeks_in_benefit"]
    totals["weeks_waiting"] = np.nan_to_num(np.maximum(waiting, 0))
    return totals


@compiled()
def still_followed(rows):  # type: ignore[no-untyped-def]
    """Positions of the patients whose follow-up goes on."""
    which, count = np.empty(rows.size, dtype=np.int64), 0
    for i in range(rows.size):
        which[count] = i
        count += rows[i].week < rows[i].end_week
    return which[:count]


@compiled()
def take(rows, which, out):  # type: ignore[no-untyped-def]
    """Copy the records at `which`; many times as fast as indexing."""
    for k in range(which.size):
        for j in range(rows.shape[1]):
            out[k, j] = rows[which[k], j]
