"""Exposure: what a schedule of sessions gives a patient, session by session, and the gaps and doses to look at."""

from .summary import exposure_summary
from .table import exposure

__all__ = ["exposure", "exposure_summary"]
