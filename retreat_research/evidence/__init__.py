"""Evidence: published figures as tables, priors, and parameters that say where their numbers come from."""

from .parameters import ASSUMED, Parameter, parameter, parameters
from .priors import Beta, HalfNormal, LogNormal, Normal, Prior, Uniform
from .tables import KEYS, TABLES, evidence

__all__ = [
    "ASSUMED",
    "KEYS",
    "TABLES",
    "Beta",
    "HalfNormal",
    "LogNormal",
    "Normal",
    "Parameter",
    "Prior",
    "Uniform",
    "evidence",
    "parameter",
    "parameters",
]
