"""Calibration: the parameters of the response fitted to published percentages over weeks, with the misfit."""

from .curves import fit_curves
from .result import CurveFit

__all__ = ["CurveFit", "fit_curves"]
