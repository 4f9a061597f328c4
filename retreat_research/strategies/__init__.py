"""Strategies: what is seen, what is decided, and the named strategies."""

from .base import Strategy
from .conservative import Conservative
from .fixed import Fixed
from .foresight import Foresight
from .label_minimum import LabelMinimum
from .midpoint import Midpoint
from .on_waning import OnWaning
from .own import Own, strategy
from .personal import Personal
from .seen import REASONS, Decision, Foreknown, Memory, Past, Seen
from .stepped import Stepped
from .treat_and_extend import TreatAndExtend

__all__ = [
    "REASONS",
    "Conservative",
    "Decision",
    "Fixed",
    "Foreknown",
    "Foresight",
    "LabelMinimum",
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
    "strategy",
]
