"""Simulation: one block of patients, the run over parts that can be anywhere, and what is counted."""

from .moments import Moments
from .outcomes import OUTCOMES, Outcome
from .result import Simulation, whole
from .run import simulate
from .stopping import parse_targets

__all__ = ["OUTCOMES", "Moments", "Outcome", "Simulation", "parse_targets", "simulate", "whole"]
