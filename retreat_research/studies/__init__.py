"""Studies: the main job from records to strategies, and (later) declared simulation studies."""

from .durations import DurationReport, estimate_durations
from .main_job import STRATEGIES, Study, StudyResult

__all__ = ["STRATEGIES", "DurationReport", "Study", "StudyResult", "estimate_durations"]
