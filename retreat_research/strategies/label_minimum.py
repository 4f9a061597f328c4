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

#: The shortest interval, weeks, and the row of protocols.csv that says so, by indication and product ("": every
#: product); three months count as 12 weeks, as in `exposure`.
SHORTEST: Mapping[str, Mapping[str, tuple[float, str]]] = Frozen(
    {
        "glabellar lines": Frozen(
            {
                name: (12.0, "protocols.csv MIN_INT_AES")
                for name in ("daxibotulinumtoxinA", "incobotulinumtoxinA", "prabotulinumtoxinA")
            }
        ),
        "cervical dystonia": Frozen(
            {"incobotulinumtoxinA": (10.0, "protocols.csv MIN_INT_INCO_EU"), "": (12.0, "protocols.csv MIN_INT_CD")}
        ),
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
        three months, 12 weeks, where it has no row. Some of its rows are labels, some reviews of usual practice.
    source : str, optional
        The row; filled in with `weeks`.

    Examples
    --------
    >>> import retreat_research as rr
    >>> LabelMinimum().prepared(rr.World.default("cervical")).describe()
    'Treats every 12 weeks, the shortest usual interval (protocols.csv MIN_INT_CD).'
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
        rows = SHORTEST.get(world.indication, {})
        weeks, source = rows.get(world.product, rows.get("", USUAL))
        return replace(self, weeks=weeks, source=source)

    def decide(self, seen: Seen, memory: Memory) -> Decision:
        must(
            self.weeks is not None,
            "`LabelMinimum` does not know the label",
            "use `prepared(world)`, as `simulate` does",
        )
        return Decision.at(self.weeks or 0, reason="hold")

    def describe(self) -> str:
        if self.weeks is None:
            return "Treats as often as the label allows (protocols.csv MIN_INT_*)."
        return f"Treats every {self.weeks:g} weeks, the shortest usual interval ({self.source or 'as given'})."
