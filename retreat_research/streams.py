"""Random numbers with an address: every draw is a function of (seed, purpose, patient, session).

Nothing is consumed from a stream, so a patient meets the same luck under every strategy, in every block, alone or among
a million. The generator is Philox 4x32-10: counter-based, its four output words are the four *lanes* of an address.

References
----------
Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011, doi:10.1145/2063384.2063405.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from .errors import must

Floats = NDArray[np.float64]


class Purpose(IntEnum):
    """What a draw is for; the number is part of its address and never changes.

    The comment names the four lanes.
    """

    TRAITS = 1  # log offset, susceptible, frailty, recall gain
    HABITS = 2  # onset, noticing delay, dropout, preference
    NON_RESPONSE_TRAIT = 3  # non-response tendency, -, -, -
    RESPONSE = 4  # duration, response, rating at check, rating at return
    IMMUNITY = 5  # induction, memory, -, -
    ATTENDANCE = 6  # no-show, check missed, -, -
    ASSAY = 7  # noise, false positive, -, -
    CLINIC = 8  # enrolment, product, injector, lot
    VISIT = 9  # jitter, missed, rating, subject's rating


_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = 0x9E3779B9, 0xBB67AE85
_LOW, _WORD = np.uint64(0xFFFFFFFF), np.uint64(32)


def philox(counter: tuple[NDArray[np.uint64], ...], key: tuple[int, int]) -> tuple[NDArray[np.uint64], ...]:
    """Philox 4x32-10.

    Parameters
    ----------
    counter : four arrays of uint64, shape (n,) or broadcastable, each below 2**32
    key : two ints below 2**32

    Returns
    -------
    Four arrays of uint64, shape (n,), each below 2**32.
    """
    c0, c1, c2, c3 = (np.array(word) for word in np.broadcast_arrays(*counter))
    k0, k1 = key
    for _ in range(10):
        # (c0, c1, c2, c3) ← (high(M1·c2) ^ c1 ^ k0, low(M1·c2), high(M0·c0) ^ c3 ^ k1, low(M0·c0)), in place
        np.multiply(c0, _M0, out=c0)
        np.multiply(c2, _M1, out=c2)
        c1 ^= c2 >> _WORD
        c1 ^= np.uint64(k0)
        c3 ^= c0 >> _WORD
        c3 ^= np.uint64(k1)
        c2 &= _LOW
        c0 &= _LOW
        c0, c1, c2, c3 = c1, c2, c3, c0
        k0, k1 = (k0 + _W0) & 0xFFFFFFFF, (k1 + _W1) & 0xFFFFFFFF
    return c0, c1, c2, c3


def uniforms(
    seed: int, purpose: Purpose, patient: NDArray[np.int64], session: int | NDArray[np.int64] = 0
) -> list[Floats]:
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
    list of 4 float arrays, shape (n,)
        Lane 0 to 3; (word + 1/2) / 2**32, so never 0 or 1.
    """
    seed = checked_seed(seed)
    who = patient.astype(np.uint64)
    high = np.uint64(purpose) << np.uint64(16) | who >> _WORD
    when = np.atleast_1d(np.asarray(session, dtype=np.uint64))
    words = philox((who & _LOW, high, when, np.zeros(1, dtype=np.uint64)), (seed & 0xFFFFFFFF, seed >> 32))
    lanes = [word.astype(np.float64) for word in words]
    for lane in lanes:
        lane += 0.5
        lane *= 2.0**-32
    return lanes


def normals(uniform: Floats) -> Floats:
    """Standard normals of the same shape, by inversion."""
    return np.asarray(ndtri(uniform))


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
