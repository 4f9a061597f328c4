"""Accelerated failure time models in which patients differ."""
