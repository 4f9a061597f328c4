"""Median durations of the label dose, by indication and product, each with its source and prior."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..evidence import ASSUMED, Frozen, LogNormal, Prior


@dataclass(frozen=True)
class Known:
    """A default with its source and prior, as in `evidence.parameter`."""

    value: float
    source: str
    prior: Prior | None = None


def _wide(weeks: float, why: str) -> Known:
    """A median that no table gives: 95% of its prior within a factor of 1.5."""
    return Known(weeks, f"{ASSUMED}: {why}", LogNormal(weeks, 0.2))


_AS_ONA = "as onabotulinumtoxinA; products.csv Xeomin/dose_ratio_to_ona: unit for unit"

# Visits lengthen a published median (with
#: visits every four weeks 17 to 20 weeks read about 20: durations.csv D154 to D157), so the true one lies below it.
_MEDIANS = {
    "glabellar lines": {
        "onabotulinumtoxinA": Known(
            17.0,
            "durations.csv D156: 16.9 behind the published 19.7 of durations.csv D009; durations.csv D158: 13 to 17 "
            "behind the published 120 days of durations.csv D001; prior assumed: 15 to 19",
            LogNormal.within(15, 19, median=17),
        ),
        "abobotulinumtoxinA": Known(
            22.0,
            "durations.csv D140: 24.9 from the shares responding at weeks 24 and 36; durations.csv D049: fewer with "
            "the liquid form; prior assumed: 18 to 25",
            LogNormal.within(18, 25, median=22),
        ),
        "incobotulinumtoxinA": _wide(17.0, _AS_ONA),
        "daxibotulinumtoxinA": Known(
            22.0,
            "durations.csv D019: published 24.0; durations.csv D020: 23.9; prior assumed: 20.5 to 23",
            LogNormal.within(20.5, 23, median=22),
        ),
        "letibotulinumtoxinA": _wide(17.0, "as onabotulinumtoxinA"),
        "prabotulinumtoxinA": _wide(17.0, "as onabotulinumtoxinA"),
        "relabotulinumtoxinA": _wide(22.0, "longer than ona; durations.csv D068: 71% by their own rating at month 6"),
    },
    "crow's feet": {
        "onabotulinumtoxinA": Known(
            16.0,
            "durations.csv D071: published 125 days; durations.csv D074: 119 to 121 in the sister trial; prior assumed",
            LogNormal(16, 0.1),
        ),
    },
    "forehead lines": {
        "onabotulinumtoxinA": _wide(
            16.0, "near glabellar lines; durations.csv D077 and durations.csv D078: 42% and 43% respond at day 150"
        ),
    },
    "cervical dystonia": {
        "onabotulinumtoxinA": Known(
            13.0, "kinetics.csv duration_ona_CD: published 95 days; prior assumed", LogNormal(13, 0.1)
        ),
        "abobotulinumtoxinA": Known(
            13.0,
            "durations.csv D093: 83.9 days to retreatment, against 80.7 with ona in durations.csv D094; prior assumed",
            LogNormal(13, 0.15),
        ),
        "incobotulinumtoxinA": _wide(13.0, _AS_ONA),
        "daxibotulinumtoxinA": Known(
            20.0,
            "durations.csv D090: published 24.0 with 125 U; durations.csv D091: 20.3 with 250 U; prior assumed",
            LogNormal(20, 0.15),
        ),
        "rimabotulinumtoxinB": _wide(
            13.0, "80% of the benefit is lost in 14.3 weeks (5,000 U) and 12.4 (10,000 U) in a trial"
        ),
    },
    "blepharospasm": {
        "onabotulinumtoxinA": Known(
            12.0,
            "durations.csv D125: 13.5 weeks in the first ten cycles, 11.4 in the last ten; prior assumed",
            LogNormal(12, 0.15),
        ),
        "incobotulinumtoxinA": _wide(12.0, _AS_ONA),
    },
    "spasticity": {
        "onabotulinumtoxinA": _wide(13.0, "as in cervical dystonia"),
        "abobotulinumtoxinA": _wide(
            13.0, "as in cervical dystonia; durations.csv D118: 56% need up to 3 injections a year"
        ),
        "incobotulinumtoxinA": _wide(13.0, "as in cervical dystonia"),
    },
    "axillary hyperhidrosis": {
        "onabotulinumtoxinA": Known(
            18.0,
            "durations.csv D123: 4.0 to 5.0 months by cycle; durations.csv D124: 6 to 8 elsewhere; prior assumed",
            LogNormal(18, 0.25),
        ),
    },
}

#: Median true duration of the label dose, weeks, by indication and product.
MEDIANS: Mapping[str, Mapping[str, Known]] = Frozen(
    {indication: Frozen(medians) for indication, medians in _MEDIANS.items()}
)
#: The values alone.
MEDIAN_WEEKS: Mapping[str, Mapping[str, float]] = Frozen(
    {
        indication: Frozen({product: known.value for product, known in medians.items()})
        for indication, medians in MEDIANS.items()
    }
)
