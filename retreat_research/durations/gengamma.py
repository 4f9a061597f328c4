"""The standard generalised gamma distribution in Prentice's form, stable in values and in its shape Q through Q = 0.

With γ = 1/Q², γe^(Qz) has a gamma distribution of shape γ; Q = 1 is the smallest extreme value, Q = 0 the normal,
Q = −1 the largest extreme value [1]_. As F(z; Q) = 1 − F(−z; −Q), one function is all, the logarithm of the upper tail:
by scipy's incomplete gamma functions; near Q = 0 by Temme's uniform expansion [2]_, which written in z and Q is smooth
there; and far out by continued fractions [3]_, which become that of Mills' ratio.

References
----------
.. [1] Prentice RL (1974). A log gamma model and its maximum likelihood estimation. Biometrika 61:539-544.
   doi:10.1093/biomet/61.3.539
.. [2] Temme NM (1979). The asymptotic expansion of the incomplete gamma functions. SIAM J Math Anal 10:757-766.
   doi:10.1137/0510071
.. [3] Jones WB, Thron WJ (1985). On the computation of incomplete gamma functions in the complex domain.
   J Comput Appl Math 12-13:401-417. doi:10.1016/0377-0427(85)90034-2
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import numpy as np
from numpy import ndarray as Array
from scipy.special import digamma, gammainc, gammaincc, gammaln, ndtr, ndtri, polygamma

SMALL = 0.1  # |Q| up to which Temme's expansion is used: its terms fall by Q²
FAR = 8.0  # |v| beyond which the continued fractions are: 40 levels give all digits
LEVELS = 40
TINY = 1e-290  # a probability below this has lost digits
HUGE = 700.0  # e^u overflows soon after
LOW = -690.0  # e^u has lost digits soon below
ORDER, DEGREE = 8, 30  # terms of Temme's expansion in Q² and η; |η| is at most SMALL·FAR, and it converges to 3.5
SERIES = np.array([1 / float(np.prod(np.arange(1.0, n + 3))) for n in range(18)])  # (e^u − 1 − u)/u² in u, to |u| = 1
LOG_SQRT_2PI = 0.5 * np.log(2 * np.pi)


def log_density(q: float, z: Array) -> Array:
    return -_half_square(q, z) - _log_constant(q)


def score(q: float, z: Array) -> Array:
    return -_pull(q, z)


def curvature(q: float, z: Array) -> Array:
    return -np.exp(np.minimum(q * z, HUGE))


def log_distribution(q: float, z: Array) -> Array:
    return log_survival(-q, -z)


def log_survival(q: float, z: Array) -> Array:
    z = np.asarray(z, dtype=float)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        if abs(q) <= SMALL:
            v = np.sign(z) * np.sqrt(2 * _half_square(q, z))
            correction = q * np.exp(-0.5 * v * v - LOG_SQRT_2PI) * _temme(q, np.clip(v, -FAR, FAR))
            above, below = ndtr(-v) + correction, ndtr(v) - correction
            far = np.abs(v) > FAR
        else:
            x = np.exp(q * z) / q**2
            above, below = gammaincc(1 / q**2, x), gammainc(1 / q**2, x)
            if q < 0:
                above, below = below, above
            far = (np.minimum(above, below) < TINY) | (q * z < LOW)
        value = np.where(above < 0.5, np.log(above), np.log1p(-below))
        if far.any():
            value[far] = np.where(z[far] > 0, _log_tail(q, z[far]), np.log1p(-np.exp(_log_tail(-q, -z[far]))))
    return value


def quantile(q: float, p: Array) -> Array:
    """By Newton's method on the logarithm of the smaller tail, which is concave: it converges from anywhere."""
    p = np.asarray(p, dtype=float)
    upper = p > 0.5
    sign, share = np.where(upper, 1.0, -1.0), np.where(upper, 1 - p, p)
    z = ndtri(p)
    for _ in range(200):
        tail = np.where(upper, log_survival(q, z), log_distribution(q, z))
        step = sign * (tail - np.log(share)) * np.exp(tail - log_density(q, z))
        z = z + step
        if np.all(np.abs(step) <= 1e-14 * (1 + np.abs(z))):
            break
    return z


