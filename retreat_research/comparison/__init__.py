"""Honest comparison: paired contrasts, the fixed frontier, and the fixed arm of equal exposure."""

from .compare import Comparison, compare
from .costs import Costs
from .evaluate import Evaluation, evaluate, gains_in
from .family import Family
from .outcomes import OUTCOMES, Outcome
from .plan import Plan, read_plan
from .search import Search, optimise

__all__ = [
    "OUTCOMES",
    "Comparison",
    "Costs",
    "Evaluation",
    "Family",
    "Outcome",
    "Plan",
    "Search",
    "compare",
    "evaluate",
    "gains_in",
    "optimise",
    "read_plan",
]
