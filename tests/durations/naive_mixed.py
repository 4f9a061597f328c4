"""Mixed accelerated failure time models by definition: one patient and one integral at a time, slow and plain.

Parameters are β, log σ and log σ_b; with a random slope also log σ_slope and atanh ρ.
A patient is a dict: ``x`` (n, k), ``lower``, ``upper`` (n,) weeks, and ``z`` (n,) if there is a random slope.
"""

from itertools import pairwise

import numpy as np
from scipy import integrate, linalg, optimize
from scipy.special import expit, ndtr


def _normal(z):
    return ndtr(z), ndtr(-z), -z * z / 2 - np.log(2 * np.pi) / 2


def _smallest_extreme(z):
    z = np.minimum(z, 600)
    return -np.expm1(-np.exp(z)), np.exp(-np.exp(z)), z - np.exp(z)


def _logistic(z):
    return expit(z), expit(-z), -np.abs(z) - 2 * np.log1p(np.exp(-np.abs(z)))


#: F, 1 − F and log f
FAMILIES = {"lognormal": _normal, "weibull": _smallest_extreme, "loglogistic": _logistic}


def given_effect(family, sigma, mean, lower, upper, effect):
    """Log-likelihood of the rows together, for `effect` (n, m), the random effects of each row m times over: (m,)."""
    law, exact = FAMILIES[family], lower == upper
    middle = mean[:, None] + effect
    with np.errstate(divide="ignore"):
        low, high = np.log(lower), np.log(upper)
    below, above, density = law((low[:, None] - middle) / sigma)
    below_high, above_high, _ = law((high[:, None] - middle) / sigma)
    probability = np.where(above < 0.5, above - above_high, below_high - below)
    with np.errstate(invalid="ignore"):
        exactly = density - np.log(sigma) - low[:, None]
    return np.where(exact[:, None], exactly, np.log(np.maximum(probability, 1e-300))).sum(axis=0)


def split(theta, k):
    """β, σ and the Cholesky factor of the random effects' covariance, (1, 1) or (2, 2)."""
    beta, sigma, sd = theta[:k], np.exp(theta[k]), np.exp(theta[k + 1])
    if len(theta) == k + 2:
        return beta, sigma, np.array([[sd]])
    slope, rho = np.exp(theta[k + 2]), np.tanh(theta[k + 3])
    return beta, sigma, np.array([[sd, 0.0], [rho * slope, np.sqrt(1 - rho**2) * slope]])


def _standard(theta, patient, family):
    """log p(rows, u) with u standard normal, u (m,) or (2, m); and the factor that makes u the random effects."""
    beta, sigma, factor = split(theta, patient["x"].shape[1])
    mean = patient["x"] @ beta
    basis = np.ones((len(mean), 1)) if len(factor) == 1 else np.column_stack([np.ones(len(mean)), patient["z"]])

    def log_joint(u):
        u = np.atleast_2d(u)
        prior = -(u**2).sum(axis=0) / 2 - len(u) * np.log(2 * np.pi) / 2
        return prior + given_effect(family, sigma, mean, patient["lower"], patient["upper"], basis @ (factor @ u))

    return log_joint, factor


def posterior(theta, patient, family, functions=()):
    """Log-likelihood of a patient, and the posterior means of `functions` of her random effects (q, m) → (m,).

    The likelihoods are log-concave in the random effects, so in units of their prior SDs the posterior falls off at
    least as fast as a standard normal about its mode: beyond 12 there is nothing. The trapezium rule is exact to
    rounding for a smooth function that dies out at both ends.
    """
    log_joint, factor = _standard(theta, patient, family)
    if len(factor) == 1:
        mode = optimize.minimize_scalar(lambda u: -log_joint(u)[0], bounds=(-60, 60), method="bounded").x
        grid = (mode + np.linspace(-12, 12, 3001))[None]
        cell = 0.008
    else:
        mode = optimize.minimize(lambda u: -log_joint(u[:, None])[0], np.zeros(2), method="BFGS").x
        steps, ends = 1e-3 * np.eye(2), (1, -1)
        bend = [
            [sum(s * t * log_joint((mode + s * a + t * b)[:, None])[0] for s in ends for t in ends) for a in steps]
            for b in steps
        ]
        local = np.linalg.cholesky(np.linalg.inv(-np.array(bend) / 4e-6))
        axis = np.linspace(-12, 12, 97)
        grid = mode[:, None] + local @ np.array(np.meshgrid(axis, axis)).reshape(2, -1)
        cell = 0.25**2 * np.linalg.det(local)
    values = log_joint(grid)
    top = values.max()
    weight = np.exp(values - top)
    return top + np.log(weight.sum() * cell), *(
        weight @ function(factor @ grid) / weight.sum() for function in functions
    )


