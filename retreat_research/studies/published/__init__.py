"""Published figures beside the predictions of the default world, in which nothing was tuned to them."""

from .predict import Predictions, predictions
from .target import Target
from .targets import TARGETS

__all__ = ["TARGETS", "Predictions", "Target", "predictions"]
