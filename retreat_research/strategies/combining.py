"""The combinators: methods of every strategy that give another one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from ..errors import must

if TYPE_CHECKING:
    from .base import Strategy
    from .conditions import Condition
    from .seen import Bools, Seen

    Rule = str | Condition | Callable[[Seen], Bools]


class Combining:
    """Each method gives a strategy that follows this one but for one thing; they can be chained.

    Each works on the decisions of all before it, so the order matters: ``.halt_if(…, 40).within(10, 26)`` cuts the
    holiday to 26 weeks. Dose rules come before `switch_if`, whose product has other units, and `touch_up` comes last:
    what follows it would take the looks for sessions. Only `with_adherence` may follow it.

    Examples
    --------
    >>> import retreat_research as rr
    >>> rule = rr.Stepped(early=True).within(12, 20).halt_if("tested positive", weeks=26)
    >>> print(rr.simulate(rr.draw_cohort(200, indication="cervical"), rule, years=5).summary().loc[0, "value"].round(2))
    0.8
    """

    def within(self, shortest: float, longest: float) -> Strategy:
        """Never back before `shortest` weeks nor after `longest`: windows are clipped."""
        from .combined import Within

        return Within(_within_reach(self._rule), shortest, longest)

    def booked(self) -> Strategy:
        """Every window closed to its end: nobody returns on request."""
        from .combined import Booked

        return Booked(_within_reach(self._rule))

    def confirm(self, times: int) -> Strategy:
        """Act only when seen `times` times: a change must be called for at so many visits in a row.

        Until then window, dose and product stay as they were, and the rule does not move on. A rule that weighs all it
        has seen (`Personal`) cannot be confirmed.
        """
        from .combined import Confirm

        return Confirm(_within_reach(self._rule), times)

    def escalate_dose(self, by: float = 0.2, cap: float = 2.0) -> Strategy:
        """Raise the dose when a response did not last to the visit, by `by` label doses up to `cap` label doses.

        Where the rule would shorten the interval it does so only when the dose can rise no more.
        """
        from .combined import EscalateDose

        return EscalateDose(_within_reach(self._rule, doses=True), by, cap)

    def lowest_effective_dose(self, by: float = 0.1, floor: float = 0.5, hold: int = 2) -> Strategy:
        """Lower the dose by `by` label doses after `hold` cycles in a row that lasted to the visit, down to `floor`.

        When the effect then does not last, or fails to appear, the last dose that worked is given from then on, unless
        the rule itself raises it.
        """
        from .combined import LowestEffectiveDose

        return LowestEffectiveDose(_within_reach(self._rule, doses=True), by, floor, hold)

    def halt_if(self, condition: Rule, weeks: float) -> Strategy:
        """Inject nothing for `weeks` once a condition is met, then go on as before (a drug holiday).

        Parameters
        ----------
        condition : str or callable
            Such as "tested positive" or "no response, 2 times in a row" (`conditions`), or a function ``seen`` → bool
            array. It counts once for each cycle with an injection, anew after each holiday.
        weeks : float, weeks
        """
        from .combined import HaltIf
        from .conditions import condition as read

        return HaltIf(_within_reach(self._rule), read(condition), weeks)

    def switch_if(self, condition: Rule, product: str, units: float | None = None) -> Strategy:
        """Give another product for good once a condition is met (see `halt_if`).

        `units` is the new product's usual dose; without it its label dose for the indication. The rule goes on in the
        units of the first product, scaled by the two label doses.
        """
        from .combined import SwitchIf
        from .conditions import condition as read

        return SwitchIf(_within_reach(self._rule), read(condition), product, units)

    def touch_up(self, p: float, weeks: float = 2.0) -> Strategy:
        """Look `weeks` after each session (at most 3) and give the share `p` of the dose to those without effect."""
        from .combined import TouchUp

        return TouchUp(_within_reach(self._rule), p, weeks)

    def with_adherence(
        self,
        no_show: float | None = None,
        no_show_weeks: float | None = None,
        jitter: float | None = None,
        missed_check: float | None = None,
    ) -> Strategy:
        """Patients keep their visits otherwise than the world says: probability of missing one and for how many weeks,
        weeks by which a return is moved at most, and probability that the check is missed.
        """
        from .combined import WithAdherence

        return WithAdherence(self._rule, no_show, no_show_weeks, jitter, missed_check)

    def with_adjunct(self, effect: float, weeks: float = 0.0) -> Strategy:
        """An adjunct treatment with every session whose interval is at least `weeks` weeks: the effect lasts `effect`
        times as long, by assumption.
        """
        from .combined import WithAdjunct

        return WithAdjunct(_within_reach(self._rule), effect, weeks)

    @property
    def _rule(self) -> Strategy:
        return cast("Strategy", self)


def _within_reach(rule: Strategy, *, doses: bool = False) -> Strategy:
    """`rule`, unless it has something in it that must come after what is put around it now."""
    inside, inner = set(), rule
    while method := getattr(inner, "method", None):
        inside.add(method)
        inner = inner.rule  # type: ignore[attr-defined]
    must("touch_up" not in inside, "`touch_up` must come last", "only `with_adherence` may follow it")
    must(
        not (doses and "switch_if" in inside),
        "dose rules must come before `switch_if`",
        "they count in label doses of the first product, and are scaled with it",
    )
    return rule
