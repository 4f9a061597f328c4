"""Rating scales as data: range, grades, direction, what they rate, and the smallest response that counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, kw_only=True)
class Scale:
    """One rating scale.

    Attributes
    ----------
    name : str
        As it is written in the ``scale`` column.
    better : str
        ``"lower"`` or ``"higher"``: the direction of improvement.
    minimum, maximum : float, points
        The range of one rating.
    grades : tuple of float, points
        The only values that occur; empty: any value in the range, fractions included.
    indications : tuple of str
        What the scale rates. Only sessions for these make up a course of treatment.
    response : float, points
        The smallest improvement that counts as a response.
    endpoint : str
        The usual endpoint, as `parse_endpoint` reads it.
    source : str
        Where range and response come from.
    """

    name: str
    better: str
    minimum: float
    maximum: float
    grades: tuple[float, ...] = ()
    indications: tuple[str, ...]
    response: float
    endpoint: str
    source: str


_SCALES = (
    Scale(
        name="FWS",
        better="lower",
        minimum=0,
        maximum=3,
        grades=(0, 1, 2, 3),
        indications=("glabellar lines", "crow's feet", "forehead lines"),
        response=1,
        endpoint='BackToBaseline("FWS")',
        source="4-grade Facial Wrinkle Scale (none, mild, moderate, severe) of the registration trials, "
        "e.g. Glogau 2012, doi:10.1111/j.1524-4725.2012.02582.x; one grade is clinically meaningful: PMC9632938",
    ),
    Scale(
        # Two versions are in use: the disability items end at 30 (total 85) or at 32 (total 87). Davis's trial used the
        # second, so the wider range is the check; it lets through two values that the narrower version cannot have.
        name="TWSTRS",
        better="lower",
        minimum=0,
        maximum=87,
        indications=("cervical dystonia",),  # pain is rated in quarter points: no grades
        response=8,
        endpoint='LossOfBenefit("TWSTRS", loss=0.8, response=8)',
        source="0 to 85: Albanese et al. 2013, doi:10.1002/mds.25579; 0 to 87: prescribing information site of "
        "rimabotulinumtoxinB; 8 points are the smallest clinically important change: Dashtipour et al. 2019, "
        "J Neurol Sci 116413",
    ),
    Scale(
        name="JRS",
        better="lower",
        minimum=0,
        maximum=8,
        grades=(0, 1, 2, 3, 4, 5, 6, 7, 8),
        indications=("blepharospasm",),
        response=2,
        endpoint='LossOfBenefit("JRS", loss=0.8, response=2)',
        source="Jankovic Rating Scale, severity 0 to 4 + frequency 0 to 4: Jankovic and Orman 1987, "
        "doi:10.1212/WNL.37.4.616; 2 points are clinically meaningful: Wissel et al. 2009, doi:10.1002/mds.22368",
    ),
    Scale(
        name="MAS",
        better="lower",
        minimum=0,
        maximum=4,
        grades=(0, 1, 1.5, 2, 3, 4),  # ordinal; the grade 1+ is written 1.5
        indications=("spasticity",),
        response=1,
        endpoint='BackToBaseline("MAS")',
        source="Modified Ashworth Scale: Bohannon and Smith 1987, doi:10.1093/ptj/67.2.206; "
        "response of one point: assumed",
    ),
    Scale(
        name="HDSS",
        better="lower",
        minimum=1,
        maximum=4,
        grades=(1, 2, 3, 4),
        indications=("axillary hyperhidrosis",),
        response=2,
        endpoint='LossOfLevel("HDSS", at_most=2, raters="subject")',
        source="Hyperhidrosis Disease Severity Scale, rated by the patient; 1 or 2 is controlled, two points of "
        "improvement a response: Solish et al. 2007, doi:10.1111/j.1524-4725.2007.33192.x",
    ),
)

#: Registered scales by name. Others may be used in records: their values are then not checked.
SCALES: Mapping[str, Scale] = MappingProxyType({scale.name: scale for scale in _SCALES})
