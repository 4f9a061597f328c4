"""Reports: a study's result as one self-contained page with its tables and figures."""

from .output import whole_folder
from .predictions import fill_predictions
from .validation import fill_validation
from .write import fill, write_report

__all__ = ["fill", "fill_predictions", "fill_validation", "whole_folder", "write_report"]
