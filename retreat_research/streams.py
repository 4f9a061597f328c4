"""Random numbers with an address: every draw is a function of (seed, purpose, patient, session).

Nothing is consumed from a stream, so a patient meets the same luck under every strategy, in every block, alone or among
a million. The generator is Philox 4x32-10: counter-based, its four output words are the four *lanes* of an address.

References
----------
Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011, doi:10.1145/2063384.2063405.
"""

from __future__ import annotations

import math
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from .compiled import compiled
from .errors import must

Floats = NDArray[np.float64]


class Purpose(IntEnum):
    """What a draw is for; the number is part of its address and never changes.

    The comment names the four lanes.
    """

    TRAITS = 1  # log offset, susceptible, frailty, recall gain
    HABITS = 2  # onset, noticing delay, dropout, preference
    NON_RESPONSE_TRAIT = 3  # non-response tendency, treated before, -, -
    RESPONSE = 4  # duration, response, rating at check, rating at return
    IMMUNITY = 5  # induction, memory, trauma, infection
    ATTENDANCE = 6  # no-show, check missed, jitter of the return, -
    ASSAY = 7  # noise, false positive, missed positive, -
    CLINIC = 8  # enrolment, injector, -, -
    VISIT = 9  # jitter, missed, rating, subject's rating
    DELIVERY = 10  # technique, storage, -, -
    LOT = 11  # potency, -, -, -; the product's code in the patient's place, the lot's number in the session's
    FOLLOW_UP = 12  # jitter, missed, rating, -; numbered 4096 visit + further visit
    WORLD = 13  # prior draw, -, -, -; the draw's number in the patient's place, the parameter in the session's


# Constants of Philox 4x32-10, typed, all of them: a Python int turns into float64 inside numba and gives plausible,
# wrong numbers.
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_LOW, _WORD, _HALF_WORD, _ZERO = np.uint64(0xFFFFFFFF), np.uint64(32), np.uint64(16), np.uint64(0)
_UNIT = 2.0**-32


@compiled(inline="always")
def philox(c0, c1, c2, c3, k0, k1):  # type: ignore[no-untyped-def]
    """Philox 4x32-10: four counter words and two key words to four words, each a uint64 below 2**32."""
    for _ in range(10):
        p0, p1 = c0 * _M0, c2 * _M1
        c0, c1, c2, c3 = (p1 >> _WORD) ^ c1 ^ k0, p1 & _LOW, (p0 >> _WORD) ^ c3 ^ k1, p0 & _LOW
        k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    return c0, c1, c2, c3


@compiled(inline="always")
def lanes(seed, purpose, who, session):  # type: ignore[no-untyped-def]
    """Four uniforms in (0, 1) at one address; every argument a uint64."""
    w0, w1, w2, w3 = philox(
        who & _LOW, purpose << _HALF_WORD | who >> _WORD, session, _ZERO, seed & _LOW, seed >> _WORD
    )
    return (
        (np.float64(np.uint32(w0)) + 0.5) * _UNIT,
        (np.float64(np.uint32(w1)) + 0.5) * _UNIT,
        (np.float64(np.uint32(w2)) + 0.5) * _UNIT,
        (np.float64(np.uint32(w3)) + 0.5) * _UNIT,
    )


@compiled()
def fill_lanes(seed, purpose, patient, session, lane0, lane1, lane2, lane3):  # type: ignore[no-untyped-def]
    """`lanes` of every patient at one session, into four arrays that must not overlap (for vector instructions)."""
    for i in range(patient.size):
        lane0[i], lane1[i], lane2[i], lane3[i] = lanes(seed, purpose, patient[i], session)


@compiled()
def _fill(seed, purpose, patient, session, lane0, lane1, lane2, lane3):  # type: ignore[no-untyped-def]
    for i in range(patient.size):
        lane0[i], lane1[i], lane2[i], lane3[i] = lanes(seed, purpose, patient[i], session[i])


def uniforms(seed: int, purpose: Purpose, patient: NDArray[np.int64], session: int | NDArray[np.int64] = 0) -> Floats:
    """Four independent uniforms in (0, 1) for each patient.

    Parameters
    ----------
    seed : int in [0, 2**64)
    purpose : Purpose
    patient : int array, shape (n,), each in [0, 2**48)
    session : int in [0, 2**32), or an int array that broadcasts against `patient`
        Also used to number visits, days and other repeats.

    Returns
    -------
    float array, shape (4, n)
        Lane 0 to 3; (word + 1/2) / 2**32, so never 0 or 1.
    """
    who, when = (
        (patient, np.full(patient.size, session)) if np.ndim(session) == 0 else np.broadcast_arrays(patient, session)
    )
    drawn = np.empty((4, who.size))
    _fill(np.uint64(checked_seed(seed)), np.uint64(purpose), who.astype(np.uint64), when.astype(np.uint64), *drawn)
    return drawn


