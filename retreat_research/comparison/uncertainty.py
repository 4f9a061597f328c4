"""What comes from not knowing the world: parameter beside Monte Carlo variance, and what it means for the choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..errors import must, number
from .information import Information
from .pareto import pareto_front

WEIGHTS = tuple(round(0.05 * k, 2) for k in range(21))
#: Larger is better (1) or smaller (-1).
OBJECTIVES: Mapping[str, int] = {"time_in_benefit": 1, "antigen": -1, "antibodies": -1}


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """Strategies in drawn worlds.

    Attributes
    ----------
    parameters : pandas.DataFrame
        One row a ``draw``, one column for each number drawn that can matter.
    values, mcse : pandas.DataFrame
        Index (``draw``, ``strategy``): every outcome and its Monte Carlo standard error.
    gains : pandas.DataFrame
        Columns ``draw``, ``strategy``, ``equal``, ``matched_weeks``, ``gain``, ``mcse``: over the fixed interval of
        equal exposure in that world.
    oracles : tuple of str
        Strategies that no clinic can follow: they are no choices in `acceptability`, `pareto` and `information`.
    """

    parameters: pd.DataFrame
    values: pd.DataFrame
    mcse: pd.DataFrame
    gains: pd.DataFrame
    oracles: tuple[str, ...] = ()

    @property
    def strategies(self) -> list[str]:
        """Names, in order."""
        return list(dict.fromkeys(self.values.index.get_level_values("strategy")))

    @property
    def choices(self) -> list[str]:
        """Names of those that a clinic can follow."""
        return [name for name in self.strategies if name not in self.oracles]

    def intervals(self, level: float = 0.95) -> pd.DataFrame:
        """Mean and interval of every outcome, and of the gain.

        Parameters
        ----------
        level : float in (0, 1)

        Returns
        -------
        pandas.DataFrame
            Index (``strategy``, ``outcome``): ``mean``, ``lower`` and ``upper`` (quantiles across draws, Monte Carlo
            noise included), ``parameter_sd`` = √max(V − mean MCSE², 0) with V the variance across draws, and ``mcse``,
            the root of that mean.
        """
        must(0 < number(level, "level") < 1, "`level` must lie between 0 and 1")
        gains = self.gains.set_index(["draw", "strategy"])
        values = self.values.assign(gain=gains["gain"]).unstack("strategy")  # noqa: PD010
        errors = self.mcse.assign(gain=gains["mcse"]).unstack("strategy")  # noqa: PD010
        noise = (errors**2).mean()
        tail = (1 - level) / 2
        found = pd.DataFrame(
            {
                "mean": values.mean(),
                "lower": values.quantile(tail),
                "upper": values.quantile(1 - tail),
                "parameter_sd": np.sqrt((values.var(ddof=1) - noise).clip(lower=0)),
                "mcse": np.sqrt(noise),
            }
        )
        found.index = found.index.set_names(["outcome", "strategy"])
        order = [
            (name, outcome) for name in self.strategies for outcome in dict.fromkeys(values.columns.get_level_values(0))
        ]
        return found.swaplevel().loc[order]

    def worth(self, weight: float) -> pd.DataFrame:
        """Value (1 − w)·``time_in_benefit`` + w·``responsiveness`` in each draw (rows) of each choice (columns)."""
        weight = number(weight, "weight", 0, 1)
        value = (1 - weight) * self.values["time_in_benefit"]
        if weight > 0:  # not known without an antigen load
            value = value + weight * self.values["responsiveness"]
        return value.unstack("strategy")[self.choices]  # noqa: PD010

    def acceptability(self, weights: Sequence[float] | None = None) -> pd.DataFrame:
        """Share of draws in which each strategy has the largest value; ties are shared.

        Parameters
        ----------
        weights : sequence of float in [0, 1], optional
            Preferences: 0 smooth effect, 1 long-term responsiveness; by default 0, 0.05, …, 1.

        Returns
        -------
        pandas.DataFrame
            Index ``weight``, one column for each strategy; rows add up to 1.
        """
        rows = []
        chosen = list(WEIGHTS if weights is None else weights)
        must(len(chosen) > 0, "`weights` is empty")
        for weight in chosen:
            worth = self.worth(weight)
            best = worth.eq(worth.max(axis=1), axis=0)
            rows.append(best.div(best.sum(axis=1), axis=0).mean())
        return pd.DataFrame(rows, pd.Index(chosen, name="weight"))

    def pareto(self, objectives: Mapping[str, int] | None = None) -> pd.DataFrame:
        """Which strategies no other one beats in every objective.

        Parameters
        ----------
        objectives : mapping of outcome to 1 or -1, optional
            1: more is better, -1: less. By default time in benefit, antigen and antibodies (the last two where known).

        Returns
        -------
        pandas.DataFrame
            Index ``strategy``: ``on_front`` on the means across draws, ``dominated_by`` (names), and ``probability``,
            the share of draws in which it is on the front.
        """
        wanted = dict(OBJECTIVES if objectives is None else objectives)
        must(len(wanted) > 0, "`objectives` is empty")
        unknown = [name for name in wanted if name not in self.values]
        must(not unknown, f"no outcome is called {', '.join(map(repr, unknown))}")
        must(all(sign in (1, -1) for sign in wanted.values()), "`objectives` must give 1 (more) or -1 (less) for each")
        if objectives is None:
            wanted = {name: sign for name, sign in wanted.items() if not self.values[name].isna().any()}
        own = self.values.index.get_level_values("strategy").isin(self.choices)
        good = self.values.loc[own, list(wanted)] * pd.Series(wanted)
        means = good.groupby("strategy").mean().loc[self.choices]
        beats = pareto_front(means.to_numpy())
        on_front = [pareto_front(one.to_numpy()).any(axis=0) for _, one in good.groupby("draw")]
        return pd.DataFrame(
            {
                "on_front": ~beats.any(axis=0),
                "dominated_by": [tuple(np.array(self.choices)[column].tolist()) for column in beats.T],
                "probability": 1 - np.mean(on_front, axis=0),
            },
            index=pd.Index(self.choices, name="strategy"),
        )

    def information(self, weights: Sequence[float] = (0.0, 0.5, 1.0)) -> pd.DataFrame:
        """What knowing the world better could be worth to the choice of a strategy.

        Parameters
        ----------
        weights : sequence of float in [0, 1]
            Preferences, as in `acceptability`.

        Returns
        -------
        pandas.DataFrame
            Columns ``group`` ("everything": EVPI; otherwise EVPPI of a group of parameters), ``weight``, ``value`` (in
            shares of follow-up) and ``se`` of the finite number of draws.
        """
        must(len(weights) > 0, "`weights` is empty")
        tables = [Information(self.worth(weight), self.parameters).table().assign(weight=weight) for weight in weights]
        return pd.concat(tables, ignore_index=True)[["group", "weight", "value", "se"]]

    def __repr__(self) -> str:
        return f"<Uncertainty: {len(self.strategies)} strategies in {len(self.parameters)} drawn worlds>"

    def _repr_html_(self) -> str:
        found = self.intervals().reset_index()
        shown = found[found["outcome"].isin(["time_in_benefit", "gain", "antigen", "antibodies"])]
        return f"<p>{repr(self)[1:-1]}</p>" + shown.to_html(index=False, border=0, float_format="{:.4g}".format)
