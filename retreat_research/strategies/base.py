"""What every strategy is: a frozen object that turns what was seen into a decision."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from sys import float_info
from typing import TYPE_CHECKING, ClassVar

from ..errors import must
from .combining import Combining
from .seen import Decision, Memory, Seen

if TYPE_CHECKING:
    from ..world import World


@dataclass(frozen=True, kw_only=True)
class Strategy(Combining, ABC):
    """A rule for dose and next visit, the same for every patient: yours is a frozen dataclass with `decide`.

    At each visit `decide` gets what the clinic has seen of n patients and what the strategy remembers of them, as
    arrays of shape (n,). It returns a `Decision`, and the new memory beside it if it remembers anything:
    `initial_memory` names what that is and gives its values before the first session. Each is an array of shape (n,),
    or (n, k) where it gives a tuple of k numbers; what is returned as new memory is copied.

    Attributes
    ----------
    oracle : bool, of the class
        True for a strategy that uses what no clinic can see: it is shown `Foreknown`, and labelled in every output.
    looks : bool, of the class
        False for a rule whose `decide` looks at nothing of what it is shown, as that of `Fixed`: what the clinic would
        see is then not worked out, which is half of the work, and the rule is asked now and then only. Leave it out
        unless the decision is the same for everyone at every visit. A class with a `decide` of its own looks again.

    weighs : bool, of the class
        True for a rule that weighs all it has seen, as `Personal` does: it needs every cycle, so `confirm` refuses it.

    Notes
    -----
    A strategy must be deterministic, and must decide for each patient by herself, whoever else is treated. `simulate`
    asks about its first 256 patients five times at each visit: as they come, in another order, every second one, and
    the first and the last alone. Different answers are an error. What that cannot show is a difference that only comes
    with more patients, with rare values, or with something that changes between the visits outside the memory, such as
    a counter of its own.

    Examples
    --------
    Each session is followed by a look two weeks later, with three tenths of the dose for those without effect; after a
    positive antibody test a product of another serotype is used:

    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> import retreat_research as rr
    >>> @dataclass(frozen=True)
    ... class Mine(rr.Strategy):
    ...     weeks: float = 14
    ...     def initial_memory(self):
    ...         return {"look": False, "to_b": False}
    ...     def decide(self, seen, memory):
    ...         to_b = memory.to_b | (~memory.look & (seen.last_test == 1))
    ...         share = np.where(memory.look, np.where(seen.effect_at_return, 0, 0.3), 1)
    ...         units = share * np.where(to_b, 10_000, seen.label_units)
    ...         product = np.where(to_b, "rimabotulinumtoxinB", "onabotulinumtoxinA")
    ...         weeks = np.where(memory.look, self.weeks - 2, 2)
    ...         decision = rr.Decision.at(weeks, units=units, product=product)
    ...         return decision, {"look": ~memory.look, "to_b": to_b}
    >>> cohort = rr.draw_cohort(2000, indication="cervical dystonia", seed=1)
    >>> visits = rr.simulate(cohort, Mine(), years=5, history=True).sessions
    >>> visits[visits["units"] > 0].groupby(["product", "touch_up"], as_index=False)["units"].agg(["size", "max"])
                   product  touch_up   size      max
    0   onabotulinumtoxinA     False  31928    236.0
    1   onabotulinumtoxinA      True   2646     70.8
    2  rimabotulinumtoxinB     False   1623  10000.0
    3  rimabotulinumtoxinB      True    160   3000.0
    """

    oracle: ClassVar[bool] = False
    looks: ClassVar[bool] = True
    weighs: ClassVar[bool] = False

    @abstractmethod
    def decide(self, seen: Seen, memory: Memory) -> Decision | tuple[Decision, Mapping[str, object]]:
        """The decision for each patient seen, or (decision, new memory)."""

    def initial_memory(self) -> dict[str, object]:
        """Initial value of each memory array: a number, True or False, a text, or a tuple of k numbers for (n, k)."""
        return {}

    def prepared(self, world: World) -> Strategy:
        """The same rule with what it must know of the population filled in: label doses, the prior of durations.

        `simulate` asks for it once, with the cohort's world; what has been filled in, or was given, stays.
        """
        return self

    def changes(self) -> Mapping[str, float]:
        """Numbers of the world that this care changes for its patients, see `CHANGEABLE`."""
        return {}

    def describe(self) -> str:
        """The rule in a sentence or two that a clinician can read, with its source."""
        shown = ", ".join(f"{f.name} {getattr(self, f.name)}" for f in fields(self))
        first = (type(self).__doc__ or "").strip().split("\n")[0]
        generated = first.startswith(f"{type(self).__name__}(")  # what a dataclass writes without a docstring
        text = f"{type(self).__name__}." if generated or not first else first
        return f"{text} ({shown}; of the user's own making.)" if shown else f"{text} (Of the user's own making.)"

    def is_looking(self) -> bool:
        """Whether what is seen can make a difference to the decision."""
        decides = next(kind for kind in type(self).__mro__ if "decide" in vars(kind))
        return bool(vars(decides).get("looks", True) or self.initial_memory())

    def __str__(self) -> str:
        shown = (f"{f.name}={getattr(self, f.name)!r}" for f in fields(self))
        return f"{type(self).__name__}({', '.join(shown)})"


#: A patient who never notices waning comes back no sooner, weeks: a day.
SOONEST_WEEKS = 1 / 7
#: Numbers of a world that a strategy may change for its own patients.
CHANGEABLE = ("no_show", "no_show_weeks", "return_jitter", "missed_check", "adjunct_lengthening", "adjunct_support")


def is_ours(strategy: Strategy) -> bool:
    """Whether everything in it is of this package, whose tests show that it treats each patient by herself."""

    def known(value: object) -> bool:
        if isinstance(value, tuple):
            return all(known(one) for one in value)
        if not type(value).__module__.startswith(f"{__name__.partition('.')[0]}."):
            return value is None or type(value) in (bool, int, float, str)
        return is_dataclass(value) and all(known(getattr(value, f.name)) for f in fields(value))

    return known(strategy)


def returns(early: bool, start: float) -> str:
    """The sentence of `describe` about who sets the date."""
    if early:
        return f"The patient may come when she notices waning, from {start:g} weeks on."
    return "Visits are booked."


def must_be_weeks(**values: float) -> None:
    """Each value a positive, finite number of weeks."""
    for name, value in values.items():
        must(
            isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= float_info.max,
            f"`{name}` must be a positive number of weeks",
        )
