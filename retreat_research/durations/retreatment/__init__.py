"""Cycles ended by retreatment while the effect lasted: a joint model, and a sensitivity analysis."""
