"""The world: response, immunity, observation and behaviour, each number with its unit, prior and source."""

from .behaviour import Behaviour
from .observation import Observation
from .world import BETWEEN_SHARE, World, indication_named

__all__ = ["BETWEEN_SHARE", "Behaviour", "Observation", "World", "indication_named"]
