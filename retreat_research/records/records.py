"""Records that were read and found right."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from ..cycles import Cycles
from ..errors import InputError, must, must_all
from .courses import cycles_of
from .endpoints import Endpoint
from .tables import RATERS

_SESSIONS = (
    "patient", "session", "week", "date", "product", "units", "lot", "sites", "indication", "injector", "waned_week",
)  # fmt: skip
_ASSESSMENTS = ("patient", "week", "scale", "rater", "value")
_ANTIBODIES = ("patient", "week", "assay", "titre", "positive")
_TEXT = ("product", "lot", "sites", "indication", "injector", "scale", "rater", "assay")
_NUMBERS = ("week", "units", "waned_week", "value", "titre")


class Records:
    """Sessions, assessments and antibody tests on each patient's own clock.

    `read_records` makes one from files. Weeks count from the patient's first session; patients are named by texts.

    Parameters
    ----------
    sessions : pandas.DataFrame
        ``patient``, ``week``, ``product``, ``units``, ``indication``; optional ``date``, ``lot``, ``sites``,
        ``injector``, ``waned_week`` (the week, since the first session, at which the patient reported that this
        session's effect had worn off).
    assessments : pandas.DataFrame
        ``patient``, ``week``, ``scale``, ``rater`` (investigator or subject), ``value`` (NaN: no information).
    antibodies : pandas.DataFrame, optional
        ``patient``, ``week``, ``assay``, ``titre`` (mU/mL), ``positive``.
    patients : pandas.DataFrame, optional
        ``patient`` and covariates, which every cycle of the patient carries.
    notes : iterable of str
        What was assumed in reading.

    Examples
    --------
    >>> from retreat_research.records import LossOfBenefit
    >>> session = {"patient": ["a"], "week": 0, "product": "placebo", "units": 0, "indication": "cervical dystonia"}
    >>> ratings = {"patient": "a", "week": [0, 4, 8], "scale": "TWSTRS", "rater": "investigator", "value": [40, 30, 39]}
    >>> records = Records(pd.DataFrame(session), pd.DataFrame(ratings))
    >>> records.cycles(LossOfBenefit("TWSTRS")).frame[["lower", "upper", "censoring"]].to_numpy().tolist()
    [[4.0, 8.0, 'interval']]
    """

    def __init__(
        self,
        sessions: pd.DataFrame,
        assessments: pd.DataFrame,
        antibodies: pd.DataFrame | None = None,
        patients: pd.DataFrame | None = None,
        notes: Iterable[str] = (),
    ) -> None:
        _check_tables(sessions, assessments)
        order = {patient: i for i, patient in enumerate(sessions["patient"].astype(str).unique())}
        sessions = _in_order(sessions, _SESSIONS, ["week"], order)
        sessions["session"] = sessions.groupby("patient", sort=False).cumcount()
        sessions["date"] = pd.to_datetime(sessions["date"])
        self._sessions = sessions
        self._assessments = _in_order(assessments, _ASSESSMENTS, ["week", "scale", "rater"], order)
        self._antibodies = None if antibodies is None else _in_order(antibodies, _ANTIBODIES, ["week", "assay"], order)
        if self._antibodies is not None:
            self._antibodies["positive"] = self._antibodies["positive"].astype(bool)
        patients = pd.DataFrame({"patient": list(order)}) if patients is None else patients
        self._patients = _in_order(patients, tuple(patients), [], order)
        self._notes = tuple(notes)

    @property
    def sessions(self) -> pd.DataFrame:
        """A copy of the sessions: patient, session (0 first), week, date, product, units, lot, sites, indication,
        injector, waned_week.
        """
        return self._sessions.copy()

    @property
    def assessments(self) -> pd.DataFrame:
        """A copy of the assessments: patient, week, scale, rater, value."""
        return self._assessments.copy()

    @property
    def antibodies(self) -> pd.DataFrame | None:
        """A copy of the antibody tests: patient, week, assay, titre (mU/mL), positive; None if there are none."""
        return None if self._antibodies is None else self._antibodies.copy()

    @property
    def patients(self) -> pd.DataFrame:
        """A copy of the patients and their covariates."""
        return self._patients.copy()

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed in reading."""
        return self._notes

    def cycles(self, endpoint: Endpoint) -> Cycles:
        """Every treatment cycle, with the loss of effect in (lower, upper] weeks.

        Parameters
        ----------
        endpoint : LossOfBenefit, BackToBaseline or LossOfLevel

        Returns
        -------
        Cycles
            One row per cycle: patient, cycle (0 first), week (of the session), product, units, indication, lot,
            injector, gap_weeks (since the session before; NaN at 0), next_weeks (until the session after; NaN at the
            last), cumulative_units (of this product, any indication, up to this session), baseline, peak_gain (points),
            peak_week (weeks since the session), lower, upper, responder (missing where not assessed), censoring (a key
            of `CENSORING`), waning_overruled (an assessment showed effect at or after the week the patient reported
            waning), and the patients' covariates.

        Raises
        ------
        InputError
            If the records hold no assessment or no session that the endpoint can use.

        Notes
        -----
        A cycle lasts from a session to the next of the same course of treatment: if the scale is registered, the
        sessions for what it rates. Sessions of a course on one day are one session. An assessment on a session's day
        was made before the injection and belongs to the cycle that ends. A reported waning is an upper bound unless an
        assessment shows effect at or after it. Patients without any assessment of the scale take no part.
        """
        must(isinstance(endpoint, Endpoint), "`endpoint` must be an endpoint", "parse_endpoint reads one from text")
        return cycles_of(self._sessions, self._assessments, self._patients, endpoint)

    def quality(self) -> pd.DataFrame:
        """How much there is and what is missing: one row per ``item`` with its ``count``."""
        sessions, ratings = self._sessions, self._assessments
        rated = ratings.dropna(subset="value")
        before = rated.loc[rated["week"] <= 0, "patient"]
        patients = self._patients["patient"]
        ends = pd.concat([part.groupby("patient")["week"].max() for part in (sessions, ratings)]).groupby(level=0).max()
        counts = {
            "patients": len(patients),
            "patients without any assessment": int((~patients.isin(rated["patient"])).sum()),
            "patients without a baseline": int((~patients.isin(before)).sum()),
            "sessions": len(sessions),
            **{f"sessions without {name}": int(sessions[name].isna().sum()) for name in ("lot", "sites", "injector")},
            "sessions with a reported waning": int(sessions["waned_week"].notna().sum()),
            "assessments": len(ratings),
            **{f"assessments by {rater}": int((ratings["rater"] == rater).sum()) for rater in RATERS},
            "assessments without a value": len(ratings) - len(rated),
            "antibody tests": 0 if self._antibodies is None else len(self._antibodies),
            "weeks from first session to last record, median": round(float(ends.median()), 1),
            "weeks from first session to last record, longest": round(float(ends.max()), 1),
        }
        return pd.DataFrame({"item": list(counts), "count": list(counts.values())}, dtype=object)

    def __repr__(self) -> str:
        scales = ", ".join(sorted(self._assessments["scale"].unique()))
        return (
            f"<Records: {len(self._patients)} patients, {len(self._sessions)} sessions, "
            f"{len(self._assessments)} assessments ({scales})>"
        )

    def _repr_html_(self) -> str:
        from html import escape

        notes = "".join(f"<li>{escape(note)}</li>" for note in self._notes)
        return f"<p>{escape(repr(self)[1:-1])}</p>{self.quality().to_html(index=False)}<ul>{notes}</ul>"


def _check_tables(sessions: pd.DataFrame, assessments: pd.DataFrame) -> None:
    needed = {
        "sessions": (sessions, ["patient", "week", "product", "units", "indication"]),
        "assessments": (assessments, list(_ASSESSMENTS)),
    }
    for name, (rows, columns) in needed.items():
        missing = [column for column in columns if column not in rows]
        must(not missing, f"`{name}` has no column {', '.join(missing)}")
    must_all(sessions["patient"].notna(), "`sessions` has no patient")
    must_all(assessments["patient"].isin(sessions["patient"]), "`assessments` of a patient without a session")
    again = assessments.duplicated(["patient", "week", "scale", "rater"])
    must_all(~again, "`assessments` has two values of one scale and rater at one time")


def _in_order(rows: pd.DataFrame, columns: tuple[str, ...], by: list[str], order: dict[str, int]) -> pd.DataFrame:
    """The named columns (empty where absent), sorted by patient as first met in the sessions and then `by`."""
    rows = rows.reindex(columns=list(columns))
    kinds = {**dict.fromkeys(_TEXT, object), **dict.fromkeys(_NUMBERS, float), "patient": str}
    try:
        rows = rows.astype({name: kinds[name] for name in columns if name in kinds})
    except (TypeError, ValueError):
        raise InputError(f"{', '.join(_NUMBERS)} must be numbers") from None
    rank = rows["patient"].map(order)
    return rows.assign(rank=rank).sort_values(["rank", *by], kind="stable").drop(columns="rank").reset_index(drop=True)
