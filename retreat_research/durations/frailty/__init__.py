"""Proportional hazards with a gamma frailty."""
