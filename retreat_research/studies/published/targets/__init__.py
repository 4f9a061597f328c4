"""Every published figure that the default world is asked for; declared before it is simulated, and none is left out."""

from .antibodies import ANTIBODIES
from .lines import GLABELLA, OTHER_LINES
from .uses import USES

#: In the order in which they are shown.
TARGETS = (*GLABELLA, *OTHER_LINES, *USES, *ANTIBODIES)

__all__ = ["TARGETS"]
