"""Figures: (result, ax=None) → Axes; of several panels (result, axes=None) → array of Axes. One look: `theme`."""

from .cohort import plot_cohort
from .look import theme
from .measures import performance
from .patient import plot_patient
from .study import antibodies, durations, frontier, gains

__all__ = ["antibodies", "durations", "frontier", "gains", "performance", "plot_cohort", "plot_patient", "theme"]
