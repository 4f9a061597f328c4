"""Honest comparison: paired contrasts, the fixed frontier, and the fixed arm of equal exposure."""

from .compare import Comparison, compare
from .costs import Costs
from .evaluate import Evaluation, evaluate, gains_in
from .outcomes import OUTCOMES, Outcome
from .plan import Plan, read_plan

__all__ = [
    "OUTCOMES",
    "Comparison",
    "Costs",
    "Evaluation",
    "Outcome",
    "Plan",
    "compare",
    "evaluate",
    "gains_in",
    "read_plan",
]
