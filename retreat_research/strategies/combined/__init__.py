"""Strategies around another one; `combining.Combining` has the methods that make them."""

from .confirm import Confirm
from .dose import EscalateDose, LowestEffectiveDose
from .halt import HaltIf
from .switch import SwitchIf
from .touch_up import TouchUp
from .windows import Booked, WithAdherence, WithAdjunct, Within

__all__ = [
    "Booked",
    "Confirm",
    "EscalateDose",
    "HaltIf",
    "LowestEffectiveDose",
    "SwitchIf",
    "TouchUp",
    "WithAdherence",
    "WithAdjunct",
    "Within",
]
