"""Evidence: published figures as tables, and parameters that say where their numbers come from."""

from .parameters import ASSUMED, described, parameter
from .tables import TABLES, evidence

__all__ = ["ASSUMED", "TABLES", "described", "evidence", "parameter"]
