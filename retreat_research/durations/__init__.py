"""Models of how long the effect of a treatment lasts."""

from .aft import AFT as AFT
from .aft_result import AFTResult as AFTResult
from .turnbull import Turnbull as Turnbull
from .turnbull import TurnbullResult as TurnbullResult
from .mixed import MixedAFT as MixedAFT
from .mixed_result import MixedAFTResult as MixedAFTResult
