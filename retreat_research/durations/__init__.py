"""Models of how long the effect of a treatment lasts."""

from .aft.model import AFT as AFT
from .aft.result import AFTResult as AFTResult
from .checks.compare import FitComparison as FitComparison
from .checks.compare import compare_fits as compare_fits
from .checks.naive import NaiveBias as NaiveBias
from .checks.naive import naive_bias as naive_bias
from .frailty.model import GammaFrailty as GammaFrailty
from .frailty.result import GammaFrailtyResult as GammaFrailtyResult
from .likelihood_ratio import LikelihoodRatio as LikelihoodRatio
from .likelihood_ratio import likelihood_ratio as likelihood_ratio
from .mixed.model import MixedAFT as MixedAFT
from .mixed.result import MixedAFTResult as MixedAFTResult
from .nonparametric.logrank import logrank as logrank
from .nonparametric.logrank_result import LogrankResult as LogrankResult
from .nonparametric.turnbull import Turnbull as Turnbull
from .nonparametric.turnbull import TurnbullResult as TurnbullResult
from .retreatment.joint import JointRetreatment as JointRetreatment
from .retreatment.result import JointResult as JointResult
from .retreatment.sensitivity import retreatment_sensitivity as retreatment_sensitivity
from .retreatment.sensitivity_result import RetreatmentSensitivity as RetreatmentSensitivity
from .serial import fit_from_json as fit_from_json
from .two_part.model import TwoPart as TwoPart
from .two_part.result import TwoPartResult as TwoPartResult
