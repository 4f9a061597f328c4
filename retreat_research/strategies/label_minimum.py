"""As often as the label allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from ..errors import must
from ..evidence import Frozen
from .base import Strategy, must_be_weeks
from .seen import Decision, Memory, Seen

if TYPE_CHECKING:
    from ..world import World

#: The shortest interval, weeks, and the row of protocols.csv that says so; three months count as 12 weeks, as in
#: `exposure`. By indication and product; "" stands for every product.
SHORTEST: Mapping[tuple[str, str], tuple[float, str]] = Frozen(
    {
        ("glabellar lines", "daxibotulinumtoxinA"): (12.0, "protocols.csv MIN_INT_AES"),
        ("glabellar lines", "incobotulinumtoxinA"): (12.0, "protocols.csv MIN_INT_AES"),
        ("glabellar lines", "prabotulinumtoxinA"): (12.0, "protocols.csv MIN_INT_AES"),
        ("cervical dystonia", ""): (12.0, "protocols.csv MIN_INT_CD"),
    }
)
USUAL = (12.0, "protocols.csv MIN_INT_ANY; no row for this product and indication")


@dataclass(frozen=True)
class LabelMinimum(Strategy):
    """Treat as often as the label allows.

    Parameters
    ----------
    weeks : float, weeks, optional
        Without it the shortest interval of the world's product and indication, as `protocols.csv` has it (`SHORTEST`);
        three months, 12 weeks, where it has no row.

    Examples
    --------
    >>> import retreat_research as rr
    >>> LabelMinimum().prepared(rr.World.default("cervical")).describe()
    'Treats every 12 weeks, the shortest interval of the label (protocols.csv MIN_INT_CD).'
    """

    looks: ClassVar[bool] = False
    weeks: float | None = None
    source: str | None = None

    def __post_init__(self) -> None:
        if self.weeks is not None:
            must_be_weeks(weeks=self.weeks)

    def prepared(self, world: World) -> Strategy:
        if self.weeks is not None:
            return self
        of_all = SHORTEST.get((world.indication, ""), USUAL)
        weeks, source = SHORTEST.get((world.indication, world.product), of_all)
        return replace(self, weeks=weeks, source=source)

    def decide(self, seen: Seen, memory: Memory) -> Decision:
        must(self.weeks is not None, "`LabelMinimum` does not know the label", "use `prepared(world)`, as `simulate` does")
        return Decision.at(self.weeks or 0, reason="hold")

    def describe(self) -> str:
        if self.weeks is None:
            return "Treats as often as the label allows (protocols.csv MIN_INT_*)."
        return f"Treats every {self.weeks:g} weeks, the shortest interval of the label ({self.source or 'as given'})."
