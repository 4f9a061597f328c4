"""One patient at a time through a strategy, by hand."""

import numpy as np
import pytest

from retreat_research.strategies import REASONS, Memory, Past, Seen
from retreat_research.strategies.seen import SEEN_ARRAYS

LABEL = 20.0


class Patient:
    """Visits of one patient; what is seen at each is said, and the decision comes back."""

    def __init__(self, strategy):
        self.strategy = strategy
        start = strategy.initial_memory()
        self.memory = Memory({k: np.full((1, *np.shape(v)), v) for k, v in start.items()})
        self.session, self.units, self.product, self.gap = 0, LABEL, "onabotulinumtoxinA", np.nan

    def visit(self, seen="lasted", **more):
        """`seen`: lasted, waned, silent (no response), unassessed; → dict of the decision."""
        arrays = {name: np.array([np.nan]) for name in SEEN_ARRAYS} | {
            "session": np.array([self.session]),
            "units": np.array([self.units]),
            "gap_weeks": np.array([self.gap]),
            "label_units": np.array([LABEL]),
            "effect_at_return": np.array([seen == "lasted" and self.session > 0]),
            "responded": np.array([seen in ("lasted", "waned") and self.session > 0]),
            "assessed": np.array([seen != "unassessed" and self.session > 0]),
            "last_test": np.array([-1]),
        }
        arrays |= {name: np.array([value]) for name, value in more.items()}
        shown = Seen(**arrays, _products=(np.array([self.product]), np.array([0])), _past=Past(np.array([0])))
        answer = self.strategy.decide(shown, self.memory)
        decision, memory = answer if isinstance(answer, tuple) else (answer, self.memory)
        self.memory = Memory({k: np.asarray(v) for k, v in memory.items()})
        units = self.units if decision.units is None else float(np.ravel(decision.units)[0])
        touch_up = self.gap <= 3 and units < self.units
        latest = float(np.ravel(decision.latest)[0])
        if units > 0:
            self.session += 1
        if units > 0 and not touch_up:
            self.units, self.gap = units, latest
        else:
            self.gap += latest
        if decision.product is not None:
            self.product = str(np.ravel(decision.product)[0])
        reason = np.ravel(decision.reason)[0]
        return {
            "earliest": float(np.ravel(decision.earliest)[0]),
            "latest": float(np.ravel(decision.latest)[0]),
            "units": units,
            "product": self.product,
            "reason": REASONS[reason] if not isinstance(reason, str) else reason,
            "adjunct": decision.adjunct is not None and bool(np.ravel(decision.adjunct)[0]),
        }


@pytest.fixture
def told():
    """(strategy, what is seen at each visit, field) → that field of each decision; "" stands for the first visit."""

    def of(strategy, visits, field="latest"):
        patient = Patient(strategy)
        return [patient.visit(seen)[field] for seen in ["", *visits]]

    return of


@pytest.fixture
def patient():
    return Patient
