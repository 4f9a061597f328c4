"""Every published figure that the default world is asked for; declared before it is simulated."""

from .antibodies import ANTIBODIES
from .lines import GLABELLA_FIGURES, OTHER_LINE_FIGURES
from .month import MONTH_FIGURES
from .onset import ONSET_FIGURES
from .placebo import PLACEBO_FIGURES
from .uses import USES

#: In the order in which they are shown.
TARGETS = (
    *GLABELLA_FIGURES, *MONTH_FIGURES, *ONSET_FIGURES, *PLACEBO_FIGURES, *OTHER_LINE_FIGURES, *USES, *ANTIBODIES,
)  # fmt: skip

__all__ = ["TARGETS"]
