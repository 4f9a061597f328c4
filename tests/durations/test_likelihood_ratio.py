import numpy as np
import pandas as pd
import pytest
from scipy import stats

import retreat_research as rr
from retreat_research.durations.likelihood_ratio import chi_square_mixture


def cycles_of(seed=3, patients=40, each=4, between=0.15):
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(patients), each)
    x = rng.normal(size=who.size)
    ln_t = 2.5 + between * rng.normal(size=patients)[who] + 0.23 * rng.normal(size=who.size)
    lower = np.floor(np.exp(ln_t) / 4) * 4
    data = pd.DataFrame({"x": x, "cycle": np.tile(np.arange(each), patients)})
    return rr.Cycles(lower, lower + 4, patient=who, data=data)


@pytest.fixture(scope="module")
def fits():
    cycles = cycles_of()
    return {
        "alone": rr.AFT("x").fit(cycles),
        "mixed": rr.MixedAFT("x").fit(cycles),
        "without x": rr.MixedAFT("1").fit(cycles),
        "slope": rr.MixedAFT("x", slope="cycle").fit(cycles),
    }


def test_half_chi_squares_by_definition():
    """The definition: with probability ½ each χ² with `low` and `low + 1` degrees of freedom."""
    for statistic in (0.5, 2.7, 9.0):
        assert chi_square_mixture(statistic, 0, "").p == pytest.approx(0.5 * stats.chi2.sf(statistic, 1))
        both = 0.5 * (stats.chi2.sf(statistic, 1) + stats.chi2.sf(statistic, 2))
        assert chi_square_mixture(statistic, 1, "").p == pytest.approx(both)
    assert chi_square_mixture(0.0, 0, "").p == 1
    assert chi_square_mixture(-1e-9, 0, "").p == 1


def test_known_distributions(fits):
    found = rr.likelihood_ratio(fits["mixed"], fits["alone"])
    assert (found.statistic, found.p, found.null) == (*_of(fits["mixed"].lr_test()), "½χ²₀ + ½χ²₁")
    assert found.statistic == pytest.approx(2 * (fits["mixed"].llf - fits["alone"].llf))
    slope = rr.likelihood_ratio(fits["slope"], fits["mixed"])
    assert slope.null == "½χ²₁ + ½χ²₂"
    assert slope.statistic == pytest.approx(2 * (fits["slope"].llf - fits["mixed"].llf), abs=1e-6)
    covariate = rr.likelihood_ratio(fits["mixed"], fits["without x"])
    assert covariate.hypothesis == "no effect of x"
    assert covariate.p == pytest.approx(stats.chi2.sf(covariate.statistic, 1))


def _of(test):
    return test.statistic, test.p


def test_resamples_agree_with_the_known_distribution(fits):
    """With 99 resamples from the null: the share above the median of ½χ²₁'s upper half, to 4 standard errors."""
    cycles = cycles_of(seed=8, patients=25, each=3, between=0.0)
    larger, smaller = rr.MixedAFT().fit(cycles), rr.AFT().fit(cycles)
    known = rr.likelihood_ratio(larger, smaller)
    found = rr.likelihood_ratio(larger, smaller, resamples=99, seed=1)
    assert found.statistic == pytest.approx(known.statistic, abs=1e-5)
    assert abs(found.p - known.p) <= 4 * np.sqrt(max(known.p * (1 - known.p), 0.01) / 99) + 1 / 100
    again = rr.likelihood_ratio(larger, smaller, resamples=99, seed=1)
    assert again == found


def test_resamples_find_what_is_there(fits):
    found = rr.likelihood_ratio(fits["slope"], fits["alone"], resamples=19, seed=1)
    assert found.p == pytest.approx(1 / 20)
    assert "19 resamples" in found.null
    assert "<p>" in found._repr_html_()


def test_what_cannot_be_compared(fits):
    with pytest.raises(rr.InputError, match="how the statistic of these two models is distributed is not known"):
        rr.likelihood_ratio(fits["slope"], fits["alone"])
    with pytest.raises(rr.InputError, match="not of the same cycles"):
        rr.likelihood_ratio(fits["mixed"], rr.AFT("x").fit(cycles_of(seed=4)))
    with pytest.raises(rr.InputError, match="`larger` must have more parameters"):
        rr.likelihood_ratio(fits["alone"], fits["mixed"])
    with pytest.raises(rr.InputError, match="`resamples` must be 19 or more"):
        rr.likelihood_ratio(fits["mixed"], fits["alone"], resamples=5)
