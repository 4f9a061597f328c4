"""Figures: (result, ax=None) → Axes; of several panels (result, axes=None) → array of Axes. One look: `theme`."""

from .cohort import plot_cohort
from .decided import decision_log, intervals
from .gained import difference_over_time, frontier, gains, subgroups
from .look import theme
from .measures import performance
from .patient import plot_patient
from .study import antibodies, durations, swept_gains
from .uncertainty import acceptability, sobol, tornado

__all__ = [
    "acceptability",
    "antibodies",
    "decision_log",
    "difference_over_time",
    "durations",
    "frontier",
    "gains",
    "intervals",
    "performance",
    "plot_cohort",
    "plot_patient",
    "sobol",
    "subgroups",
    "swept_gains",
    "theme",
    "tornado",
]
