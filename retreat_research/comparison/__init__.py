"""Honest comparison: paired contrasts, the fixed frontier, and the fixed arm of equal exposure."""

from .compare import Comparison, compare, sweep
from .outcomes import OUTCOMES, Outcome

__all__ = ["OUTCOMES", "Comparison", "Outcome", "compare", "sweep"]
