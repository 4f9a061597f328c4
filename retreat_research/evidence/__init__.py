"""Evidence: published figures as tables, priors, and parameters that say where their numbers come from."""

from .frozen import Frozen
from .parameters import ASSUMED, Parameter, keep_possible, parameter, parameters
from .priors import Beta, HalfNormal, LogNormal, Normal, Prior, Uniform
from .tables import KEYS, TABLES, evidence

__all__ = [
    "ASSUMED",
    "KEYS",
    "TABLES",
    "Beta",
    "Frozen",
    "HalfNormal",
    "LogNormal",
    "Normal",
    "Parameter",
    "Prior",
    "Uniform",
    "evidence",
    "keep_possible",
    "parameter",
    "parameters",
]
