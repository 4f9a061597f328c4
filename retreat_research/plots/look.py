"""One look for all figures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import must

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


def looks(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Colour, marker and line style of each name: in every figure the same, and told apart without colour too."""
    listed = list(names)
    return {
        name: {"color": colour, "marker": MARKERS[i % len(MARKERS)], "ls": STYLES[i % len(STYLES)]}
        for i, (name, colour) in enumerate(zip(listed, palette(len(listed)), strict=True))
    }


def panels(axes: Any, n: int, width: float = 3.4, height: float = 2.6, columns: int = 3) -> np.ndarray:
    """`n` axes of equal scales: those given, or of a new figure (inches of each), left to right and down."""
    if axes is not None:
        places = np.asarray(axes, dtype=object).ravel()
        must(places.size == n, f"`axes` must be {n} axes, not {places.size}")
        return places
    import matplotlib.pyplot as plt

    across = min(n, columns)
    down = -(-n // across)
    size = (max(width * across, 5.0), height * down + 0.5)
    grid = plt.subplots(down, across, figsize=size, sharex=True, sharey=True, squeeze=False, layout="constrained")[1]
    for spare in grid.ravel()[n:]:
        spare.set_axis_off()
        grid[-2, list(grid[-1]).index(spare)].tick_params(labelbottom=True)
    return grid.ravel()[:n]


def label_outer(places: np.ndarray, x: str, y: str) -> None:
    """Name the x axis below the lowest panel of each column, the y axis left of the first of each row."""
    spec = places[0].get_subplotspec()
    across = 1 if spec is None else spec.get_gridspec().ncols
    for i, ax in enumerate(places):
        if i % across == 0:
            ax.set_ylabel(y, fontsize=9)
        if i + across >= len(places):
            ax.set_xlabel(x, fontsize=9)


def key_beside(ax: Axes) -> None:
    """The legend on the right of the axes, where it hides nothing; each label once."""
    once = {label: handle for handle, label in reversed(list(zip(*ax.get_legend_handles_labels(), strict=True)))}
    if not once:
        return
    ax.legend(
        list(once.values())[::-1],
        list(once)[::-1],
        fontsize=8,
        frameon=False,
        loc="upper left",
        bbox_to_anchor=(1.01, 1),
        borderaxespad=0,
    )
