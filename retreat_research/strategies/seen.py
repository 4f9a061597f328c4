"""What a strategy is shown and what it decides (DESIGN §5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
#: Patients, their `lower`, `upper` and `units` of one visit, and the visit before.
Link = tuple[NDArray[np.intp], Floats, "Link | None"]

#: Why a decision was taken; it goes to the decision log.
REASONS = ("start", "extend", "hold", "shorten", "escalate", "switch", "halt")
#: The same as numbers, which are faster in arrays: positions in `REASONS`.
START, EXTEND, HOLD, SHORTEN, ESCALATE, SWITCH, HALT = range(len(REASONS))


def kept(array: NDArray[Any]) -> NDArray[Any]:
    """The array, if nobody can write to it; otherwise a copy to which nobody can, nor to anything behind it."""
    if array.flags.writeable:
        array = array.copy()
        array.flags.writeable = False
    return array


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    array.flags.writeable = False
    return array


class Past:
    """`lower`, `upper` and `units` of the cycles so far, one column a visit.

    Fewer and fewer patients are followed: the columns of those who still are get found only when asked for. A visit
    adds its columns to the chain of those before, which all visits share.
    """

    def __init__(self, rows: NDArray[np.intp], last: Link | None = None) -> None:
        self._rows, self._last = kept(rows), last

    def at(self, rows: NDArray[np.intp]) -> Past:
        """The past of some of the patients."""
        return Past(self._rows[rows], self._last)

    def and_now(self, lower: Floats, upper: Floats, units: Floats) -> Past:
        """One visit more, of these patients; what is given is copied."""
        return Past(self._rows, (self._rows, kept(np.array((lower, upper, units))), self._last))

    def table(self, which: int) -> Floats:
        """0 lower, 1 upper, 2 units; shape (n, visits so far)."""
        columns, link = [], self._last
        while link is not None:
            rows, values, link = link
            columns.append(values[which][np.searchsorted(rows, self._rows)])
        return kept(np.column_stack(columns[::-1]) if columns else np.empty((self._rows.size, 0)))


@dataclass(frozen=True, eq=False, kw_only=True)
class Seen:
    """What the clinic knows of n patients when they come for a session.

    All arrays have shape (n,), are read-only and the strategy's own: nothing changes them later. "Ended" is the cycle
    that ends with this visit; at session 0 there is none.

    Attributes
    ----------
    session : int array
        Sessions given so far: 0 at the first.
    week : float array, weeks
        Since the first session.
    gap_weeks : float array, weeks
        Length of the cycle that ended; NaN at session 0.
    units : float array
        Dose of the last main session (not of a touch-up), in units of `product` (a property of the same shape); at
        session 0 the label dose.
    label_units : float array
        Label dose of the cohort's product.
    lower, upper : float array, weeks
        The effect that ended was lost in (lower, upper]; NaN at session 0 and after a non-response.
    responded : bool array
        The check after the last session showed a response; False if it was missed.
    assessed : bool array
        The check took place.
    effect_at_return : bool array
        Effect is still there at this visit, as rated; False if unknown.
    waned_weeks : float array, weeks
        When the patient noticed that the effect had gone, since the last session; NaN: not noticed.
    peak_gain : float array, share of full benefit
        As rated at the check; NaN: unknown.
    cumulative_units : float array
        Of all products; meaningful while one product is used.
    last_test : int array
        Last antibody test: -1 none, 0 negative, 1 positive.
    last_test_week : float array, weeks
        When; NaN: never.
    last_reading : float array, mU/mL
        Its reading, up to the assay's ceiling; 0: negative; NaN: never tested.
    preference : float array in [0, 1]
        0 smooth effect, 1 long-term responsiveness.
    """

    session: NDArray[np.int64]
    week: Floats
    gap_weeks: Floats
    units: Floats
    label_units: Floats
    lower: Floats
    upper: Floats
    responded: Bools
    assessed: Bools
    effect_at_return: Bools
    waned_weeks: Floats
    peak_gain: Floats
    cumulative_units: Floats
    last_test: NDArray[np.int64]
    last_test_week: Floats
    last_reading: Floats
    preference: Floats
    _products: tuple[NDArray[np.str_], NDArray[np.intp]] = field(repr=False)
    _past: Past = field(repr=False)

    def __post_init__(self) -> None:
        for name in self._names():
            object.__setattr__(self, name, kept(getattr(self, name)))
        names, codes = self._products
        object.__setattr__(self, "_products", (kept(names), kept(codes)))

    def __len__(self) -> int:
        return self.week.size

    @classmethod
    def _names(cls) -> tuple[str, ...]:
        return SEEN_ARRAYS

    def at(self, rows: NDArray[np.intp]) -> Seen:
        """What was seen of some of the patients."""
        names, codes = self._products
        return type(self)(
            **{name: getattr(self, name)[rows] for name in self._names()},
            _products=(names, codes[rows]),
            _past=self._past.at(rows),
        )

    @property
    def lasted(self) -> Bools:
        """The cycle that ended still had its effect at this visit and no waning was noticed; shape (n,)."""
        return _read_only(self.effect_at_return & np.isnan(self.waned_weeks) & (self.session > 0))

    @property
    def waned(self) -> Bools:
        """The cycle that ended responded, or was not checked, but its effect did not last to this visit; shape (n,)."""
        return _read_only(~self.lasted & (self.responded | ~self.assessed) & (self.session > 0))

    @property
    def product(self) -> NDArray[np.str_]:
        """Last product; at session 0 the cohort's; shape (n,)."""
        names, codes = self._products
        return kept(names[codes])

    @property
    def past_lower(self) -> Floats:
        """`lower` of every cycle so far, weeks, shape (n, visits so far)."""
        return self._past.table(0)

    @property
    def past_upper(self) -> Floats:
        """`upper` of every cycle so far, weeks, shape (n, visits so far)."""
        return self._past.table(1)

    @property
    def past_units(self) -> Floats:
        """Dose of every cycle so far, shape (n, visits so far)."""
        return self._past.table(2)