_MIDDLE = 0.425  # AS 241: nearer to 1/2 than this is the middle
# Rational approximations of AS 241, lowest power first, numerator and denominator: near the median (A, B), beside it
# (C, D), far out (E, F).
_A = (
    3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3,
    1.3731693765509461125e4, 4.5921953931549871457e4, 6.7265770927008700853e4,
    3.3430575583588128105e4, 2.5090809287301226727e3,
)  # fmt: skip
_B = (
    1.0, 4.2313330701600911252e1, 6.8718700749205790830e2,
    5.3941960214247511077e3, 2.1213794301586595867e4, 3.9307895800092710610e4,
    2.8729085735721942674e4, 5.2264952788528545610e3,
)  # fmt: skip
_C = (
    1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550,
    3.64784832476320460504, 1.27045825245236838258, 0.241780725177450611770,
    2.27238449892691845833e-2, 7.74545014278341407640e-4,
)  # fmt: skip
_D = (
    1.0, 2.05319162663775882187, 1.67638483018380384940,
    0.689767334985100004550, 0.148103976427480074590, 1.51986665636164571966e-2,
    5.47593808499534494600e-4, 1.05075007164441684324e-9,
)  # fmt: skip
_E = (
    6.65790464350110377720, 5.46378491116411436990, 1.78482653991729133580,
    0.296560571828504891230, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
    2.71155556874348757815e-5, 2.01033439929228813265e-7,
)  # fmt: skip
_F = (
    1.0, 0.599832206555887937690, 0.136929880922735805310,
    1.48753612908506148525e-2, 7.86869131145613259100e-4, 1.84631831751005468180e-5,
    1.42151175831644588870e-7, 2.04426310338993978564e-15,
)  # fmt: skip


@compiled(inline="always")
def _polynomial(r, c):  # type: ignore[no-untyped-def]
    return ((((((c[7] * r + c[6]) * r + c[5]) * r + c[4]) * r + c[3]) * r + c[2]) * r + c[1]) * r + c[0]


@compiled(inline="always")
def _middle(q):  # type: ignore[no-untyped-def]
    r = 0.180625 - q * q
    return q * _polynomial(r, _A) / _polynomial(r, _B)


@compiled(inline="always")
def _tail(q, uniform):  # type: ignore[no-untyped-def]
    r = math.sqrt(-math.log(uniform if q < 0 else 1.0 - uniform))
    if r <= 5.0:
        x = _polynomial(r - 1.6, _C) / _polynomial(r - 1.6, _D)
    else:
        x = _polynomial(r - 5.0, _E) / _polynomial(r - 5.0, _F)
    return -x if q < 0 else x


@compiled()
def normal(uniform):  # type: ignore[no-untyped-def]
    """Standard normal by inversion of one uniform in (0, 1): see `normals`."""
    q = uniform - 0.5
    return _middle(q) if abs(q) <= _MIDDLE else _tail(q, uniform)


@compiled()
def normals_of(uniform):  # type: ignore[no-untyped-def]
    """`normal` of every entry, in loops without a branch that the processor would have to guess."""
    n = uniform.size
    out, tails, count = np.empty(n), np.empty(n, dtype=np.int64), 0
    for i in range(n):
        out[i] = _middle(uniform[i] - 0.5)
    for i in range(n):
        tails[count] = i
        count += abs(uniform[i] - 0.5) > _MIDDLE
    for k in range(count):
        i = tails[k]
        out[i] = _tail(uniform[i] - 0.5, uniform[i])
    return out


def normals(uniform: Floats) -> Floats:
    """Standard normals by inversion of uniforms in (0, 1); both of shape (n,).

    Notes
    -----
    Algorithm AS 241 (PPND16), as R's `qnorm`; relative error about 1e-15. Three times as fast as `scipy.special.ndtri`,
    which a profile of the simulator showed to be its largest part.

    References
    ----------
    Wichura, "The percentage points of the normal distribution", Applied Statistics 37 (1988) 477, doi:10.2307/2347330.
    """
    return normals_of(uniform)


def checked_seed(seed: int) -> int:
    """`seed` as an int, if it can be one.

    Raises
    ------
    InputError
        If it is not a whole number in [0, 2**64).
    """
    must(
        isinstance(seed, int | np.integer) and not isinstance(seed, bool) and 0 <= seed < 2**64,
        "`seed` must be a whole number from 0 to 2**64 - 1",
    )
    return int(seed)
