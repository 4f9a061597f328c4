"""What a fitted mixed accelerated failure time model knows."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ...cycles import Cycles
from ...errors import must, must_all
from ..asked import one_number
from ..design import Design
from ..families import family_named
from ..likelihood_ratio import LikelihoodRatio, chi_square_mixture
from ..normal_mixture import mixing_rule, over_patients
from ..observed import Observed, observe
from ..predictions import WIDTH, NewData
from ..quadrature import Rule, adaptive_rule
from ..result import DurationResult
from .likelihood import Panel, centre_of, evaluate, nodes_of, panel_of
from .parameters import interior, jacobian, phi_of, root_of, split
from .personal import PersonalDistribution

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .model import MixedAFT

TOLD = 1e-6  # of a variance: a patient's cycles that take away less say nothing about her
NODES_2D = 32  # along each axis, for a patient's next duration with a random slope


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class MixedAFTResult(DurationResult):
    """A fitted mixed accelerated failure time model; made by `MixedAFT.fit`.

    Attributes
    ----------
    slope_design : Design or None
        The random slope's covariate.
    slope : float array (nobs,) or None
        Its values.
    effect_mean : float array (n_patients, d)
        Mean of each patient's random effects given her cycles (empirical Bayes).
    effect_cov : float array (n_patients, d, d)
        Their covariance.
    nodes : int
        Quadrature nodes along each axis, after doubling.
    node_doubling : float
        How much the log-likelihood moves when they are doubled.
    llf_simpler : float
        The log-likelihood without a random slope, or without random effects if there is none.
    """

    title: ClassVar[str] = "Mixed accelerated failure time"
    model: MixedAFT
    slope_design: Design | None
    slope: np.ndarray | None
    effect_mean: np.ndarray
    effect_cov: np.ndarray
    nodes: int
    node_doubling: float
    llf_simpler: float

    @property
    def scale(self) -> float:
        """σ, the scale of ln T within a patient."""
        return float(self._split()[1])

    @property
    def sd(self) -> float:
        """SD of ln T between patients: of the random intercept."""
        return float(np.exp(self._split()[2][0]))

    @property
    def effects(self) -> int:
        """How many random effects a patient has: 2 with a random slope."""
        return int(self.effect_mean.shape[1])

    @property
    def icc(self) -> float:
        """Share of the variance of ln T that lies between patients, where the slope's covariate is 0."""
        between, within = self.sd**2, (self.scale * family_named(self.family).sd) ** 2
        return between / (between + within)

    @property
    def boundary(self) -> tuple[str, ...]:
        """The parameters on their boundary, which have no standard error."""
        return tuple(name for name, inside in zip(self.names, interior(self.estimate), strict=True) if not inside)

    @property
    def patients(self) -> pd.DataFrame:
        """Empirical-Bayes mean and SD of each patient's random effects on ln T, and her number of cycles."""
        spread = np.sqrt(np.maximum(np.diagonal(self.effect_cov, axis1=1, axis2=2), 0.0))
        table = pd.DataFrame(
            {
                "cycles": np.bincount(self.data.patient, minlength=self.n_patients),
                "mean": self.effect_mean[:, 0],
                "sd": spread[:, 0],
            },
            index=pd.Index(self.data.labels, name="patient"),
        )
        if self.slope is not None:
            table = table.assign(slope_mean=self.effect_mean[:, 1], slope_sd=spread[:, 1])
        return table

    def personal(self, who: Any, newdata: NewData = None, draws: ArrayLike | None = None) -> PersonalDistribution:
        """The distribution of one patient's next duration, given her cycles.

        Parameters
        ----------
        who : label of a patient in the fit, or Cycles
            Cycles of one patient, with the formula's columns, are her history, whether she was in the fit or not; none
            of them with a response says nothing about her, and the population's distribution results.
        newdata : DataFrame or dict, optional
            The formula's variables in the next cycle, one row; needed if there are any.
        draws : array_like of float, shape (draws, p), optional
            Draws of the parameters, such as ``fit.bootstrap()`` gives: their uncertainty is then part of the
            distribution. Without them the estimates are taken as known.

        Returns
        -------
        PersonalDistribution
        """
        own = self._history(who) if isinstance(who, Cycles) else self._own(who)
        x, _ = self._rows(newdata)
        must(len(x) == 1, f"`newdata` must have one row, not {len(x)}: the next cycle")
        thetas = [self.estimate] if draws is None else list(self._checked(draws))
        with np.errstate(all="ignore"):  # what is beyond the range of numbers is said next
            parts = [self._next(theta, *own, x[0]) for theta in thetas]
        must_all([np.isfinite(np.concatenate(part)).all() for part in parts], "`draws` are beyond the range of numbers")
        weight, location, scale = (np.concatenate(part) for part in zip(*parts, strict=True))
        return PersonalDistribution(self.family, weight / len(thetas), location, scale, self.endpoint)

    def lr_test(self) -> LikelihoodRatio:
        """Likelihood-ratio test of no random slope, or without one of no random intercept, knowing the boundary."""
        statistic = 2 * (self.llf - self.llf_simpler)
        if self.slope is None:
            return chi_square_mixture(statistic, 0, "no variation between patients")
        return chi_square_mixture(statistic, 1, "no random slope")

    def sd_interval(self, level: float = 0.95) -> tuple[float, float]:
        """The profile-likelihood interval of the SD between patients, ln weeks: lower, upper.

        Parameters
        ----------
        level : float in (0, 1)

        Returns
        -------
        tuple of float
            The lower limit is 0 if no variation between patients would not be rejected. Unlike the normal interval of
            ``log(sd)`` it exists where the estimate is 0, and it need not be symmetric on any scale. The same as
            ``lme4::confint(fit, method = "profile")`` on exact log-normal durations.

        Raises
        ------
        InputError
            For a fit with a random slope.
        """
        from .profile import sd_interval

        level = one_number(level, "level")
        must(0 < level < 1, "`level` must lie between 0 and 1")
        must(self.slope is None, "the profile interval is for models with a random intercept alone")
        return sd_interval(self, level)

    def differenced_information(self) -> np.ndarray:
        """Minus the differenced gradient at the estimate, (p, p): what `information` should be, at 2 p evaluations."""
        p, inside = self.estimate.size, interior(self.estimate)
        steps = self._steps()
        found = np.full((p, p), np.nan)
        for j in np.flatnonzero(inside):
            move = np.zeros(p)
            move[j] = steps[j]
            up, down = (self._gradient(self.estimate + sign * move) for sign in (1, -1))
            found[inside, j] = -(up - down)[inside] / (2 * steps[j])
        return (found + found.T) / 2

    def _gradient(self, theta: np.ndarray) -> np.ndarray:
        k, family, panel = self.x.shape[1], family_named(self.family), self._panel()
        phi = phi_of(theta, k, family)
        centre = centre_of(panel, phi)
        found = evaluate(panel, phi, centre, adaptive_rule(self.nodes, panel.dimension))
        return jacobian(theta, k, family).T @ found.gradient

    def _split(self, theta: np.ndarray | None = None) -> tuple[np.ndarray, Any, np.ndarray]:
        return split(self.estimate if theta is None else theta, self.x.shape[1], family_named(self.family))

    def _rows(self, newdata: NewData) -> tuple[np.ndarray, pd.DataFrame]:
        if self.slope_design is None:
            return super()._rows(newdata)
        own, its_variables = self.slope_design.matrix(newdata)
        if not self.design.variables:
            x, variables = np.repeat(self.design.matrix(None)[0], len(own), axis=0), its_variables[[]]
        else:
            x, variables = self.design.matrix(newdata)
        more = [name for name in its_variables if name not in variables]
        return np.column_stack([x, own]), pd.concat([variables, its_variables[more]], axis=1)

    def _curves(
        self, theta: np.ndarray, x: np.ndarray, log_weeks: np.ndarray, kind: str
    ) -> tuple[np.ndarray, np.ndarray]:
        family, k = family_named(self.family), len(self.design.names)
        beta, scale, spread = self._split(theta)
        location = (x[:, :k] @ beta)[:, None]
        if kind == "conditional":
            with np.errstate(all="ignore"):  # far above the bulk, and at weeks 0 and inf
                z = (log_weeks - location) / scale
                return family.log_survival(z), family.log_density(z) - np.log(scale)
        w = np.ones((len(x), 1)) if self.slope is None else np.column_stack([np.ones(len(x)), x[:, k]])
        sd = np.linalg.norm(w @ root_of(spread), axis=1)[:, None]
        return over_patients(family, log_weeks, location, scale, sd)

    def plot_patients(self, ax: Axes | None = None) -> Axes:
        """Draw each patient's time ratio exp(b) to a typical patient with its 95% interval, the shortest first."""
        from ..figures import caterpillar

        mean, reach = self.patients["mean"].to_numpy(), WIDTH * self.patients["sd"].to_numpy()
        return caterpillar(np.exp(mean), np.exp(mean - reach), np.exp(mean + reach), "Patient's time ratio", ax)

    def _fitted_rows(self) -> np.ndarray:
        return self.x if self.slope is None else np.column_stack([self.x, self.slope])

    def _simulate(self, rng: np.random.Generator, at: np.ndarray, patient: np.ndarray) -> np.ndarray:
        beta, scale, spread = self._split()
        root = root_of(spread)
        effect = rng.normal(size=(patient.max() + 1, len(root))) @ root.T
        own = effect[patient, 0] + (0.0 if self.slope is None else effect[patient, 1] * self.slope[at])
        z = family_named(self.family).quantile(rng.uniform(size=at.size))
        return np.exp(self.x[at] @ beta + own + scale * z)

    def _refit(self, data: Observed, at: np.ndarray) -> MixedAFTResult:
        slope = None if self.slope is None else self.slope[at]
        return self.model._fit_rows(data, self.design, self.x[at], self.slope_design, slope, (), self.endpoint)

    def _effect_scores(self) -> np.ndarray | None:
        """Empirical-Bayes means by the root of their covariance under the model, all in one; None on the boundary.

        Of patients about whom their cycles say something.
        """
        root = root_of(self._split()[2])
        covariance = root @ root.T - self.effect_cov
        told = np.linalg.eigvalsh(covariance)[:, 0] > TOLD * np.linalg.eigvalsh(root @ root.T)[0]
        if self.boundary or not told.any():
            return None
        return np.linalg.solve(np.linalg.cholesky(covariance[told]), self.effect_mean[told, :, None]).ravel()

    def _panel(self) -> Panel:
        return natural_panel(self.family, self.data, self.x, self.slope)

    def _own(self, label: Any) -> tuple[Observed, np.ndarray, np.ndarray | None]:
        single = isinstance(label, Hashable)  # a list or a table would be compared with one patient after another
        at = np.array([i for i, own in enumerate(self.data.labels) if single and own == label], dtype=int)
        must(at.size == 1, "no such patient in the fit", "give her label, or her cycles as rr.Cycles")
        rows = self.data.patient == at[0]
        data, slope = self.data, None if self.slope is None else self.slope[rows]
        part = Observed(
            data.rows[rows],
            data.lower[rows],
            data.upper[rows],
            data.weight[rows],
            data.entry[rows],
            np.zeros(rows.sum(), dtype=int),
            data.labels[at],
        )
        return part, self.x[rows], slope

    def _history(self, cycles: Cycles) -> tuple[Observed, np.ndarray, np.ndarray | None]:
        must(len(np.unique(cycles.patient)) <= 1, "a history must be the cycles of one patient")
        responding = cycles[cycles.frame["responder"].fillna(False).to_numpy(dtype=bool)]
        if not len(responding):
            none = np.zeros(0)
            empty = Observed(none.astype(int), none, none, none, none, none.astype(int), cycles.patient[:1])
            return empty, np.zeros((0, self.x.shape[1])), None if self.slope is None else none
        data, k = observe(responding, None), self.x.shape[1]
        x = self._rows(responding.frame)[0]
        x = np.repeat(x, len(responding), axis=0) if len(x) < len(responding) else x
        return data, x[:, :k], None if self.slope is None else x[:, k]

    def _next(
        self, theta: np.ndarray, data: Observed, x: np.ndarray, slope: np.ndarray | None, row: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weights, locations and scales of the mixture that the next ln T is."""
        family, k = family_named(self.family), self.x.shape[1]
        beta, scale, spread = self._split(theta)
        root = root_of(spread)
        if data.lower.size:
            panel = natural_panel(self.family, data._replace(weight=np.ones(data.lower.size)), x, slope)
            phi = phi_of(theta, k, family)
            centre = centre_of(panel, phi)
            nodes = nodes_of(panel, panel.blocks[0], phi, centre, self._fine(root @ centre.root[0], scale))
            share, u = nodes.share[0], nodes.u[0]
        else:
            rule = self._fine(root, scale)
            share = np.exp(rule.log_weight - 0.5 * (rule.node**2).sum(axis=1))
            share, u = share / share.sum(), rule.node
        w = np.array([1.0]) if slope is None else np.array([1.0, row[k]])
        location = row[:k] @ beta + u @ (w @ root)
        return share, location, np.full(share.size, scale)

    def _fine(self, root: np.ndarray, scale: float) -> Rule:
        """A rule for a patient's next duration; `root` (d, d) of the covariance of her effects, as far as is known."""
        if len(root) > 1:
            return adaptive_rule(max(self.nodes, NODES_2D), len(root))
        return mixing_rule(float(root[0, 0]), scale)

    def _facts(self) -> dict[str, str]:
        facts = {
            "Covariance:": self.model.cov,
            "SD within:": f"{self.scale * family_named(self.family).sd:.5f}",
            "SD between:": f"{self.sd:.5f}",
            **({} if self.slope is None else {"SD of slope:": f"{np.exp(self._split()[2][1]):.5f}"}),
            "Nodes:": str(self.nodes),
        }
        return facts | ({"On its boundary:": ", ".join(self.boundary)} if self.boundary else {})


def natural_panel(family: str, data: Observed, x: np.ndarray, slope: np.ndarray | None) -> Panel:
    """The patients of a fit with the columns as they are, so that φ is `phi_of` θ."""
    weight = np.zeros(data.labels.size)
    weight[data.patient] = data.weight
    shift = np.zeros(len(x))
    return panel_of(family_named(family), data.lower, data.upper, shift, x, slope, data.patient, weight)
