"""Strategies: what is seen, what is decided, and the named strategies."""

from .base import Strategy
from .conditions import Condition, condition
from .conservative import Conservative
from .fixed import Fixed
from .foresight import Foresight
from .label_minimum import LabelMinimum
from .ladder import Ladder
from .midpoint import Midpoint
from .on_waning import OnWaning
from .own import Own, strategy
from .personal import Personal
from .reading import read_strategies
from .seen import REASONS, Decision, Foreknown, Memory, Past, Seen
from .stepped import Stepped
from .treat_and_extend import TreatAndExtend

__all__ = [
    "REASONS",
    "Condition",
    "Conservative",
    "Decision",
    "Fixed",
    "Foreknown",
    "Foresight",
    "LabelMinimum",
    "Ladder",
    "Memory",
    "Midpoint",
    "OnWaning",
    "Own",
    "Past",
    "Personal",
    "Seen",
    "Stepped",
    "Strategy",
    "TreatAndExtend",
    "condition",
    "read_strategies",
    "strategy",
]
