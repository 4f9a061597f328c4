"""Reports: a study's result as one self-contained page with its tables and figures."""

from .comparison import Analyses, fill_comparison, write_comparison
from .output import whole_folder
from .predictions import fill_predictions
from .validation import fill_validation
from .write import fill, write_report

__all__ = [
    "Analyses",
    "fill",
    "fill_comparison",
    "fill_predictions",
    "fill_validation",
    "whole_folder",
    "write_comparison",
    "write_report",
]
