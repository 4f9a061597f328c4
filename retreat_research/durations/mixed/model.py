"""Mixed accelerated failure time models: cycles of a patient share what is her own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ...cycles import Cycles
from ...errors import FitError, must, whole_number
from ..aft.maximum import maximise
from ..design import Design, design_of
from ..families import FAMILIES, Family, family_named
from ..observed import Observed, must_have_events, observe, weight_of_patients
from ..quadrature import adaptive_rule
from ..result import describe_censoring, meat_of
from .climb import MOVES, NOT_SETTLED, Summit, climb, is_definite, settle_without
from .likelihood import LOADINGS, Panel, centre_of, evaluate, panel_of, triangle
from .parameters import interior, jacobian, names_of, phi_of, root_of, split, theta_of
from .result import MixedAFTResult, natural_panel

COVARIANCES = ("observed", "sandwich")


@dataclass(frozen=True)
class MixedAFT:
    """An accelerated failure time model with a random intercept, and optionally a random slope, for each patient.

    ln T_ij = x_ij β + b_i + c_i s_ij + σ z_ij, with (b_i, c_i) normal.

    Parameters
    ----------
    formula : str
        Right-hand side over the columns of ``cycles.frame``, as for `AFT`.
    family : {"lognormal", "weibull", "exponential", "loglogistic"}
        Distribution of T given the patient.
    slope : str, optional
        The covariate s with a random slope, such as ``"cycle"``; it must vary within patients. Put it into `formula`
        too, unless its mean effect is known to be 0.
    nodes : int
        Quadrature nodes for each random effect to begin with. They are doubled until the log-likelihood moves by less
        than 1e-4.
    cov : {"observed", "sandwich"}
        Covariance from the observed information, or the sandwich over patients.

    Notes
    -----
    The likelihood of a patient is ∫ Π_j P(lower_ij < T_ij ≤ upper_ij | b) φ(b; Σ) db, by adaptive Gauss–Hermite
    quadrature [1]_ in the Cholesky factor of Σ/σ² as lme4 has it [2]_, with the observed information by Louis'
    identity. Parameters are β, log σ (``log(scale)``), the log of the SD of b (``log(sd)``), and with a slope the log
    of the SD of c (``log(sd slope)``) and the inverse hyperbolic tangent of their correlation (``atanh(corr)``). A
    parameter on its boundary (an SD of 0, a correlation of ±1) is reported there, with no standard error.

    Log-normal on exact durations equals R's ``lme4::lmer(log(t) ~ formula + (1 | patient), REML = FALSE)``, the
    log-likelihood after adding Σ ln t. No R package fits the interval-censored model by quadrature with more than one
    node for all these families; ``GLMMadaptive`` comes closest.

    References
    ----------
    .. [1] Pinheiro JC, Chao EC (2006). Efficient Laplacian and adaptive Gaussian quadrature algorithms for multilevel
       generalized linear mixed models. J Comput Graph Stat 15:58-81. doi:10.1198/106186006X96962
    .. [2] Bates D, Mächler M, Bolker B, Walker S (2015). Fitting linear mixed-effects models using lme4. J Stat Softw
       67(1). doi:10.18637/jss.v067.i01

    Examples
    --------
    >>> lower, upper = [8, 12, 12, 4, 4, 8, 14], [12, 16, 16, 8, 8, 10, 18]
    >>> cycles = Cycles(lower, upper, patient=["a", "a", "a", "b", "b", "b", "a"])
    >>> fit = MixedAFT().fit(cycles)
    >>> round(fit.sd, 2), round(fit.scale, 2)
    (0.28, 0.18)
    """

    formula: str = "1"
    family: str = "lognormal"
    slope: str | None = None
    nodes: int = 15
    cov: str = "observed"

    def __post_init__(self) -> None:
        known = [name for name, family in FAMILIES.items() if isinstance(family, Family)]
        must(
            isinstance(self.family, str) and self.family in known,
            f"`family` must be one of {', '.join(known)}, not {self.family!r}",
        )
        must(
            isinstance(self.cov, str) and self.cov in COVARIANCES,
            f"`cov` must be one of {', '.join(COVARIANCES)}, not {self.cov!r}",
        )
        object.__setattr__(self, "nodes", whole_number(self.nodes, "nodes", 3, 60))

    def fit(self, cycles: Cycles, weights: ArrayLike | None = None) -> MixedAFTResult:
        """Fit to the cycles with a response.

        Parameters
        ----------
        cycles : Cycles
        weights : array_like of float, shape (len(cycles),), optional
            How often each patient counts: the same for all her cycles; a row of weight 0 is left out.

        Returns
        -------
        MixedAFTResult

        Raises
        ------
        InputError
            If the formula does not suit the cycles, weights differ within a patient, or the slope's covariate does not
            vary within patients.
        FitError
            If the likelihood has no maximum, or variation within and between patients cannot be told apart.
        """
        data = observe(cycles, weights)
        must_have_events(data)
        frame = cycles.frame
        design, x = design_of(self.formula, frame, data.rows)
        slope_design, slope = (None, None) if self.slope is None else _slope(self.slope, frame, data)
        censoring = describe_censoring(frame["censoring"].to_numpy()[data.rows])
        return self._fit_rows(data, design, x, slope_design, slope, censoring, cycles.endpoint)

    def _fit_rows(
        self,
        data: Observed,
        design: Design,
        x: np.ndarray,
        slope_design: Design | None,
        slope: np.ndarray | None,
        censoring: tuple[tuple[str, int], ...],
        endpoint: Any,
    ) -> MixedAFTResult:
        """Fit to rows whose design is known."""
        must_have_events(data)
        weight = weight_of_patients(data)
        _must_repeat(data)
        family = family_named(self.family)
        alone = maximise(family, data, x, design.names)

        n, k = x.shape
        q, r = np.linalg.qr(x)
        q, r = q * np.sqrt(n), r / np.sqrt(n)
        centre, spread = (0.0, 1.0) if slope is None else (float(slope.mean()), float(slope.std()))
        panel = panel_of(
            family,
            data.lower,
            data.upper,
            x @ alone.estimate[:k],
            q,
            None if slope is None else (slope - centre) / spread,
            data.patient,
            weight,
        )
        scale = 1.0 if family.fixed_scale else float(np.exp(alone.estimate[k]))
        summit = _off_the_boundary(panel, climb(panel, scale, q.mean(axis=0), self.nodes))
        within = float(1 / summit.phi[k])
        theta = theta_of(
            alone.estimate[:k] + np.linalg.solve(r, summit.phi[:k]) * within,
            within,
            triangle(summit.phi[k + 1 :], panel.dimension) * within,
            centre,
            spread,
            family,
        )
        simpler = alone.llf
        if slope is not None:
            simpler = replace(self, slope=None)._fit_rows(data, design, x, None, None, censoring, endpoint).llf
        return _result(self, censoring, endpoint, data, design, x, slope_design, slope, theta, summit, simpler)


def _result(
    model: MixedAFT,
    censoring: tuple[tuple[str, int], ...],
    endpoint: Any,
    data: Observed,
    design: Design,
    x: np.ndarray,
    slope_design: Design | None,
    slope: np.ndarray | None,
    theta: np.ndarray,
    summit: Summit,
    simpler: float,
) -> MixedAFTResult:
    """Evaluate once more in the columns as they are, and turn everything into the parameters that are reported."""
    family, k = family_named(model.family), x.shape[1]
    panel = natural_panel(model.family, data, x, slope)
    phi, inside = phi_of(theta, k, family), interior(theta)
    centre = centre_of(panel, phi)
    found = evaluate(panel, phi, centre, adaptive_rule(summit.nodes, panel.dimension))
    turn = jacobian(theta, k, family)[:, inside]
    information, covariance = np.full((2, theta.size, theta.size), np.nan)
    kept = np.ix_(inside, inside)
    information[kept] = turn.T @ found.information @ turn
    if not (abs(found.value - summit.found.value) < 10 * MOVES and is_definite(information[kept])):
        raise FitError(NOT_SETTLED.format(nodes=summit.nodes))
    scores = np.full((data.labels.size, theta.size), np.nan)
    scores[:, inside] = found.scores @ turn * panel.weight[:, None]
    covariance[kept] = np.linalg.inv(information[kept])
    if model.cov == "sandwich":
        covariance[kept] = covariance[kept] @ meat_of(scores[:, inside], panel.weight) @ covariance[kept]
    root = root_of(split(theta, k, family)[2])
    return MixedAFTResult(
        model=model,
        design=design,
        names=(*design.names, *names_of(family, panel.dimension)),
        estimate=theta,
        covariance=(covariance + covariance.T) / 2,
        information=information,
        scores=scores,
        llf=found.value,
        data=data,
        x=x,
        censoring=censoring,
        endpoint=endpoint,
        slope_design=slope_design,
        slope=slope,
        effect_mean=found.mean @ root.T,
        effect_cov=root @ (found.square - found.mean[:, :, None] * found.mean[:, None, :]) @ root.T,
        nodes=summit.nodes,
        node_doubling=summit.moved,
        llf_simpler=simpler,
    )


def _slope(name: str, frame, data: Observed) -> tuple[Design, np.ndarray]:  # type: ignore[no-untyped-def]
    must(isinstance(name, str) and bool(name.strip()), "`slope` must be the name of a covariate, or None for none")
    design, matrix = design_of(f"0 + {name}", frame, data.rows, "slope")
    must(matrix.shape[1] == 1, f"`slope` must be one numeric covariate, and {name} makes {matrix.shape[1]} columns")
    slope = matrix[:, 0]
    counts = np.bincount(data.patient)
    mean = (np.bincount(data.patient, slope) / counts)[data.patient]
    varies = np.abs(slope - mean).max() > 1e-9 * max(float(np.abs(slope).max()), 1e-300)
    must(bool(varies), f"`slope` {name} does not vary within patients", "a random slope is learned from that alone")
    return design, slope


def _must_repeat(data: Observed) -> None:
    says_something = (data.lower > 0) | np.isfinite(data.upper)
    if data.labels.size < 2:
        raise FitError("a mixed model needs at least two patients: use rr.AFT")
    if np.bincount(data.patient[says_something]).max() < 2:
        raise FitError(
            "no patient has two cycles with a duration, so variation within and between patients cannot be told apart; "
            "use rr.AFT, whose scale is the two together"
        )


def _off_the_boundary(panel: Panel, summit: Summit) -> Summit:
    """The maximum with loadings that could as well be 0 held there, last ones first."""
    for loading in reversed(range(len(LOADINGS[panel.dimension]))):
        below = settle_without(panel, summit, loading)
        if below is None:
            break
        summit = below
    return summit
