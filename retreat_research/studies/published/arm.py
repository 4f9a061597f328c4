"""What is simulated to imitate one arm of a published study, and what comes out, latent part included."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from ...cohort import Cohort
from ...errors import must
from ...immunity import Immunity
from ...simulation.block import run_block
from ...strategies import Decision, Memory, Seen, Strategy
from ...world import World

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Arm:
    """An arm: who is given what, how often.

    Parameters
    ----------
    indication, product : str
        The default world of these.
    units : float, optional
        Each session; without it the label dose.
    placebo : bool
        Placebo is given instead.
    sessions : float
        Mean number of sessions; 2.8 gives four patients of five 3 sessions and one 2.
    every : float, weeks
        Between sessions, and from the last one to the exit visit.
    load : float
        Antigen per unit as a multiple of today's; the dose works as today's.

    Notes
    -----
    Nobody leaves early: what was published counts the sessions that patients had.
    """

    indication: str
    product: str = "onabotulinumtoxinA"
    units: float | None = None
    placebo: bool = False
    sessions: float = 1.0
    every: float = 104.0
    load: float = 1.0

    def __post_init__(self) -> None:
        must(self.sessions >= 1, "`sessions` must be at least 1")
        must(self.every > 0, "`every` must be positive")
        must(self.load > 0, "`load` must be positive")

    def world(self) -> World:
        """The default world, nothing tuned."""
        return World.default(self.indication, self.product)

    def treat(self, cohort: Cohort, seed: int) -> Course:
        """Treat a cohort of this arm's world (or of a draw of it, see `kept`).

        Parameters
        ----------
        cohort : Cohort
        seed : int
        """
        visits = ceil(self.sessions) + 1  # the last one is the exit, whose injection nothing published depends on
        strategy = _Every(
            self.every, self.units or cohort.world.label_units, "placebo" if self.placebo else self.product
        )
        block = run_block(cohort, strategy, (visits - 0.5) * self.every, seed, history=True)
        assert block.history is not None
        more = self.sessions - floor(self.sessions)
        extra = np.floor((cohort.patient + 1) * more) > np.floor(cohort.patient * more)
        return Course(
            cohort, seed, self.every, block.history.reshape(len(cohort), visits), floor(self.sessions) + extra
        )

    def kept(self, world: World) -> World:
        """`world` with what the arm fixes: its antigen load, and nobody who leaves or comes late."""
        immunity: Immunity = world.immunity
        load = {**immunity.ng_per_unit, self.product: self.load * immunity.ng_per_unit[self.product]}
        return world.replace(dropout_per_year=0.0, no_show=0.0, return_jitter=0.0, ng_per_unit=load)


@dataclass(frozen=True, eq=False)
class Course:
    """What happened to n patients of an arm.

    Attributes
    ----------
    cohort : Cohort
    seed : int
    every : float, weeks
        Between visits.
    visits : structured array (n, visits) of `HISTORY`
        Sessions from the first on; `titre_before` of visit k is what a test after k sessions would find.
    sessions : int array (n,)
        Given to each patient: the visit of that number is her exit.
    """

    cohort: Cohort
    seed: int
    every: float
    visits: NDArray[np.void]
    sessions: NDArray[np.int64]

    @property
    def treated(self) -> Bools:
        """Which visits are sessions of the arm, (n, visits)."""
        return np.arange(self.visits.shape[1]) < self.sessions[:, None]

    @property
    def tested(self) -> Bools:
        """Which visits come after a session of the arm, the exit included, (n, visits)."""
        number = np.arange(self.visits.shape[1])
        return (number > 0) & (number <= self.sessions[:, None])


@dataclass(frozen=True)
class _Every(Strategy):
    """The same dose of the same product at the same interval."""

    weeks: float
    units: float
    product: str

    def decide(self, seen: Seen, memory: Memory) -> Decision:
        return Decision.at(self.weeks, units=self.units, product=self.product)
