"""One look for all figures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLES = ("-", "--", "-.", ":")
MARKERS = "osD^vP*X<>hd"


@contextmanager
def theme() -> Iterator[None]:
    """Seaborn's ticks style with a colour-blind-safe palette; the same bytes for the same figure."""
    import matplotlib as mpl
    import seaborn as sns

    look: dict[Any, Any] = {}
    look.update(sns.axes_style("ticks"))
    look.update(sns.plotting_context("notebook", font_scale=0.9))
    look.update({"axes.spines.top": False, "axes.spines.right": False, "font.family": "DejaVu Sans", "font.size": 10.0})
    look.update({"svg.hashsalt": "retreat_research", "savefig.dpi": 130, "figure.dpi": 100})
    with mpl.rc_context(look):
        yield


def axes_or_new(ax: Axes | None, width: float = 7.0, height: float = 4.4) -> Axes:
    """`ax`, or those of a new figure (inches)."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def palette(n: int) -> list[tuple[float, float, float]]:
    """`n` colours that the colour-blind tell apart."""
    import seaborn as sns

    return list(sns.color_palette("colorblind", n))
