"""The race of a search: a candidate is looked at in more and more patients, as long as it may be the best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..cohort import Cohort
from ..errors import InputError, must
from ..simulation import Simulation, simulate, whole
from ..simulation.result import Kept
from .aims import Limit, Objective, is_worse
from .arms import Arm
from .family import Family

FIRST_LOOK = 512
#: A candidate is dropped when it is worse by so many Monte Carlo errors of the paired difference: with five looks at
#: each of 100 candidates against a leader that may be any of them, one that is as good is dropped by chance in at most
#: 5% of searches (Bonferroni over 100 · 99 · 5 one-sided looks).
ERRORS = 4.8
#: Scores of what is out of the question, below every value: impossible, and infeasible less its excess.
IMPOSSIBLE, INFEASIBLE = -1e12, -1e9


class Race:
    """The race: who leads, and what each candidate comes to."""

    def __init__(self, aim: Objective, limits: Sequence[Limit], cohort: Cohort, years: float, seed: int) -> None:
        self.aim, self.limits, self.cohort, self.years, self.seed = aim, limits, cohort, years, seed
        self.leader: Arm | None = None
        self.best = -np.inf
        self._behind: tuple[Family, dict[str, Any]] | None = None

    def run(self, family: Family, parameters: dict[str, Any]) -> dict[str, Any]:
        """Look at one candidate in more and more patients."""
        try:
            strategy = family.made(parameters)
        except (InputError, TypeError) as error:
            return row_of(0, np.nan, np.nan, "impossible", str(error), IMPOSSIBLE, np.nan)
        parts: list[Simulation] = []
        n, seen = len(self.cohort), 0
        leader = self._leading()
        while True:
            stop = min(max(FIRST_LOOK, 2 * seen), n)
            stop = n if n - stop < stop // 2 else stop
            parts.append(whole(simulate(self.cohort[seen:stop], strategy, years=self.years, seed=self.seed)))
            seen = stop
            arm = Arm(_joined(parts, self.cohort[:seen]))
            value = self.aim.estimate(arm)
            must(np.isfinite(value.value), f"`objective`: {self.aim.name} is not known in this world")
            broken, text = self._broken(arm)
            excess = max(broken, 0.0)
            if text:
                return row_of(seen, value.value, value.mcse, "infeasible", text, INFEASIBLE - excess, excess)
            if leader is not None and is_worse(
                value, _first(self.aim.estimate(leader), self.aim, leader, seen), ERRORS
            ):
                return row_of(
                    seen, value.value, value.mcse, "dropped", "worse than the best so far", value.value, excess
                )
            if seen == n:
                return row_of(seen, value.value, value.mcse, "finished", "", value.value, excess)

    def remember(self, family: Family, parameters: dict[str, Any], row: dict[str, Any]) -> None:
        """Who leads now; its arm is simulated again only if the next candidate needs it."""
        if row["state"] == "finished" and row["score"] > self.best:
            self.best, self.leader, self._behind = row["score"], None, (family, parameters)

    def _leading(self) -> Arm | None:
        if self.leader is None and self._behind is not None:
            family, parameters = self._behind
            out = simulate(self.cohort, family.made(parameters), years=self.years, seed=self.seed)
            self.leader = Arm(whole(out))
        return self.leader

    def _broken(self, arm: Arm) -> tuple[float, str]:
        """The largest excess as a share of its limit, and what is broken beyond doubt."""
        worst, texts = -np.inf, []
        for limit in self.limits:
            excess = limit.excess(arm)
            must(np.isfinite(excess.value), f"`constraints`: {limit.name} is not known in this world")
            worst = max(worst, excess.value / (abs(limit.bound) or 1.0))
            if excess.value > (ERRORS if arm.n < len(self.cohort) else 1.0) * excess.mcse:
                texts.append(f"{limit}, but it is {arm.value(limit.name):.4g}")
        return worst, " and ".join(texts)


def _first(estimate: Any, aim: Objective, leader: Arm, seen: int) -> Any:
    """The leader's estimate on the first patients only."""
    if seen == leader.n:
        return estimate
    patients = leader.out.patients.iloc[:seen]
    out = leader.out
    part = Simulation(out.strategy, out.cohort[:seen], out.years, out.seed, out.products, (), True, Kept(patients))
    return aim.estimate(Arm(part))


def _joined(parts: Sequence[Simulation], cohort: Cohort) -> Simulation:
    """Parts of a cohort as one simulation."""
    first = parts[0]
    if len(parts) == 1:
        return first
    patients = pd.concat([part.patients for part in parts], ignore_index=True)
    products = tuple(dict.fromkeys(name for part in parts for name in part.products))
    return Simulation(first.strategy, cohort, first.years, first.seed, products, (), True, Kept(patients))


def row_of(
    patients: int, value: float, mcse: float, state: str, reason: str, score: float, excess: float
) -> dict[str, Any]:
    return {"patients": patients, "value": value, "mcse": mcse, "state": state, "reason": reason, "score": score,
            "excess": excess}  # fmt: skip