def adaptive_log_likelihood(theta, patient, family):
    """The same log-likelihood by QUADPACK's adaptive rule, with a random intercept."""
    log_joint, _ = _standard(theta, patient, family)
    mode = optimize.minimize_scalar(lambda u: -log_joint(u)[0], bounds=(-60, 60), method="bounded").x
    top, marks = log_joint(mode)[0], mode + np.array([-12, -3, -1, -0.3, 0, 0.3, 1, 3, 12])
    area = sum(
        integrate.quad(lambda u: np.exp(log_joint(u)[0] - top), *ends, epsrel=1e-12)[0] for ends in pairwise(marks)
    )
    return top + np.log(area)


def log_likelihood(theta, patients, family):
    return sum(posterior(theta, patient, family)[0] for patient in patients)


def mean_and_sd(theta, patient, family, which=0):
    """Posterior mean and SD of the random intercept, or of the slope (`which` 1)."""
    _, mean, square = posterior(theta, patient, family, [lambda b: b[which], lambda b: b[which] ** 2])
    return mean, np.sqrt(square - mean**2)


def next_survival(theta, patient, family, x, weeks, z=0.0):
    """The probability that her next cycle, with design row `x`, lasts longer than `weeks`."""
    beta, sigma, _ = split(theta, len(x))

    def above(b):
        effect = b[0] + (z * b[1] if len(b) == 2 else 0)
        return FAMILIES[family]((np.log(weeks) - x @ beta - effect) / sigma)[1]

    return posterior(theta, patient, family, [above])[1]


def no_history(k, slope=False):
    """A patient of whom nothing is known."""
    nobody = {"x": np.empty((0, k)), "lower": np.empty(0), "upper": np.empty(0)}
    return {**nobody, "z": np.empty(0)} if slope else nobody


def gradient(function, at, h=1e-4):
    """Central differences, stacked on the last axis."""
    return np.stack([(function(at + step) - function(at - step)) / (2 * h) for step in h * np.eye(at.size)], axis=-1)


def hessian(function, at, h=1e-3):
    """Central second differences of a scalar function."""
    p, steps, middle = at.size, h * np.eye(at.size), function(at)
    out = np.empty((p, p))
    for i in range(p):
        out[i, i] = (function(at + steps[i]) - 2 * middle + function(at - steps[i])) / h**2
        for j in range(i):
            corners = [s * t * function(at + s * steps[i] + t * steps[j]) for s in (1, -1) for t in (1, -1)]
            out[i, j] = out[j, i] = sum(corners) / (4 * h**2)
    return out


def gaussian_log_likelihood(theta, x, t, patient, z=None):
    """The log-normal model of exact durations in closed form: ln t is multivariate normal."""
    beta, sigma, factor = split(theta, x.shape[1])
    total = -np.log(t).sum()
    for who in np.unique(patient):
        own = patient == who
        n = own.sum()
        basis = np.ones((n, 1)) if z is None else np.column_stack([np.ones(n), z[own]])
        covariance = sigma**2 * np.eye(n) + basis @ factor @ factor.T @ basis.T
        residual = np.log(t[own]) - x[own] @ beta
        root = linalg.cho_factor(covariance, lower=True)
        total -= np.log(np.diag(root[0])).sum() + n * np.log(2 * np.pi) / 2
        total -= residual @ linalg.cho_solve(root, residual) / 2
    return total
