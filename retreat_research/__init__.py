"""Survival models of effect duration and exposure simulation for repeated botulinum-toxin treatment.

>>> import retreat_research as rr

Everything public is reached as ``rr.NAME`` and imported when first used (PEP 562), so importing the package is fast.
Research and teaching only: no output is advice about a person.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_PUBLIC = {
    "RetreatError": "errors",
    "InputError": "errors",
    "RecordsError": "errors",
    "FitError": "errors",
    "read_records": "records",
    "check_records": "records",
    "Records": "records",
    "LossOfBenefit": "records",
    "BackToBaseline": "records",
    "LossOfLevel": "records",
    "Cycles": "cycles",
    "products": "products",
    "evidence": "evidence",
    "Turnbull": "durations",
    "logrank": "durations",
    "AFT": "durations",
    "compare_fits": "durations",
    "likelihood_ratio": "durations",
    "fit_from_json": "durations",
    "TwoPart": "durations",
    "naive_bias": "durations",
    "MixedAFT": "durations",
    "JointRetreatment": "durations",
    "retreatment_sensitivity": "durations",
    "GammaFrailty": "durations",
    "World": "world",
    "exposure": "exposure",
    "exposure_summary": "exposure",
    "response_curve": "response_curve",
    "draw_cohort": "cohort",
    "Cohort": "cohort",
    "Decision": "strategies",
    "Seen": "strategies",
    "Strategy": "strategies",
    "Fixed": "strategies",
    "Stepped": "strategies",
    "OnWaning": "strategies",
    "TreatAndExtend": "strategies",
    "Midpoint": "strategies",
    "Personal": "strategies",
    "LabelMinimum": "strategies",
    "Conservative": "strategies",
    "Foresight": "strategies",
    "Ladder": "strategies",
    "strategy": "strategies",
    "read_strategies": "strategies",
    "simulate": "simulation",
    "trajectory": "simulation.trajectory",
    "plot_patient": "plots",
    "plot_cohort": "plots",
    "fit_curves": "calibration",
    "compare": "comparison",
    "Costs": "comparison",
    "Family": "comparison",
    "optimise": "comparison",
    "read_plan": "comparison",
    "Study": "studies",
    "DoseOrInterval": "studies",
    "write_report": "report",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name == "studies":  # the simulation studies are used as rr.studies.NAME
        return import_module(f".{name}", __name__)
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_PUBLIC[name]}", __name__), name)
    globals()[name] = value
    return value


class _Package(ModuleType):
    """Keeps ``rr.products`` the function: importing the submodule `products` would put the module in its place."""

    def __reduce__(self) -> tuple[Any, ...]:
        return import_module, (self.__name__,)  # a user's strategy that says `rr` takes it along to other processes

    def __setattr__(self, name: str, value: Any) -> None:
        if not (isinstance(value, ModuleType) and name in _PUBLIC):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __dir__() -> list[str]:
    own = {name for name in globals() if name.startswith("__") and name != "__getattr__"}  # not what is imported here
    return sorted({*own, *_PUBLIC, "studies"})


if TYPE_CHECKING:
    from .calibration import fit_curves as fit_curves
    from .cohort import Cohort as Cohort
    from .cohort import draw_cohort as draw_cohort
    from .comparison import Costs as Costs
    from .comparison import Family as Family
    from .comparison import compare as compare  # type: ignore[no-redef]
    from .comparison import optimise as optimise
    from .comparison import read_plan as read_plan
    from .cycles import Cycles as Cycles
    from .durations import AFT as AFT
    from .durations import GammaFrailty as GammaFrailty
    from .durations import JointRetreatment as JointRetreatment
    from .durations import MixedAFT as MixedAFT
    from .durations import Turnbull as Turnbull
    from .durations import TwoPart as TwoPart
    from .durations import compare_fits as compare_fits
    from .durations import fit_from_json as fit_from_json
    from .durations import likelihood_ratio as likelihood_ratio
    from .durations import logrank as logrank
    from .durations import naive_bias as naive_bias
    from .durations import retreatment_sensitivity as retreatment_sensitivity
    from .errors import FitError as FitError
    from .errors import InputError as InputError
    from .errors import RecordsError as RecordsError
    from .errors import RetreatError as RetreatError
    from .evidence import evidence as evidence
    from .exposure import exposure as exposure
    from .exposure import exposure_summary as exposure_summary
    from .plots import plot_cohort as plot_cohort
    from .plots import plot_patient as plot_patient
    from .products import products as products
    from .records import BackToBaseline as BackToBaseline
    from .records import LossOfBenefit as LossOfBenefit
    from .records import LossOfLevel as LossOfLevel
    from .records import Records as Records
    from .records import check_records as check_records
    from .records import read_records as read_records
    from .report import write_report as write_report
    from .response_curve import response_curve as response_curve
    from .simulation import simulate as simulate
    from .simulation.trajectory import trajectory as trajectory
    from .strategies import Conservative as Conservative
    from .strategies import Decision as Decision
    from .strategies import Fixed as Fixed
    from .strategies import Foresight as Foresight
    from .strategies import LabelMinimum as LabelMinimum
    from .strategies import Ladder as Ladder
    from .strategies import Midpoint as Midpoint
    from .strategies import OnWaning as OnWaning
    from .strategies import Personal as Personal
    from .strategies import Seen as Seen
    from .strategies import Stepped as Stepped
    from .strategies import Strategy as Strategy
    from .strategies import TreatAndExtend as TreatAndExtend
    from .strategies import read_strategies as read_strategies
    from .strategies import strategy as strategy
    from .studies import DoseOrInterval as DoseOrInterval
    from .studies import Study as Study
    from .world import World as World
