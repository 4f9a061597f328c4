"""Philox 4x32-10 and its addressing."""

import numpy as np
import pytest
from scipy import special, stats

from retreat_research import InputError
from retreat_research.streams import Purpose, normals, philox, uniforms

# Known answers of Random123, file kat_vectors (philox4x32 10): counter, key, output.
# Salmon et al. 2011, doi:10.1145/2063384.2063405
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_philox_gives_the_known_answers(counter, key, answer):
    words = philox(*(np.uint64(word) for word in (*counter, *key)))
    assert tuple(int(word) for word in words) == answer


def naive_philox(counter, key):
    """Philox with Python integers, written from the paper."""
    c, k = list(counter), list(key)
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & 0xFFFFFFFF, (p0 >> 32) ^ c[3] ^ k[1], p0 & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def test_a_draw_is_a_function_of_its_address():
    patients = np.array([0, 7, 2**33 + 5, 2**48 - 1])
    lanes = uniforms(2**40 + 3, Purpose.IMMUNITY, patients, 12)
    for row, patient in enumerate(patients.tolist()):
        counter = (patient & 0xFFFFFFFF, int(Purpose.IMMUNITY) << 16 | patient >> 32, 12, 0)
        words = naive_philox(counter, (3, 2**8))
        assert [lane[row] for lane in lanes] == [(w + 0.5) / 2**32 for w in words]


def test_neighbours_in_every_part_of_the_address_differ():
    base = uniforms(1, Purpose.RESPONSE, np.array([5]), 3)
    others = [
        uniforms(2, Purpose.RESPONSE, np.array([5]), 3),
        uniforms(1, Purpose.IMMUNITY, np.array([5]), 3),
        uniforms(1, Purpose.RESPONSE, np.array([6]), 3),
        uniforms(1, Purpose.RESPONSE, np.array([5]), 4),
    ]
    assert len({lanes[0][0] for lanes in [base, *others]}) == 5


def test_sessions_broadcast_against_patients():
    days = np.array([0, 9, 30])
    together = uniforms(1, Purpose.VISIT, np.array([4]), days)
    alone = [uniforms(1, Purpose.VISIT, np.array([4]), int(d)) for d in days]
    assert all(together[lane][i] == alone[i][lane][0] for lane in range(4) for i in range(3))


def test_lanes_are_uniform_and_normals_normal():
    lanes = uniforms(11, Purpose.TRAITS, np.arange(200_000))
    for lane in lanes:
        assert lane.min() > 0
        assert lane.max() < 1
        assert stats.kstest(lane, "uniform").pvalue > 1e-4
        assert stats.kstest(normals(lane), "norm").pvalue > 1e-4
    assert np.abs(np.corrcoef(lanes) - np.eye(4)).max() < 5 / np.sqrt(200_000)


def test_normals_are_the_quantiles():
    """Against scipy's ndtri (Cephes, another algorithm), in every branch."""
    edges = 0.5 + np.array([-0.425, 0, 0.425])
    u = np.concatenate([np.linspace(0, 1, 100_002)[1:-1], edges, [2.0**-33, 1 - 2.0**-33, 1e-300, 1e-20, 1e-12]])
    np.testing.assert_allclose(normals(u), special.ndtri(u), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("seed", [-1, 2**64, 1.5, "a", True, None])
def test_a_seed_that_cannot_be_one_is_refused(seed):
    with pytest.raises(InputError, match="`seed` must be a whole number"):
        uniforms(seed, Purpose.TRAITS, np.arange(2))
