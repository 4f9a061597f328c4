"""Models of how long the effect of a treatment lasts."""

from .aft import AFT as AFT
from .aft_result import AFTResult as AFTResult
from .compare_fits import FitComparison as FitComparison
from .compare_fits import compare_fits as compare_fits
from .frailty import GammaFrailty as GammaFrailty
from .frailty_result import GammaFrailtyResult as GammaFrailtyResult
from .joint import JointRetreatment as JointRetreatment
from .joint_result import JointResult as JointResult
from .logrank import logrank as logrank
from .logrank_result import LogrankResult as LogrankResult
from .mixed import MixedAFT as MixedAFT
from .mixed_result import MixedAFTResult as MixedAFTResult
from .naive import NaiveBias as NaiveBias
from .naive import naive_bias as naive_bias
from .sensitivity import retreatment_sensitivity as retreatment_sensitivity
from .sensitivity_result import RetreatmentSensitivity as RetreatmentSensitivity
from .serial import fit_from_json as fit_from_json
from .turnbull import Turnbull as Turnbull
from .turnbull import TurnbullResult as TurnbullResult
from .two_part import TwoPart as TwoPart
from .two_part_result import TwoPartResult as TwoPartResult
