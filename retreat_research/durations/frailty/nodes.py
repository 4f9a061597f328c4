"""Where to sum over a gamma frailty: a double-exponential rule in ln u, placed for each patient.

The integrand exp(G(η)), G(η) = kη − c e^η + Σ_j log(1 − exp(−D_j e^η)), is log-concave in η = ln u. The trapezoidal
rule converges geometrically on it [1]_: with step h, of the density of a log-gamma variable of shape k, which it is if
all D_j e^η are small, it loses 2 |Γ(k + 2πi/h)|/Γ(k). The tails differ: to the right it falls double-exponentially, to
the left as e^(kη) only. So η = s (x − exp(x_L − x)) makes the left tail double-exponential too, from where little of
the integrand is left. The nodes have equal steps in x.

References
----------
.. [1] Trefethen LN, Weideman JAC (2014). The exponentially convergent trapezoidal rule. SIAM Rev 56:385-458.
   doi:10.1137/130932132
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

#: In x, and s in widths σ of the bell, at most 1. So a step in η is at most 0.32 and 0.7 σ, and loses at most 5e-9 of a
#: log-gamma density of any shape (at 5 the most).
STEP, SCALE = 0.32, 2.2
LEFT = 8.0  # how far, in G, below the top the left tail is compressed from
DELAY = 1.5  # in x: the compression begins gently, and the bulk must not feel it
END = 25.0  # and the rule ends: e^−25 = 1e-11
MODE = 1e-3  # in σ: the rule need not be centred better
SEARCH = 40  # steps to the mode; 3 or 4 are usual


class Nodes(NamedTuple):
    """Places for g patients, N each."""

    eta: np.ndarray  # (g, N)
    log_weight: np.ndarray  # (g, N)


def place(gap: np.ndarray, rate: np.ndarray, shape: np.ndarray, step: float = STEP) -> Nodes:
    """Nodes and weights of the integral of exp(G) over η.

    Parameters
    ----------
    gap : float array (g, m)
        D.
    rate, shape : float array (g,)
        c and k.
    step : float
        In x, at most; half of it doubles the nodes.
    """
    mode, top, bend = _mode(gap, rate, shape)
    scale = np.minimum(1.0, SCALE / np.sqrt(top + bend))
    # G(mode + y) − G(mode) ≤ −top (e^y − 1 − y), which bounds both tails
    level = END / top
    right = np.log1p(level + np.log1p(level + np.sqrt(2 * level)))
    level = LEFT / top
    left = -(level + np.sqrt(2 * level))
    at_mode = _log_within(gap, mode)
    for _ in range(3):  # Newton's steps from below stay below, as G is concave
        log_within, slope = _log_within(gap, mode + left), _slope(gap, mode + left)
        fall = shape * left - rate * np.exp(mode) * np.expm1(left) + log_within - at_mode
        slope += shape - rate * np.exp(mode + left)
        end = left - np.maximum(END + fall, 0.0) / slope
        left = left - (LEFT + fall) / slope
    turn = left / scale - DELAY
    begin = np.maximum(end / scale, turn - np.log(np.maximum(turn - end / scale, 1.0)))
    stop = right / scale + np.exp(turn - right / scale)
    longest = float((stop - begin).max() / step)
    count = int(np.ceil(longest)) + 1 if np.isfinite(longest) else 2  # hazards out of range: no sum is a number then
    width = (stop - begin) / (count - 1)
    x = begin[:, None] + width[:, None] * np.arange(count)
    tail = np.exp(turn[:, None] - x)
    return Nodes(mode[:, None] + scale[:, None] * (x - tail), np.log1p(tail) + np.log(scale * width)[:, None])


def _mode(gap: np.ndarray, rate: np.ndarray, shape: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where G is largest, c e^η there, and the curvature of what G has besides; by Newton's method in a bracket.

    The mode solves e^η = (k + Σ r(D e^η))/c, r(x) = x/(e^x − 1) between 0 and 1.
    """
    low, high = np.log(shape / rate), np.log((shape + gap.shape[1]) / rate)
    eta, last = high, 2 * (high - low)
    for _ in range(SEARCH):
        x = gap * np.exp(eta)[:, None]
        within = -np.expm1(-x)
        part = x * (1 - within) / within
        wanted, bend = shape + part.sum(axis=1), (part * (x / within - 1)).sum(axis=1)
        over = np.log(wanted / rate) - eta
        low, high = np.where(over > 0, eta, low), np.where(over > 0, high, eta)
        move = over / (1 + bend / wanted)
        if (np.abs(move) * np.sqrt(wanted + bend) < MODE).all():
            break
        halve = (eta + move < low) | (eta + move > high) | (np.abs(move) > np.abs(last) / 2)
        last = np.where(halve, (low + high) / 2 - eta, move)
        eta = eta + last
    return eta, wanted, bend


def _log_within(gap: np.ndarray, eta: np.ndarray) -> np.ndarray:
    """Σ log(1 − exp(−D e^η)), (g,)."""
    return np.log(-np.expm1(-gap * np.exp(eta)[:, None])).sum(axis=1)


def _slope(gap: np.ndarray, eta: np.ndarray) -> np.ndarray:
    """Its derivative in η."""
    x = gap * np.exp(eta)[:, None]
    within = -np.expm1(-x)
    return (x * (1 - within) / within).sum(axis=1)
