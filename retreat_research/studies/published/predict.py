"""`predictions`: the default world asked for every published figure, by the analysis that gave it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...cohort import draw_cohort
from ...errors import must, whole_number
from ...streams import Purpose, checked_seed, uniforms
from ...world import World
from ...world.numbers import address
from .arm import Arm
from .compare import TAILS, compare
from .target import Analysis, Target
from .targets import TARGETS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

ROWS = 200_000  # of history at a time
MOST_FOR_ONE = 200  # patients simulated for one eligible patient wanted, however few are eligible
_APART = 2**28  # addresses between the patients of two draws, so that each draw has luck of its own
UNKNOWN_N = 100  # eligible patients simulated, times `trials`, where no size is published
_ASSAY = address("limit of the mouse protection assay")


@dataclass(frozen=True, eq=False)
class Predictions:
    """Published figures beside what the default world predicts; made by `predictions`.

    Attributes
    ----------
    targets : tuple of Target
    trials, draws, seed : int
        As asked for.
    """

    targets: tuple[Target, ...]
    trials: int
    draws: int
    seed: int
    _rows: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """One row per figure.

        Returns
        -------
        pandas.DataFrame
            ``group``, ``target``, ``evidence`` (table and rows), ``axis`` (percent, weeks or months), ``published``,
            ``compared`` (what is compared: before rounding, see `Target.compared`), ``at_least`` (it is a lower bound),
            ``lower`` and ``upper`` (its 95% interval, NaN if none can be given), ``n``; ``predicted`` by the default
            world and its Monte Carlo standard error ``mcse``; ``trial_lower`` and ``trial_upper``, between which 95% of
            simulated trials of the published size lie; ``prior_lower`` and ``prior_upper``, the same when each trial
            has a world of its own, drawn from the priors (NaN without draws; worlds without an eligible patient are
            left out); ``difference``, predicted − compared; ``verdict``: agrees, if the compared figure lies in the
            range of the trials (to its `Target.tolerance`) or, where no size is published, the prediction in the
            published range; else misfit; ``priors``: where the compared figure lies in what the priors allow, inside,
            borderline or outside (see `compare.standing`), None without draws; ``in_sight``, the constants of the
            world chosen with the figure in sight; ``assumed`` and ``reason``, see `Target`.
        """
        return self._rows.copy()

    def misfits(self) -> pd.DataFrame:
        """The rows of `table` with the verdict misfit, each with its likely reason where one is known."""
        return self._rows[self._rows["verdict"] == "misfit"].reset_index(drop=True)

    def plot(self) -> Figure:
        """Published figures with their intervals beside the predicted ones: a panel for each axis."""
        from .figure import draw

        return draw(self)

    def __repr__(self) -> str:
        counts = self._rows["verdict"].value_counts()
        return (
            f"<Predictions: {counts.get('agrees', 0)} of {len(self._rows)} published figures agree, "
            f"{counts.get('misfit', 0)} do not; {self.trials} trials, {self.draws} draws, seed {self.seed}>"
        )

    def _repr_html_(self) -> str:
        from html import escape

        return f"<p>{escape(repr(self)[1:-1])}</p>" + self._rows._repr_html_()


def predictions(
    targets: Sequence[Target] = TARGETS, *, trials: int = 200, draws: int = 0, seed: int = 1, progress: bool = False
) -> Predictions:
    """Ask the default world for published figures; nothing is fitted or tuned.

    Parameters
    ----------
    targets : sequence of Target
        By default every declared one.
    trials : int
        Trials of the published size in the default world: the prediction is the analysis of all their patients, the
        range of the trials shows what sampling alone does.
    draws : int
        Worlds drawn from the priors, one trial of the published size in each; 0: none. At least 40 for a 95% range, 146
        to say that a figure lies outside it.
    seed : int in [0, 2**64)
    progress : bool

    Returns
    -------
    Predictions

    Notes
    -----
    Each arm is the default world of its indication and product, and each analysis that of the publication as far as it
    is known: visits on a grid, ratings with error, Kaplan and Meier's curve of the responders, tests before sessions.
    Where constants were chosen with a figure in sight, agreement is no evidence for it. With the worlds the limit of
    the mouse protection assay is drawn too (`antibodies.MPA_PRIOR`), one for each draw; it is no number of the world.

    Examples
    --------
    >>> from retreat_research.studies import TARGETS, predictions
    >>> found = predictions(TARGETS[:1], trials=20, seed=1)
    >>> found.table()[["target", "published", "verdict"]].round(1).to_dict("records")
    [{'target': 'ona 20 U, median of day-30 responders', 'published': 17.1, 'verdict': 'agrees'}]
    """
    from tqdm import tqdm

    whole_number(trials, "trials", 2)
    whole_number(draws, "draws", 0)
    must(draws == 0 or draws >= 2 / TAILS[0] / 2, "`draws` must be 0, or 40 and more for a range of 95%")
    must(len(targets) > 0, "no targets")
    seed = checked_seed(seed)
    by_arm: dict[Arm, list[int]] = {}
    for position, target in enumerate(targets):
        by_arm.setdefault(target.arm, []).append(position)
    luck = uniforms(seed, Purpose.WORLD, np.arange(draws), _ASSAY)[0].tolist()
    rows: list[dict[str, object]] = [{} for _ in targets]
    for arm, positions in tqdm(by_arm.items(), disable=not progress, unit="arm", leave=False):
        own = [targets[position] for position in positions]
        sizes = [target.n or UNKNOWN_N for target in own]
        analyses = [target.analysis for target in own]
        samples = gather(arm, arm.world(), analyses, [trials * n for n in sizes], seed)
        drawn = [
            gather(arm, world, [_drawn(one, luck[draw]) for one in analyses], sizes, seed, first=(1 + draw) * _APART)
            for draw, world in enumerate(arm.world().draws(draws, seed) if draws else ())
        ]
        for i, (position, target, sample) in enumerate(zip(positions, own, samples, strict=True)):
            rows[position] = compare(target, sample, [one[i] for one in drawn])
    return Predictions(tuple(targets), trials, draws, seed, pd.DataFrame(rows).astype({"n": float}))


def gather(
    arm: Arm, world: World, analyses: list[Analysis], wanted: list[int], seed: int, *, first: int = 0
) -> list[Floats]:
    """Simulate patients until each analysis has as many eligible ones as it wants.

    Parameters
    ----------
    arm : Arm
    world : World
        The arm's own, or a draw of it.
    analyses : list of Analysis
    wanted : list of int
    seed : int
    first : int
        Address of the first patient.

    Returns
    -------
    list of float array, first axis at most `wanted`
        Fewer if `MOST_FOR_ONE` times as many patients hold no more.
    """
    world = arm.kept(world)
    largest = max(256, int(ROWS / (arm.sessions + 1)))
    parts: list[list[Floats]] = [[] for _ in analyses]
    missing = list(wanted)
    start, size = first, min(largest, max(wanted))
    while max(missing) > 0 and start < first + MOST_FOR_ONE * max(wanted):
        course = arm.treat(draw_cohort(start + size, world=world, seed=seed)[start:], seed)
        for i, analysis in enumerate(analyses):
            if missing[i] > 0:
                found = analysis.sample(course)[: missing[i]]
                parts[i].append(found)
                missing[i] -= len(found)
        start, size = start + size, min(largest, 2 * size)
    return [np.concatenate(part) for part in parts]


def _drawn(analysis: Analysis, luck: float) -> Analysis:
    """The analysis with an assay whose limit is drawn, if it has one."""
    assay = getattr(analysis, "assay", None)
    return analysis if assay is None else replace(analysis, assay=assay.drawn(luck))  # type: ignore[type-var]