def moments(q: float) -> tuple[float, float]:
    """Mean and standard deviation of z; near Q = 0 by their leading terms."""
    if abs(q) < 1e-3:
        return -q / 2, 1 + q * q / 4
    shape = 1 / q**2
    return float((digamma(shape) - np.log(shape)) / q), float(np.sqrt(polygamma(1, shape)) / abs(q))


def _half_square(q: float, z: Array) -> Array:
    """v²/2 = (e^u − 1 − u)/Q² with u = Qz; z²/2 at Q = 0."""
    if q == 0:
        return 0.5 * z * z
    u = np.minimum(q * z, HUGE)
    near = np.abs(u) < 1
    series = np.polynomial.polynomial.polyval(np.where(near, u, 0.0), SERIES)
    far = np.where(q * z > HUGE, np.inf, (np.expm1(u) - u) / (q * q))
    return np.where(near, z * z * series, far)


def _pull(q: float, z: Array) -> Array:
    """(e^u − 1)/Q, which is z at Q = 0."""
    return np.expm1(np.minimum(q * z, HUGE)) / q if q else np.asarray(z, dtype=float)


def _log_constant(q: float) -> float:
    """−log f(0): log √2π and Stirling's correction of log Γ(1/Q²)."""
    if abs(q) < 0.3:  # the next term is below 1e-14
        s = q * q
        return LOG_SQRT_2PI + s / 12 - s**3 / 360 + s**5 / 1260 - s**7 / 1680 + s**9 / 1188 - 691 * s**11 / 360360
    shape = 1 / q**2
    return float(gammaln(shape) - (shape - 0.5) * np.log(shape) + shape)


def _log_tail(q: float, z: Array) -> Array:
    """log(1 − F(z)) far above 0."""
    pull, k = _pull(q, z), LEVELS
    fraction = np.zeros_like(pull)
    if q >= 0:
        for n in range(k, 0, -1):
            fraction = n * (1 - n * q * q) / (pull + (2 * n + 1) * q + fraction)
        return log_density(q, z) - np.log(pull + q + fraction)
    level = np.exp(q * z)
    for n in range(k, 0, -1):
        fraction = n * level / (pull - n * q + fraction)
    return log_density(q, z) - np.log(pull + fraction)


def _temme(q: float, v: Array) -> Array:
    """Σ c_k(Qv) Q^(2k), in which c_k are those of Temme's remainder."""
    coefficients = (q * q) ** np.arange(ORDER) @ _coefficients()
    return np.polynomial.polynomial.polyval(q * v, coefficients)


@cache
def _coefficients() -> Array:
    """Power series in η, ½η² = μ − log(1 + μ): c_0 = 1/μ − 1/η, and c_k = c_(k−1)'/η plus what cancels its pole."""
    size = DEGREE + 2 * ORDER
    mu = [Fraction(0), Fraction(1)]  # μ in η, from μ dμ = η(1 + μ) dη
    for n in range(2, size + 3):
        known = sum((mu[i] * mu[n + 1 - i] for i in range(2, n)), Fraction(0))
        mu.append(mu[n - 1] / (n + 1) - known / 2)
    inverse = [Fraction(1)]  # of μ/η
    for n in range(1, size + 2):
        inverse.append(-sum((mu[i + 1] * inverse[n - i] for i in range(1, n + 1)), Fraction(0)))
    first = inverse[1:]
    series, rows = first, []
    for _ in range(ORDER):
        rows.append([float(c) for c in series[:DEGREE]])
        pole = series[1]
        series = [(n + 2) * series[n + 2] - pole * first[n] for n in range(len(series) - 2)]
    return np.array(rows)
