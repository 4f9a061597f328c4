"""Strategies: what is seen, what is decided, and the named strategies."""

from .base import Strategy
from .fixed import Fixed
from .on_waning import OnWaning
from .seen import REASONS, Decision, Memory, Past, Seen
from .stepped import Stepped

__all__ = ["REASONS", "Decision", "Fixed", "Memory", "OnWaning", "Past", "Seen", "Stepped", "Strategy"]
