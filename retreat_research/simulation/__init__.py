"""Simulation: state, one session, the run over years, and what is counted."""

from .run import Simulation, simulate

__all__ = ["Simulation", "simulate"]
