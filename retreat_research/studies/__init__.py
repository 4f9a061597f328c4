"""Studies: the main job from records to strategies, and simulation studies with known truth."""

from .ademp import SimulationStudy, SimulationStudyResult, scenarios_named
from .durations import DurationReport, estimate_durations
from .main_job import STRATEGIES, Study, StudyResult
from .measures import MEASURES, measures
from .methods import METHODS
from .scenarios import RETURNS, SCENARIOS, Scenario, factorial
from .truth import ESTIMANDS, truths

__all__ = [
    "ESTIMANDS",
    "MEASURES",
    "METHODS",
    "RETURNS",
    "SCENARIOS",
    "STRATEGIES",
    "DurationReport",
    "Scenario",
    "SimulationStudy",
    "SimulationStudyResult",
    "Study",
    "StudyResult",
    "estimate_durations",
    "factorial",
    "measures",
    "scenarios_named",
    "truths",
]
