"""Studies: the main job, simulation studies with known truth, and predictions beside published figures."""

from .ademp import SimulationStudy, SimulationStudyResult, scenarios_named
from .dose_or_interval import DoseOrInterval, DoseOrIntervalResult
from .durations import DurationReport, estimate_durations
from .main_job import STRATEGIES, Study, StudyResult
from .measures import MEASURES, measures
from .methods import METHODS
from .published import TARGETS, Predictions, Target, predictions
from .scenarios import RETURNS, SCENARIOS, Scenario, factorial
from .truth import ESTIMANDS, truths

__all__ = [
    "ESTIMANDS",
    "MEASURES",
    "METHODS",
    "RETURNS",
    "SCENARIOS",
    "STRATEGIES",
    "TARGETS",
    "DoseOrInterval",
    "DoseOrIntervalResult",
    "DurationReport",
    "Predictions",
    "Scenario",
    "SimulationStudy",
    "SimulationStudyResult",
    "Study",
    "StudyResult",
    "Target",
    "estimate_durations",
    "factorial",
    "measures",
    "predictions",
    "scenarios_named",
    "truths",
]
