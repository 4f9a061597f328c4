"""The combinators: each gives another strategy that follows the first one but for one thing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .base import Strategy
    from .conditions import Condition
    from .seen import Bools, Seen

    Rule = str | Condition | Callable[[Seen], Bools]


class Combining:
    """Methods of every strategy that give another one; they can be chained."""

    def within(self, shortest: float, longest: float) -> Strategy:
        """Never back earlier or later than this."""
        raise NotImplementedError
