"""Median durations of the label dose, by indication and product."""

from __future__ import annotations

from collections.abc import Mapping

#: Median true duration (weeks, before any visit grid) of the label dose, by indication and product.
#: Sourced are glabellar lines (EVIDENCE, priors to start from), cervical dystonia with ona (kinetics.csv
#: duration_ona_CD, 95 d, doi:10.1186/1471-2377-14-91) and hyperhidrosis (D123); crow's feet lies below its published
#: 125 d (D071) because visits lengthen a published median; the rest is assumed.
MEDIAN_WEEKS: Mapping[str, Mapping[str, float]] = {
    "glabellar lines": {
        "onabotulinumtoxinA": 17.0,
        "abobotulinumtoxinA": 22.0,
        "incobotulinumtoxinA": 17.0,
        "daxibotulinumtoxinA": 22.0,
        "letibotulinumtoxinA": 17.0,
        "prabotulinumtoxinA": 17.0,
        "relabotulinumtoxinA": 22.0,
    },
    "crow's feet": {"onabotulinumtoxinA": 16.0},
    "forehead lines": {"onabotulinumtoxinA": 16.0},
    "cervical dystonia": {
        "onabotulinumtoxinA": 13.0,
        "abobotulinumtoxinA": 13.0,
        "incobotulinumtoxinA": 13.0,
        "daxibotulinumtoxinA": 20.0,
        "rimabotulinumtoxinB": 13.0,
    },
    "blepharospasm": {"onabotulinumtoxinA": 12.0, "incobotulinumtoxinA": 12.0},
    "spasticity": {"onabotulinumtoxinA": 13.0, "abobotulinumtoxinA": 13.0, "incobotulinumtoxinA": 13.0},
    "axillary hyperhidrosis": {"onabotulinumtoxinA": 18.0},
}