SEEN_ARRAYS = tuple(f.name for f in fields(Seen) if not f.name.startswith("_"))


@dataclass(frozen=True, eq=False, kw_only=True)
class Foreknown(Seen):
    """What an oracle is shown: `Seen`, and what no clinic can see. Only a strategy with ``oracle = True`` gets it.

    Attributes
    ----------
    next_duration : float array (n,), weeks
        How long the label dose of the product last given would last above the threshold if it were injected now as a
        main session, with the patient's antibodies and the luck of this visit; 0: no response.
    """

    next_duration: Floats

    @classmethod
    def _names(cls) -> tuple[str, ...]:
        return (*SEEN_ARRAYS, "next_duration")


@dataclass(frozen=True, eq=False)
class Decision:
    """What is injected now and when the patient comes back; scalars or arrays of shape (n,).

    Parameters
    ----------
    earliest, latest : float, weeks from now, 0 < earliest <= latest
        The patient comes back when waning is noticed, not before `earliest`, and at `latest` at the latest. `latest` is
        at least a day (1/7), so that follow-up comes to an end.
    units : float, optional
        Dose injected now; None: as last time; 0: a visit without injection.
    product : str, optional
        None: as last time.
    reason : str or int, optional
        One of start, extend, hold, shorten, escalate, switch, halt, or its position in `REASONS`.
    adjunct : bool, optional
        An adjunct treatment goes with this session; None: not.
    """

    earliest: ArrayLike
    latest: ArrayLike
    units: ArrayLike | None = None
    product: ArrayLike | None = None
    reason: ArrayLike | None = None
    adjunct: ArrayLike | None = None

    @classmethod
    def at(cls, weeks: ArrayLike, **rest: Any) -> Decision:
        """Come back after `weeks`, whatever happens."""
        return cls(weeks, weeks, **rest)


class Memory(dict[str, NDArray[Any]]):
    """What a strategy keeps between sessions: arrays of shape (n,), read as ``memory.name`` or ``memory["name"]``.

    It is read-only: a strategy returns a new one, such as ``{**memory, "name": new}``, beside its decision.
    """

    def __init__(self, arrays: Mapping[str, NDArray[Any]] | None = None) -> None:
        super().__init__({name: kept(values) for name, values in (arrays or {}).items()})

    def __getattr__(self, name: str) -> NDArray[Any]:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the memory has no `{name}`; it has {', '.join(self) or 'nothing'}") from None

    def __dir__(self) -> Iterator[str]:
        return iter(self)

    def at(self, rows: NDArray[np.intp]) -> Memory:
        """What is kept of some of the patients."""
        return Memory({name: values[rows] for name, values in self.items()})

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise ValueError("the memory is read-only: return a new one beside the decision")

    __setitem__ = __delitem__ = __setattr__ = __delattr__ = __ior__ = _refuse
    update = pop = popitem = clear = setdefault = _refuse
