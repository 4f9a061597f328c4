"""Latent patients: the traits that make one patient differ from another, addressed by (seed, patient)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .errors import InputError, must
from .response import non_response_probability
from .streams import Purpose, checked_seed, normals, uniforms
from .world import World

Floats = NDArray[np.float64]
WEEKS_PER_YEAR = 365.25 / 7
MAX_PATIENTS = 2**48


@dataclass(frozen=True, eq=False)
class Cohort:
    """Patients drawn from a world; arrays of shape (n,), read-only.

    Patient 7 of a cohort of ten is patient 7 of a cohort of a million with the same world and seed.

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
    dropout_week : float array, weeks
        When the patient leaves for good, in calendar time, whatever the strategy; inf for never.
    preference : float array in [0, 1]
        0 wants a smooth effect, 1 long-term responsiveness.
    """

    world: World
    seed: int
    patient: NDArray[np.int64]
    log_offset: Floats
    susceptible: NDArray[np.bool_]
    frailty: Floats
    recall_gain: Floats
    onset: Floats
    delay: Floats
    non_response: Floats
    dropout_week: Floats
    preference: Floats

    def __post_init__(self) -> None:
        for name in self.trait_names():
            getattr(self, name).flags.writeable = False

    @staticmethod
    def trait_names() -> list[str]:
        """The per-patient arrays, in order."""
        return [f.name for f in fields(Cohort) if f.name not in ("world", "seed")]

    def __len__(self) -> int:
        return self.patient.size

    def __getitem__(self, rows: Any) -> Cohort:
        """The patients at a slice, mask or list of positions; each keeps address and luck."""
        return Cohort(self.world, self.seed, *(np.atleast_1d(getattr(self, name)[rows]) for name in self.trait_names()))

    @property
    def frame(self) -> pd.DataFrame:
        """One row per patient: every trait."""
        return pd.DataFrame({name: getattr(self, name) for name in self.trait_names()})

    def __repr__(self) -> str:
        return f"<Cohort: {len(self)} patients, {self.world.indication}, {self.world.product}, seed {self.seed}>"


def draw_cohort(n: int, *, world: World | None = None, indication: str | None = None, seed: int = 1) -> Cohort:
    """Draw patients.

    Parameters
    ----------
    n : int
        How many, at least 1.
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
    must(isinstance(n, int | np.integer) and not isinstance(n, bool), "`n` must be a whole number")
    must(0 < n <= MAX_PATIENTS, "`n` must be at least 1", "a cohort without patients has nothing to compare")
    if (world is None) == (indication is None):
        raise InputError("give either `world` or `indication`")
    if world is None:
        world = World.default(indication or "")
    seed = checked_seed(seed)
    patient = np.arange(n)
    response, immunity, behaviour = world.response, world.immunity, world.behaviour
    offset, susceptible, frailty, recall = uniforms(seed, Purpose.TRAITS, patient)
    onset, delay, dropout, preference = uniforms(seed, Purpose.HABITS, patient)
    tendency, *_ = uniforms(seed, Purpose.NON_RESPONSE_TRAIT, patient)
    per_week = behaviour.dropout_per_year / WEEKS_PER_YEAR
    return Cohort(
        world=world,
        seed=seed,
        patient=patient,
        log_offset=response.between_sd * normals(offset),
        susceptible=susceptible < immunity.susceptible_share,
        frailty=np.exp(immunity.frailty_sd * normals(frailty) - immunity.frailty_sd**2 / 2),
        recall_gain=np.exp(immunity.recall_sd * normals(recall)),
        onset=response.onset_weeks * np.exp(response.onset_sd * normals(onset)),
        delay=behaviour.delay_weeks * np.exp(behaviour.delay_sd * normals(delay)),
        non_response=non_response_probability(response, normals(tendency)),
        dropout_week=-np.log(dropout) / per_week if per_week > 0 else np.full(n, np.inf),
        preference=preference,
    )
