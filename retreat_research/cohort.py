"""Latent patients: the traits that make one patient differ from another, addressed by (seed, patient)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .errors import InputError, must, whole_number
from .response import non_response_probability
from .streams import Purpose, checked_seed, normals, uniforms
from .world import World

Floats = NDArray[np.float64]
WEEKS_PER_YEAR = 365.25 / 7  # by definition
MAX_PATIENTS = 2**48
SHOWN_PATIENTS = 5


class _Trait:
    """A read-only array of the cohort, drawn with all others when first asked for."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, cohort: Cohort | None, _: Any = None) -> Any:
        return self if cohort is None else cohort._traits[self.name]


def _trait(name: str) -> Any:
    return _Trait(name)


@dataclass(frozen=True, eq=False)
class Cohort:
    """Patients of a world; arrays of shape (n,), read-only.

    Patient 7 of a cohort of ten is patient 7 of a cohort of a million with the same world and seed. Traits are a
    function of (seed, patient), drawn when first asked for: a cohort of a hundred million costs nothing until then.

    Attributes
    ----------
    world : World
    seed : int
    patient : int array
        Addresses, from 0.
    log_offset : float array, ln weeks
        b, N(0, between_sd²).
    susceptible : bool array
        z: can form antibodies.
    frailty, recall_gain : float array
        s and k of the immunity model.
    onset, delay : float array, weeks
        Time constant of onset; from loss of effect to noticing it.
    non_response : float array
        Probability that a cycle gives no response.
    treated_before : bool array
        Had earlier treatment elsewhere.
    dropout_week : float array, weeks
        When the patient leaves for good, in calendar time, whatever the strategy; inf for never.
    preference : float array in [0, 1]
        0 wants a smooth effect, 1 long-term responsiveness.
    """

    world: World
    seed: int
    _address: range | NDArray[np.int64] = field(repr=False)

    log_offset = _trait("log_offset")
    susceptible = _trait("susceptible")
    frailty = _trait("frailty")
    recall_gain = _trait("recall_gain")
    onset = _trait("onset")
    delay = _trait("delay")
    non_response = _trait("non_response")
    treated_before = _trait("treated_before")
    dropout_week = _trait("dropout_week")
    preference = _trait("preference")

    @cached_property
    def patient(self) -> NDArray[np.int64]:
        """Addresses, shape (n,)."""
        patient = np.array(self._address, dtype=np.int64)
        patient.flags.writeable = False
        return patient

    @cached_property
    def _traits(self) -> dict[str, NDArray[Any]]:
        return _drawn(self.world, self.seed, self.patient)

    @staticmethod
    def trait_names() -> list[str]:
        """The per-patient arrays, in order."""
        return ["patient", *(name for name, value in vars(Cohort).items() if isinstance(value, _Trait))]

    def __len__(self) -> int:
        return len(self._address)

    def __getitem__(self, rows: Any) -> Cohort:
        """The patients at a slice, mask or list of positions; each keeps address and luck."""
        if isinstance(rows, slice):
            return Cohort(self.world, self.seed, self._address[rows])
        return Cohort(self.world, self.seed, np.atleast_1d(self.patient[rows]))

    @property
    def frame(self) -> pd.DataFrame:
        """One row per patient: every trait."""
        return pd.DataFrame({name: getattr(self, name) for name in self.trait_names()})

    def __repr__(self) -> str:
        return f"<Cohort: {len(self)} patients, {self.world.indication}, {self.world.product}, seed {self.seed}>"

    def _repr_html_(self) -> str:
        shown = self[:SHOWN_PATIENTS].frame  # the first only: to draw all may take memory that nobody asked for
        title = f"{repr(self)[1:-1]}; the first {len(shown)} of them"
        return f"<p>{escape(title)}</p>" + shown.to_html(index=False, border=0, float_format="{:.3g}".format)


def draw_cohort(n: int, *, world: World | None = None, indication: str | None = None, seed: int = 1) -> Cohort:
    """Draw patients.

    Parameters
    ----------
    n : int, from 1 to 2**48
        How many.
    world : World, optional
    indication : str, optional
        Instead of `world`: the default world of that indication.
    seed : int in [0, 2**64)

    Returns
    -------
    Cohort

    Examples
    --------
    >>> few, many = (draw_cohort(n, indication="glabellar", seed=1) for n in (10, 1000))
    >>> bool(few.log_offset[7] == many.log_offset[7])
    True
    """
    count = whole_number(n, "n", 1, MAX_PATIENTS, "a patient's address has 48 bits")
    if (world is None) == (indication is None):
        raise InputError("give either `world` or `indication`")
    if world is None:
        world = World.default(indication or "")
    must(isinstance(world, World), "`world` must be a World", 'for example World.default("glabellar")')
    return Cohort(world, checked_seed(seed), range(count))


def _drawn(world: World, seed: int, patient: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """Every trait of these patients."""
    response, immunity, behaviour = world.response, world.immunity, world.behaviour
    offset, susceptible, frailty, recall = uniforms(seed, Purpose.TRAITS, patient)
    onset, delay, dropout, preference = uniforms(seed, Purpose.HABITS, patient)
    tendency, before, *_ = uniforms(seed, Purpose.NON_RESPONSE_TRAIT, patient)
    per_week, waits = behaviour.dropout_per_year / WEEKS_PER_YEAR, -np.log(dropout)
    with np.errstate(over="ignore"):  # a hazard so small that the week is beyond every number: never
        leaves = np.divide(waits, per_week, out=np.full(patient.size, np.inf), where=per_week > 0)
    traits = {
        "log_offset": response.between_sd * normals(offset),
        "susceptible": susceptible < immunity.susceptible_share,
        "frailty": np.exp(immunity.frailty_sd * normals(frailty) - immunity.frailty_sd**2 / 2),
        "recall_gain": np.exp(immunity.recall_sd * normals(recall)),
        "onset": response.onset_weeks * np.exp(response.onset_sd * normals(onset)),
        "delay": behaviour.delay_weeks * np.exp(behaviour.delay_sd * normals(delay)),
        "non_response": non_response_probability(response, normals(tendency)),
        "treated_before": before < behaviour.prior_exposure,
        "dropout_week": leaves,
        "preference": preference,
    }
    for values in traits.values():
        values.flags.writeable = False
    return traits
